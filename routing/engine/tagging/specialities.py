"""The chance that a rep is special with a value, all the rep's pairs weighed together.

    p_i = σ(lead_i + level_r + Σ_v z_rv · effect_rv),   level ~ N(0, sd²),   effect ~ N(mean, EFFECT_SD²)

over the values v of deal i: industry, product, competitors, language and the ranges of its size. z is 1 where the rep
is special; of each kind the number of ones has the chances `counts`, and which they are is open. Ranges of sizes
overlap: of them one at most. `lead`, `mean`, `counts` and the reps' `sd` are learned from everybody (empirical Bayes:
steps of EM between the sweeps), held by a prior that expects few specialities, so that where nobody differs the counts
say so.

The posterior of each rep is approximated by expectation propagation (T. P. Minka, UAI 2001; for spike and slab
J. M. Hernández-Lobato et al., JMLR 2013): one Gaussian factor for each deal, one for each pair; the chances of z of one
kind are summed exactly over all sets by elementary symmetric polynomials. What it does not do: carry the uncertainty of
`lead`, or look at region, source or time of year. The sweeps are many enough for the factors, not for the last digit of
what is learned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np
from scipy.special import ndtr

from routing.engine.model import logistic
from routing.engine.tagging.evidence import LEAD_SD, Floats, Ints, Mask, Pairs, lead_effects

CLEAR = 0.5  # log-odds above the rep's own mean: the least effect that the chance is of
EFFECT_MEAN, EFFECT_MEAN_WEIGHT = 1.3, 20.0  # prior of `mean`, worth so many specialities
EFFECT_SD = 0.3
MOST = 5  # specialities of one kind that are thought of
RATIO = 0.2  # before looking, each further speciality of a kind is so much less likely
COUNTS_WEIGHT = 5.0  # reps that this is worth
RANGE_CHANCE = 0.1  # that a rep is special with some range of deal sizes, before looking
LEVEL_WEIGHT = 10.0
SWEEPS, SWEEPS_BEFORE_LEARNING = 60, 4
DAMPING = 0.6
LARGEST_BLOCK = 1_000_000  # numbers in the design of the reps that are swept together
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Values:
    """Per pair: `kind` and `value` as numbers, `share` of all deals that have it. `sizes`: values of each kind;
    `single`: the kinds of which a rep has one at most."""

    kind: Ints
    value: Ints
    share: Floats
    sizes: tuple[int, ...]
    single: frozenset[int]


@dataclass(frozen=True)
class Prior:
    """What is learned of everybody. `counts`: per kind the chances of 0, 1, … specialities of a rep."""

    counts: tuple[Floats, ...]
    mean: float
    level_sd: float


@dataclass(frozen=True)
class Specialities:
    """Per pair: `chance` that the effect is clear, `special` that there is one; and what was learned."""

    chance: Floats
    special: Floats
    prior: Prior


@dataclass
class _Block:
    """Reps with about equally many deals. `design` r × (1 + c) × n, the first row of ones; `deal` r × n and `pair`
    r × c index what is real, where `played` and `there` say so. The factors are `precision` and `shift`."""

    design: Floats
    won: Mask
    played: Mask
    there: Mask
    deal: Ints
    pair: Ints
    kind: Ints
    value: Ints
    share: Floats
    deal_precision: Floats
    deal_shift: Floats
    pair_precision: Floats
    pair_shift: Floats


@dataclass(frozen=True)
class _Swept:
    """What a sweep of one block found: `error`, `curve` per deal; `special`, `effect`, its variance per pair."""

    error: Floats
    curve: Floats
    special: Floats
    effect: Floats
    variance: Floats
    counts: Sequence[Floats]
    level_square: float


def specialities_of(
    pairs: Pairs, values: Values, rep: Ints, won: Floats, lead: Floats, *, level_sd: float
) -> Specialities:
    """Learns and weighs. `rep`, `won` per deal; `lead` m × (1 + columns), the first column of ones."""
    everybody = np.ones(len(rep), dtype=bool)
    effects, _ = lead_effects(pairs, lead, rep, won, level_sd, everybody)
    prior = first = prior_before_looking(values, level_sd)
    blocks = list(_blocks(pairs, values, rep, won, first))
    swept: list[_Swept] = []
    for sweep in range(SWEEPS):
        log_odds = lead @ effects
        swept = [_sweep(block, values, log_odds, prior) for block in blocks]
        if sweep == SWEEPS - 1:
            break
        if sweep >= SWEEPS_BEFORE_LEARNING:
            prior = _learned(blocks, swept, first)
        effects = effects + _lead_step(blocks, swept, lead, effects)
    return _gathered(pairs, blocks, swept, prior)


def weigh(
    pairs: Pairs, values: Values, rep: Ints, won: Floats, log_odds: Floats, prior: Prior
) -> Specialities:
    """The same where the leads' log-odds and what is common to all reps are known."""
    blocks = list(_blocks(pairs, values, rep, won, prior))
    swept: list[_Swept] = []
    for _ in range(SWEEPS):
        swept = [_sweep(block, values, log_odds, prior) for block in blocks]
    return _gathered(pairs, blocks, swept, prior)


