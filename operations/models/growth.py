"""What grows: how long history is kept, months that went into the archive, and sizes over time."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Retention(models.Model):
    """How long the months of one kind of history stay whole. No row, or no number: for ever."""

    kind = models.CharField(max_length=20, unique=True)
    months = models.PositiveSmallIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.ForeignKey(
        "reps.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("kind",)
        constraints = (
            models.CheckConstraint(
                condition=Q(months__isnull=True) | Q(months__gte=13), name="retention_of_13_months_at_least"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.months or 'for ever'}"


class ArchivedMonth(models.Model):
    """A month of one kind on its way into a file. Nothing of it is removed before `removing`, and then only what the
    file says word for word; so every state can be gone on from."""

    class State(models.TextChoices):
        WRITING = "writing", "being written"
        WRITTEN = "written", "written"
        REMOVING = "removing", "being removed here"
        REMOVED = "removed", "archived"

    kind = models.CharField(max_length=20)
    month = models.CharField(max_length=7)
    state = models.CharField(max_length=10, choices=State, default=State.WRITING)
    file = models.CharField(max_length=500)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    removed_rows = models.BigIntegerField(default=0)
    kept_rows = models.BigIntegerField(
        default=0, help_text="Still needed here, the last time it was looked at."
    )
    began_at = models.DateTimeField()
    looked_at = models.DateTimeField(help_text="When it was last worked on.")
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the file was last read and was whole."
    )
    error = models.CharField(max_length=500, blank=True)
    is_behind = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Somebody was erased (`ErasedRow`), and the file is to be written anew.",
    )
    next_sha256 = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="Of the file that is about to take this one's place.",
    )
    former_sha256: Any = ArrayField(
        models.CharField(max_length=64),
        default=list,
        db_default=[],
        blank=True,
        help_text="Of the file before somebody was erased: so an old copy is known as one.",
    )

    class Meta:
        ordering = ("kind", "month")
        constraints = (models.UniqueConstraint(fields=["kind", "month"], name="archived_month_once"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.month}: {self.get_state_display()}"


class ErasedRow(models.Model):
    """What a row of an archived month says since somebody in it was erased: columns as the file has them. Written with
    the erasure; the file follows, and an old copy that is put back comes to say the same, nobody knowing who it was."""

    archived = models.ForeignKey(ArchivedMonth, on_delete=models.CASCADE, related_name="erased_rows")
    row = models.BigIntegerField()
    columns: Any = models.JSONField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["archived", "row"], name="erased_row_once"),)

    def __str__(self) -> str:
        return f"{self.archived_id}: {self.row}"


class GrowthSample(models.Model):
    """How large a table was on a day, its partitions together; an empty name is the whole database."""

    day = models.DateField()
    table = models.CharField(max_length=63, blank=True)
    rows = models.BigIntegerField()
    size_bytes = models.BigIntegerField()

    class Meta:
        ordering = ("-day", "table")
        constraints = (models.UniqueConstraint(fields=["day", "table"], name="growth_sample_once"),)

    def __str__(self) -> str:
        return f"{self.table or 'database'} on {self.day}: {self.size_bytes} bytes"
