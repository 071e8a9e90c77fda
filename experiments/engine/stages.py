"""The stages of a ramp together: each compared within itself, then averaged.

    d = Σ w d_s / Σ w    se = √(Σ w² se_s²) / Σ w    w = n₁ n₀ / N    units of treatment, control and both in the stage

The weights of W. Cochran (Biometrics 1954, "Some methods for strengthening the common χ² tests"). Never pooled: when
the split rises while the base rate moves, pooled treatment comes from other weeks than pooled control, and the
movement looks like an effect. What it does not do: ask whether the effect is the same in each stage; stages are shown
beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.engine.effect import Effect
from reps.engine.unavailable import Unavailable


@dataclass(frozen=True)
class StageEffect:
    """Of the units first exposed in one stage."""

    treatment_units: int
    control_units: int
    effect: Effect | Unavailable

    @property
    def weight(self) -> float:
        both = self.treatment_units + self.control_units
        return self.treatment_units * self.control_units / both if both else 0.0


@dataclass(frozen=True)
class Combined:
    """`used` counts the stages that could tell something; `left_out` those that could not yet."""

    effect: Effect
    used: int
    left_out: int


def combined(stages: Sequence[StageEffect]) -> Combined | Unavailable:
    """The effect over stages. With few clusters the degrees of freedom are those of Welch and Satterthwaite."""
    told = [(stage.weight, stage.effect) for stage in stages if isinstance(stage.effect, Effect)]
    told = [(weight, effect) for weight, effect in told if weight > 0]
    if not told:
        return next(
            (stage.effect for stage in stages if isinstance(stage.effect, Unavailable)),
            Unavailable("there are no opportunities yet"),
        )
    whole = sum(weight for weight, _ in told)
    parts = [(weight / whole * effect.standard_error) ** 2 for weight, effect in told]
    plain = [(weight / whole) ** 2 / effect.information for weight, effect in told]
    wobble = sum(part**2 / effect.degrees for part, (_, effect) in zip(parts, told, strict=True))
    effect = Effect(
        sum(weight * effect.value for weight, effect in told) / whole,
        math.sqrt(sum(parts)),
        sum(parts) ** 2 / wobble if wobble > 0 else math.inf,
        math.sqrt(sum(plain)) if any(effect.plain_error for _, effect in told) else None,
    )
    return Combined(effect, len(told), len(stages) - len(told))
