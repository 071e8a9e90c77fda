"""What a decision is made from, read from the database: facts, roster, state, the live configuration and model.

The static roster is cached in the process under the stamp that database triggers keep, so a change by anybody is seen
by the next decision. The state is read for every decision, in three queries whatever the number of reps.
"""

import dataclasses
import datetime
import zoneinfo
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np
from django.db import connection
from django.db.models import Prefetch, Sum

from crm.models import Opportunity
from crm.queries.duplicates import standing_original
from reps.models import Absence, Rep, Team
from reps.queries.holidays import DaysOff
from reps.queries.people import not_over, valid_on
from routing.engine.absences import Absences, Span
from routing.engine.configuration import Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import Inputs
from routing.engine.model import MatchModel
from routing.engine.roster import RepFacts, Roster, RosterState, works_now
from routing.models import Decision, ModelVersion, QueueItem
from routing.queries.configuration import compiled

WEEK = datetime.timedelta(days=7)
DAY = datetime.timedelta(days=1)
RECENT = datetime.timedelta(days=90)


@dataclass(frozen=True)
class WorkingTime:
    """When a rep works, in the rep's own time zone. `days_off` holds the public holidays and closing days around the
    day (UTC) that it was loaded for."""

    zone: zoneinfo.ZoneInfo
    hours: dict[str, list[list[str]]]
    days_off: frozenset[datetime.date] = frozenset()


@dataclass(frozen=True)
class Live:
    """The ids in force at one moment, and the roster that goes with them."""

    configuration_id: int
    model_id: int
    roster: Roster
    working_times: tuple[WorkingTime, ...]


def load_live(at: datetime.datetime) -> Live:
    """Stamp, configuration and champion in one query; the roster from the process's cache while its stamp holds, for a
    day at most, since certifications expire."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT version FROM reps_rosterstamp WHERE id = 1),
                   (SELECT id FROM routing_configurationversion WHERE NOT is_candidate
                    ORDER BY number DESC LIMIT 1),
                   (SELECT id FROM routing_modelversion WHERE state = 'champion')
            """
        )
        stamp, configuration_id, model_id = cursor.fetchone()
    if configuration_id is None or model_id is None:
        raise LookupError("Nothing is published yet: run the migrations, which prepare an organisation.")
    roster, times = _roster(connection.settings_dict["NAME"], stamp or 0, at.date())
    return Live(configuration_id, model_id, roster, times)


@lru_cache(maxsize=2)
def _roster(database: str, stamp: int, day: datetime.date) -> tuple[Roster, tuple[WorkingTime, ...]]:
    return load_roster(day)


def load_roster(day: datetime.date) -> tuple[Roster, tuple[WorkingTime, ...]]:
    """The active reps with limits and the skills that hold on the day, and when they work, in rising order of id; two
    queries, and one for the closing days."""
    reps = (
        Rep.objects.filter(left_at__isnull=True)
        .order_by("pk")
        .select_related("role_template")
        .prefetch_related(Prefetch("skills", valid_on(day)))
    )
    off = DaysOff(day - 2 * DAY, day + 2 * DAY)  # the local day and the one before, in any zone
    rows = [
        (rep_facts(rep), WorkingTime(zoneinfo.ZoneInfo(rep.time_zone), rep.working_hours, off.of(rep)))
        for rep in reps
    ]
    return Roster(tuple(facts for facts, _ in rows)), tuple(times for _, times in rows)


def rep_facts(rep: Rep) -> RepFacts:
    skills: dict[str, dict[str, int]] = defaultdict(dict)
    for skill in rep.skills.all():
        skills[skill.kind][skill.name.casefold()] = skill.proficiency
    return RepFacts(
        id=rep.pk,
        team_id=rep.team_id,
        seniority=rep.seniority,
        tier=rep.tier,
        technical_depth=rep.technical_depth,
        selling_style=rep.selling_style,
        deal_size_min=None if rep.deal_size_min is None else float(rep.deal_size_min),
        deal_size_max=None if rep.deal_size_max is None else float(rep.deal_size_max),
        skills=dict(skills),
        max_open=rep.max_open,
        max_new_per_week=rep.max_new_per_week,
        max_new_per_day=rep.max_new_per_day,
        max_pipeline_value=None if rep.max_pipeline_value is None else float(rep.max_pipeline_value),
        turn_weight=rep.turn_weight,
    )


