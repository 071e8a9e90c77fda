"""Gates of a ramp. No database."""

from dataclasses import replace

import pytest

from experiments.engine.allocation import Design
from experiments.engine.guardrails import Guardrail
from experiments.engine.ramp import ControlStays, Gate, Progress, RollBack, gate, judge
from experiments.engine.sample_ratio import Balance
from experiments.engine.sequential import Decision

SAFE = Progress(
    stage_pct=10,
    is_ramp=True,
    days=14,
    clean_days=14,
    treated=50,
    old_treated=0,
    old_control=0,
    horizon_days=60,
    standing=Decision.NONE,
    balance=Balance.OK,
)
PROVEN = replace(
    SAFE, stage_pct=50, days=28, treated=260, old_treated=200, old_control=200, standing=Decision.UPWARD
)


def test_from_10_to_50() -> None:
    assert judge(SAFE) == Gate(50, True, ())
    assert judge(replace(SAFE, days=13.9, treated=49)) == Gate(
        50, False, ("13 of 14 days in this stage", "49 of 50 treated")
    )


def test_from_50_to_90() -> None:
    assert judge(PROVEN) == Gate(90, True, ())
    found = judge(replace(PROVEN, days=27, old_treated=199, old_control=150, standing=Decision.NONE))
    assert found == Gate(
        90,
        False,
        (
            "27 of 28 days in this stage",
            "199 of 200 leads in treatment older than 60 days",
            "150 of 200 leads in control older than 60 days",
            "the boundary has not been crossed upward",
        ),
    )
    assert judge(replace(PROVEN, horizon_days=1 / 24, old_control=0)) == Gate(
        90, False, ("0 of 200 leads in control older than 60 minutes",)
    )


def test_from_90_to_100() -> None:
    most = replace(PROVEN, stage_pct=90)
    assert judge(most) == Gate(100, True, ())
    assert judge(replace(most, clean_days=13)) == Gate(100, False, ("13 of 14 days without a breach",))
    assert gate(replace(most, stage_pct=100)) == Gate(100, False, ("treatment has everything already",))


def test_an_experiment_that_is_no_ramp_goes_to_100_on_the_same_proof() -> None:
    for pct in (10, 20, 50, 80):
        assert judge(replace(PROVEN, is_ramp=False, stage_pct=pct)) == Gate(100, True, ())
    assert judge(replace(PROVEN, is_ramp=False, standing=Decision.NONE)) == Gate(
        100, False, ("the boundary has not been crossed upward",)
    )


def test_a_sample_ratio_that_is_off_holds_every_step() -> None:
    for progress, following in ((SAFE, 50), (PROVEN, 90), (replace(PROVEN, stage_pct=90), 100)):
        found = judge(replace(progress, balance=Balance.BLOCK))
        assert found == Gate(following, False, ("the units did not fall to the arms as asked",))
        assert judge(replace(progress, balance=Balance.WARN)) == Gate(following, True, ())


@pytest.mark.parametrize("progress", [SAFE, PROVEN, replace(PROVEN, stage_pct=90)])
def test_back_at_once_from_every_stage(progress: Progress) -> None:
    assert judge(replace(progress, standing=Decision.DOWNWARD)) == RollBack(
        "treatment is significantly worse"
    )
    assert judge(replace(progress, errors=1)) == RollBack("routing failed for 1 lead of treatment")
    assert judge(replace(progress, reps_over=2)) == RollBack("2 reps above 100 % of their maximum")
    breached = replace(progress, breaches=(Guardrail.NEVER_TOUCHED, Guardrail.OVERLOAD))
    assert judge(breached) == RollBack("guardrail breached: leads never touched, overloaded reps")


def test_full_information_without_a_crossing_ends_it() -> None:
    assert judge(replace(PROVEN, standing=Decision.NO_DIFFERENCE)) == ControlStays(
        "no difference detected at full information"
    )
    assert isinstance(
        judge(replace(PROVEN, standing=Decision.NO_DIFFERENCE, breaches=(Guardrail.UNASSIGNED,))), RollBack
    )


def test_a_lead_split_passes_only_the_gate_of_safety() -> None:
    assert judge(replace(SAFE, design=Design.LEAD_SPLIT)) == Gate(50, True, ())
    assert judge(replace(PROVEN, design=Design.LEAD_SPLIT)) == Gate(
        90, False, ("a lead split is biased upward, so what it finds is no proof",)
    )
