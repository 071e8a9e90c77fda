"""How people's choices stood beside the router's: replayed from the decision that was there, once for each."""

import logging
from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from analytics.models import ChosenMatch
from crm.models import Assignment
from routing.engine.ladder import decide
from routing.models import Decision, QueueItem
from routing.queries.inputs import stored_inputs

PIECE = 200
logger = logging.getLogger(__name__)


def keep_chosen_matches(opportunity_ids: Sequence[int]) -> int:
    """Stores what is missing of these opportunities' assignments by a person; how many."""
    found = [
        choice for assignment in _missing(opportunity_ids) if (choice := _judged(assignment)) is not None
    ]
    ChosenMatch.objects.bulk_create(found, batch_size=PIECE, ignore_conflicts=True)
    return len(found)


def _missing(opportunity_ids: Sequence[int]) -> list[Assignment]:
    """By a person, with a decision before, and not a suggestion approved as it was."""
    approved = QueueItem.objects.filter(
        ~Q(decision__outcome=Decision.Outcome.SHADOW),
        assignment=OuterRef("pk"),
        state=QueueItem.State.APPROVED,
    )
    decided = Decision.objects.filter(
        opportunity=OuterRef("opportunity"), made_at__lte=OuterRef("assigned_at")
    )
    known = ChosenMatch.objects.filter(assignment_id=OuterRef("pk"))
    return list(
        Assignment.objects.filter(
            ~Exists(known), ~Exists(approved), Exists(decided),
            opportunity__in=opportunity_ids, source=Assignment.Source.PERSON,
        ).order_by("pk")
    )  # fmt: skip


def _judged(assignment: Assignment) -> ChosenMatch | None:
    """The newest decision that was there, decided again from its inputs."""
    decision = (
        Decision.objects.filter(opportunity=assignment.opportunity_id, made_at__lte=assignment.assigned_at)
        .order_by("-pk")
        .first()
    )
    if decision is None:
        return None
    kept = {"assignment_id": assignment.pk, "decision_id": decision.pk, "rep_id": assignment.rep_id}
    if decision.archive:
        return ChosenMatch(**kept, router_rep_id=decision.rep_id, router_score=decision.score)
    try:
        inputs = stored_inputs(decision)
        verdict = decide(inputs)
    except Exception:  # one decision that cannot be decided again must not hold up everybody's facts
        logger.exception("decision %s cannot be decided again: what was chosen has no score", decision.pk)
        return ChosenMatch(**kept, router_rep_id=decision.rep_id, router_score=decision.score)
    places, scores = inputs.roster.index, verdict.scores

    def at(rep_id: int | None, name: str) -> float | None:
        values = None if scores is None else getattr(scores, name)
        return (
            None
            if values is None or rep_id is None or rep_id not in places
            else float(values[places[rep_id]])
        )

    return ChosenMatch(
        **kept,
        score=at(assignment.rep_id, "score"),
        win_probability=at(assignment.rep_id, "win_probability"),
        router_rep_id=decision.rep_id,
        router_score=at(decision.rep_id, "score"),
        router_win_probability=at(decision.rep_id, "win_probability"),
    )