def prior_before_looking(values: Values, level_sd: float) -> Prior:
    counts = []
    for kind, size in enumerate(values.sizes):
        chances = RATIO ** np.arange(min(MOST, size) + 1.0)
        if kind in values.single and size:
            chances = np.array([1 - RANGE_CHANCE, RANGE_CHANCE])
        counts.append(chances / chances.sum())
    return Prior(tuple(counts), EFFECT_MEAN, level_sd)


# --- the sweeps ------------------------------------------------------------------------------------------------------


def _blocks(pairs: Pairs, values: Values, rep: Ints, won: Floats, prior: Prior) -> Iterator[_Block]:
    reps = int(rep.max()) + 1
    deals, own = np.bincount(rep, minlength=reps), np.bincount(pairs.rep, minlength=reps)
    order = np.argsort(deals, kind="stable")
    while len(order):
        numbers = np.maximum.accumulate(own[order] + 1) * deals[order] * np.arange(1, len(order) + 1)
        fit = (numbers <= LARGEST_BLOCK) & (deals[order] <= 1.3 * deals[order[0]] + 8)
        length = max(1, int(np.argmin(fit)) if not fit.all() else len(order))
        yield _block(np.sort(order[:length]), pairs, values, rep, won, prior)
        order = order[length:]


def _block(members: Ints, pairs: Pairs, values: Values, rep: Ints, won: Floats, prior: Prior) -> _Block:
    row = np.full(int(rep.max()) + 1, -1)
    row[members] = np.arange(len(members))
    deal, played, place = _padded(row, rep)
    pair, there, slot = _padded(row, pairs.rep)
    design = np.zeros((len(members), 1 + pair.shape[1], deal.shape[1]))
    design[:, 0] = played
    mine = row[rep[pairs.deal]] >= 0
    inside, of = pairs.deal[mine], pairs.pair[mine]
    design[row[rep[inside]], 1 + slot[of], place[inside]] = 1
    precision = np.full((len(members), design.shape[1]), prior.level_sd**-2)
    precision[:, 1:] = np.where(there, 3.0, 1e6)
    return _Block(
        design=design,
        won=(won[deal] > 0) & played,
        played=played,
        there=there,
        deal=deal,
        pair=pair,
        kind=np.where(there, values.kind[pair], -1),
        value=values.value[pair],
        share=np.where(there, values.share[pair], 0.0),
        deal_precision=np.where(played, 0.2, 0.0),
        deal_shift=np.zeros(deal.shape),
        pair_precision=precision,
        pair_shift=np.zeros(precision.shape),
    )


