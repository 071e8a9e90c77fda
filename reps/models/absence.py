"""When a rep is away: marked by the rep, by a manager, or read from a calendar."""

from django.db import models
from django.db.models import F, Q

from reps.models.people import User
from reps.models.profile import Rep


class Absence(models.Model):
    """A span without new opportunities. No end means "until I say so"."""

    class Reason(models.TextChoices):
        VACATION = "vacation", "Vacation"
        SICK = "sick", "Sick leave"
        FOCUS = "focus", "Focused on closing existing pipeline"
        OTHER = "other", "Other"

    class Source(models.TextChoices):
        REP = "rep", "marked by the rep"
        MANAGER = "manager", "marked by a manager"
        CALENDAR = "calendar", "from the calendar"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=10, choices=Reason, default=Reason.VACATION)
    note = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=10, choices=Source, default=Source.REP)
    covering = models.ForeignKey(
        Rep, null=True, blank=True, on_delete=models.SET_NULL, related_name="covers", help_text="Stands in."
    )
    # What a calendar sync knows its own absences by. `planned_until` is the calendar's end of one that a person ended
    # early: until then the calendar has no say.
    feed = models.ForeignKey(
        "reps.CalendarFeed", null=True, blank=True, on_delete=models.SET_NULL, related_name="absences"
    )
    event_key = models.CharField(max_length=40, blank=True)
    planned_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("starts_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="absence_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(covering__isnull=True) | ~Q(covering=F("rep")), name="absence_covered_by_another"
            ),
        )
        indexes = (models.Index(fields=["ends_at", "starts_at"], name="absence_by_span"),)

    def __str__(self) -> str:
        return f"{self.rep}: {self.get_reason_display()}"
