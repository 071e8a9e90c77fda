"""Accounts change hands: at once or on a planned day, undone, changed, cancelled. Each in one transaction.

A transfer does exactly what was shown: it is planned again on locked rows, and where the plan is another by now nothing
is written. Opportunities are locked first, then accounts, then reps. The history is written by the database
(crm.services.account_owners); opportunities move as people's reassignments do (routing.services.overrides).
"""

import datetime
import logging
from collections import Counter
from collections.abc import Mapping

from django.db import transaction
from django.db.models import Max

from crm.models import (
    AccountOwnerChange,
    AccountTransfer,
    AccountTransferItem,
    Assignment,
    Opportunity,
)
from crm.services import ownership
from crm.services.account_owners import lock_accounts, owners_changed_by, set_owners
from reps.models import Rep, User
from routing.models import OverrideReason
from routing.queries.account_transfers import (
    Kind,
    Plan,
    Selection,
    Terms,
    make_plan,
    open_leads,
    selected,
    today_here,
)
from routing.services import outbox, overrides

log = logging.getLogger(__name__)
OVERRIDE_REASON = "Territory or account change"  # as routing.services.setup makes it
State, Source = AccountTransfer.State, AccountOwnerChange.Source


class NotAsShown(Exception):
    """Something changed since it was shown; the plan as it is now."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("Something changed since this was shown. Nothing was transferred; look again.")
        self.plan = plan


class TransferRefused(Exception):
    """What cannot be done; the message is for people."""


# --- at once, or planned ---------------------------------------------------------------------------------------------


@transaction.atomic
def transfer_accounts(
    *, selection: Selection, terms: Terms, digest: str, reason: str, by: User, at: datetime.datetime
) -> AccountTransfer:
    """Does, or plans, what was shown under this digest. Raises NotAsShown, TransferRefused; then nothing is written."""
    owners = selected(by, selection, now=at)
    at_once = terms.effective_on is None
    if at_once and terms.moves_open:
        ownership.lock_opportunities(lead.pk for lead in open_leads(owners, by))
    lock_accounts(owners)
    _refuse_who_left(terms.rep_ids)
    plan = make_plan(by, selection, terms, now=at)
    if plan.digest != digest or not plan.does_anything:
        raise NotAsShown(plan)
    transfer = AccountTransfer.objects.create(
        kind=terms.kind,
        balance=terms.balance if terms.kind == Kind.SHARE else "",
        state=State.DONE if at_once else State.PLANNED,
        reason=reason[:200],
        moves_open=terms.moves_open and terms.kind != Kind.RELEASE,
        effective_on=terms.effective_on,
        made_by=by,
        made_at=at,
        settled_by=by if at_once else None,
        settled_at=at if at_once else None,
        account_count=len(plan.moves),
    )
    if at_once:
        _carry_out(transfer, {pk: to for pk, (_, to) in plan.moves.items()}, plan.opportunities, by, at)
        _keep(transfer, locked_count=plan.locked)
    else:
        _write_items(transfer, plan)
    return transfer


def _refuse_who_left(rep_ids: tuple[int, ...]) -> None:
    """Locks the new owners, so that nobody leaves meanwhile."""
    reps = ownership.lock_reps(rep_ids)
    for rep_id in rep_ids:
        rep = reps.get(rep_id)
        if rep is None or not rep.is_active:
            name = rep.name if rep else "One of the reps"
            raise TransferRefused(f"{name} has left and can own no accounts. Choose somebody else.")


def _write_items(transfer: AccountTransfer, plan: Plan) -> None:
    AccountTransferItem.objects.bulk_create(
        (
            AccountTransferItem(transfer=transfer, account_id=pk, from_rep_id=before, to_rep_id=to)
            for pk, (before, to) in plan.moves.items()
        ),
        batch_size=5_000,
    )


def _carry_out(
    transfer: AccountTransfer,
    owners: Mapping[int, int | None],
    opportunities: Mapping[int, int],
    by: User,
    at: datetime.datetime,
) -> None:
    """Writes owners and moves opportunities; the rows are locked."""
    with owners_changed_by(
        source=Source.TRANSFER, by=transfer.made_by, at=at, reason=transfer.reason, transfer=transfer
    ):
        set_owners(owners=owners, at=at)
    note = f"Named accounts: {transfer.reason}" if transfer.reason else "Named accounts"
    made = _move(opportunities, transfer.made_by, at, note)
    _keep(transfer, moved_count=len(made), assignment_ids=[one.pk for one in made])
    _tell_new_owners(transfer, owners, opportunities, by, at)


def _move(opportunities: Mapping[int, int], by: User, at: datetime.datetime, note: str) -> list[Assignment]:
    if not opportunities:
        return []
    reason = OverrideReason.objects.filter(label=OVERRIDE_REASON).first()
    return overrides.reassign_each(to=opportunities, by=by, at=at, reason=reason, note=note)


def _keep(transfer: AccountTransfer, **values: object) -> None:
    for name, value in values.items():
        setattr(transfer, name, value)
    transfer.save(update_fields=[*values, "updated_at"])


def _tell_new_owners(
    transfer: AccountTransfer,
    owners: Mapping[int, int | None],
    opportunities: Mapping[int, int],
    by: User,
    at: datetime.datetime,
) -> None:
    accounts, leads = Counter(owners.values()), Counter(opportunities.values())
    for rep_id, number in sorted((rep_id, n) for rep_id, n in accounts.items() if rep_id is not None):
        text = f"{transfer.made_by.name} gave you {number:,} named account{'' if number == 1 else 's'}"
        if leads[rep_id]:
            what = "opportunity" if leads[rep_id] == 1 else "opportunities"
            text += f" with {leads[rep_id]:,} open {what}"
        outbox.tell(
            "accounts.given",
            {
                "rep_id": rep_id,
                "transfer_id": transfer.pk,
                "text": f"{text}: {transfer.reason or 'transfer'}.",
            },
            at=at,
        )


# --- on its day ------------------------------------------------------------------------------------------------------


def do_planned(*, at: datetime.datetime) -> int:
    """Does the planned transfers whose day has begun in the organisation's time zone; returns how many were settled.
    Several workers may run it: each transfer is claimed by its row's lock and done once."""
    due = AccountTransfer.objects.filter(state=State.PLANNED, effective_on__lte=today_here(at))
    settled = 0
    for pk in list(due.order_by("effective_on", "pk").values_list("pk", flat=True)):
        try:
            settled += _do_one(pk, at)
        except Exception:
            log.exception("planned transfer %s could not be done; the next sweep tries it again", pk)
    return settled


