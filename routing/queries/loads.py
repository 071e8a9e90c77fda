"""Loads that a reassignment would lead to, shown before it is done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crm.models import Opportunity
from reps.engine.capacity import BandBounds, band
from reps.models import Rep
from routing.queries.configuration import compiled, live_version


@dataclass(frozen=True)
class LoadChange:
    """A rep's open opportunities before and after, and the band after."""

    rep: Rep
    before: int
    after: int
    band: str

    @property
    def is_beyond(self) -> bool:
        """Whether the maximum would be passed."""
        return self.after > self.rep.max_open


def loads_after(opportunities: Sequence[Opportunity], to: Rep | None) -> list[LoadChange]:
    """The target and everybody who would lose some, the target first."""
    bounds = compiled(live_version().pk).capacity.bounds
    moving = [o for o in opportunities if o.is_open and (to is None or o.owner_id != to.pk)]
    losing = Counter(o.owner_id for o in moving if o.owner_id is not None)
    reps = {rep.pk: rep for rep in Rep.objects.filter(pk__in=losing).select_related("role_template")}
    changes = [] if to is None else [_change(to, len(moving), bounds)]
    for rep_id, count in losing.most_common():
        changes.append(_change(reps[rep_id], -count if to is not None else 0, bounds))
    return changes


def changed_loads(reps: Sequence[Rep], changes: Mapping[int, int]) -> list[LoadChange]:
    """Of each rep, with so many open opportunities more or less."""
    bounds = compiled(live_version().pk).capacity.bounds
    return [_change(rep, changes.get(rep.pk, 0), bounds) for rep in reps]


def with_owners(opportunities: Sequence[Opportunity]) -> list[Opportunity]:
    """The same with owners and accounts at hand, in one query."""
    found = Opportunity.objects.filter(pk__in=[o.pk for o in opportunities])
    return list(found.select_related("owner", "account").order_by("name", "pk"))


def _change(rep: Rep, change: int, bounds: BandBounds) -> LoadChange:
    after = rep.load + change
    return LoadChange(rep, rep.load, after, band(after, rep.max_open, bounds).label)
