"""What a transfer of accounts would do, before it is done: from whom to whom, which opportunities, whose load.

The plan is made from what is stored at that moment. Its digest covers everything that would be written; the service
makes the plan again on locked rows and writes only where the digest is the one that was shown.
"""

import datetime
import hashlib
import json
import zoneinfo
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, F

from crm.models import Account, AccountOwnerChange, AccountTransfer, AccountTransferItem, Opportunity
from crm.queries.account_owners import with_people
from crm.queries.opportunities import opportunities_visible_to
from crm.queries.records import accounts_visible_to
from reps.models import Rep, User
from reps.queries.people import organisation
from routing.queries.loads import LoadChange, changed_loads
from territories.engine.sharing import Holding, share_by_number, share_by_value
from territories.queries.named_accounts import NamedSearch, named_matching, owner_states

SHOWN = 20  # accounts, changes and flows that a page names; the rest is counted

Kind, Balance = AccountTransfer.Kind, AccountTransfer.Balance


@dataclass(frozen=True)
class Selection:
    """Which accounts: those with these ids, or all that the search means. `seen` is the newest change of an owner
    that the person could know of."""

    ids: tuple[int, ...] = ()
    search: NamedSearch | None = None
    seen: int = 0


@dataclass(frozen=True)
class Terms:
    """What is to happen to them. `effective_on` None: at once."""

    kind: str
    rep_ids: tuple[int, ...] = ()
    balance: str = ""
    effective_on: datetime.date | None = None
    moves_open: bool = False


@dataclass(frozen=True)
class Lead:
    """An open opportunity that the account's owner has."""

    pk: int
    account_id: int
    is_locked: bool
    value: Decimal


@dataclass(frozen=True)
class RepEffect:
    """A rep's accounts and load, before and after."""

    load: LoadChange
    accounts_before: int
    accounts_after: int


@dataclass(frozen=True)
class Plan:
    """Account → (from, to), of those that would change; opportunity → to."""

    moves: dict[int, tuple[int | None, int | None]]
    opportunities: dict[int, int]
    locked: int
    unchanged: int
    changed_since: list[AccountOwnerChange]
    changed_count: int
    digest: str = ""

    @property
    def does_anything(self) -> bool:
        return bool(self.moves)


@dataclass(frozen=True)
class Shown:
    """A plan in the words of a page."""

    plan: Plan
    flows: list[tuple[Rep | None, Rep | None, int]]
    more_flows: int
    effects: list[RepEffect]
    more_effects: int
    warnings: list[str] = field(default_factory=list)


# --- the plan --------------------------------------------------------------------------------------------------------


def selected(user: User, selection: Selection, *, now: datetime.datetime) -> dict[int, int | None]:
    """Account → present owner, of those that are meant and that the user sees."""
    if selection.search is not None:
        found = named_matching(user, selection.search, now=now)
    else:
        found = accounts_visible_to(user).filter(pk__in=selection.ids)
    return dict(found.select_related(None).order_by("pk").values_list("pk", "owner_id"))


def open_leads(account_ids: Collection[int], user: User) -> list[Lead]:
    """The open opportunities of these accounts that their owners have, as far as the user sees them."""
    visible = opportunities_visible_to(user).filter(stage=Opportunity.Stage.OPEN, owner=F("account__owner"))
    rows = visible.filter(account__in=list(account_ids)).order_by("pk")
    return [
        Lead(pk, account_id, is_locked, value or Decimal(0))
        for pk, account_id, is_locked, value in rows.values_list(
            "pk", "account_id", "is_locked", "value_base"
        )
    ]


def make_plan(user: User, selection: Selection, terms: Terms, *, now: datetime.datetime) -> Plan:
    owners = selected(user, selection, now=now)
    changes = _changes_since(owners, selection.seen)
    for change in changes:
        owners.pop(change.account_id or 0, None)
    leads = open_leads(owners, user)
    targets = _targets(owners, leads, terms)
    moves = {pk: (owners[pk], to) for pk, to in targets.items() if owners[pk] != to}
    moving: dict[int, int] = {}
    locked = 0
    if terms.moves_open and terms.kind != Kind.RELEASE:
        ours = [lead for lead in leads if lead.account_id in moves]
        locked = sum(lead.is_locked for lead in ours)
        moving = {lead.pk: moves[lead.account_id][1] or 0 for lead in ours if not lead.is_locked}
    return Plan(
        moves=moves,
        opportunities=moving,
        locked=locked,
        unchanged=len(targets) - len(moves),
        changed_since=changes[:SHOWN],
        changed_count=len(changes),
        digest=_digest(moves, moving, terms),
    )


def _changes_since(owners: dict[int, int | None], seen: int) -> list[AccountOwnerChange]:
    """The newest change of each account that got another owner since; one query unless much has changed."""
    newer = AccountOwnerChange.objects.filter(pk__gt=seen, account__in=list(owners))
    newest = {one.account_id: one for one in with_people(newer).select_related("account").order_by("pk")}
    return sorted(newest.values(), key=lambda one: one.pk)


