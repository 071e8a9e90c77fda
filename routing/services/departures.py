"""A rep leaves: open opportunities, named accounts, rules and territories find somebody else in one transaction.

Locking as everywhere: opportunities, then accounts, then reps, each in rising order of id. What is live is published
without the rep, whatever else is being worked on; the draft gets the same change.
"""

import datetime
from collections import Counter
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.models import Opportunity
from crm.queries.account_owners import newest_change
from crm.services import ownership
from crm.services.account_owners import lock_accounts
from reps.models import Absence, Rep, User
from reps.queries.people import not_over
from reps.services.people import set_user_active
from reps.services.profiles import save_rep
from routing.engine.departure import without_rep
from routing.models import ConfigurationVersion, Departure, Rule
from routing.queries.account_transfers import Selection
from routing.queries.departures import (
    Choices,
    DeparturePlan,
    Ties,
    coverage_of,
    plan_departure,
    rules_naming,
    ties_of,
)
from routing.services import outbox, overrides
from routing.services.account_transfers import NotAsShown, TransferRefused, transfer_accounts
from routing.services.configuration import publish_change_of_live
from routing.services.queue import free_capacity
from territories.models import Territory
from territories.queries.named_accounts import NamedSearch


class DepartureChanged(Exception):
    """Something changed since it was shown; nothing was done."""


class DepartureRefused(Exception):
    """What cannot be done; the message is for people."""


@transaction.atomic
def let_go(
    *, rep_id: int, choices: Choices, digest: str, by: User, at: datetime.datetime, reason: str = ""
) -> Departure:
    """Does what was shown under this digest. Raises DepartureChanged, DepartureRefused; then nothing is written."""
    rep = _locked(rep_id, choices)
    ties = ties_of(rep, at)
    plan = plan_departure(ties, choices, by=by, now=at)
    if plan.digest != digest:
        raise DepartureChanged("Something changed since this was shown. Nothing was done; look again.")
    _give_accounts(plan, choices, by, at, reason)
    _give_opportunities(plan, by, at)
    version = _leave_configuration(plan, choices, by, at)
    standing_in = Absence.objects.filter(not_over(at), covering=rep)
    standing_in.update(covering=None)
    _close_sign_in(rep, choices, by)
    rep = Rep.objects.get(pk=rep.pk)  # the load is another by now
    rep.left_at = at
    save_rep(rep=rep, by=by)
    outbox.tell("rep.away", {"rep_id": rep.pk}, at=at)
    free_capacity(at)
    return Departure.objects.create(
        rep=rep, made_by=by, made_at=at, reason=reason[:200], lines=list(plan.lines), version=version
    )


def _locked(rep_id: int, choices: Choices) -> Rep:
    """The rep, with everything that changes hands locked. Raises DepartureRefused."""
    mine = Opportunity.objects.filter(owner=rep_id, stage=Opportunity.Stage.OPEN)
    ownership.lock_opportunities(mine.values_list("pk", flat=True))
    lock_accounts(Rep.objects.get(pk=rep_id).accounts.values_list("pk", flat=True))
    reps = ownership.lock_reps([rep_id, *choices.rep_ids])
    rep = reps[rep_id]
    if not rep.is_active:
        raise DepartureRefused(f"{rep} has left already.")
    for one in choices.rep_ids:
        if one == rep_id or one not in reps or not reps[one].is_active:
            name = reps[one].name if one in reps else "One of them"
            raise DepartureRefused(f"{name} cannot take anything over. Choose somebody else.")
    return rep


def _give_accounts(
    plan: DeparturePlan, choices: Choices, by: User, at: datetime.datetime, reason: str
) -> None:
    if plan.accounts is None or not plan.accounts.does_anything:
        return
    name = plan.ties.rep.name
    try:
        transfer_accounts(
            selection=Selection(search=NamedSearch(owner_id=plan.ties.rep.pk), seen=newest_change()),
            terms=choices.terms,
            digest=plan.accounts.digest,
            reason=f"{name} left{f': {reason}' if reason else ''}",
            by=by,
            at=at,
        )
    except NotAsShown as changed:
        raise DepartureChanged(str(changed)) from changed
    except TransferRefused as refused:
        raise DepartureRefused(str(refused)) from refused


