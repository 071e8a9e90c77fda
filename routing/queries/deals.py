"""What the model learns from, read from the database: closed opportunities with who had them, and what managers said.

Nothing here looks past `as_of`: deals closed before it, assignments and overrides made before it. The profile of a rep
is today's (histories of tags are kept for people to read, not yet to learn from).
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Prefetch, Q, QuerySet

from crm.models import Assignment, CustomField, Opportunity
from reps.models import Rep
from reps.queries import organisation
from reps.queries.people import valid_on
from routing.engine.configuration import Configuration, coverage_today
from routing.engine.facts import OpportunityFacts
from routing.engine.learning.dataset import DISQUALIFIED, LOST, WON, Deal, Feedback
from routing.engine.roster import Floats, Roster
from routing.models import ModelSettings, Override
from routing.queries.configuration import compiled, live_version
from routing.queries.inputs import opportunity_facts
from routing.queries.live import load_roster, rep_facts

OUTCOMES = {
    Opportunity.Stage.WON: WON,
    Opportunity.Stage.LOST: LOST,
    Opportunity.Stage.DISQUALIFIED: DISQUALIFIED,
}
CANDIDATE_LEADS = 400
SEASON_YEARS = 5
DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True)
class History:
    """Everything that a training reads. `recent` the newest leads with how far each active rep covers them (m × n) and
    whether each could have them; `earlier` what closed before the window, for the season."""

    deals: tuple[Deal, ...]
    earlier: tuple[Deal, ...]
    roster: Roster
    active: Roster
    feedback: tuple[Feedback, ...]
    recent: tuple[OpportunityFacts, ...]
    recent_covers: Floats
    recent_can_take: np.ndarray
    inputs: tuple[str, ...]
    labels: Mapping[str, str]
    default_language: str
    team_of: Mapping[int, int]


def window_start(as_of: datetime.date, months: int) -> datetime.date:
    """The first day of the window that ends with `as_of`."""
    return as_of - datetime.timedelta(days=round(months * DAYS_PER_MONTH))


def load_history(*, as_of: datetime.date, settings: ModelSettings) -> History:
    """The deals of the window and all else; about ten queries, whatever the number of deals."""
    configuration = compiled(live_version().pk)
    closed = _closed_before(as_of)
    start = window_start(as_of, settings.months)
    first = as_of - datetime.timedelta(days=round(SEASON_YEARS * 365.25))
    dated = closed.filter(dates_known=True)
    in_window = [*dated.filter(closed_at__date__gte=start), *_undated(closed)]
    earlier = list(dated.filter(closed_at__date__gte=first, closed_at__date__lt=start))
    loads = _load_shares(as_of)
    active, _ = load_roster(as_of)
    owners = {record.owner_id for record in [*in_window, *earlier] if record.owner_id}
    roster = _everybody(as_of, owners | set(active.index))
    own_fields = list(CustomField.objects.filter(is_model_input=True).order_by("key"))
    recent = _recent_facts(as_of)
    covers, can_take = _coverage_of(recent, configuration, active, as_of)
    return History(
        deals=tuple(_deals(in_window, configuration, roster, loads, as_of)),
        earlier=tuple(_deals(earlier, None, roster, {}, as_of)),
        roster=roster,
        active=active,
        feedback=tuple(_feedback(as_of, settings.override_weight)),
        recent=tuple(recent),
        recent_covers=covers,
        recent_can_take=can_take,
        inputs=tuple(field.key for field in own_fields),
        labels={f"custom.{field.key}": field.label for field in own_fields},
        default_language=organisation().default_language,
        team_of={rep.id: rep.team_id for rep in roster.reps},
    )


def count_closed(*, as_of: datetime.date, months: int) -> int:
    """Won and lost deals with an owner in the window (and undated ones): what a training would have."""
    decided = _closed_before(as_of).exclude(stage=Opportunity.Stage.DISQUALIFIED)
    start = window_start(as_of, months)
    return decided.filter(closed_at__date__gte=start, dates_known=True).count() + _undated(decided).count()


def _closed_before(as_of: datetime.date) -> QuerySet[Opportunity]:
    found = Opportunity.objects.filter(
        Q(closed_at__date__lt=as_of) | Q(dates_known=False), stage__in=list(OUTCOMES), owner__isnull=False
    )
    return found.select_related("account", "product").order_by("pk")


def _undated(closed: QuerySet[Opportunity]) -> QuerySet[Opportunity]:
    return closed.filter(dates_known=False)


def _deals(
    records: Iterable[Opportunity],
    configuration: Configuration | None,
    roster: Roster,
    loads: Mapping[int, float],
    as_of: datetime.date,
) -> Iterator[Deal]:
    covering: dict[int, Floats] = {}
    for record in records:
        facts = facts_then(record)
        covers = 0.0
        place = roster.index.get(record.owner_id or 0)
        if configuration is not None and place is not None:
            covers = _covers(facts, configuration, roster, as_of, covering, place)
        dated = record.dates_known
        yield Deal(
            facts=facts,
            outcome=OUTCOMES[Opportunity.Stage(record.stage)],
            rep_id=record.owner_id,
            opened=record.opened_at.date() if dated else None,
            closed=record.closed_at.date() if dated and record.closed_at else None,
            load_share=loads.get(record.pk, np.nan),
            covers=covers,
            touch_hours=_hours(record.assigned_at, record.first_touch_at) if dated else np.nan,
            cycle_days=_hours(record.opened_at, record.closed_at) / 24 if dated else np.nan,
        )


def facts_then(record: Opportunity) -> OpportunityFacts:
    """The facts without what its outcome changed: a lead that was converted was a lead when it was routed."""
    facts = opportunity_facts(record)
    was_lead = record.converted_at is not None
    return OpportunityFacts(**{**facts.__dict__, "kind": "lead"}) if was_lead else facts


def _hours(start: datetime.datetime | None, end: datetime.datetime | None) -> float:
    if start is None or end is None or end < start:
        return np.nan
    return (end - start).total_seconds() / 3600


def _covers(
    facts: OpportunityFacts,
    configuration: Configuration,
    roster: Roster,
    as_of: datetime.date,
    covering: dict[int, Floats],
    place: int,
) -> float:
    """How far the rep covers the territory that the opportunity would match today; 0 without one."""
    territory = next((t for t in configuration.territories if t.matches(facts.tests)), None)
    if territory is None:
        return 0.0
    if territory.id not in covering:
        covering[territory.id] = coverage_today(configuration, territory, roster, as_of)[1]
    return float(covering[territory.id][place])


def _load_shares(as_of: datetime.date) -> dict[int, float]:
    """Opportunity → open opportunities of its (last) owner over the maximum, when it was assigned. As it was noted with
    the assignment; for assignments that an import brought, counted from the others' spans, under today's maximum."""
    rows = (
        Assignment.objects.filter(assigned_at__date__lt=as_of)
        .order_by("assigned_at", "pk")
        .values_list("opportunity_id", "rep_id", "assigned_at", "ended_at", "opportunity__closed_at",
                     "committed_before", "max_open")
    )  # fmt: skip
    maximum = {rep.pk: rep.max_open for rep in Rep.objects.select_related("role_template")}
    spans: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    found: dict[int, float] = {}
    for opportunity, rep, start, ended, closed, committed, max_open in rows.iterator(chunk_size=5000):
        ends = [moment.timestamp() for moment in (ended, closed) if moment is not None]
        spans[rep].append((start.timestamp(), min(ends, default=np.inf), opportunity))
        if committed is not None and max_open:
            found[opportunity] = committed / max_open
    for rep, own in spans.items():
        starts = np.array([span[0] for span in own])
        finished = np.sort(np.array([span[1] for span in own]))
        open_then = np.arange(len(own)) - np.searchsorted(finished, starts, side="right")
        for (_, _, opportunity), count in zip(own, open_then, strict=True):
            found.setdefault(opportunity, max(int(count), 0) / max(maximum[rep], 1))
    return found


def _everybody(as_of: datetime.date, ids: set[int]) -> Roster:
    """Those with deals, the ones who left included, with the skills that they have on record."""
    reps = (
        Rep.objects.filter(pk__in=ids)
        .order_by("pk")
        .select_related("role_template")
        .prefetch_related(Prefetch("skills", valid_on(as_of)))
    )
    return Roster(tuple(rep_facts(rep) for rep in reps))


def _recent_facts(as_of: datetime.date) -> list[OpportunityFacts]:
    """The newest opportunities, closed or not: what the model will be asked about."""
    newest = (
        Opportunity.objects.filter(opened_at__date__lt=as_of)
        .select_related("account", "product")
        .order_by("-opened_at", "-pk")[:CANDIDATE_LEADS]
    )
    return [facts_then(record) for record in newest]


def _coverage_of(
    leads: Sequence[OpportunityFacts], configuration: Configuration, active: Roster, as_of: datetime.date
) -> tuple[Floats, np.ndarray]:
    """m × n: how far each rep covers each lead's territory, and whether the territory lets the rep have it."""
    covers = np.zeros((len(leads), len(active)))
    can_take = np.ones((len(leads), len(active)), dtype=bool)
    for i, facts in enumerate(leads):
        territory = next((t for t in configuration.territories if t.matches(facts.tests)), None)
        if territory is not None:
            covers[i] = coverage_today(configuration, territory, active, as_of)[1]
            can_take[i] = covers[i] > 0
    return covers, can_take


def _feedback(as_of: datetime.date, weight: float) -> Iterator[Feedback]:
    """Suggestions rejected or changed for a reason of fit, as long as the outcome is unknown; each pair once."""
    told = (
        Override.objects.filter(
            reason__is_about_fit=True,
            decision__isnull=False,
            from_rep__isnull=False,
            made_at__date__lte=as_of,
            undone_at__isnull=True,
            opportunity__stage=Opportunity.Stage.OPEN,
        )
        .select_related("reason", "decision")
        .only("reason__label", "decision__facts", "from_rep_id", "opportunity_id")
        .order_by("pk")
    )
    seen: set[tuple[int, int]] = set()
    for override in told:
        assert override.decision is not None
        assert override.from_rep_id is not None
        assert override.reason is not None
        pair = (override.opportunity_id, override.from_rep_id)
        if weight > 0 and pair not in seen:
            seen.add(pair)
            facts = OpportunityFacts.from_json(override.decision.facts)
            yield Feedback(facts, override.from_rep_id, override.reason.label, weight)
