"""Reps: the seven profile fields, capacity limits, standing, and what the higher apps keep on the row."""

import re
import zoneinfo
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from reps.models.kept import KeptFieldsModel
from reps.models.people import Team, User, check_time_zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def nine_to_five() -> dict[str, list[list[str]]]:
    return {day: [["09:00", "17:00"]] if day not in ("sat", "sun") else [] for day in WEEKDAYS}


def is_clock(text: object) -> bool:
    """Whether it is a time of day from 00:00 to 24:00."""
    return isinstance(text, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text) is not None


def check_working_hours(hours: object) -> None:
    """Seven weekdays, each a list of [from, until] in HH:MM; an end before its start is on the next morning."""
    if not isinstance(hours, Mapping) or set(hours) - set(WEEKDAYS):
        raise ValidationError("Working hours name the weekdays mon to sun.")
    for day, spans in hours.items():
        for span in spans:
            if not (
                isinstance(span, list) and len(span) == 2 and all(map(is_clock, span)) and span[0] != span[1]
            ):
                raise ValidationError(f"Working hours of {day}: from and until differ, in HH:MM.")


class RoleTemplate(models.Model):
    """Limits by kind of job ("25 for mid-market, 8 for enterprise"); a rep's own limits override them."""

    name = models.CharField(max_length=80, unique=True)
    max_open = models.PositiveIntegerField(
        "maximum concurrent opportunities", validators=[MinValueValidator(1)], default=25
    )
    max_new_per_week = models.PositiveIntegerField("maximum new assignments per week", default=15)
    max_new_per_day = models.PositiveIntegerField(
        "comfortable new assignments per day",
        null=True,
        blank=True,
        default=5,
        help_text="More in a day lowers priority. Empty: any number is fine.",
    )
    max_pipeline_value = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    is_default = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(max_open__gte=1), name="role_template_max_open"),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="role_template_one_default"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Rep(KeptFieldsModel):
    """Somebody whom opportunities are assigned to. May be without a user (known from an import only)."""

    KEPT_BY_SERVICES = frozenset(
        {
            "load", "pending", "pipeline_value", "pending_value", "turn_finish", "turns_taken",
            "reviewed_at", "reviewed_by", "confirmed_at",
        }
    )  # fmt: skip

    class Seniority(models.IntegerChoices):
        JUNIOR = 1, "Junior"
        MID = 2, "Mid"
        SENIOR = 3, "Senior"
        PRINCIPAL = 4, "Principal"

    class Tier(models.TextChoices):
        STANDARD = "standard", "Standard"
        TOP = "top", "Top performers"

    class TierSource(models.TextChoices):
        HAND = "hand", "set by hand"
        WIN_RATE = "win_rate", "by win rate"

    class SellingStyle(models.TextChoices):
        CONSULTATIVE = "consultative", "Consultative"
        TRANSACTIONAL = "transactional", "Transactional"
        TECHNICAL = "technical", "Technical"

    user = models.OneToOneField(User, null=True, blank=True, on_delete=models.PROTECT, related_name="rep")
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="reps")
    role_template = models.ForeignKey(RoleTemplate, on_delete=models.PROTECT, related_name="reps")
    left_at = models.DateTimeField(null=True, blank=True, help_text="Set when the rep has left.")

    # The profile fields that are not lists; the lists are `Skill` rows.
    deal_size_min = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    deal_size_max = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    selling_style = models.CharField(max_length=20, choices=SellingStyle, blank=True)

    seniority = models.PositiveSmallIntegerField(choices=Seniority, default=Seniority.MID)
    tier = models.CharField(max_length=10, choices=Tier, default=Tier.STANDARD)
    tier_source = models.CharField(max_length=10, choices=TierSource, default=TierSource.HAND)
    tier_evidence = models.JSONField(default=dict, blank=True)
    technical_depth = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(5)], help_text="Follows from the certifications."
    )

    # Own limits; empty means the role template's.
    own_max_open = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    own_max_new_per_week = models.PositiveIntegerField(null=True, blank=True)
    own_max_new_per_day = models.PositiveIntegerField(null=True, blank=True)
    own_max_pipeline_value = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    turn_weight = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(1000)], help_text="100 is one turn."
    )

    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    country = (
        models.CharField(  # a code of two letters; a name from before that nobody could tell stays as it was
            max_length=60, blank=True
        )
    )
    subdivision = models.CharField("state or region", max_length=60, blank=True)
    working_hours = models.JSONField(default=nine_to_five, validators=[check_working_hours])

    # Kept by the services that change ownership and suggestions, under a lock on this row (crm.services.ownership).
    load = models.IntegerField(default=0, editable=False)
    pending = models.IntegerField(default=0, editable=False)
    pipeline_value = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0), editable=False)
    # What the pending suggestions are worth, kept by triggers on what waits (routing.0025).
    pending_value = models.DecimalField(max_digits=18, decimal_places=2, default=Decimal(0), editable=False)
    # The rep's place in the team's round-robin (routing.engine.turns), kept across edits, restarts and absence.
    turn_finish = models.FloatField(default=0, editable=False)
    turns_taken = models.PositiveIntegerField(default=0, editable=False)

    # The newest of `ProfileReview`: a manager's (or ops'), and the rep's own confirmation.
    reviewed_at = models.DateTimeField(null=True, blank=True, editable=False)
    reviewed_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(Lower("email"), condition=~Q(email=""), name="rep_email_once"),
            models.CheckConstraint(condition=Q(load__gte=0, pending__gte=0), name="rep_counts_not_negative"),
            models.CheckConstraint(
                condition=Q(own_max_open__isnull=True) | Q(own_max_open__gte=1), name="rep_max_open"
            ),
            models.CheckConstraint(
                condition=Q(deal_size_min__isnull=True)
                | Q(deal_size_max__isnull=True)
                | Q(deal_size_min__lte=F("deal_size_max")),
                name="rep_deal_size_ordered",
            ),
            models.CheckConstraint(condition=Q(technical_depth__lte=5), name="rep_technical_depth"),
            models.CheckConstraint(condition=Q(seniority__gte=1, seniority__lte=4), name="rep_seniority"),
            models.CheckConstraint(condition=Q(turn_weight__gte=1), name="rep_turn_weight"),
        )
        indexes = (
            models.Index(fields=["team"], condition=Q(left_at__isnull=True), name="rep_active_by_team"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.left_at is None

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def max_open(self) -> int:
        return self.role_template.max_open if self.own_max_open is None else self.own_max_open

    @property
    def max_new_per_week(self) -> int:
        own = self.own_max_new_per_week
        return self.role_template.max_new_per_week if own is None else own

    @property
    def max_new_per_day(self) -> int | None:
        own = self.own_max_new_per_day
        return self.role_template.max_new_per_day if own is None else own

    @property
    def max_pipeline_value(self) -> Decimal | None:
        own = self.own_max_pipeline_value
        return self.role_template.max_pipeline_value if own is None else own

    @property
    def committed(self) -> int:
        """Open opportunities owned, pending suggestions and batch proposals: what limits are held against."""
        return self.load + self.pending

    @property
    def load_pct(self) -> float:
        """Open opportunities owned in per cent of the maximum (the number that is shown)."""
        return 100 * self.load / self.max_open


class Skill(models.Model):
    """One expertise tag of a rep, with how sure we are of it and the deals behind it."""

    class Kind(models.TextChoices):
        INDUSTRY = "industry", "Industry"
        PRODUCT = "product", "Product"
        LANGUAGE = "language", "Language"
        COMPETITOR = "competitor", "Competitor experience"
        CERTIFICATION = "certification", "Certification"

    class Proficiency(models.IntegerChoices):
        LEARNING = 1, "Learning"
        SOLID = 2, "Solid"
        EXPERT = 3, "Expert"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="skills")
    kind = models.CharField(max_length=15, choices=Kind)
    name = models.CharField(max_length=120)
    proficiency = models.PositiveSmallIntegerField(choices=Proficiency, default=Proficiency.SOLID)
    evidence_won = models.PositiveIntegerField(default=0, help_text="Deals won behind this tag.")
    evidence_closed = models.PositiveIntegerField(default=0)
    valid_until = models.DateField(null=True, blank=True, help_text="For certifications that expire.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("kind", "name")
        constraints = (
            models.UniqueConstraint("rep", "kind", Lower("name"), name="skill_once"),
            models.CheckConstraint(condition=~Q(name=""), name="skill_named"),
            models.CheckConstraint(
                condition=Q(proficiency__gte=1, proficiency__lte=3), name="skill_proficiency"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["industry", "product", "language", "competitor", "certification"]),
                name="skill_kind_known",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CertificationDepth(models.Model):
    """How technical a certification makes a rep: 1 (basics) to 5 (leads complex technical sales)."""

    certification = models.CharField(max_length=120)
    depth = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("certification",)
        constraints = (
            models.UniqueConstraint(Lower("certification"), name="certification_depth_once"),
            models.CheckConstraint(condition=Q(depth__gte=1, depth__lte=5), name="certification_depth_range"),
        )

    def __str__(self) -> str:
        return f"{self.certification}: {self.depth}"


class ProfileChange(models.Model):
    """What changed in a rep's profile, when, by whom. Appended, never edited."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="changes")
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(auto_now_add=True)
    changes: Any = models.JSONField(help_text="Field name to [before, after].")
    note = models.CharField(max_length=400, blank=True, help_text="Where it came from, such as a suggestion.")

    class Meta:
        ordering = ("-changed_at", "-id")

    def __str__(self) -> str:
        return f"{self.rep}: {', '.join(self.changes)}"


class RosterStamp(models.Model):
    """Counts changes of what a roster is made of. Database triggers raise it (migration 0002), so nothing is missed;
    a cached roster is good while its stamp is the current one."""

    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.version)
