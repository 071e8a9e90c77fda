"""Calendars that absences are read from, and which of their events count."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from reps.engine.calendars.settings import OTHER_WORDS, SICK_WORDS, VACATION_WORDS, OutOfOffice
from reps.models.profile import Rep


class CalendarFeed(models.Model):
    """One calendar of a rep. Its address is as secret as its password (whoever has it reads the calendar), so both are
    stored sealed, never shown again and never logged; people see `host`."""

    class Kind(models.TextChoices):
        ADDRESS = "address", "Calendar address (ICS)"
        CALDAV = "caldav", "CalDAV account"
        UPLOAD = "upload", "Uploaded file (ICS)"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="feeds")
    name = models.CharField(max_length=80, default="Calendar")
    kind = models.CharField(max_length=10, choices=Kind)
    host = models.CharField(max_length=255, blank=True)
    username = models.CharField(max_length=255, blank=True)
    sealed = models.BinaryField(default=bytes, editable=False)
    content = models.BinaryField(null=True, editable=False)  # of an upload, sealed

    # What the last readings found. `etag` and `last_modified` are what an unchanged answer is told by, as long as
    # `read_as` (settings, time zone, day) is the present one.
    etag = models.CharField(max_length=300, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    read_as = models.CharField(max_length=64, blank=True, editable=False)
    events = models.PositiveIntegerField(default=0)
    absences_ahead = models.PositiveIntegerField(default=0)
    skipped: Any = models.JSONField(default=list, blank=True)
    last_tried_at = models.DateTimeField(null=True, blank=True)
    last_worked_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    alarmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()  # of what people set, so that a reading is no edit

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=["address", "caldav", "upload"]), name="calendar_feed_kind"
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since__isnull=True)
                | Q(failures__gt=0, failing_since__isnull=False),
                name="calendar_feed_failing_since",
            ),
        )
        indexes = (models.Index(fields=["next_try_at"], name="calendar_feed_due"),)

    def __str__(self) -> str:
        return self.name


def vacation_words() -> list[str]:
    return list(VACATION_WORDS)


def sick_words() -> list[str]:
    return list(SICK_WORDS)


def other_words() -> list[str]:
    return list(OTHER_WORDS)


class CalendarSettings(models.Model):
    """Which events count as out of office, and how calendars are read. One row."""

    vacation_words = ArrayField(models.CharField(max_length=60), blank=True, default=vacation_words)
    sick_words = ArrayField(models.CharField(max_length=60), blank=True, default=sick_words)
    other_words = ArrayField(models.CharField(max_length=60), blank=True, default=other_words)
    counts_flags = models.BooleanField(default=True)
    counts_tentative = models.BooleanField(default=False)
    only_all_day = models.BooleanField(default=False)
    least_minutes = models.PositiveIntegerField(default=30, validators=[MaxValueValidator(7 * 24 * 60)])
    keeps_titles = models.BooleanField(default=False)
    every_minutes = models.PositiveIntegerField(
        default=15, validators=[MinValueValidator(5), MaxValueValidator(24 * 60)]
    )
    horizon_days = models.PositiveIntegerField(
        default=180, validators=[MinValueValidator(14), MaxValueValidator(730)]
    )
    alarm_after_hours = models.PositiveIntegerField(
        default=6, validators=[MinValueValidator(1), MaxValueValidator(14 * 24)]
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="calendar_settings_one_row"),)

    def __str__(self) -> str:
        return "Calendars"

    @property
    def out_of_office(self) -> OutOfOffice:
        return OutOfOffice(
            vacation_words=tuple(self.vacation_words),
            sick_words=tuple(self.sick_words),
            other_words=tuple(self.other_words),
            counts_flags=self.counts_flags,
            counts_tentative=self.counts_tentative,
            only_all_day=self.only_all_day,
            least_minutes=self.least_minutes,
            keeps_titles=self.keeps_titles,
        )


class ClosingDay(models.Model):
    """Days on which the organisation does not work: nobody's working time, like a public holiday."""

    name = models.CharField(max_length=120)
    first_day = models.DateField()
    last_day = models.DateField()
    country = models.CharField(max_length=60, blank=True, help_text="Empty: everywhere.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("first_day", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(last_day__gte=models.F("first_day")), name="closing_day_ordered"
            ),
        )

    def __str__(self) -> str:
        return self.name
