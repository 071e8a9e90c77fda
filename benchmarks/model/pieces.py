"""The pieces of work of the benchmark. Each is done by itself, and kept under its words: `cell null 500 3`."""

import warnings
from contextlib import AbstractContextManager
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks.model.cases import REPS_OF_DEALS, WORLDS
from benchmarks.model.cells import measure
from benchmarks.model.mutation import case_to_spoil, concordances, without_outcomes
from benchmarks.model.public_data import maven, salvirt

SEEDS = {150: 16, 500: 16, 2000: 16, 8000: 10}
SHORT_SEEDS = {150: 4, 500: 4, 2000: 4}
OUTCOME_SHUFFLES, REP_SHUFFLES = 100, 10
Piece = tuple[Any, ...]  # what to do and with what: ("cell", world, deals, seed)


def pieces(*, short: bool) -> list[Piece]:
    """Seed by seed, so that a run stopped early has something of every cell."""
    spoilt = [("outcomes", seed) for seed in range(10 if short else OUTCOME_SHUFFLES)]
    spoilt += [("reps", seed) for seed in range(2 if short else REP_SHUFFLES)]
    seeds = SHORT_SEEDS if short else SEEDS
    organisations = [
        ("cell", world, deals, seed)
        for seed in range(max(seeds.values()))
        for deals in REPS_OF_DEALS
        for world in WORLDS
        if seed < seeds.get(deals, 0)
    ]
    return [("maven",), ("salvirt",), *organisations, *spoilt]


def key_of(piece: Piece) -> str:
    return " ".join(str(part) for part in piece)


def one_thread() -> AbstractContextManager[Any]:
    """Numerical libraries on one thread: processes share the machine, and threads that wait for a core spin."""
    return threadpool_limits(1)


def work(piece: Piece) -> Any:
    """One piece, as plain data."""
    kind, *arguments = piece
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if kind == "maven":
            return maven()
        if kind == "salvirt":
            return salvirt()
        if kind == "cell":
            return measure(*arguments)
        if kind == "reps":
            return concordances(case_to_spoil(), *arguments)
        return without_outcomes(case_to_spoil(new_leads=400), *arguments)
