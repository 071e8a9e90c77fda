"""A fitted model as plain data, and its log-odds of many opportunities against many reps.

    log-odds(lead, rep) = base(lead) + Σ pair effect · column + rep + Σ rep × level

Factored: everything that depends on the rep alone is one vector, and each crossed level one more, so that scoring is a
few sums of arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from routing.engine.learning.design import Scales, lead_columns
from routing.engine.learning.fit import Calibration, Fit
from routing.engine.learning.table import DealTable, Floats


@dataclass(frozen=True)
class LearnedModel:
    """`lead` β by column name · `pair` β by effect · `rep` β by rep id · `cross` name → level → rep id → β."""

    lead: Mapping[str, float]
    pair: Mapping[str, float]
    rep: Mapping[int, float]
    cross: Mapping[str, Mapping[str, Mapping[int, float]]]
    scales: Scales
    calibration: Calibration
    uncertainty: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_fit(cls, fitted: Fit, table: DealTable, calibration: Calibration) -> "LearnedModel":
        layout = fitted.layout
        shared = dict(zip(layout.shared, fitted.beta[: len(layout.shared)].tolist(), strict=True))
        pair = {name: shared.pop(name) for name in list(shared) if name in table.pair}
        blocks = fitted.beta[len(layout.shared) :].reshape(layout.reps, layout.block)
        crossed = {
            name: {
                level: dict(
                    zip(table.rep_ids, blocks[:, layout.cross_offset(name) + i].tolist(), strict=True)
                )
                for i, level in enumerate(table.lead[name].levels)
            }
            for name, _ in layout.crossed
        }
        spread = dict(zip(layout.shared, fitted.posterior_sd[: len(layout.shared)].tolist(), strict=True))
        return cls(
            lead=shared,
            pair=pair,
            rep=dict(zip(table.rep_ids, blocks[:, 0].tolist(), strict=True)),
            cross=crossed,
            scales=fitted.scales,
            calibration=calibration,
            uncertainty=spread,
        )

    def to_artifact(self) -> dict[str, Any]:
        """Plain JSON data. Effects are rounded to 1e-9 and zeros of unseen pairings left out."""
        return {
            "format": 2,
            "lead": _rounded(self.lead),
            "pair": _rounded(self.pair),
            "rep": {str(key): round(value, 9) for key, value in self.rep.items()},
            "cross": {
                name: {
                    level: {str(k): round(v, 9) for k, v in by.items() if v} for level, by in levels.items()
                }
                for name, levels in self.cross.items()
            },
            "scales": {"lead": self.scales.lead, "rep": self.scales.rep, "cross": self.scales.cross},
            "calibration": {"intercept": self.calibration.intercept, "slope": self.calibration.slope},
            "uncertainty": _rounded({k: v for k, v in self.uncertainty.items() if v == v}),
        }

    @classmethod
    def from_artifact(cls, artifact: Mapping[str, Any]) -> "LearnedModel":
        """Raises ValueError for another format."""
        if artifact.get("format") != 2:
            raise ValueError(f"unknown artifact format {artifact.get('format')!r}")
        return cls(
            lead=artifact["lead"],
            pair=artifact["pair"],
            rep={int(key): value for key, value in artifact["rep"].items()},
            cross={
                name: {level: {int(k): v for k, v in by.items()} for level, by in levels.items()}
                for name, levels in artifact["cross"].items()
            },
            scales=Scales(**artifact["scales"]),
            calibration=Calibration(**artifact["calibration"]),
            uncertainty=artifact["uncertainty"],
        )

    def base(self, leads: DealTable) -> Floats:
        """m log-odds from the lead alone."""
        names, blocks, _ = lead_columns(leads, 1.0)
        total = np.zeros(len(leads))
        start = 0
        for block in blocks:
            width = block.shape[1]
            beta = np.array([self.lead.get(name, 0.0) for name in names[start : start + width]])
            total += np.asarray(block @ beta).ravel()
            start += width
        return total

    def rep_log_odds(self, leads: DealTable, rep_ids: tuple[int, ...]) -> Floats:
        """m × n log-odds of what was learned of each rep and of each rep with the lead's levels."""
        total = np.tile(np.array([self.rep.get(rep, 0.0) for rep in rep_ids]), (len(leads), 1))
        for name, levels in self.cross.items():
            category = leads.lead.get(name)
            if category is None:
                continue
            table = np.zeros((len(category.levels) + 1, len(rep_ids)))
            for code, level in enumerate(category.levels):
                known = levels.get(level)
                if known:
                    table[code] = [known.get(rep, 0.0) for rep in rep_ids]
            total += table[category.codes]  # −1 is the last row: zeros
        return total

    def pair_log_odds(self, columns: Mapping[str, Floats]) -> Floats | float:
        """m × n log-odds of pair columns (each m × n) under the pair effects."""
        return sum(
            (self.pair[name] * column for name, column in columns.items() if name in self.pair), start=0.0
        )


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {key: round(value, 9) for key, value in values.items()}
