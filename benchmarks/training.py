"""One whole training of 20,000 deals × 300 reps, against a single scikit-learn logistic regression on the same matrix.

A training is everything that the worker does between reading and registering: the dataset's columns, fit, calibration,
the trial against the champion, the forecast and the report. It runs in a process of its own, so that the peak of memory
is its own.
"""

import multiprocessing
import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks.organisation import make_organisation
from routing.engine.learning.design import Scales, make_design
from routing.engine.learning.training import train
from routing.engine.learning.trial import Champion
from routing.engine.model import MatchModel
from routing.engine.worlds import WorldSettings

DEALS, REPS = 20_000, 300
DRAWN = 27_000  # so many leads that about DEALS of them are won or lost within the year


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: train_s, vs_single_fit (lbfgs, scikit-learn's default), vs_newton_fit (its fastest here), peak_mb."""
    size = (DRAWN // 10, REPS // 10) if short else (DRAWN, REPS)
    say(f"about {size[0] * DEALS // DRAWN:,} deals × {size[1]} reps")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, size)


def measured(drawn: int, reps: int) -> dict[str, Any]:
    """In a fresh process: the training, then the single fits on its matrix."""
    organisation = make_organisation(WorldSettings(reps=reps, deals=drawn, affinity_sd=0.3, max_open=25), 1)
    with threadpool_limits(limits=1):
        started = time.perf_counter()
        dataset = organisation.dataset()
        trained = train(
            dataset, organisation.candidates(dataset), Champion(1, MatchModel.prior_artifact(), None)
        )
        train_s = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        matrix = make_design(dataset.deals, Scales(**trained.report["quality"]["scales"])).matrix
        warnings.simplefilter("ignore", ConvergenceWarning)
        single = {
            solver: _timed(LogisticRegression(solver=solver, max_iter=2000), matrix, dataset.deals)
            for solver in ("lbfgs", "newton-cg")
        }
    return {
        "train_s": round(train_s, 2),
        "vs_single_fit": round(train_s / single["lbfgs"], 2),
        "vs_newton_fit": round(train_s / single["newton-cg"], 2),
        "single_fit_s": round(single["lbfgs"], 2),
        "newton_fit_s": round(single["newton-cg"], 2),
        "peak_mb": round(peak_mb),
        "deals": len(dataset.deals),
        "reps": reps,
        "columns": matrix.shape[1],
    }


def _timed(model: LogisticRegression, matrix: Any, deals: Any) -> float:
    started = time.perf_counter()
    model.fit(matrix, deals.won, sample_weight=deals.weight)
    return time.perf_counter() - started
