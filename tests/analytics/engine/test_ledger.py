"""The fair share by availability, what luck makes of it, and the average rep's chance; by hand."""

import numpy as np
import pytest

from analytics.engine.ledger import (
    average_chance,
    share_of_number,
    share_of_value,
    shares,
    wins,
)

YES, NO = True, False


def test_a_day_is_shared_by_room_among_those_present() -> None:
    room = np.array([10.0, 30.0, 60.0])
    present = np.array([[YES, YES, YES], [YES, YES, NO], [NO, NO, NO], [NO, NO, NO], [NO, NO, NO]])
    here = np.array([[YES, YES, YES], [YES, YES, NO], [YES, NO, NO], [NO, NO, NO], [NO, NO, NO]])
    employed = np.array([[YES, YES, YES], [YES, YES, YES], [YES, YES, YES], [YES, YES, NO], [NO, NO, NO]])
    found = shares(room, present, here, employed)
    assert found.tolist() == [[0.1, 0.3, 0.6], [0.25, 0.75, 0], [1, 0, 0], [0.25, 0.75, 0], [0, 0, 0]]


def test_number_and_value_of_the_share() -> None:
    daily, day = np.array([0.5, 0.25]), np.array([0, 0, 1, 1])
    own = np.array([YES, NO, NO, NO])
    number = share_of_number(daily, day, own)
    assert (number.got, number.of, number.expected) == (1, 4, 1.5)
    assert (number.low, number.high, number.verdict) == (0, 3, "within chance")
    value = share_of_value(daily, day, own, np.array([100.0, 100, 200, 0]))
    assert (value.got, value.of, value.expected) == (100, 400, 150)
    variance = 2 * 100**2 * 0.25 + 200**2 * 0.1875
    assert value.high == pytest.approx(150 + 1.959964 * variance**0.5)


def test_far_from_the_share_is_said() -> None:
    day = np.zeros(60, dtype=np.int64)
    assert share_of_number(np.array([0.5]), day, np.arange(60) < 50).verdict == "clearly more"
    assert share_of_number(np.array([0.5]), day, np.arange(60) < 10).verdict == "clearly less"


def test_nothing_received_is_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert share_of_number(np.array([0.5]), none, np.zeros(0, dtype=bool)).expected == 0


def test_wins_against_the_forecast() -> None:
    found = wins(np.full(20, 0.5), np.arange(20) < 3)
    assert (found.won, found.expected, found.low, found.high, found.verdict) == (
        3,
        10,
        6,
        14,
        "clearly fewer",
    )


def test_the_average_reps_chance_is_the_inverse_of_the_score() -> None:
    average_odds, ratio = 0.4 / 0.6, 1.5
    odds = average_odds * ratio
    score = 100 * ratio**2 / (1 + ratio**2)
    assert average_chance(np.array([odds / (1 + odds)]), np.array([score]))[0] == pytest.approx(0.4)
