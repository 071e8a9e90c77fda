"""Which of many conditions can hold at all, without asking each.

Most conditions of a large organisation ask for one of a few values of one field (an industry, a country). Those are
filed under these values, and only what is filed under the facts' own values is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm.engine.conditions import Facts, Field, check_test


@dataclass(frozen=True)
class Demand:
    """A condition does not hold unless the field has one of the values (as `conditions.normalise` gives them)."""

    field: str
    values: frozenset[Any]


def demand_of(node: Mapping[str, Any], fields: Mapping[str, Field]) -> Demand | None:
    """What a valid condition demands at least, the rarest where it demands several; None where that is no value."""
    if "all" in node:
        found = [demand for member in node["all"] if (demand := demand_of(member, fields)) is not None]
        return min(found, key=lambda demand: len(demand.values), default=None)
    if "any" in node:
        return _either([demand_of(member, fields) for member in node["any"]])
    if "field" not in node or node["op"] not in ("is", "in"):
        return None
    field, op, value = check_test(node, fields)
    return Demand(field.name, value if op == "in" else frozenset([value]))


def _either(demands: Sequence[Demand | None]) -> Demand | None:
    """What is demanded one way or another: the same field in each."""
    names = {None if demand is None else demand.field for demand in demands}
    if len(names) != 1 or None in names:
        return None
    return Demand(str(names.pop()), frozenset().union(*(demand.values for demand in demands if demand)))


class Filed:
    """Numbers 0 to n−1 of conditions by what they demand (None: nothing that could be filed)."""

    def __init__(self, demands: Sequence[Demand | None]) -> None:
        self._always = [number for number, demand in enumerate(demands) if demand is None]
        self._by_field: dict[str, dict[Any, list[int]]] = {}
        for number, demand in enumerate(demands):
            if demand is not None:
                filed = self._by_field.setdefault(demand.field, {})
                for value in demand.values:
                    filed.setdefault(value, []).append(number)

    def possible(self, facts: Facts) -> list[int]:
        """Those that may hold, in rising order; all others do not."""
        found = list(self._always)
        for name, filed in self._by_field.items():
            found += filed.get(facts.get(name), ())
        found.sort()
        return found
