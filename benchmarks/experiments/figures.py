"""Blocks of runs put together into figures."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from statsmodels.stats.proportion import power_proportions_2indep

from benchmarks.experiments.pieces import TIRED, WEEKS, designs_in, places
from experiments.engine.allocation import Design
from experiments.engine.sizing import ERROR, LOOKS, Accounts

Blocks = Sequence[dict[str, Any]]
Found = Callable[..., Blocks]  # the finished blocks of what begins with these words
Z99 = 2.576


def put_together(found: Found, weeks_of_same: Sequence[tuple[Design, int]]) -> dict[str, Any]:
    """Keys: false_positive, power, coverage, bias, worlds, nil. `docs/benchmarks` says what they mean."""
    rows = bias(found)
    return {
        "false_positive": [
            row for design, weeks in weeks_of_same for row in _errors(found("same", str(design), weeks), design, weeks)
        ],
        "power": [row for design, weeks in WEEKS.items() for row in _power(found("power", str(design), weeks), design)],
        "coverage": [
            row
            for kind in ("same", "power")
            for design, weeks in weeks_of_same
            for row in _coverage(found(kind, str(design), weeks), design, weeks, kind)
        ],
        "bias": rows,
        "worlds": _worlds(rows),
        "nil": [row for design in WEEKS for row in _nil(found("nil", str(design)), design)],
    }  # fmt: skip


def _errors(blocks: Blocks, design: Design, weeks: int) -> list[dict[str, Any]]:
    runs = _sum(blocks, "runs")
    return [
        {"design": str(design), "weeks": weeks, "looks": looks, **_rate(_sum(blocks, looks), runs)}
        for looks in ("daily", "weekly", "once")
        if runs
    ]


def _power(blocks: Blocks, design: Design) -> list[dict[str, Any]]:
    """`effect` the average estimate; `planned` the power that the calculator's formula has for it."""
    runs = _sum(blocks, "runs")
    if not runs:
        return []
    effect, first = float(np.mean(_all(blocks, "estimates"))), blocks[0]
    more = Accounts(1 / (1 - TIRED.repeats), 0.1).factor * LOOKS
    treated, control = first["treatment"] / more, first["control"] / more
    planned = power_proportions_2indep(
        effect, first["base"], treated, ratio=control / treated, alpha=ERROR, return_results=False
    )
    rate = _rate(_sum(blocks, "daily"), runs)
    return [{"design": str(design), "effect": round(effect, 4), **rate, "planned": round(float(planned), 3)}]


def _coverage(blocks: Blocks, design: Design, weeks: int, kind: str) -> list[dict[str, Any]]:
    """How often all intervals of an experiment held at once; where treatment adds something, of the average effect."""
    common = _all(blocks, "common")
    if not common:
        return []
    truth = 0.0 if kind == "same" else float(np.mean(_all(blocks, "estimates")))
    held = sum(low <= truth <= high for low, high in common)
    row = {"design": str(design), "weeks": weeks, "effect": round(truth, 4)}
    return [{**row, **_rate(held, len(common))}]


def bias(found: Found) -> list[dict[str, Any]]:
    """(measured − full roll-out) / full roll-out, with the standard error by the delta method."""
    rows = []
    for world, utilisation in places():
        rolled = found("rollout", world, utilisation)
        if not rolled:
            continue
        truth, error = _gap(_all(rolled, "treatment"), _all(rolled, "control"))
        for design in designs_in(world):
            estimates = _all(found("apart", world, utilisation, str(design)), "estimates")
            if len(estimates) < 2:
                continue
            measured, wobble = _mean(estimates)
            value = measured / truth - 1
            se = math.hypot(wobble, (value + 1) * error) / abs(truth)
            rows.append(
                {
                    "world": world,
                    "design": str(design),
                    "utilisation": utilisation,
                    "value": round(value, 3),
                    "se": round(se, 3),
                    "measured": round(measured, 4),
                    "roll_out": round(truth, 4),
                    "runs": len(estimates),
                }
            )
    return rows


def _worlds(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """At 90 % utilisation."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["utilisation"] == 0.9 and row["design"] in (Design.SLOT_SPLIT, Design.LEAD_SPLIT):
            found.setdefault(row["world"], {})[f"bias_{row['design']}"] = row["value"]
    return found


def _nil(blocks: Blocks, design: Design) -> list[dict[str, Any]]:
    estimates = _all(blocks, "estimates")
    if not estimates:
        return []
    rate = _rate(_sum(blocks, "different"), len(estimates))
    return [{"design": str(design), "measured": round(float(np.mean(estimates)), 4), **rate}]


def _rate(count: int, runs: int) -> dict[str, float]:
    """`least` the lower end of the 99 % interval of the simulation itself."""
    rate = count / runs
    se = math.sqrt(rate * (1 - rate) / runs)
    return {"rate": round(rate, 4), "se": round(se, 4), "least": round(rate - Z99 * se, 4), "runs": runs}


def _gap(treatment: Sequence[float], control: Sequence[float]) -> tuple[float, float]:
    """Organisation by organisation: both were drawn with the same seed."""
    return _mean(np.array(treatment) - np.array(control))


def _mean(values: Any) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))


def _sum(blocks: Blocks, name: str) -> int:
    return sum(block[name] for block in blocks)


def _all(blocks: Blocks, name: str) -> list[Any]:
    return [value for block in blocks for value in block[name]]
