"""The one organisation that this installation serves."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from reps.engine.capacity import BandBounds
from reps.models.kept import KeptFieldsModel
from reps.models.people import check_time_zone


class Organisation(KeptFieldsModel):
    """Facts that hold everywhere. One row; `reps.queries.organisation()` reads it."""

    class OwnEdits(models.TextChoices):
        """What reps may do with their own expertise."""

        AT_ONCE = "at_once", "Change it; it holds at once"
        CONFIRMED = "confirmed", "Propose changes; a manager confirms"
        READ_ONLY = "read_only", "Read it; managers keep it"

    class ReviewEvery(models.IntegerChoices):
        """Months that divide a year, so that a period always begins with the same months."""

        MONTH = 1, "Every month"
        TWO_MONTHS = 2, "Every two months"
        QUARTER = 3, "Every quarter"
        FOUR_MONTHS = 4, "Every four months"
        HALF_YEAR = 6, "Every half-year"
        YEAR = 12, "Once a year"

    KEPT_BY_SERVICES = frozenset({"available_up_to_pct", "near_up_to_pct", "at_up_to_pct"})

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
    own_profile_edits = models.CharField(
        "what reps do with their own expertise", max_length=10, choices=OwnEdits, default=OwnEdits.AT_ONCE
    )
    profile_review_months = models.PositiveSmallIntegerField(
        "profiles are reviewed", choices=ReviewEvery, default=ReviewEvery.QUARTER
    )
    # The published bounds of the capacity bands, written here by routing with each publication, since the pages of
    # people show bands and know nothing of routing.
    available_up_to_pct = models.FloatField(default=70, editable=False)
    near_up_to_pct = models.FloatField(default=90, editable=False)
    at_up_to_pct = models.FloatField(default=100, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="organisation_one_row"),
            models.CheckConstraint(
                condition=Q(top_tier_share__gt=0, top_tier_share__lt=1), name="organisation_top_tier_share"
            ),
            models.CheckConstraint(
                condition=Q(
                    own_profile_edits__in=["at_once", "confirmed", "read_only"],
                    profile_review_months__in=[1, 2, 3, 4, 6, 12],
                ),
                name="organisation_profile_rules",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def band_bounds(self) -> BandBounds:
        return BandBounds(self.available_up_to_pct, self.near_up_to_pct, self.at_up_to_pct)
