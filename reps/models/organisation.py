"""The one organisation that this installation serves."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from reps.models.people import check_time_zone


class Organisation(models.Model):
    """Facts that hold everywhere. One row; `reps.queries.organisation()` reads it."""

    name = models.CharField(max_length=120, default="My organisation")
    base_currency = models.CharField(
        max_length=3, default="USD", help_text="“Over 100K” and every sum are in this currency."
    )
    default_language = models.CharField(
        max_length=60, default="English", help_text="What reps speak who state no language."
    )
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    top_tier_share = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.20"),
        help_text="Share of the reps that the win rate makes top performers.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="organisation_one_row"),
            models.CheckConstraint(
                condition=Q(top_tier_share__gt=0, top_tier_share__lt=1), name="organisation_top_tier_share"
            ),
        )

    def __str__(self) -> str:
        return self.name
