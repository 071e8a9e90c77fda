"""Many verdicts of one transaction, carried out together: what takes a query for each is asked once for all."""

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any

from crm.models import Opportunity
from crm.services import ownership
from reps.queries.prepared import ask_all
from routing.models import Decision
from routing.services.claims import Claims, Situation
from routing.services.decided import Decided, assigned, new_decision, tell_what_follows, waits
from routing.services.exposures import kept_arms
from routing.services.queue import Waited
from routing.services.turns import turns_taken
from telemetry.metrics import count_decision

CLAIMED = (Decision.Outcome.ASSIGN, Decision.Outcome.SUGGEST)  # what takes a slot, and a turn

WAITS = """
UPDATE crm_opportunity o SET routing = w.routing, routing_since = w.since
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS w (id, routing, since) WHERE o.id = w.id
"""
SUGGESTED = """
UPDATE reps_rep r SET pending = r.pending + s.count
FROM unnest(%s::bigint[], %s::int[]) AS s (id, count) WHERE r.id = s.id
"""


def carried_out(
    opportunity: Opportunity,
    situation: Situation,
    claims: Claims,
    at: datetime.datetime,
    waited: Waited,
    ready: Decision | None = None,
) -> Decided:
    """The records of the next verdict, not stored yet; `ready` is its decision where that was prepared before. Raises
    LimitGone."""
    claim = claims.claim(situation)
    decision = ready or new_decision(situation)
    if claim.rep is not None and situation.verdict.outcome == Decision.Outcome.ASSIGN:
        decided = assigned(opportunity, claim.rep, situation, claim, at, decision)
    else:
        decided = waits(opportunity, situation, claim, waited, at, decision)
    tell_what_follows(opportunity, situation, claim.rep, at)
    claims.taken(situation)
    count_decision(situation.verdict.outcome, situation.verdict.via)
    return decided


def write_what_follows(
    opportunities: Sequence[Opportunity], situations: Sequence[Situation], at: datetime.datetime
) -> None:
    """Owners, loads, slots, turns and arms of what was carried out, in one round trip."""
    verdicts = [one.verdict for one in situations]
    given = [one for one in opportunities if one.owner_id is not None]
    waiting = [one for one in opportunities if one.owner_id is None]
    statements: list[tuple[str, Sequence[Any]]] = [*(ownership.owners_written(given) if given else ())]
    if waiting:
        rows = [(one.pk, str(one.routing), one.routing_since) for one in waiting]
        statements.append((WAITS, [list(column) for column in zip(*rows, strict=True)]))
    suggested = Counter(
        one.rep_id for one in verdicts if one.outcome == Decision.Outcome.SUGGEST and one.rep_id
    )
    if suggested:
        statements.append(suggestions_counted(suggested))
    statements += turns_taken([one for one in verdicts if one.outcome in CLAIMED])
    statements += kept_arms(situations, at)
    if statements:
        ask_all(*statements)


def suggestions_counted(changes: Counter[int]) -> tuple[str, Sequence[Any]]:
    """What writes by how many each rep's open suggestions change, whose rows are locked."""
    return SUGGESTED, [list(changes), list(changes.values())]
