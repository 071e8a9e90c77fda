"""What many items of the queue would do to loads, before it is done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

APPROVE, GIVE, REJECT, ANEW = "approve", "give", "reject", "anew"


@dataclass(frozen=True)
class Shift:
    """By how many a rep's open opportunities and open suggestions change, and the value that comes."""

    opened: int = 0
    suggested: int = 0
    value: float = 0.0


def shifts(items: Sequence[tuple[int | None, float]], action: str, to: int | None = None) -> dict[int, Shift]:
    """Rep → what changes; `items` are (suggested rep, value in the base currency). Whom the router would choose anew is
    not known before."""
    suggested: Counter[int] = Counter(rep_id for rep_id, _ in items if rep_id is not None)
    opened: Counter[int] = Counter()
    value: dict[int, float] = {}
    for rep_id, worth in items:
        target = {APPROVE: rep_id, GIVE: to}.get(action)
        if target is not None:
            opened[target] += 1
            value[target] = value.get(target, 0.0) + worth
    return {
        rep_id: Shift(opened[rep_id], -suggested[rep_id], value.get(rep_id, 0.0))
        for rep_id in sorted(suggested.keys() | opened.keys())
    }
