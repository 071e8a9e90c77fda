"""What names a rep, and what a departure would do with it, before it is done.

The plan is made from what is stored at that moment; its digest covers everything that would be written. The service
makes the plan again on locked rows and writes only where the digest is the one that was shown.
"""

import datetime
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.db.models import Q

from crm.models import Account, AccountTransfer, AccountTransferItem, Opportunity
from crm.queries.account_owners import newest_change
from reps.models import Absence, Rep, Team, User
from reps.queries.people import not_over
from routing.engine.departure import WithoutRep, without_rep
from routing.models import Departure, QueueItem, Rule
from routing.queries.account_transfers import Kind, Plan, Selection, Terms, make_plan
from routing.queries.configuration import live_version
from routing.queries.loads import LoadChange, changed_loads
from territories.engine.sharing import Holding, share_by_number
from territories.models import Coverage
from territories.queries.named_accounts import NamedSearch, owner_states

ROUTE, GIVE, SHARE = "route", "give", "share"


@dataclass(frozen=True)
class Choices:
    """What is to become of what. Reps by id; of rules and territories None means nobody."""

    opportunities: str = ROUTE
    opportunities_to: int | None = None
    locked_to: int | None = None
    among: tuple[int, ...] = ()
    accounts: str = Kind.RELEASE
    accounts_to: int | None = None
    rules_to: int | None = None
    territories_to: int | None = None
    closes_sign_in: bool = True

    @property
    def terms(self) -> Terms:
        to = () if self.accounts_to is None else (self.accounts_to,)
        reps = {Kind.GIVE: to, Kind.SHARE: self.among}.get(Kind(self.accounts), ())
        return Terms(kind=self.accounts, rep_ids=reps, balance="number")

    @property
    def rep_ids(self) -> set[int]:
        """Everybody who gets something."""
        named = {
            self.opportunities_to,
            self.locked_to,
            self.rules_to,
            self.territories_to,
            *self.terms.rep_ids,
        }
        if self.opportunities == SHARE:
            named |= set(self.among)
        return {rep_id for rep_id in named if rep_id is not None}


@dataclass(frozen=True)
class Lead:
    pk: int
    is_locked: bool
    value: Decimal


@dataclass(frozen=True)
class Ties:
    """Everything that names the rep now. `live` is the configuration that decides; the draft may name more."""

    rep: Rep
    leads: Sequence[Lead]
    account_ids: Sequence[int]
    live: WithoutRep
    draft_routes: Sequence[str]
    draft_exclusions: Sequence[str]
    draft_territories: Sequence[str]
    stands_in_for: Sequence[str]
    leads_alone: Sequence[str]
    suggested: int
    planned: int

    @cached_property
    def locked(self) -> list[Lead]:
        return [lead for lead in self.leads if lead.is_locked]

    @property
    def value(self) -> Decimal:
        return sum((lead.value for lead in self.leads), Decimal(0))

    @property
    def routes(self) -> list[str]:
        return sorted({*self.live.routes, *self.draft_routes})

    @property
    def exclusions(self) -> list[str]:
        return sorted({*self.live.exclusions, *self.draft_exclusions})

    @property
    def territories(self) -> list[str]:
        return sorted({*self.live.territories, *self.draft_territories})

    @property
    def is_free(self) -> bool:
        return not (self.leads or self.account_ids or self.routes or self.exclusions or self.territories)


@dataclass(frozen=True)
class DeparturePlan:
    """Opportunity → new owner; those decided anew; the plan of the accounts; the configuration without the rep."""

    ties: Ties
    moves: dict[int, int]
    routed: list[int]
    accounts: Plan | None
    without: WithoutRep
    loads: Sequence[LoadChange]
    lines: Sequence[str]
    warnings: Sequence[str]
    digest: str


