"""The benchmark of backtests: a small organisation through all of it, and figures by worked numbers."""

import numpy as np
import pytest

from benchmarks.backtest.figures import figures, put_together
from benchmarks.backtest.page import page
from benchmarks.backtest.pieces import EXPLORES, Row, key_of, pieces
from benchmarks.backtest.world import House, Log, configuration
from benchmarks.model.pieces import one_thread
from reps.engine.unavailable import Unavailable
from routing.engine.model import MatchModel

DECISIONS = 250
RULES = MatchModel.from_artifact(1, MatchModel.prior_artifact())


@pytest.fixture(scope="module")
def log() -> Log:
    house = House(1)
    house.__dict__["model"] = RULES  # nothing is trained here: tags decide
    with one_thread():
        return house.log(0, configuration(**EXPLORES), DECISIONS)


def test_the_log_is_what_the_ladder_chose_with_its_chance(log: Log) -> None:
    assert 200 < len(log.reward) <= DECISIONS
    assert set(np.unique(log.reward)) == {0.0, 1.0}
    assert log.propensity.min() > 0
    chosen = [verdict.propensity for verdict in log.verdicts]
    assert chosen == log.propensity.tolist()
    loads = [int(inputs.state.load.sum()) for inputs in log.inputs]
    assert loads[0] == 0
    assert max(loads) > 50
    assert log.truth[np.arange(len(log.reward)), log.rep_ids - 1].mean() == pytest.approx(
        log.reward.mean(), abs=0.1
    )


def test_what_is_tried_is_valued_and_its_truth_known(log: Log) -> None:
    found, value, gain = log.backtest(None, configuration())
    assert found.share_without_overlap == 0
    assert not isinstance(found.doubly_robust, Unavailable)
    robust = found.doubly_robust
    assert abs(robust.value.value - value) < 5 * robust.value.standard_error
    assert abs(robust.gain.value - gain) < 5 * robust.gain.standard_error
    same, value, gain = log.backtest(None, configuration(**EXPLORES))
    assert gain == pytest.approx(0)
    assert not isinstance(same.doubly_robust, Unavailable)
    assert same.doubly_robust.gain.value == pytest.approx(0, abs=1e-9)


def test_what_never_happened_is_refused(log: Log) -> None:
    rule = {"id": 1, "name": "All to one", "condition": {}, "action": "route_to_rep", "rep_id": 1}
    found, _, _ = log.backtest(None, configuration(rules=[rule]))
    assert isinstance(found.doubly_robust, Unavailable)


def row(kind: str, estimate: list[float] | None, *, value: float = 0.4, gain: float = 0.0) -> Row:
    return {
        "kind": kind, "target": "other", "true_value": value, "true_gain": gain, "size": 200.0, "without": 0.0,
        "dr": estimate, "snips": estimate,
    }  # fmt: skip


def test_figures_by_worked_numbers() -> None:
    holds, misses = [0.42, 0.36, 0.48, 0.02, -0.02, 0.06], [0.5, 0.45, 0.55, 0.1, 0.05, 0.15]
    rows = [row("good", holds), row("good", misses), row("good", None), row("poor", None)]
    found = put_together(rows)
    good = found["good_overlap"]
    assert (good["replays"], good["told"], good["refused_share"]) == (3, 2, 0.3333)
    assert good["bias"] == pytest.approx(0.06)
    assert good["bias_se"] == pytest.approx(0.04)  # .02 and .1
    assert (good["coverage"], good["gain_coverage"]) == (0.5, 0.5)
    assert good["mean_width"] == pytest.approx(0.11)
    assert found["refused_share"] == {"good_overlap": 0.3333, "poor_overlap": 1.0}
    assert found["coverage"] == {"good_overlap": 0.5, "poor_overlap": None}
    assert figures([])["refused_share"] is None
    told = page(found | {"knows_outcomes": good, "missing": []})
    assert "| good overlap | doubly robust: value | +6.00 ± 4.00 | 0.500 | 11.0 |" in told


def test_pieces_are_each_once_and_enough() -> None:
    whole = [key_of(piece) for piece in pieces(short=False)]
    assert len(whole) == len(set(whole)) == 50  # four good and four poor backtests of each
    assert set(map(key_of, pieces(short=True))) < set(whole)


def test_the_same_seed_gives_the_same(log: Log) -> None:
    house = House(1)
    house.__dict__["model"] = RULES
    again = house.log(0, configuration(**EXPLORES), DECISIONS)
    assert np.array_equal(again.rep_ids, log.rep_ids)
    assert np.array_equal(again.reward, log.reward)
    other = house.log(1, configuration(**EXPLORES), DECISIONS)
    assert not np.array_equal(other.rep_ids[:200], log.rep_ids[:200])
