"""Territories in a hierarchy, and the teams and reps that cover them, with effective dates."""

from typing import Any

from django.db import models
from django.db.models import F, Q

from reps.models import Rep, Team


class Territory(models.Model):
    """A part of the market: by geography, segment or a list of accounts. Children are inside their parent."""

    name = models.CharField(max_length=120, unique=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    condition: Any = models.JSONField(
        default=dict, help_text="In the condition language (crm.engine.conditions)."
    )
    is_active = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "territories"
        constraints = (
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="territory_not_own_parent"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Coverage(models.Model):
    """A team or a rep works a territory, from a day to a day (both inclusive; empty is open)."""

    territory = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="coverage")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="coverage")
    rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.CASCADE, related_name="coverage")
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ("territory", "id")
        verbose_name_plural = "coverage"
        constraints = (
            models.CheckConstraint(
                condition=Q(team__isnull=False, rep__isnull=True) | Q(team__isnull=True, rep__isnull=False),
                name="coverage_team_or_rep",
            ),
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True)
                | Q(ends_on__isnull=True)
                | Q(starts_on__lte=F("ends_on")),
                name="coverage_dates_ordered",
            ),
        )

    def __str__(self) -> str:
        return f"{self.territory}: {self.team or self.rep}"
