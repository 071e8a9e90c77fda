"""Expertise tags that are suggested, not stated: the reviews that look for them, what they found, the settings."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from reps.models.jobs import Job
from reps.models.people import User
from reps.models.profile import Rep, Skill


class TagReviewSettings(models.Model):
    """When expertise is reviewed, and what counts as evidence. One row."""

    class Interval(models.IntegerChoices):
        """Months that divide a year, so that a period always begins with the same months."""

        MONTH = 1, "Every month"
        TWO_MONTHS = 2, "Every two months"
        QUARTER = 3, "Every quarter"
        FOUR_MONTHS = 4, "Every four months"
        HALF_YEAR = 6, "Every half-year"
        YEAR = 12, "Once a year"

    months_between = models.PositiveSmallIntegerField(choices=Interval, default=Interval.QUARTER)
    window_months = models.PositiveSmallIntegerField(
        default=12, validators=[MinValueValidator(3), MaxValueValidator(36)]
    )
    least_wins = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(2), MaxValueValidator(100)]
    )
    least_language_wins = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(2), MaxValueValidator(100)]
    )
    plenty_wins = models.PositiveSmallIntegerField(
        default=15, validators=[MinValueValidator(2), MaxValueValidator(500)]
    )
    least_lift = models.FloatField(default=1.2, validators=[MinValueValidator(1), MaxValueValidator(5)])
    false_share_pct = models.PositiveSmallIntegerField(
        default=25, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    stale_after_months = models.PositiveSmallIntegerField(
        default=6, validators=[MinValueValidator(1), MaxValueValidator(36)]
    )
    silent_after_months = models.PositiveSmallIntegerField(
        default=18, validators=[MinValueValidator(3), MaxValueValidator(60)]
    )
    least_deals_to_remove = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(3), MaxValueValidator(200)]
    )
    least_deals_while_silent = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(5), MaxValueValidator(500)]
    )
    dismissed_growth_pct = models.PositiveSmallIntegerField(
        default=50, validators=[MinValueValidator(10), MaxValueValidator(500)]
    )
    dismissed_months = models.PositiveSmallIntegerField(
        default=12, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "tag review settings"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="tag_review_settings_one_row"),
            models.CheckConstraint(
                condition=Q(
                    months_between__in=[1, 2, 3, 4, 6, 12],
                    least_lift__gte=1,
                    false_share_pct__gte=1,
                    silent_after_months__gte=models.F("window_months"),
                ),
                name="tag_review_settings_ranges",
            ),
        )

    def __str__(self) -> str:
        return "How expertise is reviewed"

    def clean(self) -> None:
        """What single fields cannot say: each error stands beside its field."""
        wrong = {}
        if None in (self.window_months, self.silent_after_months, self.least_wins, self.plenty_wins):
            return  # the field says so itself
        if self.silent_after_months < self.window_months:
            wrong["silent_after_months"] = (
                f"At least as long as the months of deals that are looked at ({self.window_months})."
            )
        if self.plenty_wins < self.least_wins:
            wrong["plenty_wins"] = f"At least the fewest wins that can be enough ({self.least_wins})."
        if wrong:
            raise ValidationError(wrong)


class TagReview(models.Model):
    """One look at everybody's closed deals. Only looks that came to an end are here; what runs is a `Job`."""

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "by the calendar"
        PERSON = "person", "asked for"
        COMMAND = "command", "by a command"
        SETUP = "setup", "with the demo data"

    trigger = models.CharField(max_length=10, choices=Trigger)
    requested_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    window_start = models.DateTimeField(help_text="Deals closed since then count as evidence.")
    deals = models.PositiveIntegerField(default=0, help_text="Won and lost deals in the window.")
    reps = models.PositiveIntegerField(default=0, help_text="Reps who closed them.")
    pairs = models.PositiveIntegerField(
        default=0, help_text="Pairs of a rep and a value that were looked at."
    )
    found = models.PositiveIntegerField(default=0, help_text="Suggestions that stood after it.")
    fresh = models.PositiveIntegerField(default=0, help_text="Of them, those that were not open before.")
    remembered = models.PositiveIntegerField(default=0, help_text="Left out, as they had been dismissed.")
    superseded = models.PositiveIntegerField(default=0, help_text="Open ones that it no longer found.")
    unavailable = models.CharField(max_length=300, blank=True, help_text="Why nothing could be said.")
    settings: Any = models.JSONField(default=dict, help_text="The thresholds of that day.")

    class Meta:
        ordering = ("-at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(trigger__in=["schedule", "person", "command", "setup"]),
                name="tag_review_trigger_known",
            ),
        )

    def __str__(self) -> str:
        return f"Review of expertise, {self.at:%Y-%m-%d}"


