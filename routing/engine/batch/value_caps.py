"""Caps on pipeline value: a plan within them, and how far it can be from the best.

A cap is a knapsack row, Σ value[l] x[l, r] ≤ cap[r], with which the problem is no flow any more. Charging each capped
rep a price for value, in place of the cap, leaves a flow whose optimum bounds every plan (A. Geoffrion, "Lagrangean
relaxation for integer programming", Math. Programming Study 2, 1974):

    bound(k) = optimum of the gains less k[r] · value[l]  +  Σ k[r] · cap[r],      k ≥ 0

The prices follow the subgradient, value carried less cap, with Polyak's step. Each step's plan is repaired: who
carries too much gives up the least gain for its value, everybody else is planned anew around that, and what then fits
is put in. What gap is left a search over the few pairs that could still matter closes as far as it can (`cap_search`).
Counted in steps and nodes and not in seconds, so that the same problem gives the same plan.
"""

from dataclasses import dataclass, replace

import numpy as np

from routing.engine.batch.cap_search import search
from routing.engine.batch.instance import CAP_PRICE_BITS, NO_CAP, Instance
from routing.engine.batch.kept import Kept, everything, near
from routing.engine.batch.network import cheapest
from routing.engine.batch.plan import NOBODY, Plan, bound_of, make_plan, objective_of, value_room
from routing.engine.batch.search import FEW_PAIRS, Optimum, optimum
from routing.engine.roster import Floats, Ints

STEPS = 60
HALVED_AFTER = 5  # steps without a lower bound
WORKING_PAIRS = 12  # of each opportunity, in instances that are too large to work on whole


@dataclass
class Ascent:
    """The best found so far."""

    rep: Ints
    primal: int
    cap_price: Ints
    bound: int


def within_caps(instance: Instance, uncapped: Optimum) -> Plan:
    """A plan within all caps, with its gap. `uncapped` is the optimum without them, which breaks some."""
    best = _ascend(instance, _working_pairs(instance, uncapped), uncapped)
    charged = instance.at_cap_price(best.cap_price)
    found = optimum(charged)  # over all pairs, whatever was worked on
    proof = make_plan(charged, best.rep, found.price, found.worth)
    rep, bound = search(charged, found, best.rep, best.primal, proof.certificate.bound)
    return make_plan(charged, rep, found.price, found.worth, bound)


def _working_pairs(instance: Instance, uncapped: Optimum) -> Kept:
    if instance.layout.count <= FEW_PAIRS:
        return everything(instance)
    return near(instance, uncapped.price, 0.0, WORKING_PAIRS)


def _ascend(instance: Instance, kept: Kept, uncapped: Optimum) -> Ascent:
    """STEPS steps along the subgradient, which start at no price for value."""
    nothing = np.zeros(instance.terms.reps, dtype=np.int64)
    best = Ascent(*_repaired(instance, kept, uncapped.at), nothing, _bound(instance, uncapped))
    exact, at, boldness, idle = np.zeros(instance.terms.reps), uncapped.at, 1.0, 0
    for _ in range(STEPS):
        excess = _excess(instance, at)
        length = float((excess[(excess > 0) | (exact > 0)] ** 2).sum())
        if best.bound == best.primal or not length:
            break
        exact = np.maximum(exact + boldness * (best.bound - best.primal) / length * excess, 0.0)
        charged = instance.at_cap_price(_whole(instance, exact))
        at, bound = _priced(charged, kept)
        rep, primal = _repaired(instance, kept, at)
        if primal > best.primal:
            best.rep, best.primal = rep, primal
        if bound < best.bound:
            best.cap_price, best.bound, idle = charged.cap_price, bound, 0
        else:
            idle += 1
            if idle % HALVED_AFTER == 0:
                boldness /= 2
    return best


