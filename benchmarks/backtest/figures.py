"""Backtests of one kind put together: how far off, how often the interval holds the truth, how often it is refused."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.backtest.pieces import Row

OVERLAPS = {"good_overlap": "good", "poor_overlap": "poor", "knows_outcomes": "knows"}
ESTIMATORS = {"dr": "", "snips": "snips_"}
VALUE, GAIN = 0, 3  # where an estimate begins in a row: itself, then the bounds of its interval


def put_together(rows: Sequence[Row]) -> dict[str, Any]:
    """Each overlap by its figures, and the headline figures by overlap. Of the doubly robust estimate, what is not
    named otherwise; bias in points of win rate as a share (.01 is one point)."""
    found = {name: figures([row for row in rows if row["kind"] == kind]) for name, kind in OVERLAPS.items()}
    asked = {name: one for name, one in found.items() if name != "knows_outcomes"}
    by_target = {
        f"{name}: {target}": figures([row for row in rows if (row["kind"], row["target"]) == (kind, target)])
        for name, kind in OVERLAPS.items()
        for target in dict.fromkeys(row["target"] for row in rows if row["kind"] == kind)
    }
    headlines = {
        key: {name: one[key] for name, one in asked.items()} for key in ("bias", "coverage", "refused_share")
    }
    return {**found, **headlines, "by_target": by_target}


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Replays, the share refused, mean effective size, and of those that were told bias with its standard error,
    coverage and mean width of the value, and the same of the gain and of SNIPS. None where all were refused."""
    told = [row for row in rows if row["dr"] is not None]
    found: dict[str, Any] = {
        "replays": len(rows),
        "told": len(told),
        "refused_share": round(1 - len(told) / len(rows), 4) if rows else None,
        "mean_effective_size": _mean([row["size"] for row in told]),
        "share_without_overlap": _mean([row["without"] for row in rows]),
    }
    for estimator, prefix in ESTIMATORS.items():
        found |= _held(told, estimator, VALUE, "true_value", prefix)
        found |= _held(told, estimator, GAIN, "true_gain", f"{prefix}gain_")
    return found


def _held(told: Sequence[Row], estimator: str, at: int, truth: str, prefix: str) -> dict[str, Any]:
    off = [row[estimator][at] - row[truth] for row in told]
    holds = [row[estimator][at + 1] <= row[truth] <= row[estimator][at + 2] for row in told]
    widths = [row[estimator][at + 2] - row[estimator][at + 1] for row in told]
    return {
        f"{prefix}bias": _mean(off),
        f"{prefix}bias_se": round(float(np.std(off, ddof=1) / np.sqrt(len(off))), 5)
        if len(off) > 1
        else None,
        f"{prefix}coverage": _mean([float(one) for one in holds]),
        f"{prefix}mean_width": _mean(widths),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 5) if values else None
