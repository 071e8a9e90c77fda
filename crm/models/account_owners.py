"""Who owned an account when and why, and the transfers by which many change hands at once."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models.accounts import Account
from crm.models.imports import ImportRun
from reps.models import Rep, User


class AccountTransfer(models.Model):
    """Accounts that go to one rep, are shared out among several or released: at once, or on a planned day."""

    class Kind(models.TextChoices):
        GIVE = "give", "Give to one rep"
        SHARE = "share", "Share out among several"
        RELEASE = "release", "Release: no owner"

    class Balance(models.TextChoices):
        NUMBER = "number", "the same number of accounts"
        PIPELINE = "pipeline", "about the same open pipeline"

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"
        UNDONE = "undone", "Undone"

    kind = models.CharField(max_length=10, choices=Kind)
    balance = models.CharField(max_length=10, choices=Balance, blank=True)
    state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(max_length=200, blank=True)
    moves_open = models.BooleanField(
        default=False, help_text="The old owners’ open opportunities of these accounts go along."
    )
    effective_on = models.DateField(
        null=True, blank=True, help_text="From the beginning of that day; empty where it was done at once."
    )
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    settled_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="Done, failed, cancelled or undone.")
    failure = models.CharField(max_length=300, blank=True)

    # What came of it.
    account_count = models.PositiveIntegerField(default=0)
    left_alone = models.PositiveIntegerField(
        default=0,
        help_text="Accounts that had another owner by then than when it was planned, or were deleted.",
    )
    moved_count = models.PositiveIntegerField(default=0)
    locked_count = models.PositiveIntegerField(default=0, help_text="Open opportunities that stayed: locked.")
    assignment_ids = ArrayField(
        models.BigIntegerField(),
        default=list,
        blank=True,
        help_text="The assignments that it made, for Undo.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-made_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=~Q(state="planned") | Q(effective_on__isnull=False),
                name="account_transfer_planned_for_a_day",
            ),
            models.CheckConstraint(
                condition=Q(state="planned", settled_at__isnull=True)
                | (~Q(state="planned") & Q(settled_at__isnull=False)),
                name="account_transfer_settled_when",
            ),
        )
        indexes = (
            models.Index(
                fields=["effective_on", "id"], condition=Q(state="planned"), name="account_transfer_due"
            ),
        )

    def __str__(self) -> str:
        return f"Transfer {self.pk}"


class AccountTransferItem(models.Model):
    """One account of a planned transfer: to whom, and from whom it was planned. Another owner by then is left alone."""

    transfer = models.ForeignKey(AccountTransfer, on_delete=models.CASCADE, related_name="items")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="planned_transfers")
    from_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    to_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["transfer", "account"], name="account_transfer_item_once"),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.from_rep} → {self.to_rep}"


class AccountOwnerChange(models.Model):
    """An account got another owner. A trigger of the database writes it, so that no way of writing is missed, and
    refuses to change or delete it; who and why come from `crm.services.account_owners.owners_changed_by`.

    The row outlives its account: what happened stays known when the account is deleted.
    """

    class Source(models.TextChoices):
        FORM = "form", "on the account’s page"
        API = "api", "over the API"
        IMPORT = "import", "with an import"
        TRANSFER = "transfer", "by a transfer"
        UNDO = "undo", "by undoing a transfer"
        OTHER = "other", "outside these pages"

    account = models.ForeignKey(
        Account, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="owner_changes"
    )
    from_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    to_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=10, choices=Source)
    made_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    transfer = models.ForeignKey(
        AccountTransfer, null=True, blank=True, on_delete=models.PROTECT, related_name="changes"
    )
    import_run = models.ForeignKey(
        ImportRun, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.from_rep or 'nobody'} → {self.to_rep or 'nobody'}"