def load_state(live: Live, at: datetime.datetime) -> RosterState:
    """Loads, pending, recent assignments, absences and turns of the roster's reps at the moment."""
    roster = live.roster
    n = len(roster)
    counts = np.zeros((n, 4), dtype=np.int64)  # load, pending, week, day
    pipeline, finish = np.zeros(n), np.zeros(n)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id, r.load, r.pending, (r.pipeline_value + coalesce(s.value, 0))::float8, r.turn_finish
            FROM reps_rep r LEFT JOIN (
                SELECT q.rep_id, sum(o.value_base) AS value
                FROM routing_queueitem q JOIN crm_opportunity o ON o.id = q.opportunity_id
                WHERE q.state = 'pending' AND q.kind = 'suggestion' GROUP BY q.rep_id
            ) s ON s.rep_id = r.id
            WHERE r.left_at IS NULL
            """
        )
        for rep_id, load, pending, value, tag in cursor.fetchall():
            i = roster.index.get(rep_id)
            if i is not None:
                counts[i, 0], counts[i, 1], pipeline[i], finish[i] = load, pending, value, tag
        for rep_id, week, day in _recent(cursor, at):
            i = roster.index.get(rep_id)
            if i is not None:
                counts[i, 2], counts[i, 3] = week, day
    away_until, absence_in, covering = load_absences(at, roster=roster).at(at)
    local = {zone: at.astimezone(zone) for zone in {w.zone for w in live.working_times}}
    present = [works_now(w.hours, local[w.zone], w.days_off) for w in live.working_times]
    return RosterState(
        load=counts[:, 0].copy(),
        pending=counts[:, 1].copy(),
        week=counts[:, 2].copy(),
        day=counts[:, 3].copy(),
        pipeline_value=pipeline,
        away_until=away_until,
        absence_in=absence_in,
        works_now=np.array(present, dtype=bool),
        turn_finish=finish,
        covering=covering,
        turn_clocks=dict(Team.objects.exclude(turn_clock=0).values_list("pk", "turn_clock")),
    )


def _recent(cursor, at: datetime.datetime) -> list[tuple[int, int, int]]:  # type: ignore[no-untyped-def]
    """(rep, assignments in seven rolling days, in 24 hours); what an import brought along does not count."""
    cursor.execute(
        """
        SELECT rep_id, count(*), count(*) FILTER (WHERE assigned_at > %s)
        FROM crm_assignment WHERE assigned_at > %s AND assigned_at <= %s AND source <> 'import' GROUP BY rep_id
        """,
        [at - DAY, at - WEEK, at],
    )
    rows: list[tuple[int, int, int]] = cursor.fetchall()
    return rows


def suggested_value(rep_id: int) -> Decimal:
    """What the pending suggestions of one rep are worth."""
    pending = QueueItem.objects.filter(
        rep=rep_id, state=QueueItem.State.PENDING, kind=QueueItem.Kind.SUGGESTION
    )
    return pending.aggregate(value=Sum("opportunity__value_base"))["value"] or Decimal(0)


def week_count(rep_id: int, at: datetime.datetime) -> int:
    """Assignments of one rep in the seven rolling days before the moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM crm_assignment
            WHERE rep_id = %s AND assigned_at > %s AND assigned_at <= %s AND source <> 'import'
            """,
            [rep_id, at - WEEK, at],
        )
        return int(cursor.fetchone()[0])


def load_absences(
    first: datetime.datetime, last: datetime.datetime | None = None, *, roster: Roster
) -> Absences:
    """The absences that end after the first moment and, where one is given, begin before the last; one query."""
    spans = Absence.objects.filter(not_over(first))
    if last is not None:
        spans = spans.filter(starts_at__lt=last)
    rows = spans.order_by("starts_at", "pk").values_list("rep_id", "starts_at", "ends_at", "covering_id")
    return Absences((Span(*row) for row in rows), roster)


@lru_cache(maxsize=32)
def match_model(model_id: int) -> MatchModel:
    """A registered model. Artifacts never change, so every process may keep them."""
    version = ModelVersion.objects.get(pk=model_id)
    return MatchModel.from_artifact(version.number, version.artifact)


def opportunity_facts(opportunity: Opportunity) -> OpportunityFacts:
    """The facts of an opportunity (with `account` and `product` at hand)."""
    account, product = opportunity.account, opportunity.product
    return OpportunityFacts(
        id=opportunity.pk,
        kind=opportunity.kind,
        is_locked=opportunity.is_locked,
        account_id=opportunity.account_id,
        account_owner_id=account.owner_id if account else None,
        source=opportunity.source,
        industry=opportunity.industry,
        product=product.name if product else "",
        country=opportunity.country,
        region=opportunity.region,
        city=opportunity.city,
        postal_code=opportunity.postal_code,
        language=opportunity.language,
        size_band=opportunity.size_band,
        employees=opportunity.employees,
        urgency=opportunity.urgency,
        competitors=tuple(opportunity.competitors),
        complexity=opportunity.complexity,
        lead_score=opportunity.lead_score,
        value=None if opportunity.value_base is None else float(opportunity.value_base),
        currency=opportunity.currency,
        custom=opportunity.custom or {},
    )


def _facts_now(opportunity: Opportunity) -> OpportunityFacts:
    """The facts with what the opportunity repeats at this moment; what is looked at afterwards has none of that."""
    facts, original = opportunity_facts(opportunity), standing_original(opportunity.pk)
    if original is None:
        return facts
    return dataclasses.replace(facts, duplicate_of_id=original[0], duplicate_owner_id=original[1])


def seed_of(opportunity_id: int, at: datetime.datetime) -> int:
    """A seed for one decision; kept with it."""
    return (opportunity_id * 1_000_003 + int(at.timestamp() * 1000)) % 2**31


def load_inputs(opportunity: Opportunity, at: datetime.datetime) -> tuple[Inputs, Live]:
    """Everything to decide an opportunity with, now."""
    live = load_live(at)
    inputs = Inputs(
        facts=_facts_now(opportunity),
        roster=live.roster,
        state=load_state(live, at),
        configuration=compiled(live.configuration_id),
        model=match_model(live.model_id),
        at=at,
        seed=seed_of(opportunity.pk, at),
        recent_high_match=recent_high_match(compiled(live.configuration_id), at),
    )
    return inputs, live


def recent_high_match(configuration: Configuration, at: datetime.datetime) -> float | None:
    """The score that the configured share of the last 90 days' best scores reaches; None where none is configured or
    nothing was scored. Looked up once an hour in each process, since it hardly moves."""
    share = configuration.capacity.high_match_top_share
    return None if share is None else _recent_high_match(share, at.replace(minute=0, second=0, microsecond=0))


@lru_cache(maxsize=8)
def _recent_high_match(share: float, hour: datetime.datetime) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY score) FROM routing_decision
            WHERE made_at > %s AND made_at <= %s AND via = 'prediction'
            """,
            [1 - share, hour - RECENT, hour],
        )
        score: float | None = cursor.fetchone()[0]
        return score


@lru_cache(maxsize=8)
def _stored_roster(digest: str) -> Roster:
    from routing.models import RosterSnapshot

    return Roster.from_content(bytes(RosterSnapshot.objects.get(pk=digest).content))


def stored_inputs(decision: Decision) -> Inputs:
    """The inputs of a stored decision, as they were."""
    return Inputs(
        facts=OpportunityFacts.from_json(decision.facts),
        roster=_stored_roster(decision.roster_id),
        state=RosterState.from_bytes(bytes(decision.state)),
        configuration=compiled(decision.configuration_id),
        model=match_model(decision.model_id),
        at=decision.made_at,
        seed=decision.seed,
        recent_high_match=decision.recent_high_match,
    )
