"""Which suggestions may no longer hold, and why: of the rows of one page, or the oldest of all that wait.

A suggestion is in doubt when its rep can't take it any more (left, away, no room), when the lead has changed since, and
when other rules or another model decide by now. Whether it is out of date then only the ladder says
(`routing.services.renewal`); what it found to hold is remembered on the item, so that it is looked at once for each
change.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from crm.models import Assignment, Opportunity
from reps.engine.capacity import BandBounds
from reps.models import Rep
from reps.queries.people import absences_at
from reps.queries.prepared import ask_one
from routing.engine.doubt import GONE, Doubt, Standing, Why, changed_facts
from routing.engine.facts import OpportunityFacts
from routing.models import QueueItem
from routing.queries.configuration import compiled
from routing.queries.inputs import opportunity_facts
from routing.queries.live import CHAMPION, CONFIGURATION
from routing.queries.state import WEEK

IN_FORCE = f"""
SELECT c.id, c.number, m.id, m.number FROM routing_configurationversion c, routing_modelversion m
WHERE c.id = {CONFIGURATION} AND m.id = {CHAMPION}
"""


@dataclass(frozen=True)
class InForce:
    """The version and the model that decide now, and how people call them."""

    configuration_id: int
    configuration: int
    model_id: int
    model: int

    @property
    def bounds(self) -> BandBounds:
        return compiled(self.configuration_id).capacity.bounds

    def doubt_of(self, item: QueueItem) -> Doubt | None:
        """Whether other rules or another model decide than those which the item was decided or looked at by."""
        if item.checked_configuration_id != self.configuration_id:
            return Doubt(Why.RULES, f"version {self.configuration}")
        if item.checked_model_id != self.model_id:
            return Doubt(Why.MODEL, f"version {self.model}")
        return None


def in_force() -> InForce:
    """One query."""
    return InForce(*ask_one(IN_FORCE))


def pending_suggestions() -> QuerySet[QueueItem]:
    """What automation may look at again: a locked opportunity is no longer its business."""
    pending = QueueItem.objects.filter(state=QueueItem.State.PENDING, kind=QueueItem.Kind.SUGGESTION)
    return pending.exclude(opportunity__is_locked=True)


def standings(reps: QuerySet[Rep], at: datetime.datetime) -> dict[int, Standing]:
    """How reps stand at the moment, by id; one query."""
    recent = (
        Assignment.objects.filter(rep=OuterRef("pk"), assigned_at__gt=at - WEEK)
        .exclude(source=Assignment.Source.IMPORT)
        .order_by()
        .values("rep")
        .annotate(n=Count("pk"))
    )
    found = reps.select_related("role_template").annotate(
        week=Coalesce(Subquery(recent.values("n")), 0),
        is_away=Exists(absences_at(at).filter(rep=OuterRef("pk"))),
    )
    return {rep.pk: standing_of(rep, week=rep.week, is_away=rep.is_away) for rep in found}


def standing_of(rep: Rep, *, week: int, is_away: bool) -> Standing:
    """A rep with the limits at hand; the assignments of seven days and the presence are looked up elsewhere."""
    cap = rep.max_pipeline_value
    return Standing(
        is_here=rep.is_active,
        is_away=is_away,
        committed=rep.committed,
        max_open=rep.max_open,
        week=week,
        pending=rep.pending,
        max_new_per_week=rep.max_new_per_week,
        pipeline_value=float(rep.pipeline_value + rep.pending_value),
        max_pipeline_value=None if cap is None else float(cap),
    )


def doubts_about(items: Iterable[QueueItem], at: datetime.datetime) -> dict[int, Doubt]:
    """Why those of the given items that are suggestions may no longer hold, by their ids; their decisions at hand. Two
    queries, and a third where leads have changed."""
    waits = [
        item
        for item in items
        if item.state == QueueItem.State.PENDING and item.kind == QueueItem.Kind.SUGGESTION
    ]
    if not waits:
        return {}
    now_in_force = in_force()
    by_rep = standings(Rep.objects.filter(pk__in={item.rep_id for item in waits}), at)
    facts = _facts_of([item for item in waits if item.facts_changed_at is not None])
    doubts = {item.pk: _doubt(item, now_in_force, by_rep, facts) for item in waits}
    return {pk: doubt for pk, doubt in doubts.items() if doubt is not None}


def _facts_of(items: Sequence[QueueItem]) -> dict[int, OpportunityFacts]:
    """The facts as they are now, by opportunity; read before anybody compares, in one query."""
    if not items:
        return {}
    found = Opportunity.objects.filter(pk__in=[item.opportunity_id for item in items])
    return {one.pk: opportunity_facts(one) for one in found.select_related("account", "product")}


def _doubt(
    item: QueueItem, now: InForce, by_rep: dict[int, Standing], facts: dict[int, OpportunityFacts]
) -> Doubt | None:
    """The first reason in the order in which people would want to know."""
    standing = by_rep.get(item.rep_id or 0)
    found = standing.doubt(now.bounds, is_exempt=item.is_exempt) if standing else None
    if found is None and item.opportunity_id in facts:
        changed = changed_facts(OpportunityFacts.from_json(item.decision.facts), facts[item.opportunity_id])
        found = Doubt(Why.FACTS, ", ".join(changed)) if changed else None
    return found or now.doubt_of(item)


def oldest_in_doubt(at: datetime.datetime, most: int) -> list[tuple[QueueItem, Doubt | None]]:
    """The suggestions to look at now with why, those first whose rep has gone, then the oldest; without a reason where
    a change of the lead was changed back. What a batch suggested waits for the next one, unless its rep can't take it.
    """
    now, waiting = in_force(), Rep.objects.filter(pending__gt=0)
    by_rep = standings(waiting, at)
    gone = [pk for pk, rep in by_rep.items() if _is_gone(rep, now.bounds)]
    full = [pk for pk, rep in by_rep.items() if rep.doubt(now.bounds, is_exempt=False) and pk not in gone]
    unable = Q(rep__in=gone) | Q(rep__in=full, is_exempt=False)
    version, model = now.configuration_id, now.model_id
    by_others = Q(checked_configuration__lt=version) | Q(checked_configuration__gt=version)
    by_another = Q(checked_model__lt=model) | Q(checked_model__gt=model)
    changed = Q(facts_changed_at__isnull=False) | by_others | Q(checked_configuration=version) & by_another
    records = pending_suggestions().select_related("decision", "rep").defer(
        "decision__state", "decision__columns", "decision__trace"
    )  # fmt: skip
    first = list(records.filter(rep__in=gone).order_by("waiting_since", "pk")[:most])
    rest = records.filter(unable | changed & Q(is_of_batch=False)).exclude(rep__in=gone)
    found = [*first, *rest.order_by("waiting_since", "pk")[: most - len(first)]]
    facts = _facts_of([item for item in found if item.facts_changed_at is not None])
    return [(item, _doubt(item, now, by_rep, facts)) for item in found]


def _is_gone(rep: Standing, bounds: BandBounds) -> bool:
    doubt = rep.doubt(bounds, is_exempt=True)
    return doubt is not None and doubt.why in GONE