def _give_opportunities(plan: DeparturePlan, by: User, at: datetime.datetime) -> None:
    name = plan.ties.rep.name
    if plan.moves:
        overrides.reassign_each(to=plan.moves, by=by, at=at, reason=None, note=f"{name} left")
        _tell_new_owners(plan.moves, name, at)
    for opportunity in ownership.lock_opportunities(plan.routed).values():
        ownership.unassign(opportunity=opportunity, at=at)


def _tell_new_owners(moves: Mapping[int, int], name: str, at: datetime.datetime) -> None:
    for rep_id, number in Counter(moves.values()).items():
        what = "1 opportunity is" if number == 1 else f"{number:,} opportunities are"
        text = f"{what} yours from {name}, who has left."
        outbox.tell("opportunities.given", {"rep_id": rep_id, "text": text, "path": "/my-work/"}, at=at)


# --- rules and territories -------------------------------------------------------------------------------------------


def _leave_configuration(
    plan: DeparturePlan, choices: Choices, by: User, at: datetime.datetime
) -> ConfigurationVersion | None:
    """The draft and what is live without the rep; a new version only where the live one names him."""
    _leave_draft(plan.ties, choices)
    if not plan.without.changed:
        return None
    return publish_change_of_live(
        change=lambda content: (
            without_rep(
                content,
                plan.ties.rep.pk,
                rules_to=choices.rules_to,
                territories_to=choices.territories_to,
            ).content
        ),
        by=by,
        at=at,
        note=f"{plan.ties.rep} left",
    )


def _leave_draft(ties: Ties, choices: Choices) -> None:
    rep = ties.rep
    for rule in rules_naming(rep):
        if rule.action == Rule.Action.ROUTE_TO_REP:
            if choices.rules_to is None:
                rule.is_active = False
            else:
                rule.rep_id = choices.rules_to
        else:
            rule.excluded.remove(rep)
            rule.is_active = rule.is_active and rule.excluded.exists()
        rule.save()
    for cover in coverage_of(rep):
        to = choices.territories_to
        same = {"territory": cover.territory_id, "starts_on": cover.starts_on, "ends_on": cover.ends_on}
        if to is None or type(cover).objects.filter(rep=to, **same).exists():
            cover.delete()
        else:
            cover.rep_id = to
            cover.save()
        Territory.objects.get(pk=cover.territory_id).save(
            update_fields=["updated_at"]
        )  # a second editor is told


# --- the sign-in, and coming back ------------------------------------------------------------------------------------


def _close_sign_in(rep: Rep, choices: Choices, by: User) -> None:
    user = rep.user
    if user is None or not choices.closes_sign_in or not user.is_active:
        return
    try:
        set_user_active(user=user, is_active=False, by=by)
    except ValidationError as refusal:
        raise DepartureRefused(" ".join(refusal.messages)) from refusal


@transaction.atomic
def take_back(*, rep_id: int, by: User, at: datetime.datetime) -> Rep:
    """The rep is here again, with nothing open; what went to others stays with them. Raises DepartureRefused."""
    rep = ownership.lock_reps([rep_id])[rep_id]
    if rep.is_active:
        raise DepartureRefused(f"{rep} is here.")
    rep.left_at = None
    save_rep(rep=rep, by=by)
    if rep.user is not None and not rep.user.is_active:
        set_user_active(user=rep.user, is_active=True, by=by)
    Departure.objects.filter(rep=rep, returned_at__isnull=True).update(returned_at=at, returned_by=by)
    free_capacity(at)
    return rep
