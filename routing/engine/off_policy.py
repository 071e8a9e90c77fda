"""What another policy would have won, from decisions that this one logged.

With w = target probability / logged propensity of the logged action, over d decisions:

    SNIPS = Σ w·r / Σ w                              A. Swaminathan, T. Joachims, "The self-normalized estimator for
                                                     counterfactual learning", NeurIPS 2015
    DR    = mean [q_target + w·(r − q_logged)]       M. Dudík, J. Langford, L. Li, "Doubly robust policy evaluation and
                                                     learning", ICML 2011
    effective size = least of (Σ w)² / Σ w²  and  d² / Σ E w², E w² = Σ over the reps of target² / logged

The first is of the choices that were drawn; the second of those that could have been. Where a target leans on a choice
that was rarely drawn, and by chance never, the first sees nothing amiss: its weights are those of the others.

Standard errors are those of the mean of each decision's influence (delta method for SNIPS), decisions of one account
summed first; the gain over the logged policy is paired, decision by decision. Decisions without overlap are left out of
both estimates, since no outcome tells anything of them; where they are many, the estimates are refused. In simulations
both covered the truth in about 94 of 100 runs where the target was near the logged policy, and in 50 to 80 where it was
a different deterministic one (effective sizes of 35 to 100): hence the refusals. `benchmark backtest` measures them on
simulated organisations. What it does not do: estimate propensities, which are to be those of the time of the decision.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from reps.engine.unavailable import Unavailable
from routing.engine.estimate import Estimate

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LEAST_EFFECTIVE = 100.0
MOST_WITHOUT_OVERLAP = 0.1


@dataclass(frozen=True)
class LoggedDecisions:
    """d decisions: `reward` 0 or 1 · `propensity` of the logged action then, above 0 · `target` probability of the same
    action under the other policy · `q_logged` the model's estimate of its reward · `q_target` the model's expected
    reward under the other policy · `has_overlap` whether every action that the other policy takes could have been
    logged · `squared` the expected square of the weight (Σ target² / logged over all actions) · `account` a number that
    decisions share which are not independent. Raises ValueError for what is no probability."""

    reward: Floats
    propensity: Floats
    target: Floats
    q_logged: Floats
    q_target: Floats
    has_overlap: Mask
    squared: Floats
    account: Ints

    def __post_init__(self) -> None:
        if {getattr(self, field.name).shape for field in fields(self)} != {(len(self.reward),)}:
            raise ValueError("all columns of logged decisions have the same length")
        if not np.all((self.propensity > 0) & (self.propensity <= 1)):
            raise ValueError("logged propensities lie above 0 and up to 1")
        for name in ("reward", "target", "q_logged", "q_target"):
            values = getattr(self, name)
            if not np.all((values >= 0) & (values <= 1)):
                raise ValueError(f"{name} lies within 0 and 1")

    def __len__(self) -> int:
        return len(self.reward)

    def take(self, rows: Mask) -> "LoggedDecisions":
        return LoggedDecisions(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    @property
    def weight(self) -> Floats:
        return self.target / self.propensity


@dataclass(frozen=True)
class Valued:
    """Expected reward of the other policy, and its gain over the logged one."""

    value: Estimate
    gain: Estimate


@dataclass(frozen=True)
class OffPolicy:
    """`logged` is what the logged policy won; the other policy's value by two estimators, or why there is none. All of
    it over the decisions with overlap, unless so many are without that nothing is told but what was won."""

    decisions: int
    effective_size: float
    share_without_overlap: float
    logged: Estimate | Unavailable
    snips: Valued | Unavailable
    doubly_robust: Valued | Unavailable


def evaluate(log: LoggedDecisions) -> OffPolicy:
    """The value of the policy whose probabilities `target` are, from the log."""
    without = float(np.mean(~log.has_overlap)) if len(log) else 0.0
    kept = log.take(log.has_overlap)
    size = min(effective_size(kept.weight), expected_size(kept.squared))
    counted = kept if without < MOST_WITHOUT_OVERLAP else log
    alike = _alike(counted.reward)
    refused = alike or _refusal(len(log), size, without)
    return OffPolicy(
        decisions=len(log),
        effective_size=size,
        share_without_overlap=without,
        logged=alike or Estimate.of_share(float(counted.reward.mean()), _error(counted.reward, counted)),
        snips=refused or _snips(kept),
        doubly_robust=refused or _doubly_robust(kept),
    )


def effective_size(weight: Floats) -> float:
    """How many decisions under the target policy itself would tell as much."""
    squared = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squared if squared > 0 else 0.0


def expected_size(squared: Floats) -> float:
    """The same before the choices are drawn, where each is covered: weights are then 1 on average."""
    total = float(squared.sum())
    return len(squared) ** 2 / total if total > 0 else 0.0


def _alike(reward: Floats) -> Unavailable | None:
    if not len(reward):
        return Unavailable("there are no logged decisions")
    if reward.min() == reward.max():
        return Unavailable(f"all {len(reward):,} logged decisions had the same outcome")
    return None


def _refusal(decisions: int, size: float, without: float) -> Unavailable | None:
    if without >= MOST_WITHOUT_OVERLAP:
        return Unavailable(
            f"in {without:.0%} of the {decisions:,} logged decisions the other policy could take a rep who had no "
            f"chance then; from {MOST_WITHOUT_OVERLAP:.0%} on its value cannot be told"
        )
    if size < LEAST_EFFECTIVE:
        return Unavailable(
            f"the {decisions:,} logged decisions tell as much of the other policy as {int(size)} of its own would; "
            f"at least {LEAST_EFFECTIVE:.0f} are needed"
        )
    return None


def _snips(log: LoggedDecisions) -> Valued:
    weight = log.weight
    value = float((weight * log.reward).sum() / weight.sum())
    influence = weight * (log.reward - value) / weight.mean()
    logged = float(log.reward.mean())
    return Valued(
        Estimate.of_share(value, _error(influence, log)),
        Estimate.of(value - logged, _error(influence - (log.reward - logged), log)),
    )


def _doubly_robust(log: LoggedDecisions) -> Valued:
    terms = log.q_target + log.weight * (log.reward - log.q_logged)
    gains = terms - log.reward
    return Valued(
        Estimate.of(float(terms.mean()), _error(terms, log)),
        Estimate.of(float(gains.mean()), _error(gains, log)),
    )


def _error(influence: Floats, log: LoggedDecisions) -> float:
    """Standard error of the mean, accounts being what is independent."""
    _, group = np.unique(log.account, return_inverse=True)
    sums = np.bincount(group, weights=influence - influence.mean())
    groups = len(sums)
    if groups < 2:
        return 0.0
    return float(np.sqrt(groups / (groups - 1) * (sums**2).sum()) / len(influence))
