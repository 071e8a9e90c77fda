"""Opportunities (leads and deals), who owned them when, and how their stage changed."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from crm.models.accounts import Account, Contact, SizeBand
from crm.models.products import Product
from reps.models import Rep, User
from reps.models.kept import KeptFieldsModel


class Opportunity(KeptFieldsModel):
    """The one thing that is routed. A converted lead keeps its row, owner and history.

    The attributes that routing reads (industry, size, place, language, ...) are kept on the row: filled from the
    account and contact when the opportunity comes in, so that a decision's facts are in one place and a later edit
    of the account does not change what was decided on.
    """

    KEPT_BY_SERVICES = frozenset(
        {
            "owner",
            "stage",
            "closed_at",
            "assigned_at",
            "first_touch_at",
            "routing",
            "routing_since",
            "is_locked",
            "locked_by",
            "lock_reason",
            "not_again",
        }
    )

    class Kind(models.TextChoices):
        LEAD = "lead", "Lead"
        DEAL = "deal", "Deal"

    class Stage(models.TextChoices):
        OPEN = "open", "Open"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        DISQUALIFIED = "disqualified", "Disqualified"

    class Urgency(models.TextChoices):
        NOW = "now", "Within a month"
        QUARTER = "quarter", "Within three months"
        YEAR = "year", "Within a year"
        EXPLORING = "exploring", "Just exploring"

    class Routing(models.TextChoices):
        """Where routing stands; kept by the routing app's services."""

        NONE = "none", "Not routed here"
        WAITING = "waiting", "Waiting for a decision"
        BATCH = "batch", "Waiting for a batch"
        SUGGESTED = "suggested", "Suggested"
        MANAGER = "manager", "With the manager"
        HELD = "held", "Held"
        ASSIGNED = "assigned", "Assigned"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.LEAD)
    stage = models.CharField(max_length=15, choices=Stage, default=Stage.OPEN)
    name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="opportunities"
    )
    contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="opportunities"
    )
    owner = models.ForeignKey(
        Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="opportunities", editable=False
    )

    # What it is about
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.PROTECT, related_name="opportunities"
    )
    source = models.CharField(max_length=80, blank=True)
    industry = models.CharField(max_length=120, blank=True)
    employees = models.PositiveIntegerField("company size", null=True, blank=True)
    size_band = models.CharField(max_length=12, choices=SizeBand, blank=True)
    country = models.CharField(max_length=60, blank=True)
    region = models.CharField("state or region", max_length=80, blank=True)
    city = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    language = models.CharField(max_length=60, blank=True)
    urgency = models.CharField(max_length=10, choices=Urgency, blank=True)
    competitors = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    complexity = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="1 simple to 5 complex technical sale.",
    )
    lead_score = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text="0 to 100, from your lead scoring.",
    )
    value = models.DecimalField("estimated value", max_digits=16, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    value_base = models.DecimalField(
        max_digits=16,
        decimal_places=2,
        null=True,
        blank=True,
        editable=False,
        help_text="In the base currency.",
    )
    satisfaction = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    custom: Any = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    flags: Any = models.JSONField(
        default=list, blank=True, help_text="Fields whose word nobody has confirmed yet, and undated rows."
    )

    # When
    opened_at = models.DateTimeField(
        default=timezone.now, help_text="When it came into being, here or elsewhere."
    )
    accepted_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we took it in.")
    closed_at = models.DateTimeField(null=True, blank=True)
    converted_at = models.DateTimeField(null=True, blank=True)
    assigned_at = models.DateTimeField(null=True, blank=True, editable=False)
    first_touch_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="First call, email or meeting of the owner since assigned.",
    )
    dates_known = models.BooleanField(default=True, editable=False)

    # Routing
    routing = models.CharField(max_length=10, choices=Routing, default=Routing.NONE, editable=False)
    routing_since = models.DateTimeField(default=timezone.now, editable=False)
    is_locked = models.BooleanField(default=False, editable=False)
    locked_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    lock_reason = models.CharField(max_length=200, blank=True, editable=False)
    not_again: Any = models.JSONField(
        default=dict,
        db_default={},
        editable=False,
        help_text="Reps whom automation does not offer it again: id → why (missed, unanswered, declined, passed).",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-opened_at", "-id")
        verbose_name_plural = "opportunities"
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=["lead", "deal"]), name="opportunity_kind_known"),
            models.CheckConstraint(
                condition=Q(stage__in=["open", "won", "lost", "disqualified"]), name="opportunity_stage_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    routing__in=["none", "waiting", "batch", "suggested", "manager", "held", "assigned"]
                ),
                name="opportunity_routing_known",
            ),
            models.CheckConstraint(
                condition=~Q(stage="open") | Q(closed_at__isnull=True), name="opportunity_open_not_closed"
            ),
            models.CheckConstraint(
                condition=~Q(routing__in=["waiting", "batch", "suggested", "manager", "held"])
                | Q(stage="open", owner__isnull=True),
                name="opportunity_waiting_is_open_and_unowned",
            ),
            models.CheckConstraint(
                condition=~Q(routing="assigned") | Q(owner__isnull=False),
                name="opportunity_assigned_has_owner",
            ),
            models.CheckConstraint(
                condition=Q(lead_score__isnull=True) | Q(lead_score__lte=100), name="opportunity_lead_score"
            ),
            models.CheckConstraint(
                condition=Q(complexity__isnull=True) | Q(complexity__gte=1, complexity__lte=5),
                name="opportunity_complexity",
            ),
            models.CheckConstraint(
                condition=Q(value__isnull=True) | (Q(value__gte=0) & ~Q(currency="")),
                name="opportunity_value_in_currency",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="opportunity_named"),
        )
        indexes = (
            models.Index(fields=["-opened_at", "-id"], name="opportunity_newest"),
            models.Index(fields=["owner"], condition=Q(stage="open"), name="opportunity_open_by_owner"),
            models.Index(
                fields=["routing", "routing_since", "id"],
                condition=~Q(routing__in=["none", "assigned"]),
                name="opportunity_in_queue",
            ),
            models.Index(fields=["closed_at"], condition=~Q(stage="open"), name="opportunity_closed"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.stage == self.Stage.OPEN


class Assignment(models.Model):
    """Who owned an opportunity from when to when. Appended; only the end is written later.

    An assignment by automation is named by the decision that made it (routing.Decision.assignment); one by a person
    has `assigned_by`; one that came with an import names the run.
    """

    class Source(models.TextChoices):
        AUTOMATION = "automation", "by automation"
        PERSON = "person", "by a person"
        IMPORT = "import", "with an import"

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="assignments")
    rep = models.ForeignKey(Rep, on_delete=models.PROTECT, related_name="assignments")
    source = models.CharField(max_length=12, choices=Source)
    assigned_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    import_run = models.ForeignKey(
        "crm.ImportRun", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    exempt = models.BooleanField(
        default=False,
        help_text="A named account's, or a repeat of an open one: goes to its owner, and limits skip it.",
    )
    reason = models.CharField(max_length=200, blank=True)
    assigned_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    # The rep's numbers just before, and the limits in force: what proves that no limit was broken.
    committed_before = models.IntegerField(null=True, blank=True)
    max_open = models.IntegerField(null=True, blank=True)
    week_before = models.IntegerField(null=True, blank=True)
    max_new_per_week = models.IntegerField(null=True, blank=True)

    class Meta:
        ordering = ("-assigned_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["opportunity"], condition=Q(ended_at__isnull=True), name="assignment_one_active"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("assigned_at")),
                name="assignment_ends_later",
            ),
            models.CheckConstraint(
                condition=Q(source="automation", assigned_by__isnull=True, committed_before__isnull=False)
                | Q(source="person", assigned_by__isnull=False)
                | Q(source="import", import_run__isnull=False),
                name="assignment_has_an_author",
            ),
        )
        indexes = (
            models.Index(fields=["rep", "assigned_at"], name="assignment_by_rep"),
            models.Index(fields=["assigned_at"], condition=~Q(source="import"), name="assignment_recent"),
        )

    def __str__(self) -> str:
        return f"{self.opportunity} → {self.rep}"


class StageChange(models.Model):
    """How an opportunity moved: opened, won, lost, disqualified, converted, reopened. Appended, never edited."""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="stage_changes")
    from_stage = models.CharField(max_length=15, choices=Opportunity.Stage, blank=True)
    to_stage = models.CharField(max_length=15, choices=Opportunity.Stage)
    reason = models.CharField(max_length=200, blank=True)
    changed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-changed_at", "-id")

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.to_stage}"