@transaction.atomic
def _do_one(transfer_id: int, at: datetime.datetime) -> bool:
    planned = AccountTransfer.objects.select_related("made_by").filter(pk=transfer_id, state=State.PLANNED)
    due = planned.filter(effective_on__lte=today_here(at))  # it may have been put off meanwhile
    transfer = due.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
    if transfer is None:
        return False
    items = {item.account_id: item for item in transfer.items.order_by("account_id")}
    leads = open_leads(items, transfer.made_by) if transfer.moves_open else []
    locked = ownership.lock_opportunities(lead.pk for lead in leads)
    present = lock_accounts(items)
    try:
        _refuse_who_left(tuple({item.to_rep_id for item in items.values() if item.to_rep_id is not None}))
    except TransferRefused as refusal:
        _fail(transfer, str(refusal), at)
        return True
    owners = {
        pk: item.to_rep_id for pk, item in items.items() if pk in present and present[pk] == item.from_rep_id
    }
    # Again, on the locked rows; what came in since then is the account's new owner's already.
    again = open_leads(owners, transfer.made_by) if locked else []
    leads = [lead for lead in again if lead.pk in locked]
    moving = {lead.pk: owners[lead.account_id] or 0 for lead in leads if not lead.is_locked}
    _keep(
        transfer,
        state=State.DONE,
        settled_at=at,
        left_alone=transfer.account_count - len(owners),
        locked_count=sum(lead.is_locked for lead in leads),
    )
    _carry_out(transfer, owners, moving, transfer.made_by, at)
    return True


def _fail(transfer: AccountTransfer, why: str, at: datetime.datetime) -> None:
    """Not done, and those who can mend it are told."""
    _keep(transfer, state=State.FAILED, settled_at=at, failure=why[:300])
    day = f"{transfer.effective_on:%-d %b %Y}"
    number = transfer.account_count
    what = f"{number:,} named account{'' if number == 1 else 's'}"
    text = f"The transfer of {what} planned for {day} was not done: {why}"
    outbox.tell(
        "accounts.transfer_failed",
        {"transfer_id": transfer.pk, "user_id": transfer.made_by_id, "text": text},
        at=at,
    )