def _whole(instance: Instance, exact: Floats) -> Ints:
    """Prices of value in 2^-30, bounded so that the dearest opportunity's charge fits 64 bits."""
    dearest = max(int(instance.value.max(initial=0)), 1)
    return np.asarray(np.minimum(exact * 2**CAP_PRICE_BITS, 2**62 // dearest).astype(np.int64))


def _excess(instance: Instance, at: Ints) -> Floats:
    """R: value carried less the cap; 0 where there is none."""
    over = -value_room(instance, _reps(instance, at)).astype(np.float64)
    return np.where(instance.value_cap == NO_CAP, 0.0, over)


def _reps(instance: Instance, at: Ints) -> Ints:
    rep = np.where(at < instance.terms.outside, at % instance.terms.reps, NOBODY)
    return np.where(instance.fixed >= 0, instance.fixed, rep)


def _bound(instance: Instance, found: Optimum) -> int:
    reps = instance.terms.reps
    price = found.price.astype(np.int64)
    return bound_of(instance, price[reps : 2 * reps], price[:reps], found.worth.astype(np.int64))


def _priced(charged: Instance, kept: Kept) -> tuple[Ints, int]:
    """The optimum of the pairs worked on with value charged, and what it and the caps come to."""
    gain = kept.gain - charged.charged(kept.row, kept.node[:, None])[:, 0]
    at = cheapest(replace(kept, gain=gain), charged.terms)
    here = kept.node == at[kept.row]
    outside = charged.is_open & (at == charged.terms.outside)
    counts = charged.terms.counts(at)
    fixed = np.flatnonzero(charged.fixed >= 0)
    charge = charged.charged(fixed, charged.fixed[fixed][:, None])[:, 0]
    caps = charged.cap_price.astype(object) * np.maximum(charged.value_cap, 0)
    return at, (
        int(gain[here].sum())
        + int((charged.fixed_gain[fixed] - charge).sum())
        - int(charged.terms.penalty[outside].sum())
        - int((charged.terms.used(counts) * charged.terms.price).sum())
        + sum(int(one) >> CAP_PRICE_BITS for one in caps)
    )


# --- from a plan that breaks caps to one within them ----------------------------------------------------------------


def _repaired(instance: Instance, kept: Kept, at: Ints) -> tuple[Ints, int]:
    """A choice within the caps, and what it gains."""
    rep = _lightened(instance, kept, _reps(instance, at))
    rep = _around(instance, kept, rep)
    rep = _filled(instance, kept, rep)
    return rep, objective_of(instance, rep)[1]


def _lightened(instance: Instance, kept: Kept, rep: Ints) -> Ints:
    """Who carries too much gives up, first, what gains least for its value."""
    rep, room = rep.copy(), value_room(instance, rep)
    gain = np.zeros(len(rep))
    here = rep[kept.row] == kept.node % instance.terms.reps
    gain[kept.row[here]] = kept.gain[here]
    density = (gain + instance.terms.penalty) / np.maximum(instance.value, 1)
    for who in np.flatnonzero(room < 0):
        own = np.flatnonzero((rep == who) & instance.is_open)
        own = own[np.lexsort((own, density[own]))]
        freed = np.cumsum(instance.value[own])
        rep[own[: int(np.searchsorted(freed, -room[who])) + 1]] = NOBODY
    return rep


def _around(instance: Instance, kept: Kept, rep: Ints) -> Ints:
    """Capped reps keep what they have; everything else is planned anew among the others."""
    settled = (rep >= 0) & (instance.value_cap[np.maximum(rep, 0)] != NO_CAP)
    uncapped = instance.value_cap[kept.node % instance.terms.reps] == NO_CAP
    free = kept.only(uncapped & ~(settled | ~instance.is_open)[kept.row])
    taken = np.bincount(rep[settled | (instance.fixed >= 0)], minlength=instance.terms.reps)
    at = cheapest(free, replace(instance.terms, taken=taken))
    inside = at < instance.terms.outside
    others = np.where(inside, at % instance.terms.reps, NOBODY)
    return np.where(settled | ~instance.is_open, rep, others)


def _filled(instance: Instance, kept: Kept, rep: Ints) -> Ints:
    """What stays outside goes, the greatest gain first, wherever there is a slot and room for its value."""
    rep, terms = rep.copy(), instance.terms
    room, slots = value_room(instance, rep), terms.capacity.sum(axis=1)
    counts = np.bincount(rep[rep >= 0], minlength=terms.reps)
    who = kept.node % terms.reps
    capped = instance.value_cap[who] != NO_CAP  # the others were planned exactly
    fits = (rep[kept.row] < 0) & capped & (counts < slots)[who] & (instance.value[kept.row] <= room[who])
    fits &= kept.node >= terms.reps
    candidates = np.flatnonzero(fits)
    order = np.lexsort((who[candidates], kept.row[candidates], -kept.gain[candidates]))
    next_price = _next_prices(instance)
    for pair in candidates[order]:
        row, one = int(kept.row[pair]), int(who[pair])
        fits_now = rep[row] < 0 and counts[one] < slots[one] and instance.value[row] <= room[one]
        if fits_now and kept.gain[pair] - next_price[one, counts[one]] > -terms.penalty[row]:
            rep[row] = one
            counts[one] += 1
            room[one] -= instance.value[row]
    return rep


def _next_prices(instance: Instance) -> Ints:
    """R × (most slots): what the next slot costs a rep who has so many."""
    ends = np.cumsum(instance.terms.capacity, axis=1)
    most = int(ends[:, -1].max(initial=0)) if ends.size else 0
    band = (ends[:, None, :] <= np.arange(most)[None, :, None]).sum(axis=2)
    return np.asarray(np.append(instance.terms.price, 0)[band])
