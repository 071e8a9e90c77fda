"""How far reps, and reps with a level, differ: the scales of the effects, from the deals themselves.

MacKay's fixed point ("Bayesian interpolation", Neural Computation 1992), for the reps' own effects and for all rep ×
level effects:

    sd² ← (Σ β² + ν·s₀²) / (γ + ν),   γ = p − Σ posterior variance of β / sd²

Every deal weighs 1 here: with recency weights the fixed point takes old deals for noise and ends far too low. The steps
are lengthened (log sd moves by a multiple of the fixed point's), since plain ones creep. ν and s₀ are what is believed
before any deal; they were chosen on simulated worlds (docs/decisions/0008).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from routing.engine.columns import Prior
from routing.engine.learning.design import Design, Scales, make_design
from routing.engine.learning.solve import posterior_sd, solve
from routing.engine.learning.table import DealTable, Floats

ROUNDS = 12
LEAST, MOST = 0.01, 1.5


@dataclass(frozen=True)
class ScalePrior:
    """`sd` is believed as if `weight` effects had been seen that differ so much; `stride` lengthens the steps."""

    sd: float
    weight: float
    stride: float
    settled: float


REP_PRIOR = ScalePrior(sd=0.13, weight=1.0, stride=1.5, settled=0.02)
CROSS_PRIOR = ScalePrior(sd=0.13, weight=5.0, stride=3.0, settled=0.03)
START = (0.3, CROSS_PRIOR.sd)


def estimate_scales(table: DealTable, start: Scales, priors: dict[str, Prior]) -> Scales:
    """The scales of rep and rep × level; that of the leads stays."""
    level = replace(table, weight=np.ones(len(table)))
    rep, cross = _Search(start.rep, REP_PRIOR), _Search(start.cross, CROSS_PRIOR)
    theta: Floats | None = None
    scales = start
    for _ in range(ROUNDS):
        design = make_design(level, scales)
        layout = design.layout
        theta = solve(design, level, priors, start=theta)
        beta, sd = (
            values[len(layout.shared) :].reshape(layout.reps, layout.block)
            for values in (theta * design.sd, posterior_sd(design, level, theta, priors))
        )
        rep.step(beta[:, 0], sd[:, 0])
        if layout.crossed:
            cross.step(beta[:, 1:].ravel(), sd[:, 1:].ravel())
        scales = Scales(start.lead, rep.scale, cross.scale)
        theta = theta * design.sd / _rescaled(design, scales)
        if rep.is_settled and (cross.is_settled or not layout.crossed):
            break
    return scales


@dataclass
class _Search:
    """The search for one scale. A step that turns back is halved, so that long strides cannot swing for ever."""

    scale: float
    prior: ScalePrior
    stride: float = field(init=False)
    moved: float = 0.0

    def __post_init__(self) -> None:
        self.stride = self.prior.stride

    @property
    def is_settled(self) -> bool:
        return abs(self.moved) < self.prior.settled

    def step(self, beta: Floats, sd: Floats) -> None:
        prior = self.prior
        determined = max(len(beta) - float((sd**2).sum()) / self.scale**2, 0.0)
        squared = (float((beta**2).sum()) + prior.weight * prior.sd**2) / (determined + prior.weight)
        wanted = float(np.log(np.sqrt(squared) / self.scale))
        if wanted * self.moved < 0:
            self.stride /= 2
        before = self.scale
        self.scale = float(np.clip(before * np.exp(self.stride * wanted), LEAST, MOST))
        self.moved = float(np.log(self.scale / before))


def _rescaled(design: Design, scales: Scales) -> Floats:
    """The sds that the design will have under other rep and cross scales."""
    sd = design.sd.copy()
    own = np.full(design.layout.block, scales.cross)
    own[0] = scales.rep
    sd[len(design.layout.shared) :] = np.tile(own, design.layout.reps)
    return sd
