"""What a decision is made from, read from the database: facts, roster, state, the live configuration and model."""

import dataclasses
import datetime
from collections.abc import Sequence
from functools import lru_cache

from django.db import connection
from django.utils import timezone

from crm.models import Opportunity
from crm.queries.duplicates import standing_original
from experiments.models import Experiment
from routing.engine.arms import Choice, InArm
from routing.engine.configuration import Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.model import MatchModel
from routing.engine.roster import Roster, RosterState
from routing.engine.verdict import Inputs, Planned
from routing.models import Decision, ModelVersion
from routing.queries.arms import ArmBook, Found
from routing.queries.configuration import compiled
from routing.queries.live import Live
from routing.queries.state import WEEK, look

Repeats = tuple[int, int | None] | None  # the opportunity that is repeated, and its owner
RECENT = datetime.timedelta(days=90)


CLAIM = """
SELECT (SELECT count(*) FROM crm_assignment
        WHERE rep_id = %(rep)s AND assigned_at > %(week)s AND source <> 'import'
          AND assigned_at <= coalesce(%(until)s, 'infinity'::timestamptz)),
       EXISTS (SELECT 1 FROM reps_absence
               WHERE rep_id = %(rep)s AND starts_at <= %(at)s AND (ends_at IS NULL OR ends_at > %(at)s))
"""


def claim_of(rep_id: int, at: datetime.datetime | None) -> tuple[str, dict[str, object]]:
    """Asks for the assignments of one rep in the seven rolling days before the moment, and whether the rep is away at
    it. To be sent once the rep's row is locked. None: now, and all that others assigned while the lock was waited for.
    """
    moment = at or timezone.now()
    return CLAIM, {"rep": rep_id, "week": moment - WEEK, "at": moment, "until": at}


CLAIMS = """
SELECT rep_id, (SELECT count(*) FROM crm_assignment
                WHERE rep_id = r.rep_id AND assigned_at > %(week)s AND source <> 'import'),
       EXISTS (SELECT 1 FROM reps_absence
               WHERE rep_id = r.rep_id AND starts_at <= %(at)s AND (ends_at IS NULL OR ends_at > %(at)s))
FROM unnest(%(reps)s::bigint[]) AS r (rep_id)
"""


def claims_of(rep_ids: Sequence[int], at: datetime.datetime) -> tuple[str, dict[str, object]]:
    """The same for several: rep, assignments, whether away."""
    return CLAIMS, {"reps": list(rep_ids), "week": at - WEEK, "at": at}


@lru_cache(maxsize=32)
def match_model(model_id: int) -> MatchModel:
    """A registered model. Artifacts never change, so every process may keep them."""
    version = ModelVersion.objects.get(pk=model_id)
    return MatchModel.from_artifact(version.number, version.artifact)


@lru_cache(maxsize=1)
def rules_model_id() -> int:
    """The registered model that has learned nothing: declared skills alone."""
    rules = ModelVersion.objects.filter(kind=ModelVersion.Kind.RULES).order_by("-number")
    return rules.values_list("pk", flat=True)[0]


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


def _facts_now(opportunity: Opportunity, repeats: Repeats) -> OpportunityFacts:
    """The facts with who is not offered the opportunity again, and what it repeats at this moment; what is looked at
    afterwards has none of that."""
    facts = opportunity_facts(opportunity)
    if opportunity.not_again:
        turned = tuple(sorted((int(rep_id), why) for rep_id, why in opportunity.not_again.items()))
        facts = dataclasses.replace(facts, not_again=turned)
    if repeats is None:
        return facts
    return dataclasses.replace(facts, duplicate_of_id=repeats[0], duplicate_owner_id=repeats[1])


def seed_of(opportunity_id: int, at: datetime.datetime) -> int:
    """A seed for one decision; kept with it."""
    return (opportunity_id * 1_000_003 + int(at.timestamp() * 1000)) % 2**31


def load_inputs(opportunity: Opportunity, at: datetime.datetime) -> tuple[Inputs, Live]:
    """Everything to decide an opportunity with, now."""
    state, live = look(at)
    return inputs_from(opportunity, live, state, at, may_repeat=True), live


def inputs_from(
    opportunity: Opportunity, live: Live, state: RosterState, at: datetime.datetime, *, may_repeat: bool
) -> Inputs:
    """The same from what was looked at."""
    repeats = standing_original(opportunity.pk) if may_repeat else None
    book = ArmBook.of([opportunity], live, at)
    return inputs_of(opportunity, live, state, at, repeats=repeats, book=book)


def inputs_of(
    opportunity: Opportunity,
    live: Live,
    state: RosterState,
    at: datetime.datetime,
    *,
    repeats: Repeats,
    book: ArmBook,
) -> Inputs:
    """The same from what was looked at once for several; `repeats`: what it repeats, and its owner; `book` has the arms
    of all of them."""
    configuration = compiled(live.configuration_id)
    inputs = Inputs(
        facts=_facts_now(opportunity, repeats),
        roster=live.roster,
        state=state,
        configuration=configuration,
        model=match_model(live.model_id),
        at=at,
        seed=seed_of(opportunity.pk, at),
        recent_high_match=recent_high_match(configuration, at),
    )
    found = book.find(inputs)
    return inputs if found is None else _in_arm(inputs, found)


def _in_arm(inputs: Inputs, found: Found) -> Inputs:
    """The inputs with the arm's strategy."""
    version = found.strategy.version
    configuration = inputs.configuration if version is None else compiled(version)
    is_ruled = found.strategy.kind == Experiment.Strategy.RULES
    return dataclasses.replace(
        inputs,
        configuration=configuration,
        model=match_model(rules_model_id()) if is_ruled else inputs.model,
        recent_high_match=recent_high_match(configuration, inputs.at),
        state=dataclasses.replace(inputs.state, room=found.room(inputs.roster, inputs.state)),
        in_arm=found.in_arm,
    )


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
        planned=_planned(decision),
        in_arm=_stored_arm(decision),
    )


def _planned(decision: Decision) -> Planned | None:
    """What the plan of its batch had for it; part of what the decision was made from."""
    found = next((step["found"] for step in decision.trace["steps"] if step["name"] == "batch"), None)
    return None if found is None else Planned(found["batch"], found["rep"], found["why_not"])


def _stored_arm(decision: Decision) -> InArm | None:
    """The arm of an experiment in which it was decided."""
    found = next((step["found"] for step in decision.trace["steps"] if step["name"] == "experiment"), None)
    if found is None:
        return None
    choice, is_after = Choice(found["choice"]), found.get("after", False)
    return InArm(found["experiment"], found["name"], found["arm"], choice, is_after=is_after)
