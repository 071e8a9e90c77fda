"""Transfers of accounts that were made, planned or failed: who gave how many to whom, and account by account."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from crm.models import AccountOwnerChange, AccountTransfer, AccountTransferItem
from crm.queries.account_owners import transfers_visible_to
from reps.models import Rep, User
from reps.queries.people import SEES_EVERYBODY

State = AccountTransfer.State
NOT_DONE = (State.PLANNED, State.FAILED, State.CANCELLED)
NAMED = 3  # reps that a sentence names
WAITING_SHOWN = 50


@dataclass(frozen=True)
class TransferLine:
    """A transfer in a sentence: "12 accounts from Ana to Cara"."""

    transfer: AccountTransfer
    sentence: str
    tone: str


def waiting_transfers(user: User) -> list[TransferLine]:
    """What is planned, the next day first, and what failed and waits for a person; three queries."""
    waiting = transfers_visible_to(user).filter(state__in=(State.PLANNED, State.FAILED))
    return transfer_lines(list(waiting.order_by("effective_on", "pk")[:WAITING_SHOWN]))


def transfer_lines(transfers: Sequence[AccountTransfer]) -> list[TransferLine]:
    """Each in a sentence; three queries for any number, none where there is no transfer."""
    if not transfers:
        return []
    ids = [one.pk for one in transfers]
    flows: dict[int, list[tuple[int | None, int | None, int]]] = defaultdict(list)
    planned = AccountTransferItem.objects.filter(transfer__in=ids, transfer__state__in=NOT_DONE)
    done = AccountOwnerChange.objects.filter(transfer__in=ids, source=AccountOwnerChange.Source.TRANSFER)
    for rows in (planned, done):
        counts = rows.order_by().values_list("transfer", "from_rep", "to_rep").annotate(Count("pk"))
        for transfer_id, before, to, number in counts:
            flows[transfer_id].append((before, to, number))
    wanted = {pk for found in flows.values() for before, to, _ in found for pk in (before, to) if pk}
    names = dict(Rep.objects.filter(pk__in=wanted).values_list("pk", "name"))
    return [TransferLine(one, _sentence(one, flows[one.pk], names), _tone(one.state)) for one in transfers]


def _sentence(
    transfer: AccountTransfer, flows: Sequence[tuple[int | None, int | None, int]], names: dict[int, str]
) -> str:
    number = transfer.account_count - transfer.left_alone
    if transfer.state in NOT_DONE:
        number = sum(count for _, _, count in flows)  # without those that were deleted meanwhile
    givers, takers = _names([f[0] for f in flows], names), _names([f[1] for f in flows], names)
    what = f"{number:,} account{'' if number == 1 else 's'}"
    return f"{what} from {givers} to {takers}" if flows else what


def _names(rep_ids: Sequence[int | None], names: dict[int, str]) -> str:
    found = sorted({names[pk] if pk else "nobody" for pk in rep_ids})
    if len(found) > NAMED + 1:
        return f"{', '.join(found[:NAMED])} and {len(found) - NAMED} others"
    return " and ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else found[0]


def _tone(state: str) -> str:
    return {State.PLANNED: "accent", State.DONE: "good", State.FAILED: "bad"}.get(State(state), "")


def transfer_of(transfer: AccountTransfer, user: User) -> QuerySet[Any]:
    """Its accounts with from and to: as planned, or as they changed. Of somebody else's transfer a manager sees what
    concerns the own teams."""
    rows: QuerySet[Any] = (
        transfer.items.all()
        if transfer.state in NOT_DONE
        else transfer.changes.filter(source=AccountOwnerChange.Source.TRANSFER)
    )
    if user.role not in SEES_EVERYBODY and transfer.made_by_id != user.pk:
        teams = user.managed_teams.all()
        rows = rows.filter(Q(from_rep__team__in=teams) | Q(to_rep__team__in=teams))
    return rows.select_related("account__owner", "from_rep", "to_rep")
