"""What reps did: calls, emails, meetings. The owner's first one after assignment is the first touch."""

from django.db import models
from django.utils import timezone

from crm.models.opportunities import Opportunity
from reps.models import Rep, User


class Activity(models.Model):
    class Kind(models.TextChoices):
        CALL = "call", "Call"
        EMAIL = "email", "Email"
        MEETING = "meeting", "Meeting"

    # `activity_by_opportunity` begins with it.
    opportunity = models.ForeignKey(
        Opportunity, on_delete=models.CASCADE, related_name="activities", db_index=False
    )
    rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="activities")
    kind = models.CharField(max_length=10, choices=Kind)
    happened_at = models.DateTimeField(default=timezone.now)
    note = models.TextField(blank=True, max_length=2000)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    logged_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-happened_at", "-id")
        verbose_name_plural = "activities"
        indexes = (models.Index(fields=["opportunity", "happened_at"], name="activity_by_opportunity"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.opportunity}"


class ActivityKey(models.Model):
    """An external id with its activity. Activities stand in partitions by month, which are unique each by itself; a
    trigger keeps this table (crm 0010), so that an id is there once for good, in the archive too."""

    external_id = models.CharField(max_length=120, primary_key=True)
    activity_id = models.BigIntegerField()

    def __str__(self) -> str:
        return self.external_id
