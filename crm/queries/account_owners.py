"""The history of an account's owners, and which transfers a user may see and undo."""

from django.db.models import Max, Q, QuerySet

from crm.models import Account, AccountOwnerChange, AccountTransfer, AccountTransferItem
from reps.models import User
from reps.queries.people import SEES_EVERYBODY


def owner_changes_of(account: Account, *, limit: int = 20) -> list[AccountOwnerChange]:
    """The newest first; one query."""
    return list(with_people(AccountOwnerChange.objects.filter(account=account))[:limit])


def planned_for(account: Account) -> AccountTransferItem | None:
    """The next planned transfer of the account."""
    found = AccountTransferItem.objects.filter(account=account, transfer__state=AccountTransfer.State.PLANNED)
    return found.select_related("to_rep", "transfer").order_by("transfer__effective_on", "pk").first()


def with_people(changes: QuerySet[AccountOwnerChange]) -> QuerySet[AccountOwnerChange]:
    return changes.select_related("from_rep", "to_rep", "made_by", "transfer", "import_run")


def newest_change() -> int:
    """The id of the newest change of any owner: what a page that is shown now knows of."""
    return AccountOwnerChange.objects.aggregate(newest=Max("pk"))["newest"] or 0


def transfers_visible_to(user: User) -> QuerySet[AccountTransfer]:
    """All for ops, analysts and admins; a manager's own, and those from or to the own teams' reps."""
    transfers = AccountTransfer.objects.select_related("made_by", "settled_by")
    if user.role in SEES_EVERYBODY:
        return transfers
    teams = user.managed_teams.all()
    concerned = Q(from_rep__team__in=teams) | Q(to_rep__team__in=teams)
    planned = AccountTransferItem.objects.filter(concerned).values("transfer")
    done = AccountOwnerChange.objects.filter(concerned, transfer__isnull=False).values("transfer")
    return transfers.filter(Q(made_by=user) | Q(pk__in=planned) | Q(pk__in=done))


def transfers_managed_by(user: User) -> QuerySet[AccountTransfer]:
    """Those that the user may change, cancel or undo: a manager the own ones, ops and admins all."""
    transfers = transfers_visible_to(user)
    return transfers.filter(made_by=user) if user.role == User.Role.MANAGER else transfers
