"""What waits for a batch, until when."""

from django.db import models

from crm.models import Opportunity
from routing.models.configuration import ConfigurationVersion


class BatchWait(models.Model):
    """An opportunity whose policy decides in batches. Its row goes when it is decided, or somebody took it out."""

    opportunity = models.OneToOneField(Opportunity, on_delete=models.CASCADE, related_name="batch_wait")
    policy_name = models.CharField(max_length=120)
    configuration = models.ForeignKey(
        ConfigurationVersion,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="By which it waits; under a newer one the moment is worked out again.",
    )
    due_at = models.DateTimeField()
    waiting_since = models.DateTimeField()

    class Meta:
        ordering = ("waiting_since", "id")
        indexes = (models.Index(fields=["due_at"], name="batch_wait_due"),)

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.policy_name}"
