"""The last of a gap under caps on value: branch and bound over the pairs that could still matter.

With prices that bound every plan by U and a plan at hand that gains G, a pair whose row would lose more than U − G by
it is in no better plan (reduced-cost fixing; G. Dantzig, R. Fulkerson and S. Johnson, Operations Research 1954). What
is left is small, and HiGHS searches it as a mixed-integer programme. It reckons in floating point, so the bound it
proves is good to a billionth.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import coo_matrix, csr_matrix

from routing.engine.batch.instance import NO_CAP, Instance
from routing.engine.batch.kept import Kept, within
from routing.engine.batch.plan import NOBODY, objective_of, value_room
from routing.engine.batch.search import Optimum
from routing.engine.roster import Floats, Ints, Mask

MOST_PAIRS = 2000
MOST_NODES = 10  # most of the work is done before the first branch
MOST_SECONDS = 60.0  # a stop for emergencies: the nodes end it long before


def search(charged: Instance, found: Optimum, rep: Ints, primal: int, bound: int) -> tuple[Ints, int]:
    """The better of `rep` (L, gaining `primal`) and what the search finds, and the lower of both bounds. Where too many
    pairs could matter, first the nearest alone, for a better plan; and if that leaves few enough, those."""
    if bound == primal:
        return rep, bound
    core, is_whole = _core(charged, found, bound - primal)
    if not is_whole:
        rep, primal, _ = _searched(charged, core, rep, primal)
        core, is_whole = _core(charged, found, bound - primal)
    if is_whole and bound > primal:
        rep, primal, proven = _searched(charged, core, rep, primal)
        bound = max(primal, min(bound, proven))
    return rep, bound


def _searched(charged: Instance, core: Kept, rep: Ints, primal: int) -> tuple[Ints, int, int]:
    """The better plan, what it gains, and what no plan within the core exceeds."""
    result = _solve(charged, core)
    if result.x is not None:
        better = _choice(charged, core, result.x[: len(core)] > 0.5)
        gains = objective_of(charged, better)[1]
        if gains > primal and (value_room(charged, better) >= 0).all():
            rep, primal = better, gains
    return rep, primal, _proven(charged, result)


def _core(charged: Instance, found: Optimum, gap: int) -> tuple[Kept, bool]:
    """The pairs whose row would lose at most the gap, with their gains before any charge. Where they are too many, the
    nearest, which can better the plan but prove nothing: False."""
    kept = within(charged, found.price, found.worth, gap)
    lost = found.worth[kept.row] - kept.gain + found.price[kept.node]
    charge = charged.charged(kept.row, kept.node[:, None])[:, 0]
    whole = Kept(kept.row, kept.node, kept.gain + charge)
    if len(whole) <= MOST_PAIRS:
        return whole, True
    return whole.only(lost < np.partition(lost, MOST_PAIRS)[MOST_PAIRS]), False


def _proven(charged: Instance, result: OptimizeResult) -> int:
    """What no plan within the core exceeds; beyond all plans where the search proved nothing."""
    if result.mip_dual_bound is None or not np.isfinite(result.mip_dual_bound):
        return np.iinfo(np.int64).max
    bound = _constant(charged) - float(result.mip_dual_bound)
    return int(np.floor(bound + 1e-9 * abs(bound) + 1e-6))


def _solve(charged: Instance, core: Kept) -> OptimizeResult:
    """Variables: each pair of the core, then the slots used of each rep and band."""
    terms, pairs = charged.terms, len(core)
    bands = terms.capacity.size
    matrix, most = _rows(charged, core)
    return milp(
        c=np.concatenate([-(core.gain + terms.penalty[core.row]), np.tile(terms.price, terms.reps)]),
        constraints=LinearConstraint(matrix, -np.inf, most),
        bounds=Bounds(0, np.concatenate([np.ones(pairs), terms.capacity.ravel()])),
        integrality=np.concatenate([np.ones(pairs), np.zeros(bands)]),
        options={"node_limit": MOST_NODES, "time_limit": MOST_SECONDS, "mip_rel_gap": 0.0},
    )


def _rows(charged: Instance, core: Kept) -> tuple[csr_matrix, Floats]:
    """Each opportunity once; each rep's matches within the slots used, the low ones within those of open bands; value
    within the caps."""
    terms, pairs, reps = charged.terms, np.arange(len(core)), charged.terms.reps
    who, bands = core.node % reps, len(terms.price)
    low = np.flatnonzero(core.node < reps)
    slot_rep = np.repeat(np.arange(reps), bands)
    slots = len(core) + np.arange(reps * bands)
    is_open = np.tile(np.arange(bands) < terms.reserved_from, reps)
    rows, row = np.unique(core.row, return_inverse=True)
    room = value_room(charged, np.where(charged.fixed >= 0, charged.fixed, NOBODY))
    capped = np.flatnonzero(charged.value_cap[who] != NO_CAP)
    scale = np.maximum(room, 1).astype(np.float64)
    first_all = len(rows)
    first_low, first_value = first_all + reps, first_all + 2 * reps
    entries = [
        (row, pairs, np.ones(len(core))),
        (first_all + who, pairs, np.ones(len(core))),
        (first_all + slot_rep, slots, -np.ones(len(slots))),
        (first_low + who[low], low, np.ones(len(low))),
        (first_low + slot_rep[is_open], slots[is_open], -np.ones(int(is_open.sum()))),
        (first_value + who[capped], capped, charged.value[core.row[capped]] / scale[who[capped]]),
    ]
    at, column, entry = (np.concatenate([one[n] for one in entries]) for n in range(3))
    most = np.concatenate([np.ones(len(rows)), -terms.taken, np.zeros(reps), np.where(room > 0, 1.0, 0.0)])
    matrix = coo_matrix((entry, (at, column)), shape=(len(most), len(core) + len(slots))).tocsr()
    return matrix, most


def _constant(charged: Instance) -> int:
    return int(charged.fixed_gain.sum()) - int(charged.terms.penalty[charged.is_open].sum())


def _choice(charged: Instance, core: Kept, chosen: Mask) -> Ints:
    rep = np.where(charged.fixed >= 0, charged.fixed, NOBODY)
    rep[core.row[chosen]] = core.node[chosen] % charged.terms.reps
    return rep