def _targets(owners: dict[int, int | None], leads: Sequence[Lead], terms: Terms) -> dict[int, int | None]:
    if terms.kind == Kind.RELEASE:
        return dict.fromkeys(owners)
    if terms.kind == Kind.GIVE:
        return dict.fromkeys(owners, terms.rep_ids[0])
    values: dict[int, Decimal] = defaultdict(Decimal)
    for lead in leads:
        values[lead.account_id] += lead.value
    holdings = [Holding(pk, values[pk]) for pk in owners]
    share = share_by_value if terms.balance == Balance.PIPELINE else share_by_number
    return dict(share(holdings, terms.rep_ids))


def _digest(moves: dict[int, tuple[int | None, int | None]], moving: dict[int, int], terms: Terms) -> str:
    """Of what would be written. What moves along on a planned day is found on that day."""
    at_once = terms.effective_on is None
    content = [sorted(moves.items()), sorted(moving.items()) if at_once else terms.moves_open]
    text = json.dumps([*content, str(terms.effective_on)])
    return hashlib.sha256(text.encode()).hexdigest()


# --- in words --------------------------------------------------------------------------------------------------------


def shown(plan: Plan, terms: Terms, *, now: datetime.datetime) -> Shown:
    """From whom to whom, the loads of those concerned (the new owners first), and what to look at."""
    counts = Counter(plan.moves.values())
    gains: Counter[int] = Counter()
    for (before, to), number in counts.items():
        for rep_id, change in ((before, -number), (to, number)):
            if rep_id is not None:
                gains[rep_id] += change
    loads = _load_changes(plan)
    concerned = sorted(set(gains) | set(loads) | set(terms.rep_ids), key=lambda pk: (-gains[pk], pk))
    reps = {
        rep.pk: rep for rep in Rep.objects.filter(pk__in=concerned).select_related("team", "role_template")
    }
    flows = [
        (reps.get(before or 0), reps.get(to or 0), number) for (before, to), number in counts.most_common()
    ]
    named = concerned[:SHOWN]
    effects = _effects([reps[pk] for pk in named], gains, loads)
    targets = [reps[pk] for pk in terms.rep_ids if pk in reps]
    beyond = [one for one in effects if one.load.rep in targets and one.load.is_beyond]
    return Shown(
        plan=plan,
        flows=flows[:SHOWN],
        more_flows=len(flows[SHOWN:]),
        effects=effects,
        more_effects=len(concerned) - len(named),
        warnings=[*_about(targets, now), *_past_maximum(beyond), *_planned_already(plan)],
    )


def _load_changes(plan: Plan) -> Counter[int]:
    change: Counter[int] = Counter()
    before = dict(Opportunity.objects.filter(pk__in=list(plan.opportunities)).values_list("pk", "owner_id"))
    for pk, to in plan.opportunities.items():
        change[to] += 1
        change[before.get(pk) or 0] -= 1
    return change


def _effects(reps: Sequence[Rep], gains: Counter[int], loads: Counter[int]) -> list[RepEffect]:
    found = Account.objects.filter(owner__in=reps).order_by().values_list("owner").annotate(Count("pk"))
    owned = {rep_id: number for rep_id, number in found if rep_id is not None}
    return [
        RepEffect(load, owned.get(rep.pk, 0), owned.get(rep.pk, 0) + gains[rep.pk])
        for rep, load in zip(reps, changed_loads(reps, loads), strict=True)
    ]


def _about(targets: Sequence[Rep], now: datetime.datetime) -> list[str]:
    states = owner_states(targets, now=now)
    return [f"{rep.name} is {states[rep.pk].words}." for rep in targets if rep.pk in states]


def _past_maximum(effects: Sequence[RepEffect]) -> list[str]:
    said = []
    for one in effects:
        rep, after = one.load.rep, one.load.after
        was = "is past the maximum already" if one.load.before == after else "would be past the maximum"
        said.append(
            f"{rep.name} {was}: {after} of {rep.max_open} open. You may do it; what comes in for the accounts "
            "goes there all the same, anything else no longer."
        )
    return said


def _planned_already(plan: Plan) -> list[str]:
    planned = AccountTransferItem.objects.filter(transfer__state=AccountTransfer.State.PLANNED)
    mine = planned.filter(account__in=list(plan.moves))
    days = [day for day in mine.values_list("transfer__effective_on", flat=True) if day is not None]
    if not days:
        return []
    number, first = len(days), min(days)
    what = "1 account is" if number == 1 else f"{number:,} accounts are"
    return [
        f"{what} in a planned transfer already, the first on {first:%-d %b %Y}. Whichever comes first counts; "
        "the other leaves alone what has another owner by then."
    ]


# --- days ------------------------------------------------------------------------------------------------------------


def today_here(now: datetime.datetime) -> datetime.date:
    """The day in the organisation's time zone: planned transfers begin with it."""
    return now.astimezone(zoneinfo.ZoneInfo(organisation().time_zone)).date()
