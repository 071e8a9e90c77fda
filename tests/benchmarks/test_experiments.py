"""The benchmark of experiments: the mechanics of its world by reckoning them again, and figures by worked numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.experiments.command import finished
from benchmarks.experiments.figures import bias, put_together
from benchmarks.experiments.pieces import RUNS as RUNS_OF_BLOCK
from benchmarks.experiments.pieces import SAME, TIRED, designs_in, key_of, pieces
from benchmarks.experiments.seen import HORIZON_DAYS, planned, runs_of
from benchmarks.experiments.world import CONTROL, DAY, START, TREATMENT, Organisations, Strategy, Trial, World
from benchmarks.model.kept import Kept, code_hash
from benchmarks.model.pieces import one_thread
from experiments.engine import allocation
from experiments.engine.allocation import Arm, Design
from experiments.engine.effect import Effect
from reps.engine.unavailable import Unavailable

SMALL = World("small", reps=10, slots=5)
RUNS = 6
NOBODY: dict[str, set[int]] = {"reps": {0}, "periods": set()}  # what waits still has no rep


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():  # the tests run side by side
        yield


def organisations(design: Design | None, weeks: int = 8, **values: Any) -> Organisations:
    return Organisations(Trial(SMALL, design, weeks, **values), RUNS, (7,)).run()


def open_then(of: Organisations, run: int, moment: float, arm: int | None = None) -> Any:
    """By rep: how many deals given by then are still open, reckoned from the leads. A slot is free again on the day
    after the end."""
    leads = of.leads
    mine = (leads.given[run] <= moment) & (np.ceil(leads.closed[run]) > np.floor(moment))
    if arm is not None:
        mine &= leads.arm[run] == arm
    return np.bincount(leads.rep[run][mine], minlength=len(of.ids))


@pytest.mark.parametrize("design", [*Design, None])
def test_nobody_ever_has_more_than_the_slots(design: Design | None) -> None:
    of = organisations(design)
    fullest = 0
    for run in range(RUNS):
        for moment in of.leads.given[run][np.isfinite(of.leads.given[run])]:
            fullest = max(fullest, int(open_then(of, run, moment).max()))
    assert fullest == SMALL.slots


def test_no_arm_has_more_than_its_slots_of_the_week() -> None:
    """Who has more from the weeks before gets nothing new."""
    of = organisations(Design.SLOT_SPLIT)
    given = 0
    for run, salt in enumerate(of.salts):
        leads = of.leads
        for lead in np.flatnonzero((leads.given[run] >= 0) & np.isfinite(leads.given[run])):
            arm = leads.arm[run, lead]
            if arm not in (CONTROL, TREATMENT):
                continue
            moment, rep = leads.given[run, lead], leads.rep[run, lead]
            treated = allocation.slots_of(
                of.ids, of.capacity, 0.5, salt=salt, experiment=1, week=int(moment // 7)
            )
            slots = treated if arm == TREATMENT else of.capacity - treated
            assert open_then(of, run, moment, arm)[rep] <= slots[rep]
            given += 1
    assert given > 200


def test_a_partition_keeps_to_its_reps() -> None:
    of = organisations(Design.REP_PARTITION)
    leads = of.leads
    for run in range(RUNS):
        reps = [set(leads.rep[run][(leads.arm[run] == arm) & (leads.rep[run] >= 0)]) for arm in (0, 1)]
        assert not reps[CONTROL] & reps[TREATMENT]
        assert [len(one) for one in reps] == [5, 5]


def test_a_switchback_goes_by_the_products_periods() -> None:
    of = organisations(Design.SWITCHBACK)
    for run, salt in enumerate(of.salts):
        came = of.leads.came[run]
        for lead in np.flatnonzero((came >= 0) & np.isfinite(came)):
            at = START + float(came[lead]) * DAY
            period = allocation.period_of(at, START, salt=salt, experiment=1)
            assert (of.leads.arm[run, lead] == TREATMENT) == (period.arm is Arm.TREATMENT)
            assert of.is_counted[int(came[lead]), run] == period.is_counted
            assert of.period[int(came[lead]), run] == period.number


def test_turns_go_to_everybody_and_the_best_match_to_the_best() -> None:
    turns, best = (organisations(None, split=split).leads for split in (0.0, 1.0))
    shares = [
        np.bincount(leads.rep[0][leads.rep[0] >= 0], minlength=SMALL.reps) / (leads.rep[0] >= 0).sum()
        for leads in (turns, best)
    ]
    assert shares[0].std() < 0.02
    assert shares[1].std() > shares[0].std()
    assert best.won.sum() > turns.won.sum()


def test_the_same_seed_gives_the_same() -> None:
    one, two = (organisations(Design.SLOT_SPLIT).leads for _ in range(2))
    assert np.array_equal(one.rep, two.rep)
    assert np.array_equal(one.closed, two.closed)
    other = Organisations(Trial(SMALL, Design.SLOT_SPLIT, 8), RUNS, (8,)).run().leads
    assert not np.array_equal(one.came[:, :50], other.came[:, :50])


@pytest.mark.parametrize(
    ("design", "groups"),
    [
        (Design.SLOT_SPLIT, "accounts"),
        (Design.LEAD_SPLIT, "accounts"),
        (Design.REP_PARTITION, "reps"),
        (Design.SWITCHBACK, "periods"),
    ],
)
def test_what_is_seen_falls_into_the_groups_of_the_design(design: Design, groups: str) -> None:
    weeks = 24 if design is Design.SWITCHBACK else 12
    run = runs_of(organisations(design, weeks, treatment=Strategy.TURNS))[0]
    effect = run.effect(run.last_day)
    assert isinstance(effect, Effect)
    found = [set(map(int, arm.group)) for arm in (run.treatment, run.control)]
    if groups == "accounts":
        assert sum(map(len, found)) > 60
        assert effect.degrees == np.inf
    else:
        assert effect.degrees == sum(map(len, found)) - 2
        assert [len(one - NOBODY[groups]) for one in found] == {"reps": [5, 5], "periods": [6, 6]}[groups]


def test_looks_begin_when_enough_is_known_and_end_with_everything() -> None:
    trial = Trial(TIRED, Design.SLOT_SPLIT, 4, treatment=Strategy.TURNS)
    run = runs_of(Organisations(trial, 1, (3,)).run())[0]
    assert isinstance(run.effect(HORIZON_DAYS), Unavailable)
    daily = run.looks(planned(trial, 0.16).planned_information, 1)
    assert len(daily) > 5
    assert daily[-1].time == 1
    assert [one.time for one in daily] == sorted(one.time for one in daily)


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_by_worked_numbers(tmp_path: Path) -> None:
    kept, wanted = Kept(tmp_path / "kept.jsonl"), pieces(short=True)
    looks = {"runs": 100, "daily": 5, "weekly": 4, "once": 6, "base": 0.2, "treatment": 500, "control": 500}
    for design in ("slot_split", "lead_split"):
        for block, common in ((0, [[-0.1, 0.1]] * 100), (1, [[-0.1, 0.1]] * 96 + [[0.01, 0.1]] * 4)):
            kept.keep(f"same {design} 8 {block}", looks | {"estimates": [0.0, 0.01], "common": common})
    kept.keep("power slot_split 8 0", looks | {"daily": 80, "estimates": [0.08, 0.08], "common": []})
    kept.keep("rollout load_tires 0.9 0", {"control": [0.2, 0.2], "treatment": [0.24, 0.26]})
    kept.keep("apart load_tires 0.9 slot_split 0", {"estimates": [0.06, 0.05], "different": 1})
    kept.keep("apart load_tires 0.9 lead_split 0", {"estimates": [0.1, 0.1], "different": 2})
    found = put_together(finished(wanted, kept), SAME)
    assert [row["looks"] for row in found["false_positive"]] == ["daily", "weekly", "once"] * 2
    first = found["false_positive"][0]
    assert (first["design"], first["rate"], first["runs"]) == ("slot_split", 0.05, 200)
    assert first["least"] == pytest.approx(0.05 - 2.576 * (0.05 * 0.95 / 200) ** 0.5, abs=1e-4)
    assert found["coverage"][0]["rate"] == 0.98
    assert (found["power"][0]["rate"], found["power"][0]["effect"]) == (0.8, 0.08)
    assert 0.8 < found["power"][0]["planned"] < 0.9
    assert found["worlds"] == {"load_tires": {"bias_slot_split": 0.1, "bias_lead_split": 1.0}}
    row = bias(finished(wanted, kept))[0]
    assert (row["measured"], row["roll_out"], row["runs"]) == (0.055, 0.05, 2)
    assert found["nil"] == []


def test_pieces_are_each_once_and_a_partition_needs_reps() -> None:
    whole = [key_of(piece) for piece in pieces(short=False)]
    assert len(whole) == len(set(whole))
    assert sum(key.startswith("same slot_split") for key in whole) * RUNS_OF_BLOCK == 4000
    assert set(map(key_of, pieces(short=True))) < set(whole)
    assert Design.REP_PARTITION not in designs_in("small_team")


def test_other_code_of_the_engine_is_another_file() -> None:
    assert code_hash("benchmarks.experiments.pieces") != code_hash("benchmarks.experiments.world")