def ties_of(rep: Rep, now: datetime.datetime) -> Ties:
    """A fixed number of queries."""
    leads = Opportunity.objects.filter(owner=rep, stage=Opportunity.Stage.OPEN).order_by("pk")
    covers = Absence.objects.filter(not_over(now), covering=rep)
    planned = AccountTransferItem.objects.filter(transfer__state=AccountTransfer.State.PLANNED, to_rep=rep)
    pending = QueueItem.objects.filter(rep=rep, state=QueueItem.State.PENDING)
    rules = [rule for rule in rules_naming(rep) if rule.is_active]
    return Ties(
        rep=rep,
        leads=[
            Lead(pk, locked, value or Decimal(0))
            for pk, locked, value in leads.values_list("pk", "is_locked", "value_base")
        ],
        account_ids=list(Account.objects.filter(owner=rep).order_by("pk").values_list("pk", flat=True)),
        live=without_rep(live_version().content, rep.pk),
        draft_routes=[rule.name for rule in rules if rule.rep_id == rep.pk],
        draft_exclusions=[rule.name for rule in rules if rule.rep_id != rep.pk],
        draft_territories=sorted(set(coverage_of(rep).values_list("territory__name", flat=True))),
        stands_in_for=sorted(set(covers.values_list("rep__name", flat=True))),
        leads_alone=_led_alone(rep),
        suggested=pending.count(),
        planned=planned.count(),
    )


def rules_naming(rep: Rep) -> list[Rule]:
    """Of the draft, switched off ones too."""
    return list(Rule.objects.filter(Q(rep=rep) | Q(excluded=rep)).distinct().order_by("position"))


def coverage_of(rep: Rep):  # type: ignore[no-untyped-def]
    """The rows of the draft in which the rep covers a territory."""
    return Coverage.objects.filter(rep=rep).select_related("territory").order_by("pk")


def _led_alone(rep: Rep) -> list[str]:
    """Teams that nobody else looks after."""
    if rep.user_id is None:
        return []
    led = Team.objects.filter(managers=rep.user_id).prefetch_related("managers")
    return [team.name for team in led if {user.pk for user in team.managers.all()} == {rep.user_id}]


def plan_departure(ties: Ties, choices: Choices, *, by: User, now: datetime.datetime) -> DeparturePlan:
    """What these choices would do."""
    moves = _moves(ties, choices)
    routed = [lead.pk for lead in ties.leads if lead.pk not in moves]
    accounts = None
    if ties.account_ids:
        chosen = Selection(search=NamedSearch(owner_id=ties.rep.pk), seen=newest_change())
        accounts = make_plan(by, chosen, choices.terms, now=now)
    without = without_rep(
        live_version().content, ties.rep.pk, rules_to=choices.rules_to, territories_to=choices.territories_to
    )
    names = dict(Rep.objects.filter(pk__in=choices.rep_ids).values_list("pk", "name"))
    loads = _loads(moves)
    return DeparturePlan(
        ties=ties,
        moves=moves,
        routed=routed,
        accounts=accounts,
        without=without,
        loads=loads,
        lines=_lines(ties, choices, moves, routed, names),
        warnings=_warnings(ties, choices, loads, now),
        digest=_digest(ties, moves, routed, accounts, without, choices),
    )


def _moves(ties: Ties, choices: Choices) -> dict[int, int]:
    """Who gets what by name. Locked ones go too: a person decides here, and they stay locked."""
    if choices.opportunities == GIVE and choices.opportunities_to is not None:
        return {lead.pk: choices.opportunities_to for lead in ties.leads}
    if choices.opportunities == SHARE and choices.among:
        return share_by_number([Holding(lead.pk, lead.value) for lead in ties.leads], choices.among)
    if choices.locked_to is None:
        return {}
    return {lead.pk: choices.locked_to for lead in ties.locked}


def _loads(moves: dict[int, int]) -> list[LoadChange]:
    gains = Counter(moves.values())
    reps = Rep.objects.filter(pk__in=gains).select_related("role_template").order_by("name")
    return changed_loads(list(reps), gains)


