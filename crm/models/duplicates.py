"""Which opportunity repeats another: found by itself or said by a person, never merged."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from crm.models.opportunities import Opportunity
from reps.models import User


class DuplicateLink(models.Model):
    """One finding that `opportunity` asks again for what `original` asks for. It ends, and is never edited otherwise:
    who confirmed and who declined it both stay."""

    class State(models.TextChoices):
        LINKED = "linked", "Linked"  # sure enough to act on without asking
        OFFERED = "offered", "Offered"  # a person is asked
        CONFIRMED = "confirmed", "Confirmed"
        DECLINED = "declined", "Declined"

    HOLDS = (State.LINKED, State.CONFIRMED)  # routing follows these

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="duplicate_links")
    original = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="repeat_links")
    state = models.CharField(max_length=10, choices=State)
    confidence = models.FloatField(null=True, blank=True, help_text="0 to 1; empty where a person said so.")
    why = models.CharField(max_length=200)
    found_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    declined_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    declined_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-found_at", "-id")
        constraints = (
            models.CheckConstraint(condition=~Q(opportunity=F("original")), name="duplicate_of_another"),
            models.CheckConstraint(
                condition=Q(state__in=["linked", "offered", "confirmed", "declined"]),
                name="duplicate_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="duplicate_confirmed_by",
            ),
            models.CheckConstraint(
                condition=Q(state="declined", declined_by__isnull=False, declined_at__isnull=False)
                | (~Q(state="declined") & Q(declined_by__isnull=True, declined_at__isnull=True)),
                name="duplicate_declined_by",
            ),
            models.UniqueConstraint(
                fields=["opportunity"],
                condition=Q(state__in=["linked", "confirmed"]),
                name="duplicate_of_one",
            ),
            models.UniqueConstraint(
                fields=["opportunity", "original"],
                condition=~Q(state="declined"),
                name="duplicate_said_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.opportunity} repeats {self.original}: {self.get_state_display().lower()}"
