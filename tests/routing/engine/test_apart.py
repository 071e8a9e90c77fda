"""Telling reps apart: rarely where they are alike, usually where they are not."""

import numpy as np
import pytest

from routing.engine.learning.apart import Verdict, tell_apart
from routing.engine.learning.table import DealTable
from tests.routing.engine.test_learning import table


@pytest.fixture(scope="module")
def alike() -> list[Verdict]:
    """Twenty organisations whose reps do not differ."""
    return [tell_apart(table(400, 10, seed=seed)) for seed in range(20)]


def test_alike_reps_are_rarely_told_apart(alike: list[Verdict]) -> None:
    # 5 % of 20 is 1; more than 4 has a chance below 3 in 1,000.
    assert sum(verdict.are_distinguishable for verdict in alike) <= 4


def test_alike_reps_show_no_affinity(alike: list[Verdict]) -> None:
    assert sum(verdict.has_affinity for verdict in alike) <= 4


def test_unlike_reps_are_told_apart() -> None:
    verdict = tell_apart(table(2000, 12, seed=1, rep_sd=0.6))
    assert verdict.are_distinguishable
    assert verdict.deals == 2000


def test_says_how_many_deals_it_would_take() -> None:
    needed = tell_apart(table(300, 12, seed=4, rep_sd=0.3)).deals_needed
    assert needed is None or needed > 100


def test_affinity_is_seen_beyond_the_reps_own_level() -> None:
    deals = table(3000, 6, seed=2)
    best = np.arange(6) % 3
    odds = np.where(deals.lead["industry"].codes == best[deals.rep], 1.2, -0.8)
    won = (np.random.default_rng(0).random(3000) < 1 / (1 + np.exp(-odds))).astype(float)
    verdict = tell_apart(
        DealTable(won, deals.rep, deals.rep_ids, deals.weight, deals.value, deals.season, deals.lead)
    )
    assert verdict.has_affinity
    assert verdict.crossed["industry"].p_value < 0.001


def test_deals_without_a_rep_do_not_count() -> None:
    deals = table(400, 6)
    rep = deals.rep.copy()
    rep[:100] = -1
    verdict = tell_apart(
        DealTable(deals.won, rep, deals.rep_ids, deals.weight, deals.value, deals.season, deals.lead)
    )
    assert verdict.deals == 300