# --- before its day --------------------------------------------------------------------------------------------------


@transaction.atomic
def change_planned(
    *,
    transfer_id: int,
    effective_on: datetime.date,
    reason: str,
    moves_open: bool,
    rep: Rep | None,
    at: datetime.datetime,
) -> AccountTransfer:
    """Another day, reason or (of one given to one rep) rep; one that failed is planned anew. Raises TransferRefused."""
    transfer = _lock(transfer_id, State.PLANNED, State.FAILED)
    if effective_on <= today_here(at):
        raise TransferRefused("The day must be after today.")
    if rep is not None and transfer.kind == Kind.GIVE:
        transfer.items.update(to_rep=rep)
    targets = transfer.items.filter(to_rep__isnull=False).order_by("to_rep").values_list("to_rep", flat=True)
    _refuse_who_left(tuple(pk for pk in targets.distinct() if pk is not None))
    _keep(
        transfer,
        state=State.PLANNED,
        settled_at=None,
        settled_by=None,
        failure="",
        effective_on=effective_on,
        reason=reason[:200],
        moves_open=moves_open and transfer.kind != Kind.RELEASE,
    )
    return transfer


@transaction.atomic
def cancel_planned(*, transfer_id: int, by: User, at: datetime.datetime) -> AccountTransfer:
    """It is not done; a failed one leaves the list of what needs a look. Raises TransferRefused."""
    transfer = _lock(transfer_id, State.PLANNED, State.FAILED)
    _keep(transfer, state=State.CANCELLED, settled_at=at, settled_by=by)
    return transfer


def _lock(transfer_id: int, *states: AccountTransfer.State) -> AccountTransfer:
    transfer = AccountTransfer.objects.select_for_update(no_key=True).get(pk=transfer_id)
    if transfer.state not in states:
        raise TransferRefused(f"This transfer is {transfer.get_state_display().lower()} already.")
    return transfer


# --- undone ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def undo_transfer(*, transfer_id: int, by: User, at: datetime.datetime) -> tuple[int, int]:
    """Gives accounts back to their previous owners where nobody changed them since, and the opportunities that went
    along where they are open, unlocked and still with the new owner and the previous one is here.

    Returns how many accounts went back and how many stayed. Raises TransferRefused.
    """
    transfer = _lock(transfer_id, State.DONE)
    changes = {one.account_id or 0: one for one in transfer.changes.filter(source=Source.TRANSFER)}
    assignments = Assignment.objects.filter(pk__in=transfer.assignment_ids, ended_at__isnull=True)
    ownership.lock_opportunities(assignments.values_list("opportunity_id", flat=True))
    present = lock_accounts(changes)
    newest = dict(
        AccountOwnerChange.objects.filter(account__in=list(present))
        .order_by()
        .values_list("account")
        .annotate(Max("pk"))
    )
    back = {pk: one.from_rep_id for pk, one in changes.items() if newest.get(pk) == one.pk}
    with owners_changed_by(
        source=Source.UNDO, by=by, at=at, reason=f"Undone: {transfer.reason}", transfer=transfer
    ):
        set_owners(owners=back, at=at)
    _move_back(transfer, back, by, at)
    _keep(transfer, state=State.UNDONE, settled_by=by, settled_at=at)
    return len(back), transfer.account_count - transfer.left_alone - len(back)


def _move_back(
    transfer: AccountTransfer, back: Mapping[int, int | None], by: User, at: datetime.datetime
) -> None:
    previous = {rep_id for rep_id in back.values() if rep_id is not None}
    here = set(Rep.objects.filter(pk__in=previous, left_at__isnull=True).values_list("pk", flat=True))
    still = Opportunity.objects.filter(
        assignments__in=Assignment.objects.filter(pk__in=transfer.assignment_ids, ended_at__isnull=True),
        stage=Opportunity.Stage.OPEN,
        is_locked=False,
        account__in=list(back),
    )
    to = {pk: back[account_id] or 0 for pk, account_id in still.values_list("pk", "account_id") if account_id}
    _move(
        {pk: rep_id for pk, rep_id in to.items() if rep_id in here},
        by,
        at,
        "Transfer of named accounts undone",
    )
