"""What a problem must fulfil before it is solved, and the sentence that names what does not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from routing.engine.batch.pairs import Pairs, Table
from routing.engine.roster import Floats, Ints, Mask

if TYPE_CHECKING:
    from routing.engine.batch.problem import Problem

MOST_INTEGER = 10**10  # of penalties and prices: far below what the solver's 64 bits hold times its nodes


class ProblemError(ValueError):
    """The problem cannot be meant so; the message names the pair, the opportunity or the rep."""


def check(problem: "Problem") -> None:
    """Raises ProblemError."""
    _ids(problem.opportunity_ids, "opportunity")
    _ids(problem.rep_ids, "rep")
    _bands(problem)
    _pairs(problem)
    _fixed(problem)
    _vector(problem, "penalty", problem.penalty, problem.opportunity_ids, "opportunity")
    _vector(problem, "value", problem.value, problem.opportunity_ids, "opportunity")
    _held(problem)
    _value_caps(problem)
    _sizes(problem)


def _ids(ids: Ints, what: str) -> None:
    found, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ProblemError(f"{what} {found[counts > 1][0]} is listed twice")


def _bands(problem: "Problem") -> None:
    capacity, price, reps = problem.bands.capacity, problem.bands.price, len(problem.rep_ids)
    if capacity.ndim != 2 or capacity.shape != (reps, len(price)):
        raise ProblemError(f"the capacity is reps × bands, {(reps, len(price))}, not {capacity.shape}")
    if not np.isfinite(price).all() or (price < 0).any() or (np.diff(price) < 0).any():
        raise ProblemError(f"the bands' prices are at least 0 and do not fall: {price.tolist()}")
    if (capacity < 0).any():
        rep = int(np.argwhere(capacity < 0)[0, 0])
        raise ProblemError(f"rep {problem.rep_ids[rep]}: the capacity of a band is negative")
    if not 0 <= problem.bands.reserved_from <= len(price):
        raise ProblemError(
            f"bands are reserved from {problem.bands.reserved_from}, and there are {len(price)}"
        )


def _pairs(problem: "Problem") -> None:
    if isinstance(problem.pairs, Pairs):
        _listed(problem, problem.pairs)
        _once(problem, problem.pairs)
    else:
        _table(problem, problem.pairs)


def _listed(problem: "Problem", pairs: Pairs) -> None:
    sizes = {len(pairs.row), len(pairs.rep), len(pairs.weight)}
    if len(sizes | ({len(pairs.high)} if pairs.high is not None else set())) > 1:
        raise ProblemError("row, rep, weight and high of the pairs differ in length")
    for name, index, size in (("row", pairs.row, problem.shape[0]), ("rep", pairs.rep, problem.shape[1])):
        wrong = (index < 0) | (index >= size)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise ProblemError(f"pair {at} has {name} {index[at]}, and there are {size}")
    wrong = ~_is_weight(pairs.weight)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise _bad_weight(problem, int(pairs.row[at]), int(pairs.rep[at]), float(pairs.weight[at]))


def _once(problem: "Problem", pairs: Pairs) -> None:
    key = pairs.row.astype(np.int64) * problem.shape[1] + pairs.rep
    if (np.diff(key) > 0).all():
        return
    key = np.sort(key)
    twice = np.flatnonzero(np.diff(key) == 0)
    if len(twice):
        row, rep = divmod(int(key[twice[0]]), problem.shape[1])
        raise ProblemError(f"{_pair(problem, row, rep)} is listed twice")


def _table(problem: "Problem", table: Table) -> None:
    for name in ("weight", "eligible", "high"):
        found = getattr(table, name)
        if found is not None and found.shape != problem.shape:
            raise ProblemError(f"{name} is opportunities × reps, {problem.shape}, not {found.shape}")
    if all(bool(_is_weight(some).all()) for some in table.weights()):
        return
    for row in range(problem.shape[0]):
        wrong = ~_is_weight(table.weight[row])
        if table.eligible is not None:
            wrong &= table.eligible[row]
        if wrong.any():
            rep = int(np.flatnonzero(wrong)[0])
            raise _bad_weight(problem, row, rep, float(table.weight[row, rep]))


def _fixed(problem: "Problem") -> None:
    fixed = problem.fixed
    if fixed is None:
        return
    _listed(problem, fixed)
    rows, counts = np.unique(fixed.row, return_counts=True)
    if (counts > 1).any():
        raise ProblemError(f"opportunity {problem.opportunity_ids[rows[counts > 1][0]]} is fixed twice")
    taken = np.bincount(fixed.rep, minlength=problem.shape[1])
    room = problem.bands.capacity.sum(axis=1)
    if (taken > room).any():
        rep = int(np.flatnonzero(taken > room)[0])
        raise ProblemError(
            f"rep {problem.rep_ids[rep]}: {taken[rep]} opportunities are fixed, and there is room for {room[rep]}"
        )


def _held(problem: "Problem") -> None:
    if problem.held is None:
        return
    if problem.held.shape != (problem.shape[0],):
        raise ProblemError("`held` has one entry for each opportunity")
    if problem.fixed is not None and problem.held[problem.fixed.row].any():
        row = problem.fixed.row[problem.held[problem.fixed.row]][0]
        raise ProblemError(f"opportunity {problem.opportunity_ids[row]} is both held and fixed")


def _value_caps(problem: "Problem") -> None:
    cap = problem.value_cap
    if cap is None:
        return
    if problem.value is None:
        raise ProblemError("caps on value need the opportunities' values")
    if cap.shape != (problem.shape[1],) or np.isnan(cap).any() or (cap < 0).any():
        raise ProblemError("each rep has one cap on value of at least 0, infinity where there is none")
    if problem.fixed is not None:
        fixed = np.bincount(problem.fixed.rep, problem.value[problem.fixed.row], minlength=problem.shape[1])
        over = np.rint(fixed * 100) > cap * 100
        if over.any():
            rep = int(np.flatnonzero(over)[0])
            raise ProblemError(f"rep {problem.rep_ids[rep]}: what is fixed exceeds the cap on value")


def _vector(problem: "Problem", name: str, found: Floats | None, ids: Ints, what: str) -> None:
    if found is None:
        return
    if found.shape != ids.shape:
        raise ProblemError(f"`{name}` has one entry for each {what}")
    wrong = ~_is_weight(found)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ProblemError(f"{what} {ids[at]}: the {name} is {found[at]}")


def _sizes(problem: "Problem") -> None:
    """Penalties and prices beyond all weights would overflow the solver, and mean no more than large ones."""
    unit = problem.integers_per_unit
    if problem.penalty is not None and (problem.penalty * unit > MOST_INTEGER).any():
        at = int(np.argmax(problem.penalty))
        raise ProblemError(
            f"opportunity {problem.opportunity_ids[at]}: the penalty is more than {MOST_INTEGER // 10**6:,} times "
            "the largest weight"
        )
    if (problem.bands.price * unit > MOST_INTEGER).any():
        raise ProblemError("the price of a band is out of all proportion to the weights")


def _is_weight(weights: Floats) -> Mask:
    return np.asarray(np.isfinite(weights) & (weights >= 0))


def _bad_weight(problem: "Problem", row: int, rep: int, weight: float) -> ProblemError:
    return ProblemError(f"{_pair(problem, row, rep)}: the weight is {weight}")


def _pair(problem: "Problem", row: int, rep: int) -> str:
    return f"opportunity {problem.opportunity_ids[row]} with rep {problem.rep_ids[rep]}"


def named(ids: Sequence[int] | Ints, asked: int, what: str) -> int:
    """The index of an id. Raises ProblemError for one that is not there."""
    found = np.flatnonzero(np.asarray(ids) == asked)
    if not len(found):
        raise ProblemError(f"{what} {asked} is not in the batch")
    return int(found[0])
