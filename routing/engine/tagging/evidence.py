"""How likely a rep's wins on one kind of deal are by chance.

The chance of deal i of rep r in the pair (r, v), were r no different there, is

    p_i = σ(lead_i + level_{r, not v})

`lead_i`: additive log-odds of the deal's industry, product, competitors, language and size for the average rep,
fitted with shrunken effects of reps and pairs on the deals of other reps (the reps are split into folds).
`level_{r, not v}`: r's own level on the deals outside v, maximum a posteriori under N(0, level_sd²). Nothing of the
pair's own deals enters its baseline, so that one more win never weakens the evidence. The uncertainty of both is
integrated over by Gauss-Hermite nodes; given a node the number of wins is Poisson-binomial, computed exactly. p-values
are mid-p (H. O. Lancaster, JASA 1961): discrete counts otherwise waste what little a rep's year tells. What it does not
do: look at time of year, source or region, which stay in the rep's level.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routing.engine.model import logistic

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FOLDS = 5
LEAD_SD = 0.7  # prior of one lead effect, log-odds
PAIR_SD = 0.7  # of a rep's own effect on a value, where the lead effects are fitted
NODES = 7
NEWTON_STEPS = 12
LARGEST_BLOCK = 2_000_000  # numbers held at once by the count of wins


@dataclass(frozen=True)
class Pairs:
    """c pairs of rep and value: `rep` c; `deal`, `pair` index the deals inside, sorted by pair."""

    rep: Ints
    deal: Ints
    pair: Ints

    def __len__(self) -> int:
        return len(self.rep)


@dataclass(frozen=True)
class Evidence:
    """For each pair: counts, wins expected by chance, mid-p of so many or more (fewer), the least p it could reach."""

    wins: Ints
    deals: Ints
    expected: Floats
    upper: Floats
    lower: Floats
    best_upper: Floats


def evidence_of(pairs: Pairs, rep: Ints, won: Floats, lead: Floats, *, level_sd: float) -> Evidence:
    """The evidence. `rep`, `won` per deal; `lead` m × (1 + columns), the first column of ones."""
    log_odds, covariances, fold = _lead_log_odds(pairs, lead, rep, won, level_sd)
    level, level_variance = _levels_elsewhere(pairs, rep, won, log_odds, level_sd)
    deals = np.bincount(pairs.pair, minlength=len(pairs))
    mean_lead = np.zeros((len(pairs), lead.shape[1]))
    np.add.at(mean_lead, pairs.pair, lead[pairs.deal])
    mean_lead /= np.maximum(deals, 1)[:, None]
    lead_variance = np.einsum("ci,cij,cj->c", mean_lead, covariances[fold[pairs.rep]], mean_lead)
    centre = log_odds[pairs.deal] + level[pairs.pair]
    spread = np.sqrt(level_variance + lead_variance)
    wins = np.bincount(pairs.pair, won[pairs.deal], len(pairs)).astype(np.int64)
    return _tails(pairs, deals, wins, centre, spread)


def _lead_log_odds(
    pairs: Pairs, lead: Floats, rep: Ints, won: Floats, level_sd: float
) -> tuple[Floats, Floats, Ints]:
    """Out of fold by rep: log-odds per deal, covariance of the effects per fold, the fold of each rep."""
    reps = int(rep.max()) + 1
    folds = min(FOLDS, reps)
    fold = np.arange(reps) % folds
    log_odds, covariances = np.zeros(len(rep)), []
    for number in range(folds):
        apart = fold[rep] == number
        effects, covariance = lead_effects(pairs, lead, rep, won, level_sd, ~apart)
        log_odds[apart] = lead[apart] @ effects
        covariances.append(covariance)
    return log_odds, np.array(covariances), fold


def lead_effects(
    pairs: Pairs, lead: Floats, rep: Ints, won: Floats, level_sd: float, used: Mask
) -> tuple[Floats, Floats]:
    """Effects of the leads for the average rep: where experts have most of the deals, the excess is theirs.

    Alternates a ridge step of the leads with shrunken steps of the reps' levels and of the pairs.
    """
    penalty = np.full(lead.shape[1], LEAD_SD**-2)
    penalty[0] = 0.01
    mine = used[pairs.deal]
    deal, pair, reps = pairs.deal[mine], pairs.pair[mine], int(rep.max()) + 1
    effects, level, own = np.zeros(lead.shape[1]), np.zeros(reps), np.zeros(len(pairs))
    columns, weight = lead[used], used.astype(float)
    hessian = np.diag(penalty)
    for _ in range(NEWTON_STEPS):
        theirs = level[rep] + np.bincount(deal, own[pair], len(rep))
        p = logistic(columns @ effects + theirs[used])
        hessian = (columns * (p * (1 - p))[:, None]).T @ columns + np.diag(penalty)
        step = np.linalg.solve(hessian, columns.T @ (won[used] - p) - penalty * effects)
        effects = effects + np.clip(step, -2, 2)
        p = logistic(lead @ effects + theirs)
        level = level + _shrunken_step(weight * (won - p), weight * p * (1 - p), rep, level, level_sd)
        p = logistic(lead @ effects + level[rep] + np.bincount(deal, own[pair], len(rep)))
        # several kinds share a deal: half a step, or they would overshoot together
        own = own + 0.5 * _shrunken_step((won - p)[deal], (p * (1 - p))[deal], pair, own, PAIR_SD)
    return effects, np.linalg.inv(hessian)


def _shrunken_step(error: Floats, curve: Floats, group: Ints, now: Floats, sd: float) -> Floats:
    """A Newton step of the effect of each group under N(0, sd²)."""
    count = len(now)
    gradient = np.bincount(group, error, count) - now * sd**-2
    return np.asarray(np.clip(gradient / (np.bincount(group, curve, count) + sd**-2), -1, 1))


def _levels_elsewhere(
    pairs: Pairs, rep: Ints, won: Floats, log_odds: Floats, level_sd: float
) -> tuple[Floats, Floats]:
    """Per pair: the rep's level on the deals outside it and its variance. A rep without any has the prior's."""
    count = len(pairs)
    order = np.argsort(rep, kind="stable")
    starts = np.searchsorted(rep[order], np.arange(int(rep.max()) + 2))
    sizes = np.diff(starts)[pairs.rep]
    pair = np.repeat(np.arange(count), sizes)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    deal = order[starts[pairs.rep[pair]] + within]
    outside = ~np.isin(pair * len(rep) + deal, pairs.pair * len(rep) + pairs.deal)
    pair, deal = pair[outside], deal[outside]
    level = np.zeros(count)
    for _ in range(NEWTON_STEPS):
        p = logistic(log_odds[deal] + level[pair])
        curve = np.bincount(pair, p * (1 - p), count) + level_sd**-2
        step = (np.bincount(pair, won[deal] - p, count) - level * level_sd**-2) / curve
        level = level + np.clip(step, -1, 1)
        if np.abs(step).max(initial=0) < 1e-8:
            break
    return level, 1 / curve


def _tails(pairs: Pairs, deals: Ints, wins: Ints, centre: Floats, spread: Floats) -> Evidence:
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    starts = np.cumsum(deals) - deals
    expected, upper, lower, best = (np.zeros(len(pairs)) for _ in range(4))
    by_size = np.argsort(deals, kind="stable")
    at = 0
    while at < len(by_size):
        block = by_size[at : at + _block_length(deals, by_size, at)]
        width = int(deals[block].max())
        column = np.arange(width)
        inside = column[None, :] < deals[block][:, None]
        entry = np.where(inside, starts[block][:, None] + column[None, :], 0)
        log_odds = centre[entry][:, :, None] + spread[block][:, None, None] * nodes
        p = logistic(log_odds) * inside[:, :, None]
        chances = _count_of_wins(p) @ weights
        expected[block] = p.sum(axis=1) @ weights
        counts = np.arange(width + 1)[None, :]
        half = 0.5 * (chances * (counts == wins[block][:, None])).sum(axis=1)
        upper[block] = half + (chances * (counts > wins[block][:, None])).sum(axis=1)
        lower[block] = half + (chances * (counts < wins[block][:, None])).sum(axis=1)
        best[block] = 0.5 * chances[np.arange(len(block)), deals[block]]
        at += len(block)
    return Evidence(wins, deals, expected, np.clip(upper, 0, 1), np.clip(lower, 0, 1), best)


def _block_length(deals: Ints, by_size: Ints, at: int) -> int:
    """So many pairs of about the same size that the block stays small."""
    size = int(deals[by_size[at]])
    most = int(np.searchsorted(deals[by_size], size * 1.2 + 4, side="right")) - at
    return max(1, min(most, int(LARGEST_BLOCK / (NODES * (1.2 * size + 5)))))


def _count_of_wins(p: Floats) -> Floats:
    """blocks × (width + 1) × nodes: the distribution of the number of wins, p blocks × width × nodes."""
    blocks, width, nodes = p.shape
    chances = np.zeros((blocks, width + 1, nodes))
    chances[:, 0] = 1
    for j in range(width):
        win = p[:, j : j + 1]
        chances[:, 1 : j + 2] = chances[:, 1 : j + 2] * (1 - win) + chances[:, : j + 1] * win
        chances[:, 0] *= 1 - win[:, 0]
    return chances