def _digest(
    ties: Ties,
    moves: dict[int, int],
    routed: Sequence[int],
    accounts: Plan | None,
    without: WithoutRep,
    choices: Choices,
) -> str:
    content = [
        ties.rep.pk,
        sorted(moves.items()),
        list(routed),
        accounts.digest if accounts else "",
        [without.routes, without.exclusions, without.territories],
        [ties.routes, ties.exclusions, ties.territories],
        [choices.rules_to, choices.territories_to, choices.closes_sign_in],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


# --- in words --------------------------------------------------------------------------------------------------------


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _lines(
    ties: Ties, choices: Choices, moves: dict[int, int], routed: Sequence[int], names: dict[int, str]
) -> list[str]:
    """What is done, a sentence each; kept with the departure."""
    said = []
    for rep_id, number in sorted(Counter(moves.values()).items(), key=lambda one: names.get(one[0], "")):
        what = counted(number, "open opportunity goes", "open opportunities go")
        said.append(f"{what} to {names.get(rep_id, 'somebody')}.")
    if routed:
        what = counted(len(routed), "open opportunity is", "open opportunities are")
        said.append(f"{what} decided anew, as {'it' if len(routed) == 1 else 'they'} would be today.")
    if ties.account_ids:
        what = counted(len(ties.account_ids), "named account", "named accounts")
        said.append(f"{what}: {_accounts_words(choices, names)}.")
    for one, many, found, to, lost in (
        ("Rule", "Rules", ties.routes, choices.rules_to, "switched off"),
        ("Territory", "Territories", ties.territories, choices.territories_to, "without that cover"),
    ):
        if found:
            what = f"{names[to]} instead" if to is not None and to in names else lost
            said.append(f"{_listed(one, many, found)}: {what}.")
    if ties.exclusions:
        said.append(f"{_listed('Rule', 'Rules', ties.exclusions)}: without the exclusion.")
    if ties.suggested:
        said.append(f"{counted(ties.suggested, 'suggestion is', 'suggestions are')} decided anew.")
    if ties.rep.user_id and choices.closes_sign_in:
        said.append("The sign-in is closed.")
    return said


def _listed(one: str, many: str, names: Sequence[str]) -> str:
    return f"{one if len(names) == 1 else many} " + ", ".join(f"“{name}”" for name in names)


def _accounts_words(choices: Choices, names: dict[int, str]) -> str:
    if choices.accounts == Kind.GIVE:
        return f"to {names.get(choices.accounts_to or 0, 'somebody')}"
    if choices.accounts == Kind.SHARE:
        return "shared out among " + ", ".join(names[pk] for pk in choices.among if pk in names)
    return "without an owner from now on"


def _warnings(ties: Ties, choices: Choices, loads: Sequence[LoadChange], now: datetime.datetime) -> list[str]:
    said = [
        f"{one.rep} would be past the maximum: {one.after} of {one.rep.max_open} open."
        for one in loads
        if one.is_beyond
    ]
    targets = list(Rep.objects.filter(pk__in=choices.rep_ids).select_related("team").order_by("name"))
    states = owner_states(targets, now=now)
    said += [f"{rep} is {states[rep.pk].words}." for rep in targets if rep.pk in states]
    if ties.territories and choices.territories_to is None:
        said.append("A territory that nobody else covers goes on with the one around it, or with everybody.")
    if ties.stands_in_for:
        said.append(f"Nobody stands in for {', '.join(ties.stands_in_for)} any more.")
    if ties.leads_alone:
        said.append(f"Nobody else looks after {', '.join(ties.leads_alone)}: give it another manager.")
    if ties.planned:
        what = counted(ties.planned, "account is", "accounts are")
        said.append(f"{what} to go to {ties.rep} by a planned transfer: change that.")
    return said


def latest_departure(rep: Rep) -> Departure | None:
    return Departure.objects.filter(rep=rep).select_related("made_by", "version", "returned_by").first()
