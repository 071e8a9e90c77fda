"""How the decisions of opportunities came out, in narrow rows: what the page of coverage gaps counts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from crm.models import Opportunity
from routing.models import Decision


class FallThrough(models.Model):
    """One for each opportunity that was decided: why it fell through, or, with an empty cause, that it did not.

    Of several decisions the first that fell through counts, else the first one. The segment is that of the decision's
    facts, so that a row never changes with its opportunity. Kept by `analytics.services.gaps`, from decisions alone.
    """

    opportunity = models.OneToOneField(Opportunity, on_delete=models.CASCADE, related_name="fall_through")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField(help_text="Of the decision, in UTC.")
    policy = models.CharField(max_length=120, blank=True)
    cause = models.CharField(max_length=15, blank=True, help_text="Of analytics.engine.fall_through.Cause.")
    missing = models.CharField(max_length=200, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    best_score = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    lacking = ArrayField(models.BigIntegerField(), default=list, blank=True)
    team_id = models.BigIntegerField(null=True, blank=True)
    value_base = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    kind = models.CharField(max_length=10)
    source = models.CharField(max_length=80, blank=True)
    industry = models.CharField(max_length=120, blank=True)
    size_band = models.CharField(max_length=12, blank=True)
    country = models.CharField(max_length=60, blank=True)
    territory = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=60, blank=True)
    product = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("-day", "-id")
        indexes = (
            models.Index(fields=["day"], name="fall_through_day"),
            models.Index(
                fields=["-day", "-id"], condition=~models.Q(cause=""), name="fall_through_that_fell"
            ),
        )

    def __str__(self) -> str:
        return f"{self.opportunity_id}: {self.cause or 'matched'}"


class ReadUpTo(models.Model):
    """Up to which row something is read: what comes after is new."""

    name = models.CharField(max_length=40, primary_key=True)
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}: {self.number}"
