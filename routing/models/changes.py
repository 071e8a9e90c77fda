"""What became of opportunities, numbered for those outside who must know: the CRM, by asking or by webhooks."""

from django.db import models
from django.db.models import Q

from crm.models import Assignment, Opportunity
from reps.models import Rep


class Change(models.Model):
    """One change of where an opportunity stands. A trigger on opportunities writes it (routing.0020), so that no way of
    changing one is missed; one that comes in decided brings it along. `number` is given after the commit
    (routing.services.changes). Who and why are looked up when it is told. No constraint to other tables: a lead's
    transaction pays for every check."""

    class Event(models.TextChoices):
        ASSIGNED = "opportunity.assigned", "Assigned"
        REASSIGNED = "opportunity.reassigned", "Reassigned"
        HELD = "opportunity.held", "Held"
        UNASSIGNED = "opportunity.unassigned", "Unassigned"

    number = models.BigIntegerField(null=True, editable=False)
    event = models.CharField(max_length=30, choices=Event)
    opportunity = models.ForeignKey(
        Opportunity, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="changes",
    )  # fmt: skip
    from_rep = models.ForeignKey(
        Rep, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    to_rep = models.ForeignKey(
        Rep, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+",
        help_text="With which it was written; none where neither service nor import did it.",
    )  # fmt: skip
    at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(
                fields=["number"], condition=Q(number__isnull=False), name="change_number_once"
            ),
        )
        indexes = (models.Index(fields=["id"], condition=Q(number__isnull=True), name="change_not_numbered"),)

    def __str__(self) -> str:
        return f"{self.event} {self.number or '(not numbered yet)'}"


class ChangeCounter(models.Model):
    """The last number given, and the last one forgotten. One row, whose lock lets one number at a time."""

    last = models.BigIntegerField(default=0)
    forgotten = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.last} changes numbered"
