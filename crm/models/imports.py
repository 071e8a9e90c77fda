"""Imports: uploaded files, the saved column mappings, and each run with its report."""

from typing import Any

from django.db import models

from reps.models import Job, User


class ImportTarget(models.TextChoices):
    OPPORTUNITIES = "opportunities", "Opportunities"
    ACCOUNTS = "accounts", "Accounts"
    CONTACTS = "contacts", "Contacts"
    PRODUCTS = "products", "Products"
    REPS = "reps", "Reps and teams"
    ACTIVITIES = "activities", "Activities"
    IGNORED = "ignored", "Leave this file out"


class ImportMapping(models.Model):
    """Which column means what, saved for files with the same header."""

    name = models.CharField(max_length=120, unique=True)
    target = models.CharField(max_length=15, choices=ImportTarget)
    header = models.JSONField(help_text="The column names that it was made for, in order.")
    columns: Any = models.JSONField(help_text="Column name to field name; absent columns are left out.")
    options: Any = models.JSONField(
        default=dict, blank=True, help_text="Date format, decimal comma, defaults."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ImportRun(models.Model):
    """One import of one or more linked files: uploaded, mapped, checked whole, then written."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        CHECKED = "checked", "Checked"
        DONE = "done", "Imported"
        FAILED = "failed", "Failed"
        ABANDONED = "abandoned", "Abandoned"

    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    started_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    options: Any = models.JSONField(default=dict, blank=True)
    report: Any = models.JSONField(
        default=dict, blank=True, help_text="Counts by target: read, created, updated, bad."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"Import {self.pk}"


class ImportFile(models.Model):
    """One file of a run. Kept in the database, so that any worker can read it."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=255)
    content = models.BinaryField()
    target = models.CharField(max_length=15, choices=ImportTarget, blank=True)
    columns: Any = models.JSONField(default=dict, blank=True)
    options: Any = models.JSONField(default=dict, blank=True)
    errors: Any = models.JSONField(
        default=list, blank=True, help_text="[row, field, value, reason] of each bad row."
    )

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
