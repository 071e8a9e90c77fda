"""Accounts shared out among reps: evenly by number, or by the value of their open opportunities.

By number: the accounts in falling order of value are dealt there and back (A B C C B A …), so that the numbers differ
by one at most and the values come out alike where they can. By value: each account, the largest first, goes to whoever
has least so far (longest processing time first, Graham 1969), so that the sums differ by the largest account at most;
accounts without value then even out the numbers. Ties go by id: the order of the input does not matter.

It does not look at what the reps own already.
"""

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Holding:
    """An account and the value of its open opportunities, in the base currency."""

    account_id: int
    value: Decimal = Decimal(0)


def share_by_number(holdings: Collection[Holding], rep_ids: Collection[int]) -> dict[int, int]:
    """Account → rep. Raises ValueError without reps."""
    reps = _reps(rep_ids)
    there_and_back = [*reps, *reversed(reps)]
    return {
        holding.account_id: there_and_back[place % len(there_and_back)]
        for place, holding in enumerate(_largest_first(holdings))
    }


def share_by_value(holdings: Collection[Holding], rep_ids: Collection[int]) -> dict[int, int]:
    """Account → rep. Raises ValueError without reps."""
    reps = _reps(rep_ids)
    shared: dict[int, int] = {}
    numbers = dict.fromkeys(reps, 0)
    by_value = [(Decimal(0), 0, rep_id) for rep_id in reps]
    for holding in (one for one in _largest_first(holdings) if one.value > 0):
        value, number, rep_id = by_value[0]
        heapq.heapreplace(by_value, (value + holding.value, number + 1, rep_id))
        shared[holding.account_id] = rep_id
        numbers[rep_id] += 1
    by_number = [(number, rep_id) for rep_id, number in numbers.items()]
    heapq.heapify(by_number)
    for holding in (one for one in _largest_first(holdings) if one.value <= 0):
        number, rep_id = by_number[0]
        heapq.heapreplace(by_number, (number + 1, rep_id))
        shared[holding.account_id] = rep_id
    return shared


def _reps(rep_ids: Collection[int]) -> Sequence[int]:
    if not rep_ids:
        raise ValueError("Nobody to share out among.")
    return sorted(set(rep_ids))


def _largest_first(holdings: Collection[Holding]) -> list[Holding]:
    return sorted(holdings, key=lambda one: (-one.value, one.account_id))