class TagSuggestion(models.Model):
    """A tag to give to a rep or to take away, with its evidence, and what a person said.

    One is open for each rep, kind, name and action; of the deal size one for each rep, whatever the range. Decided rows
    stay: a dismissal is remembered by its row.
    """

    DEAL_SIZE = "deal_size"
    KINDS = (*Skill.Kind.choices, (DEAL_SIZE, "Deal size range"))

    class Action(models.TextChoices):
        ADD = "add", "Add"
        REMOVE = "remove", "Remove"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        DISMISSED = "dismissed", "Dismissed"
        SUPERSEDED = "superseded", "No longer suggested"

    class Source(models.TextChoices):
        DEALS = "deals", "closed deals"
        OVERRIDES = "overrides", "graded overrides"
        COACHING = "coaching", "coaching"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="tag_suggestions")
    kind = models.CharField(max_length=15, choices=KINDS)
    name = models.CharField(max_length=120, help_text="The tag; of a deal size the range in words.")
    low = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    high = models.DecimalField(max_digits=16, decimal_places=2, null=True, blank=True)
    proficiency = models.PositiveSmallIntegerField(choices=Skill.Proficiency, default=Skill.Proficiency.SOLID)
    action = models.CharField(max_length=10, choices=Action)
    source = models.CharField(max_length=10, choices=Source, default=Source.DEALS)
    review = models.ForeignKey(
        TagReview, null=True, blank=True, on_delete=models.SET_NULL, related_name="suggestions"
    )
    sentence = models.CharField(max_length=300, help_text="The evidence in words.")
    wins = models.PositiveIntegerField(default=0)
    deals = models.PositiveIntegerField(default=0)
    expected = models.FloatField(null=True, blank=True, help_text="Wins by chance.")
    p_value = models.FloatField(null=True, blank=True)
    q_value = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    suggested_at = models.DateTimeField(help_text="When it was found first.")
    found_at = models.DateTimeField(help_text="When it was found last.")
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(
        max_length=300, blank=True, help_text="Why it was dismissed or no longer holds."
    )
    before: Any = models.JSONField(default=dict, blank=True, help_text="What the approval replaced.")

    class Meta:
        ordering = ("-found_at", "id")
        constraints = (
            models.UniqueConstraint(
                "rep",
                "kind",
                "action",
                Lower("name"),
                condition=Q(state="open") & ~Q(kind="deal_size"),
                name="tag_suggestion_one_open",
            ),
            models.UniqueConstraint(
                fields=["rep", "action"],
                condition=Q(state="open", kind="deal_size"),
                name="tag_suggestion_one_open_range",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "superseded"]) | Q(decided_at__isnull=False),
                name="tag_suggestion_decided_when",
            ),
            models.CheckConstraint(condition=Q(wins__lte=models.F("deals")), name="tag_suggestion_counts"),
            models.CheckConstraint(condition=~Q(name=""), name="tag_suggestion_named"),
            models.CheckConstraint(
                condition=Q(action__in=["add", "remove"])
                & Q(state__in=["open", "approved", "dismissed", "superseded"]),
                name="tag_suggestion_known",
            ),
        )
        indexes = (
            models.Index(fields=["rep"], condition=Q(state="open"), name="tag_suggestion_open"),
            models.Index(fields=["rep", "kind", "-decided_at"], name="tag_suggestion_decided"),
        )

    def __str__(self) -> str:
        return f"{self.rep}: {self.get_action_display().lower()} {self.name}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN
