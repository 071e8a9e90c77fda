"""When it is reasonable that a policy assigns by itself: worked examples. No database."""

import dataclasses

import pytest

from reps.engine.unavailable import Unavailable
from routing.engine.readiness import Record, readiness

GOOD = Record(weeks=5, judged=100, agreed=90, chosen=200, by_model=180)


def test_all_goals_met() -> None:
    found = readiness(GOOD, 1.1)
    assert (found.is_reasonable, found.sentence) == (True, "Assigning by itself is reasonable.")
    assert [(one.label, one.value, one.is_met) for one in found.measures] == [
        ("Weeks of suggestions", "5 weeks", True),
        ("Approved unchanged", "90% (95%: 83% to 94%)", True),
        ("Calibration of the model", "1.10", True),
        ("Decided by the model", "90% (95%: 85% to 93%)", True),
    ]


@pytest.mark.parametrize(
    ("changes", "slope", "because"),
    [
        ({"weeks": 2}, 1.0, "there are 2 of 4 weeks of suggestions"),
        ({"weeks": 1}, 1.0, "there is 1 of 4 weeks of suggestions"),
        ({"agreed": 84}, 1.0, "84% were approved unchanged, not 85%"),
        ({"by_model": 100}, 1.0, "50% were decided by the model, not 85%"),
        ({}, 0.79, "predicted wins are off: the slope of the calibration is 0.79"),
        (
            {"judged": 12, "agreed": 12},
            1.0,
            "there are too few cases to tell how many were approved unchanged (12 of 30)",
        ),
        (
            {},
            Unavailable("rules decide"),
            "it cannot be told whether predicted wins come true: rules decide",
        ),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, int], slope: float | Unavailable, because: str) -> None:
    found = readiness(dataclasses.replace(GOOD, **changes), slope)
    assert (found.is_reasonable, found.sentence) == (False, f"Not yet, because {because}.")


@pytest.mark.parametrize(
    ("agreed", "slope", "expected"), [(85, 0.8, True), (85, 1.25, True), (84, 1.25, False)]
)
def test_at_the_bounds(agreed: int, slope: float, expected: bool) -> None:
    assert readiness(dataclasses.replace(GOOD, agreed=agreed), slope).is_reasonable is expected


def test_too_few_cases_is_not_a_no() -> None:
    measures = readiness(Record(), 1.0).measures
    assert [one.is_met for one in measures] == [False, None, True, None]


def test_two_policies_together() -> None:
    assert Record(3, 10, 9, 20, 18) + Record(5, 1, 1, 2, 2) == Record(5, 11, 10, 22, 20)
