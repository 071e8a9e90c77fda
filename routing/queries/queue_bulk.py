"""The loads that a bulk decision of the queue would lead to: before, after, the band, and which limits it would pass.

Five queries, whatever the number of items.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from crm.models import Assignment
from reps.engine.capacity import band
from reps.models import Rep
from reps.queries.people import absences_at
from routing.engine.bulk import Shift, shifts
from routing.models import QueueItem
from routing.queries.configuration import compiled, live_version
from routing.queries.state import WEEK


@dataclass(frozen=True)
class LoadAfter:
    """A rep: open and suggested before and after, the band after, and what a person should know."""

    rep: Rep
    after: int
    suggested_after: int
    band: str
    warnings: tuple[str, ...]


def loads_after_all(
    items: Sequence[QueueItem], action: str, to: Rep | None, now: datetime.datetime
) -> list[LoadAfter]:
    """Who gets most first. `items` with their opportunities at hand; blind ones suggest nobody."""
    found = shifts(
        [(item.rep_id, float(item.opportunity.value_base or 0)) for item in items],
        action,
        None if to is None else to.pk,
    )
    reps = Rep.objects.filter(pk__in=found).select_related("role_template")
    bounds = compiled(live_version().pk).capacity.bounds
    recent = Assignment.objects.filter(rep__in=found, assigned_at__gt=now - WEEK, assigned_at__lte=now)
    weeks = Counter(recent.exclude(source=Assignment.Source.IMPORT).values_list("rep_id", flat=True))
    away = set(absences_at(now).filter(rep__in=found).values_list("rep_id", flat=True))
    rows = [
        LoadAfter(
            rep=rep,
            after=(after := rep.load + found[rep.pk].opened),
            suggested_after=rep.pending + found[rep.pk].suggested,
            band=band(after, rep.max_open, bounds).label,
            warnings=_warnings(rep, found[rep.pk], weeks[rep.pk], rep.pk in away),
        )
        for rep in reps
    ]
    return sorted(rows, key=lambda row: (row.rep.load - row.after, row.rep.name))


def _warnings(rep: Rep, shift: Shift, week: int, is_away: bool) -> tuple[str, ...]:
    if not shift.opened:
        return ()
    said = []
    if not rep.is_active:
        said.append("has left: cannot get any")
    if is_away:
        said.append("is away now")
    if rep.load + shift.opened > rep.max_open:
        said.append(f"past the maximum of {rep.max_open}")
    if week + shift.opened > rep.max_new_per_week:
        said.append(f"{week + shift.opened} in seven days, past the weekly cap of {rep.max_new_per_week}")
    cap = rep.max_pipeline_value
    if cap is not None and float(rep.pipeline_value) + shift.value > float(cap):
        said.append("past the cap of the pipeline’s value")
    return tuple(said)
