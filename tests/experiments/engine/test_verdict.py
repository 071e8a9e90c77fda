"""What is said of an experiment, and what is not. No database."""

from dataclasses import replace
from itertools import product

import pytest

from experiments.engine.allocation import Design
from experiments.engine.interference import Shift
from experiments.engine.sample_ratio import Balance, SampleRatio
from experiments.engine.sequential import Decision, Look
from experiments.engine.verdict import Metric, Result, Status, measures_size, verdict
from reps.engine.unavailable import Unavailable

LOOK = Look(
    estimate=0.052,
    standard_error=0.017,
    information=3460.0,
    time=0.8,
    z=3.06,
    bound=2.29,
    low=0.0131,
    high=0.0909,
    decision=Decision.UPWARD,
)
WON = Result(
    status=Status.RUNNING,
    metric=Metric.WIN_RATE,
    design=Design.SLOT_SPLIT,
    split=0.5,
    look=LOOK,
    standing=Decision.UPWARD,
    ratio=SampleRatio(0.2, 0.65, Balance.OK),
    shift=Shift(0.4, 0.4, 0.0, 0.5, is_flagged=False),
    matured=900,
    units=900,
)
SIZE = "The estimate is +5.2 points of the win rate, and +1.3 to +9.1 holds however often one has looked."
MAY_DIFFER = "The lift at 100 % may differ."
BETTER = "With treatment more leads are won than with control; the difference is significant."


def test_better() -> None:
    assert verdict(WON) == (BETTER, SIZE, MAY_DIFFER)


def test_worse() -> None:
    assert verdict(replace(WON, standing=Decision.DOWNWARD))[0] == (
        "With treatment fewer leads are won than with control; the difference is significant."
    )


def test_nothing_shown_so_far() -> None:
    assert verdict(replace(WON, standing=Decision.NONE)) == (
        "No difference has been shown so far; 80% of the planned information is in.",
        SIZE,
        MAY_DIFFER,
    )


def test_no_difference_in_the_end() -> None:
    assert verdict(replace(WON, standing=Decision.NO_DIFFERENCE))[0] == (
        "No difference was detected, and the planned information is used up: control stays."
    )


def test_nothing_can_be_said_yet() -> None:
    early = replace(
        WON, look=Unavailable("3 opportunities are 60 days old"), standing=Decision.NONE, matured=3
    )
    assert verdict(early) == ("Nothing can be said yet: 3 opportunities are 60 days old.",)


def test_a_sample_ratio_that_is_off_hides_the_result() -> None:
    said = verdict(replace(WON, ratio=SampleRatio(18.2, 0.00002, Balance.BLOCK)))
    assert said == (
        "No result is shown: the units did not fall to the arms in the shares that were asked for (chance alone would "
        "do that once in 50,000 times).",
        "Leads were lost or misplaced in one arm; that has to be understood first.",
    )


def test_a_doubtful_sample_ratio_is_said() -> None:
    assert verdict(replace(WON, ratio=SampleRatio(8.0, 0.005, Balance.WARN)))[2] == (
        "The units did not quite fall to the arms in the shares that were asked for; it should be checked."
    )


@pytest.mark.parametrize("split", [0.1, 0.2, 0.39, 0.61, 0.8, 0.9])
def test_no_size_from_an_uneven_slot_split(split: float) -> None:
    said = verdict(replace(WON, split=split))
    assert said == (
        BETTER,
        f"How large a difference is cannot be told at a split of {split:.0%}.",
        MAY_DIFFER,
    )


def test_where_a_size_is_measured() -> None:
    assert [measures_size(Design.SLOT_SPLIT, split) for split in (0.4, 0.5, 0.6)] == [True] * 3
    assert [measures_size(design, 0.2) for design in (Design.REP_PARTITION, Design.SWITCHBACK)] == [True] * 2
    assert not measures_size(Design.LEAD_SPLIT, 0.5)


def test_a_lead_split_proves_nothing() -> None:
    said = verdict(replace(WON, design=Design.LEAD_SPLIT))
    assert said[0].startswith(
        "With treatment more leads are won, but that is no proof: a lead split is biased upward"
    )
    assert said[1:] == ("How large a difference is cannot be told from a lead split.", MAY_DIFFER)


def test_immature_leads_are_told() -> None:
    assert verdict(replace(WON, units=1200))[2] == (
        "900 of 1,200 leads are old enough; what the others bring may change it."
    )


def test_interference_is_told() -> None:
    assert verdict(replace(WON, shift=Shift(0.4, 0.3, -0.1, 0.0001, is_flagged=True)))[2] == (
        "Control's leads go to weaker reps than before, so the arms interfere: part of the difference is taken from "
        "control."
    )


@pytest.mark.parametrize("design", list(Design))
@pytest.mark.parametrize("metric", list(Metric))
def test_never_more_than_can_be_known(design: Design, metric: Metric) -> None:
    for split, standing, status in product((0.1, 0.5, 0.8), Decision, Status):
        result = replace(WON, design=design, metric=metric, split=split, standing=standing, status=status)
        said = " ".join(verdict(result))
        assert MAY_DIFFER in said
        assert ("The estimate is" in said) == measures_size(design, split)
        assert ("significant" in said) == (
            standing is Decision.DOWNWARD or (standing is Decision.UPWARD and design is not Design.LEAD_SPLIT)
        )
        hidden = verdict(replace(result, ratio=SampleRatio(18.2, 0.00002, Balance.BLOCK)))
        assert hidden[0].startswith("No result is shown")
        assert not any(word in " ".join(hidden) for word in ("significant", "estimate", "difference"))


def test_how_it_ended_comes_first() -> None:
    assert (
        verdict(replace(WON, status=Status.STOPPED))[0]
        == "The experiment was stopped before its planned end."
    )
    assert verdict(replace(WON, status=Status.ROLLED_BACK))[0] == (
        "The experiment was rolled back; control has all leads again."
    )
    assert verdict(replace(WON, status=Status.FINISHED))[0] == BETTER


def test_other_metrics_speak_their_own_units() -> None:
    touch = verdict(replace(WON, metric=Metric.FIRST_TOUCH))
    assert (
        touch[0]
        == "With treatment leads are touched sooner than with control; the difference is significant."
    )
    assert touch[1].startswith("The estimate is +5.2 points of the share touched in time,")
    days = verdict(replace(WON, metric=Metric.VELOCITY, look=replace(LOOK, estimate=3.21, low=0.4, high=6.0)))
    assert (
        days[1]
        == "The estimate is +3.2 days gained per lead, and +0.4 to +6.0 holds however often one has looked."
    )