def _padded(row: Ints, group: Ints) -> tuple[Ints, Mask, Ints]:
    """Members of each row side by side: their numbers, which places are real, and the place of each member."""
    mine = np.flatnonzero(row[group] >= 0)
    mine = mine[np.argsort(row[group[mine]], kind="stable")]
    sizes = np.bincount(row[group[mine]], minlength=int(row.max()) + 1)
    place = np.zeros(len(group), dtype=np.int64)
    place[mine] = np.arange(len(mine)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    padded = np.zeros((len(sizes), int(sizes.max(initial=0))), dtype=np.int64)
    padded[row[group[mine]], place[mine]] = mine
    return padded, np.arange(padded.shape[1]) < sizes[:, None], place


def _sweep(block: _Block, values: Values, log_odds: Floats, prior: Prior) -> _Swept:
    """Renews the factors of all deals and pairs of the block once."""
    across = np.swapaxes(block.design, 1, 2)
    block.pair_precision[:, 0] = prior.level_sd**-2
    hessian = (block.design * block.deal_precision[:, None, :]) @ across
    diagonal = np.arange(hessian.shape[1])
    hessian[:, diagonal, diagonal] += block.pair_precision
    covariance = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    shift = block.pair_shift + (block.design @ block.deal_shift[..., None])[..., 0]
    mean: Floats = (covariance @ shift[..., None])[..., 0]
    variance: Floats = covariance[:, diagonal, diagonal]
    error, curve = _renew_deals(block, log_odds, (across @ mean[..., None])[..., 0], across, covariance)
    special, effect, spread, counts = _renew_pairs(block, values, prior, mean[:, 1:], variance[:, 1:])
    return _Swept(
        error, curve, special, effect, spread, counts, float((mean[:, 0] ** 2 + variance[:, 0]).sum())
    )


def _renew_deals(
    block: _Block, log_odds: Floats, mean: Floats, across: Floats, covariance: Floats
) -> tuple[Floats, Floats]:
    """Won or lost as a Gaussian factor each, by the moments under what the other factors say."""
    variance = np.maximum(np.einsum("rnc,rnc->rn", across @ covariance, across), 1e-6)
    precision = np.maximum(1 / variance - block.deal_precision, 0.05)
    centre = (mean / variance - block.deal_shift) / precision
    points = (log_odds[block.deal] + centre)[..., None] + np.sqrt(1 / precision)[..., None] * _POINTS
    p = logistic(points)
    curve = p * (1 - p)
    chance, slope, bend = p @ _WEIGHTS, curve @ _WEIGHTS, (curve * (1 - 2 * p)) @ _WEIGHTS
    sign, chance = np.where(block.won, 1.0, -1.0), np.where(block.won, chance, 1 - chance)
    first = sign * slope / chance  # of log chance by the centre; also the expected won − p
    second = first**2 - sign * bend / chance
    new = np.maximum(second / np.maximum(1 - second / precision, 0.05), 1e-4)
    shift = (centre + first / precision) * (new + precision) - centre * precision
    block.deal_precision = _towards(block.deal_precision, new, block.played)
    block.deal_shift = _towards(block.deal_shift, shift, block.played)
    return first, slope


def _renew_pairs(
    block: _Block, values: Values, prior: Prior, mean: Floats, variance: Floats
) -> tuple[Floats, Floats, Floats, list[Floats]]:
    """Special or not, and how much: chances, mean and variance of the effect if special, the numbers of each kind."""
    precision = np.maximum(1 / variance - block.pair_precision[:, 1:], 0.02)
    centre = (mean / variance - block.pair_shift[:, 1:]) / precision
    wide = 1 / precision + EFFECT_SD**2
    odds = -0.5 * (np.log(wide * precision) + (centre - prior.mean) ** 2 / wide - centre**2 * precision)
    special, counts = _special(block, values, prior, odds)
    spread = 1 / (precision + EFFECT_SD**-2)
    effect = spread * (prior.mean * EFFECT_SD**-2 + centre * precision)
    whole = special * effect
    new = np.clip(1 / np.maximum(special * (spread + effect**2) - whole**2, 1e-6) - precision, 0.05, 1e4)
    shift = whole * (new + precision) - centre * precision
    block.pair_precision[:, 1:] = _towards(block.pair_precision[:, 1:], new, block.there, 1e6)
    block.pair_shift[:, 1:] = _towards(block.pair_shift[:, 1:], shift, block.there)
    return special, effect, spread, counts


def _towards(now: Floats, new: Floats, real: Mask, otherwise: float = 0.0) -> Floats:
    return np.where(real, now + DAMPING * (new - now), otherwise)


def _special(block: _Block, values: Values, prior: Prior, odds: Floats) -> tuple[Floats, list[Floats]]:
    """The chances kind by kind; a value without a deal has even odds: it is neither for nor against."""
    special, counts = np.zeros(odds.shape), []
    for kind, size in enumerate(values.sizes):
        every = np.zeros((len(odds), size))
        row, slot = np.nonzero(block.kind == kind)
        value = block.value[row, slot]
        every[row, value] = odds[row, slot]
        chances, count = sets_of_one_kind(every, prior.counts[kind])
        special[row, slot] = chances[row, value]
        counts.append(count)
    return special, counts


def sets_of_one_kind(odds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """r × v log-odds by the deals alone, the chances of 0, 1, … of them → chance of each, r × number chances.

    Sums over all sets with the elementary symmetric polynomials of the odds before and after each value.
    """
    rows, size = odds.shape
    most = len(counts)
    each = counts / [comb(size, number) for number in range(most)]
    factor = np.exp(np.clip(odds, -25, 25))
    before, after = np.zeros((size + 1, rows, most)), np.zeros((size + 1, rows, most))
    before[0, :, 0] = after[size, :, 0] = 1
    for v in range(size):
        before[v + 1] = before[v]
        before[v + 1, :, 1:] += before[v, :, :-1] * factor[:, v, None]
        w = size - 1 - v
        after[w] = after[w + 1]
        after[w, :, 1:] += after[w + 1, :, :-1] * factor[:, w, None]
    with_it, without = np.zeros((size, rows)), np.zeros((size, rows))
    for number in range(most):
        others = sum(before[:-1, :, i] * after[1:, :, number - i] for i in range(number + 1))
        without += each[number] * others
        if number + 1 < most:
            with_it += each[number + 1] * others
    posterior = before[size] * each
    chance = factor * with_it.T / np.maximum(factor * with_it.T + without.T, 1e-300)
    return chance, posterior / posterior.sum(axis=1, keepdims=True)


# --- what is learned -------------------------------------------------------------------------------------------------


def _learned(blocks: Sequence[_Block], swept: Sequence[_Swept], first: Prior) -> Prior:
    reps = sum(len(block.won) for block in blocks)
    counts = []
    for kind, before in enumerate(first.counts):
        seen = sum(one.counts[kind].sum(axis=0) for one in swept)
        counts.append((seen + COUNTS_WEIGHT * before) / (reps + COUNTS_WEIGHT))
    special = sum(float(one.special.sum()) for one in swept)
    effect = sum(float((one.special * one.effect).sum()) for one in swept)
    square = sum(one.level_square for one in swept)
    return replace(
        first,
        counts=tuple(counts),
        mean=(effect + first.mean * EFFECT_MEAN_WEIGHT) / (special + EFFECT_MEAN_WEIGHT),
        level_sd=float(np.sqrt((square + first.level_sd**2 * LEVEL_WEIGHT) / (reps + LEVEL_WEIGHT))),
    )


def _lead_step(blocks: Sequence[_Block], swept: Sequence[_Swept], lead: Floats, effects: Floats) -> Floats:
    """A Newton step on the expected error (Fisher's identity), under N(0, LEAD_SD²) for each column but the first."""
    error, curve = np.zeros(len(lead)), np.zeros(len(lead))
    for block, one in zip(blocks, swept, strict=True):
        error[block.deal[block.played]] = one.error[block.played]
        curve[block.deal[block.played]] = one.curve[block.played]
    penalty = np.full(lead.shape[1], LEAD_SD**-2)
    penalty[0] = 0.01
    hessian = (lead * curve[:, None]).T @ lead + np.diag(penalty)
    return np.clip(np.linalg.solve(hessian, lead.T @ error - penalty * effects), -1, 1)


def _gathered(pairs: Pairs, blocks: Sequence[_Block], swept: Sequence[_Swept], prior: Prior) -> Specialities:
    """Per pair; clear is an effect of `CLEAR` above the mean of the rep's effects of the kind over all deals."""
    chance, special = np.zeros(len(pairs)), np.zeros(len(pairs))
    for block, one in zip(blocks, swept, strict=True):
        others = np.zeros(one.effect.shape)
        for kind in range(len(prior.counts)):
            mine = (block.kind == kind) & (prior.counts[kind].size > 2)
            part = mine * block.share * one.special * one.effect
            others += mine * (part.sum(axis=1, keepdims=True) - part)
        least = (CLEAR + others) / (1 - np.minimum(block.share, 0.9))
        clear = one.special * ndtr((one.effect - least) / np.sqrt(one.variance))
        chance[block.pair[block.there]] = clear[block.there]
        special[block.pair[block.there]] = one.special[block.there]
    return Specialities(chance, special, prior)
