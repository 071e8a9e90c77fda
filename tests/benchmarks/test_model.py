"""The model's benchmark: its measures by worked numbers, every method on one tiny case, and going on after a stop."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.model import command, mutation, public_data
from benchmarks.model.baselines import BASELINES
from benchmarks.model.cases import Case, make_case, settings_of
from benchmarks.model.cells import measure, summarise
from benchmarks.model.kept import Kept, _with_imports
from benchmarks.model.measures import (
    best_choice,
    calibration_slope,
    expected_calibration_error,
    gain_of,
    match_scores,
    share_of_oracle,
)
from benchmarks.model.pieces import one_thread, pieces

TRUTH = np.array([[0.2, 0.4], [0.5, 0.3]])


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():  # the tests run side by side
        yield


@pytest.fixture(scope="module")
def tiny() -> Case:
    return make_case(settings_of("affinity_0.6", 150), seed=1, new_leads=30)


def test_share_is_one_for_the_oracle_and_nil_where_all_are_alike() -> None:
    rng = np.random.default_rng(0)
    gain = gain_of(TRUTH, best_choice(TRUTH, rng))
    assert gain == pytest.approx(0.1)
    assert share_of_oracle(TRUTH, gain) == pytest.approx(1)
    assert share_of_oracle(TRUTH, gain_of(TRUTH, np.array([0, 1]))) == pytest.approx(-1)
    assert share_of_oracle(np.full((3, 2), 0.4), 0.0) is None


def test_true_log_odds_are_calibrated_and_doubled_ones_have_slope_one_half() -> None:
    truth = np.random.default_rng(0).uniform(0.1, 0.9, (40, 5))
    log_odds = np.log(truth / (1 - truth))
    assert calibration_slope(truth, log_odds) == pytest.approx(1, abs=1e-3)
    assert calibration_slope(truth, 2 * log_odds) == pytest.approx(0.5, abs=1e-3)
    assert expected_calibration_error(truth, log_odds) == pytest.approx(0, abs=1e-12)
    assert calibration_slope(truth, np.zeros_like(truth)) is None


def test_equal_reps_score_fifty() -> None:
    assert match_scores(np.array([[0.3, 0.3, 0.3]])).tolist() == [[50, 50, 50]]
    assert match_scores(np.array([[0.5, -0.5]])).round(1).tolist() == [[73.1, 26.9]]


@pytest.mark.parametrize("method", BASELINES)
def test_baseline_scores_every_pairing_and_is_the_same_again(method: str, tiny: Case) -> None:
    scores = BASELINES[method](tiny, 0)
    assert scores.shape == tiny.truth.shape
    assert np.isfinite(scores).all()
    assert (BASELINES[method](tiny, 0) == scores).all()


@pytest.mark.parametrize("method", [name for name in BASELINES if name != "round_robin"])
def test_baseline_learns_from_its_case(method: str, tiny: Case) -> None:
    scores = BASELINES[method](tiny, 0)
    assert scores.std() > 0


def test_null_world_has_reps_that_are_alike() -> None:
    truth = make_case(settings_of("null", 150), seed=2, new_leads=30).truth
    assert np.ptp(truth, axis=1).max() == pytest.approx(0, abs=1e-12)


def test_cells_have_the_promised_keys(tiny: Case) -> None:
    by_seed = [measure("affinity_0.3", 150, seed) for seed in (0, 1)]
    rows = summarise("affinity_0.3", 150, by_seed)
    assert [row["method"] for row in rows] == ["product", *BASELINES]
    first = rows[0]
    assert set(first) >= {"world", "deals", "method", "share", "share_se", "slope", "ece", "optimism"}
    assert set(first) >= {
        "gain_low_end",
        "gain_predicted",
        "gain_true",
        "best_score",
        "score_p5",
        "score_p95",
    }
    assert first["seeds"] == 2
    assert first["share"] == pytest.approx(
        np.mean([found["product"]["share"] for found in by_seed]), abs=1e-4
    )
    assert first["optimism"] == pytest.approx(first["gain_low_end"] - first["gain_true"], abs=2e-4)


def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "pieces.jsonl"
    kept = Kept(path)
    kept.keep("cell null 150 0", {"a": 1})
    with path.open("a") as file:
        file.write('\n{"key": "cell null 150 1", "res')
    again = Kept(path)
    again.keep("maven", 2)
    assert Kept(path).found == {"cell null 150 0": {"a": 1}, "maven": 2}


def test_pieces_are_kept_for_the_code_that_they_came_from() -> None:
    matter = _with_imports("benchmarks.model.pieces", {})
    assert {"routing.engine.learning.fit", "routing.engine.worlds", "benchmarks.model.baselines"} <= set(
        matter
    )
    assert "benchmarks.model.command" not in matter


def test_missing_cells_are_named(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "pieces.jsonl")
    kept.keep("cell null 150 0", measure("null", 150, 0))
    result = command.put_together([("cell", "null", 150, 0), ("cell", "null", 150, 1)], kept)
    assert result["missing"] == ["cell null 150 1"]
    assert {row["seeds"] for row in result["cells"]} == {1}


def test_every_world_and_size_has_ten_seeds_or_more() -> None:
    cells = [piece[1:3] for piece in pieces(short=False) if piece[0] == "cell"]
    assert {cells.count(cell) >= 10 for cell in set(cells)} == {True}
    assert len(set(cells)) == 16


MAVEN = {
    "sales_pipeline.csv": """opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
