"""What the walls between the parts of a batch cost, where each part was planned apart.

A wall's pairs lead from an opportunity of one part to a rep of another, so no part knows what they are worth: the one
has the opportunity's worth, the other the price of the rep's slot. Both are prices of one plan, since the parts'
certificates together prove the whole; so the bound of `what_if` holds with them:

    opening the wall adds at most   Σ over opportunities of the largest  weight − price of the rep − worth

What it does not do: solve the whole again, for which no machine may be large enough; so a wall says "at most" here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.engine.batch.plan import Plan
from routing.engine.batch.problem import Problem
from routing.engine.batch.what_if import Wall, WallWorth, by_excess
from routing.engine.roster import Floats, Ints, Mask


@dataclass(frozen=True, eq=False)
class Behind:
    """The pairs behind a wall: by id, the weight less what the opportunity has already, and whether the match is
    high."""

    opportunity: Ints
    rep: Ints
    excess: Floats
    high: Mask


@dataclass(frozen=True, eq=False)
class Prices:
    """In the unit of the weights: of a slot of each rep for a high match, and of one in an open band."""

    rep: Ints
    price: Floats
    open_price: Floats


def prices_of(problem: Problem, plan: Plan, reps: Ints) -> Prices:
    """Of the reps of a part (places)."""
    proof, unit = plan.certificate, problem.integers_per_unit
    return Prices(problem.rep_ids[reps], proof.price[reps] / unit, proof.open_price[reps] / unit)


def dearest(prices: Sequence[Prices]) -> Prices:
    """Of a rep with several prices, the highest."""
    if len(prices) == 1:
        return prices[0]
    reps, place = np.unique(np.concatenate([one.rep for one in prices]), return_inverse=True)
    price, open_price = np.zeros(len(reps)), np.zeros(len(reps))
    np.maximum.at(price, place, np.concatenate([one.price for one in prices]))
    np.maximum.at(open_price, place, np.concatenate([one.open_price for one in prices]))
    return Prices(reps, price, open_price)


def behind(problem: Problem, plan: Plan, wall: Wall) -> Behind:
    """Of what a person has not settled."""
    pairs, worth = wall.pairs, plan.certificate.worth / problem.integers_per_unit
    fixed = np.zeros(0, dtype=np.int64) if problem.fixed is None else problem.fixed.row
    at = np.flatnonzero(~np.isin(pairs.row, fixed))
    high = np.ones(len(at), dtype=bool) if pairs.high is None else pairs.high[at]
    excess = pairs.weight[at] - worth[pairs.row[at]]
    return Behind(problem.opportunity_ids[pairs.row[at]], problem.rep_ids[pairs.rep[at]], excess, high)


def walls_across(walls: Sequence[tuple[str, Behind]], prices: Sequence[Prices]) -> list[WallWorth]:
    """The walls by name, from every part's pairs and prices; the dearest first. A rep of no part has slots for
    nothing."""
    reps = np.concatenate([one.rep for one in prices])
    order = np.argsort(reps)
    price = np.concatenate([one.price for one in prices])[order]
    open_price = np.concatenate([one.open_price for one in prices])[order]
    found = []
    for name in sorted({name for name, _ in walls}):
        of_wall = [one for known, one in walls if known == name]
        rep = np.concatenate([one.rep for one in of_wall])
        high = np.concatenate([one.high for one in of_wall])
        at = np.minimum(np.searchsorted(reps[order], rep), max(len(order) - 1, 0))
        is_known = reps[order][at] == rep if len(order) else np.zeros(len(rep), dtype=bool)
        asked = np.where(is_known, np.where(high, price[at], open_price[at]), 0.0) if len(order) else 0.0
        excess = np.concatenate([one.excess for one in of_wall]) - asked
        opportunity = np.concatenate([one.opportunity for one in of_wall])
        found.append(by_excess(name, opportunity, rep, np.maximum(excess, 0.0)))
    return sorted(found, key=lambda one: (-one.at_most, one.name))
