"""The answer to a problem: who gets what, what it is worth, the proof, and the prices.

Everything is in the caller's order. Sums are taken in rising order of ids, so that they do not depend on that order.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from routing.engine.batch.instance import CAP_PRICE_BITS, NO_CAP, Instance
from routing.engine.roster import Floats, Ints

NOBODY = -1


class WhyNot(IntEnum):
    """Why an opportunity stays out."""

    ASSIGNED = 0
    HELD = 1
    NOBODY_ELIGIBLE = 2
    EVERYBODY_FULL = 3
    NOT_HIGH_ENOUGH = 4
    VALUE_CAP = 5
    STAYING_OUT_IS_WORTH_MORE = 6
    NOT_CONFIDENT = 7

    @property
    def label(self) -> str:
        return (
            "assigned",
            "held by a person",
            "nobody is eligible",
            "everybody who is eligible is full",
            "who has room left is near capacity and takes high matches only",
            "it would exceed the cap on value of everybody who has room",
            "staying out is worth more",
            "nobody who can take it is a clear match",
        )[self]


@dataclass(frozen=True, eq=False)
class Certificate:
    """The proof, in integers: prices under which no pair is worth more than its opportunity has. `verify` checks it
    against the problem alone.

    `primal` what the plan gains · `bound` what no plan can exceed, by the prices · `price` (R) of a slot for a high
    match, `open_price` (R) of one in an open band · `worth` (L) gain less price · `cap_price` (R) of each hundredth of
    value, in 2^-30.
    """

    unit: float
    primal: int
    bound: int
    price: Ints
    open_price: Ints
    worth: Ints
    cap_price: Ints


@dataclass(frozen=True, eq=False)
class Plan:
    """`rep` (L) the index of each opportunity's rep, NOBODY outside, and `why_not` (L, WhyNot).

    `objective` in the original weights; `bound` what no plan exceeds, in integers (the certificate's, or a lower one
    that a search proved); `gap` (bound − plan) / plan, nil where the optimum is proven. `rounding_cost` is what the
    optimum of the original weights can exceed that of the integers by. `slot_price` (R × K) what one more slot in a
    band adds, `worth` (L) what each opportunity adds; exact but for caps on value.
    """

    opportunity_ids: Ints
    rep_ids: Ints
    rep: Ints
    why_not: Ints
    objective: float
    bound: int
    rounding_cost: float
    certificate: Certificate
    slot_price: Floats
    worth: Floats

    @property
    def gap(self) -> float:
        return gap(self.certificate.primal, self.bound)

    @property
    def is_proven_optimal(self) -> bool:
        return self.certificate.primal == self.bound


def gap(primal: int, bound: int) -> float:
    """Relative to the plan; infinite where only the bound is worth something."""
    if primal == bound:
        return 0.0
    return (bound - primal) / abs(primal) if primal else float("inf")


# --- what a choice is worth -----------------------------------------------------------------------------------------


def objective_of(instance: Instance, rep: Ints) -> tuple[float, int]:
    """Of a choice in canonical order (L; NOBODY outside): in the original weights, and in integers."""
    inside = np.flatnonzero((rep >= 0) & instance.is_open)
    outside = np.flatnonzero((rep < 0) & instance.is_open)
    weight, _ = instance.layout.at(inside, rep[inside])
    problem, terms = instance.problem, instance.terms
    counts = np.bincount(rep[rep >= 0], minlength=terms.reps)
    used = terms.used(counts)
    original = float(weight.sum()) - float((used * problem.bands.price).sum())
    integer = int(np.rint(weight * instance.unit).sum()) - int((used * terms.price).sum())
    integer += int(instance.fixed_gain.sum()) - int(terms.penalty[outside].sum())
    if problem.fixed is not None:
        original += float(problem.fixed.weight[np.argsort(problem.opportunity_ids[problem.fixed.row])].sum())
    if problem.penalty is not None:
        original -= float(problem.penalty[instance.rows[outside]].sum())
    return original, integer


def bound_of(instance: Instance, price: Ints, open_price: Ints, worth: Ints) -> int:
    """What no plan exceeds, given prices under which every open row is worth `worth` at most (weak duality)."""
    terms = instance.terms
    sold_at = np.concatenate([open_price, price])[terms.band_nodes]
    slots = int((terms.capacity * np.maximum(sold_at - terms.price, 0)).sum())
    capped = np.flatnonzero((instance.value_cap != NO_CAP) & (instance.cap_price > 0))
    caps = sum(int(instance.cap_price[r]) * int(instance.value_cap[r]) >> CAP_PRICE_BITS for r in capped)
    return int(worth[instance.is_open].sum()) + int(fixed_worth(instance, price).sum()) + slots + caps


def fixed_worth(instance: Instance, price: Ints) -> Ints:
    """L: gain less price of what is fixed, 0 for all others."""
    rep = np.maximum(instance.fixed, 0)
    if not instance.terms.reps:
        return np.zeros(len(instance.rows), dtype=np.int64)
    charge = (instance.cap_price[rep] * instance.value) >> CAP_PRICE_BITS
    return np.where(instance.fixed >= 0, instance.fixed_gain - charge - price[rep], 0)


def rounding_cost(instance: Instance) -> float:
    """Two plans can each be misjudged by half an integer for each opportunity, and by the rounding of each price."""
    exact = instance.problem.bands.price * instance.unit
    misjudged = 0.5 + float(np.abs(exact - np.rint(exact)).max(initial=0.0))
    return 2 * misjudged * int((instance.fixed >= 0).sum() + instance.is_open.sum()) / instance.unit


# --- making a plan --------------------------------------------------------------------------------------------------


def make_plan(instance: Instance, rep: Ints, price: Floats, worth: Floats, bound: int | None = None) -> Plan:
    """From a choice (L, canonical order), the prices of the 2R + 1 nodes and each row's worth; `bound` where something
    other than the prices proved a lower one."""
    reps, problem = instance.terms.reps, instance.problem
    open_price, any_price = (price[some].astype(np.int64) for some in (slice(reps), slice(reps, 2 * reps)))
    whole_worth = np.where(instance.is_open, worth, fixed_worth(instance, any_price)).astype(np.int64)
    objective, primal = objective_of(instance, rep)
    proven = bound_of(instance, any_price, open_price, whole_worth)
    by_rows, by_reps = _back(instance.rows), _back(instance.reps)
    sold_at = np.concatenate([open_price, any_price])[instance.terms.band_nodes]
    return Plan(
        opportunity_ids=problem.opportunity_ids,
        rep_ids=problem.rep_ids,
        rep=np.append(instance.reps, NOBODY)[rep][by_rows],
        why_not=_why_not(instance, rep)[by_rows],
        objective=objective,
        bound=proven if bound is None else min(bound, proven),
        rounding_cost=rounding_cost(instance),
        certificate=Certificate(
            instance.unit, primal, proven, any_price[by_reps], open_price[by_reps], whole_worth[by_rows],
            instance.cap_price[by_reps],
        ),
        slot_price=(np.maximum(sold_at - instance.terms.price, 0) / instance.unit)[by_reps],
        worth=(whole_worth / instance.unit)[by_rows],
    )  # fmt: skip


def _back(order: Ints) -> Ints:
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back


def _why_not(instance: Instance, rep: Ints) -> Ints:
    """L reasons, in canonical order."""
    why = np.where(rep >= 0, WhyNot.ASSIGNED, np.where(instance.is_open, WhyNot.NOBODY_ELIGIBLE, WhyNot.HELD))
    terms = instance.terms
    left = np.flatnonzero((rep < 0) & instance.is_open)
    if not len(left) or not terms.reps:
        return why
    counts = np.bincount(rep[rep >= 0], minlength=terms.reps)
    full = counts >= terms.capacity.sum(axis=1)
    no_open = low_counts(instance, rep) >= terms.capacity[:, : terms.reserved_from].sum(axis=1)
    value_left = value_room(instance, rep)
    for some in np.array_split(left, len(left) // instance.layout.at_once + 1):
        block = instance.block(some)
        there, node = block.gain > -np.inf, np.broadcast_to(block.node, block.gain.shape)
        who, is_low = node % terms.reps, node < terms.reps
        has_slot = there & ~full[who]
        fits = has_slot & ~(is_low & no_open[who])
        within = fits & (instance.value[some][:, None] <= value_left[who])
        for found, reason in (
            (there, WhyNot.EVERYBODY_FULL),
            (has_slot, WhyNot.NOT_HIGH_ENOUGH),
            (fits, WhyNot.VALUE_CAP),
            (within, WhyNot.STAYING_OUT_IS_WORTH_MORE),
        ):
            why[some[found.any(axis=1)]] = reason
    return why


def low_counts(instance: Instance, rep: Ints) -> Ints:
    """R: how many of each rep's may sit in open bands only."""
    inside = np.flatnonzero((rep >= 0) & instance.is_open)
    _, node = instance.layout.at(inside, rep[inside])
    return np.bincount(node[(node >= 0) & (node < instance.terms.reps)], minlength=instance.terms.reps)


def value_room(instance: Instance, rep: Ints) -> Ints:
    """R hundredths that each rep's cap on value leaves."""
    carried = np.zeros(instance.terms.reps, dtype=np.int64)
    np.add.at(carried, rep[rep >= 0], instance.value[rep >= 0])
    return np.where(instance.value_cap == NO_CAP, np.iinfo(np.int64).max, instance.value_cap - carried)
