"""Erasures: that somebody was made nobody, when, by whom and why. Nothing here says who it was."""

from typing import Any

from django.db import models
from django.db.models.functions import Now

from reps.models import User


class Kind(models.TextChoices):
    """Whom something can be held on."""

    CONTACT = "contact", "Contact"
    REP = "rep", "Rep"
    USER = "user", "User"


class Erasure(models.Model):
    """One person erased, or (`kind` empty) one run of the retention rules. Added to only: a trigger refuses the rest.

    `transaction` is written by the database. What is history may be rewritten only in the transaction that has added an
    erasure, so that no rewriting is without one.
    """

    kind = models.CharField(max_length=8, choices=Kind, blank=True)
    person_id = models.BigIntegerField(null=True)
    with_account_id = models.BigIntegerField(null=True, help_text="The account that was only this person.")
    made_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=200, blank=True)
    is_by_rule = models.BooleanField(default=False, help_text="By a retention rule, not for a person's wish.")
    counts: Any = models.JSONField(default=dict, help_text="Rows by table.")
    transaction = models.BigIntegerField(editable=False, default=0)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=["kind", "person_id"], name="erasure_of_person"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display() or 'Retention'} {self.person_id or ''}".strip()

    @property
    def total(self) -> int:
        return sum(self.counts.values())
