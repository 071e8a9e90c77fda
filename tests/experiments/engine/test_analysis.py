"""The effect of an experiment, by metric, stage and design. No database."""

import math

import numpy as np
import pytest

from experiments.engine import effect
from experiments.engine.allocation import Design
from experiments.engine.analysis import Primary, StageSeen, clusters_of, effect_of, groups_of, stage_effect
from experiments.engine.effect import Effect
from experiments.engine.incidence import Followed, Ints
from experiments.engine.verdict import Metric
from reps.engine.unavailable import Unavailable

WINS = Primary(Metric.WIN_RATE, 30)
ACCOUNT, REP, PERIOD = (np.array(ids, dtype=np.int64) for ids in ([1, 2, 3], [4, 4, 5], [0, 1, 1]))


def closed(count: int, won: int, cluster: Ints | None = None) -> Followed:
    """All older than the horizon: won after 10 days, or lost after 20."""
    is_won = np.arange(count) % count < won
    days, outcome = np.where(is_won, 10.0, 20.0), np.where(is_won, 1, 2).astype(np.int64)
    return Followed(days, outcome, np.full(count, 40.0), cluster)


def stage(split: float, treatment: Followed, control: Followed) -> StageSeen:
    return StageSeen(split, treatment, control, len(treatment), len(control))


@pytest.mark.parametrize(
    ("design", "groups"),
    [
        (Design.SLOT_SPLIT, ACCOUNT),
        (Design.LEAD_SPLIT, ACCOUNT),
        (Design.REP_PARTITION, REP),
        (Design.SWITCHBACK, PERIOD),
    ],
)
def test_each_design_has_its_groups(design: Design, groups: Ints) -> None:
    assert groups_of(design, account=ACCOUNT, rep=REP, period=PERIOD) is groups


def test_who_is_alone_is_independent() -> None:
    assert clusters_of(ACCOUNT) is None
    assert clusters_of(REP) is REP


def test_win_rates_by_worked_numbers() -> None:
    found = effect_of(WINS, [stage(0.5, closed(100, 24), closed(100, 20))], is_ramp=False)
    assert isinstance(found, Effect)
    assert found.value == pytest.approx(0.04)
    assert found.standard_error == pytest.approx(math.sqrt((0.24 * 0.76 + 0.2 * 0.8) / 100))
    assert found.degrees == math.inf


def test_what_groups_share_is_no_certainty() -> None:
    """Six reps of each arm who win all or nothing: as much is known as from twelve deals, by t with 10 degrees."""
    reps = np.repeat(np.arange(6), 20)
    won, less = closed(120, 60, reps), closed(120, 40, reps)
    found = effect_of(WINS, [stage(0.5, won, less)], is_ramp=False)
    assert isinstance(found, Effect)
    alone = effect_of(WINS, [stage(0.5, closed(120, 60), closed(120, 40))], is_ramp=False)
    assert isinstance(alone, Effect)
    assert (found.value, found.degrees) == (alone.value, 10)
    assert found.standard_error == pytest.approx(alone.standard_error * math.sqrt(20 * 6 / 5))
    assert found.information == pytest.approx(alone.information)  # the clock of looks does not follow chance
    assert abs(effect.p_of_one_look(found)) > 0.5


def test_too_few_groups_say_nothing() -> None:
    arms = closed(120, 60, np.repeat(np.arange(4), 30)), closed(120, 40, np.repeat(np.arange(6), 20))
    found = effect_of(WINS, [stage(0.5, *arms)], is_ramp=False)
    assert found == Unavailable("in treatment only 4 independent groups; at least 5 are needed")


def test_a_ramps_small_stages_are_left_out_of_the_estimate() -> None:
    tenth, half = stage(0.1, closed(60, 50), closed(540, 60)), stage(0.5, closed(100, 24), closed(100, 20))
    found = effect_of(WINS, [tenth, half], is_ramp=True)
    assert isinstance(found, Effect)
    assert found.value == pytest.approx(0.04)
    both = effect_of(WINS, [tenth, half], is_ramp=False)
    assert isinstance(both, Effect)
    assert both.value > 0.3
    assert isinstance(stage_effect(WINS, tenth).effect, Effect)
    assert effect_of(WINS, [tenth], is_ramp=True) == Unavailable(
        "estimates come from stages with 40% in treatment or more"
    )


def test_the_other_metrics() -> None:
    stages = [stage(0.5, closed(100, 24), closed(100, 20))]
    days = effect_of(Primary(Metric.VELOCITY, 30), stages, is_ramp=False)
    assert isinstance(days, Effect)
    assert days.value == pytest.approx(0.04 * 20)
    touched = effect_of(Primary(Metric.FIRST_TOUCH, 30, touch_minutes=15 * 1440), stages, is_ramp=False)
    assert isinstance(touched, Effect)
    assert touched.value == pytest.approx(0.04)
    assert effect_of(WINS, [], is_ramp=False) == Unavailable("there are no opportunities yet")
