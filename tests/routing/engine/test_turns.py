"""Turns by start-time fair queueing: worked examples and what must hold for any weights."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routing.engine.turns import next_turn, next_turns

IDS = np.array([1, 2, 3])


def all_of(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def test_equal_weights_go_round_by_id() -> None:
    assert next_turns(all_of(3), IDS, np.zeros(3), np.ones(3), 0.0, 7) == [0, 1, 2, 0, 1, 2, 0]


def test_half_a_share_has_every_other_turn() -> None:
    coming = next_turns(all_of(2), IDS[:2], np.zeros(2), np.array([1.0, 0.5]), 0.0, 9)
    assert Counter(coming) == {0: 6, 1: 3}


def test_who_was_away_has_no_burst_and_loses_no_turn() -> None:
    finish, weight, clock = np.array([2.0, 1.0, 2.0]), np.ones(3), 1.0  # it is the second one's turn
    present = np.array([True, False, True])
    for _ in range(20):
        turn = next_turn(present, IDS, finish, weight, clock)
        assert turn is not None
        finish[turn.rep], clock = turn.finish, turn.clock
    coming = next_turns(all_of(3), IDS, finish, weight, clock, 7)
    assert coming[0] == 1  # the turn that was due
    assert Counter(coming[1:]) == {0: 2, 1: 2, 2: 2}  # and then no more than anybody


def test_a_turn_given_back_is_the_next_one_again() -> None:
    finish, weight = np.zeros(3), np.ones(3)
    turn = next_turn(all_of(3), IDS, finish, weight, 0.0)
    assert turn is not None
    finish[turn.rep] = turn.finish - 1 / weight[turn.rep]  # as routing.services.turns does it
    again = next_turn(all_of(3), IDS, finish, weight, turn.clock)
    assert again is not None
    assert again.rep == turn.rep


def test_nobody_there_has_no_turn() -> None:
    assert next_turns(np.zeros(3, dtype=bool), IDS, np.zeros(3), np.ones(3), 0.0, 5) == []


@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.integers(20, 120))
def test_turns_follow_weights(weights: list[int], rounds: int) -> None:
    n, weight = len(weights), np.array(weights, dtype=float)
    taken = Counter(next_turns(all_of(n), np.arange(n), np.zeros(n), weight, 0.0, rounds))
    for rep in range(n):
        fair = rounds * weight[rep] / weight.sum()
        assert abs(taken[rep] - fair) <= n


def test_telling_changes_nothing() -> None:
    finish = np.zeros(3)
    next_turns(all_of(3), IDS, finish, np.ones(3), 0.0, 5)
    assert finish.tolist() == [0.0, 0.0, 0.0]
