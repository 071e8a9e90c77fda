"""What the items of a batch are expected to win, and what other ways of deciding would have won with them."""

from dataclasses import dataclass

from django.db.models import Count, F, FloatField, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from routing.models import BatchItem
from routing.queries.batches import PROPOSED

COMPARED = ~Q(
    edit=BatchItem.Edit.HELD
)  # what was held back counts for no way, or all others would look better


@dataclass(frozen=True)
class Totals:
    """How many there are, go to somebody, wait to be confirmed, could not be. Expected wins, and expected value in the
    base currency. `low`: what of the plan's outlasts the choosing, which is what to promise. `alone`: one by one as in
    real time · `pair`: best pair first · `turn`: the next in turn."""

    count: int
    given: int
    waiting: int
    conflicts: int
    wins: float
    low_wins: float
    value: float
    low_value: float
    alone_wins: float
    alone_value: float
    pair_wins: float
    pair_value: float
    turn_wins: float
    turn_value: float


def totals_of(items: QuerySet[BatchItem]) -> Totals:
    """One query."""
    sums = {
        f"sum_{name}{suffix}": Coalesce(Sum(expression, filter=COMPARED, output_field=FloatField()), 0.0)
        for name, field in (
            ("", "chance"), ("low_", "low"), ("alone_", "alone_chance"), ("pair_", "pair_chance"),
            ("turn_", "turn_chance"),
        )
        for suffix, expression in (("wins", F(field)), ("value", F(field) * F("value")))
    }  # fmt: skip
    counts = {
        "count": Count("pk"),
        "given": Count("rep"),
        "waiting": Count("pk", filter=PROPOSED),
        "conflicts": Count("pk", filter=~Q(conflict="")),
    }
    found = items.order_by().aggregate(**counts, **sums)
    return Totals(**{name.removeprefix("sum_"): value for name, value in found.items()})
