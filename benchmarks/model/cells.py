"""One world × size × seed measured with every method, and the mean over seeds."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from benchmarks.model.baselines import BASELINES, PROBABILISTIC
from benchmarks.model.cases import Case, make_case, settings_of
from benchmarks.model.measures import (
    best_choice,
    calibration_slope,
    expected_calibration_error,
    gain_of,
    match_scores,
    share_of_oracle,
)
from benchmarks.model.product import product
from routing.engine.learning.table import Floats
from routing.engine.model import logistic

Row = dict[str, float | None]
PRODUCT = "product"


def measure(world: str, deals: int, seed: int) -> dict[str, Row]:
    """Every method's figures on one simulated organisation."""
    case = make_case(settings_of(world, deals), seed)
    rng = np.random.default_rng(seed)
    rows = {PRODUCT: product_row(case, seed, rng)}
    for name, method in BASELINES.items():
        scores = method(case, seed)
        rows[name] = plain_row(case, scores, scores if name in PROBABILISTIC else None, rng)
    return rows


def plain_row(case: Case, scores: Floats, log_odds: Floats | None, rng: np.random.Generator) -> Row:
    chosen = best_choice(scores, rng)
    gain = gain_of(case.truth, chosen)
    row: Row = {"share": share_of_oracle(case.truth, gain), "gain_true": gain}
    if log_odds is None:
        return row
    predicted = gain_of(logistic(log_odds), chosen)
    return row | {
        "slope": calibration_slope(case.truth, log_odds),
        "ece": expected_calibration_error(case.truth, log_odds),
        "gain_predicted": predicted,
        "optimism_plain": predicted - gain,
    }


def product_row(case: Case, seed: int, rng: np.random.Generator) -> Row:
    found = product(case, seed)
    row = plain_row(case, found.log_odds, found.shown, rng)
    scores = match_scores(found.log_odds)
    gain = gain_of(case.truth, best_choice(found.log_odds, rng))
    low, high = np.percentile(scores, [5, 95])
    return row | {
        "gain_low_end": found.expected.gain_low,
        "optimism": found.expected.gain_low - gain,
        "best_score": float(scores.max(axis=1).mean()),
        "score_p5": float(low),
        "score_p95": float(high),
        "slope_uncalibrated": calibration_slope(case.truth, found.log_odds),
    }


KEYS = ("share", "slope", "ece", "optimism", "gain_low_end", "gain_predicted", "gain_true", "optimism_plain")
PRODUCT_KEYS = ("slope_uncalibrated", "best_score", "score_p5", "score_p95")


def summarise(world: str, deals: int, by_seed: Iterable[Mapping[str, Row]]) -> list[dict[str, Any]]:
    """A row for each method: means over seeds; for others also by how much the product is ahead of it, seed by seed."""
    seeds = list(by_seed)
    rows = []
    for method in seeds[0]:
        found = [rows_of_seed[method] for rows_of_seed in seeds]
        row: dict[str, Any] = {"world": world, "deals": deals, "method": method}
        for key in KEYS + (PRODUCT_KEYS if method == PRODUCT else ()):
            row[key] = _mean(found, key)
        row |= {"share_se": _standard_error(_values(found, "share")), "seeds": len(seeds)}
        row["gain_true_se"] = _standard_error(_values(found, "gain_true"))
        if method != PRODUCT and row["share"] is not None:
            ahead = np.subtract(_values([s[PRODUCT] for s in seeds], "share"), _values(found, "share"))
            row |= {
                "product_ahead": _rounded(float(ahead.mean())),
                "product_ahead_se": _standard_error(ahead),
            }
        rows.append(row)
    return rows


def _values(rows: Iterable[Row], key: str) -> list[float]:
    return [value for row in rows if (value := row.get(key)) is not None]


def _mean(rows: Iterable[Row], key: str) -> float | None:
    values = _values(rows, key)
    return _rounded(float(np.mean(values))) if values else None


def _standard_error(values: Any) -> float | None:
    return _rounded(float(np.std(values, ddof=1) / np.sqrt(len(values)))) if len(values) > 1 else None


def _rounded(value: float) -> float:
    return round(value, 4)