1,Ana,GTXPro,Isdom,Won,2017-08-01,2017-09-01,4514
2,Ben,MG Special,,Lost,2017-08-02,2017-10-05,0
3,Ben,MG Special,,Engaging,2017-08-02,,
""",
    "accounts.csv": """account,sector,year_established,revenue,employees,office_location,subsidiary_of
Isdom,technolgy,1996,1100.04,2822,United States,
""",
    "products.csv": "product,series,sales_price\nGTX Pro,GTX,4821\nMG Special,MG,55\n",
}


def test_maven_is_read_with_its_quirks_and_without_the_closing_value(tmp_path: Path) -> None:
    for name, text in MAVEN.items():
        (tmp_path / name).write_text(text)
    table = public_data.maven_table(public_data.maven_deals(tmp_path), pd.Timestamp("2017-10-01"))
    assert table.won.tolist() == [1, 0]
    assert table.value.tolist() == [4821, 55]
    assert table.weight.round(3).tolist() == [0.917, 1]
    assert table.lead["industry"].levels == ("technology",)
    assert table.lead["industry"].codes.tolist() == [0, -1]
    assert table.lead["size"].levels == ("[1000.0, 5000.0)",)


def test_shuffles_move_the_rep_with_what_is_known_of_it_or_the_outcomes_alone(tiny: Case) -> None:
    rng = np.random.default_rng(0)
    moved = mutation.reps_shuffled(tiny.table, rng)
    assert (moved.rep != tiny.table.rep).any()
    assert sorted(moved.rep) == sorted(tiny.table.rep)
    seniority = dict(zip(tiny.table.rep, tiny.table.pair["seniority"], strict=True))
    assert [seniority[rep] for rep in moved.rep] == moved.pair["seniority"].tolist()
    assert (moved.won == tiny.table.won).all()
    spoilt = mutation.outcomes_shuffled(tiny.table, rng)
    assert spoilt.won.sum() == tiny.table.won.sum()
    assert replace(spoilt, won=tiny.table.won).rep is tiny.table.rep


@pytest.mark.slow
def test_nothing_is_learned_from_shuffled_reps() -> None:
    case = mutation.case_to_spoil()
    found = [mutation.concordances(case, seed) for seed in range(4)]
    assert np.mean([row["intact"] for row in found]) > 0.57
    assert np.mean([row["reps_shuffled"] for row in found]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.slow
def test_nothing_is_learned_from_shuffled_outcomes() -> None:
    case = mutation.case_to_spoil(new_leads=200)
    found = [mutation.without_outcomes(case, seed) for seed in range(20)]
    assert sum(row["cannot_be_told_apart"] for row in found) >= 16  # 90 of 100, and chance
    assert np.mean([row["score_p5"] for row in found]) > 35
    assert np.mean([row["score_p95"] for row in found]) < 65
