"""Arms, pairs, periods and slots. No database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.engine.allocation import (
    PERIOD,
    Arm,
    Partition,
    Period,
    arm_by_unit,
    partition,
    period_of,
    share,
    slots_of,
    week_of,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEYS: dict[str, Any] = {"salt": "s", "experiment": 7}


def test_share_is_the_published_digest() -> None:
    # python -c "from hashlib import sha256; print(int.from_bytes(sha256(b's:7:acme').digest()[:8], 'big') / 2**64)"
    assert share("s", 7, "acme") == pytest.approx(0.9444541889507728, abs=1e-15)


def test_arms_follow_the_split_and_stay_when_it_rises() -> None:
    units = [f"account:{i}" for i in range(4000)]
    treated = {
        split: {unit for unit in units if arm_by_unit("s", 7, unit, split) is Arm.TREATMENT}
        for split in (0.1, 0.5, 0.9)
    }
    assert treated[0.1] < treated[0.5] < treated[0.9]
    for split, members in treated.items():
        assert len(members) / 4000 == pytest.approx(split, abs=0.02)


def test_new_salt_draws_anew() -> None:
    units = [f"account:{i}" for i in range(4000)]
    both = sum(
        arm_by_unit("s", 7, unit, 0.5) is arm_by_unit("other", 7, unit, 0.5) is Arm.TREATMENT
        for unit in units
    )
    assert both / 4000 == pytest.approx(0.25, abs=0.02)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 60)), max_size=15), st.text(max_size=5))
def test_partition_pairs_everybody_once(reps: list[tuple[float, int]], salt: str) -> None:
    ids = np.arange(len(reps)) * 3 + 5
    skill = np.array([one[0] for one in reps], dtype=float)
    capacity = np.array([one[1] for one in reps], dtype=float)
    found = partition(ids, skill, capacity, salt=salt, experiment=1)
    seen = [rep for pair in found.pairs for rep in pair] + ([] if found.odd is None else [found.odd])
    assert sorted(seen) == sorted(ids.tolist())
    assert (found.odd is None) == (len(reps) % 2 == 0)
    turned = partition(ids[::-1], skill[::-1], capacity[::-1], salt=salt, experiment=1)
    assert turned == found


def test_partition_worked_example() -> None:
    """Two strong with many slots, two weak with few, two in the middle and one beside them."""
    ids = np.array([1, 2, 3, 4, 5, 6, 7])
    skill = np.array([0.40, 0.10, 0.41, 0.11, 0.25, 0.24, 0.26])
    capacity = np.array([30, 10, 30, 10, 20, 20, 19])
    found = partition(ids, skill, capacity, **KEYS, odd_to=Arm.TREATMENT)
    assert {frozenset(pair) for pair in found.pairs} == {
        frozenset({1, 3}),
        frozenset({2, 4}),
        frozenset({5, 7}),
    }
    assert found.odd == 6
    assert found.arm_of(found.odd) is Arm.TREATMENT
    treated, control = found.pairs[0]
    assert (found.arm_of(treated), found.arm_of(control)) == (Arm.TREATMENT, Arm.CONTROL)
    assert found.arm_of(99) is None


def test_partition_tosses_a_fair_coin_for_each_pair() -> None:
    ids, skill = np.array([1, 2]), np.array([0.2, 0.3])
    first = sum(
        partition(ids, skill, np.array([5, 5]), salt=str(i), experiment=1).arm_of(1) is Arm.TREATMENT
        for i in range(1000)
    )
    assert first / 1000 == pytest.approx(0.5, abs=0.05)


def test_empty_partition() -> None:
    nobody = np.array([], dtype=np.int64)
    assert partition(nobody, nobody.astype(float), nobody, **KEYS) == Partition((), None, Arm.CONTROL)


def test_periods_change_every_14_days_and_drop_the_first_seven() -> None:
    moments = [START, START + timedelta(days=7), START + PERIOD - timedelta(seconds=1), START + PERIOD]
    found = [period_of(at, START, **KEYS) for at in moments]
    assert [(one.number, one.is_counted) for one in found] == [(0, False), (0, True), (0, True), (1, False)]
    assert found[0].arm is found[2].arm
    assert found[0].arm is not found[3].arm


def test_period_is_in_treatment_once_in_every_two_and_in_random_order() -> None:
    arms = [period_of(START + i * PERIOD, START, **KEYS).arm for i in range(400)]
    blocks = [arms[i : i + 2] for i in range(0, 400, 2)]
    assert all(sorted(block) == [Arm.CONTROL, Arm.TREATMENT] for block in blocks)
    assert 70 < sum(block[0] is Arm.TREATMENT for block in blocks) < 130


def test_period_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="had not begun"):
        period_of(START - timedelta(seconds=1), START, **KEYS)
    with pytest.raises(ValueError, match="had not begun"):
        week_of(START - timedelta(seconds=1), START)


def test_weeks_are_counted_from_the_start() -> None:
    assert [week_of(START + timedelta(days=d), START) for d in (0, 6.99, 7, 30)] == [0, 0, 1, 4]


def test_period_compares_by_value() -> None:
    assert period_of(START, START, **KEYS) == Period(0, period_of(START, START, **KEYS).arm, False)


@given(
    st.lists(st.integers(0, 40), max_size=30),
    st.floats(0, 1),
    st.integers(0, 500),
)
def test_slots_sum_to_the_split_over_the_team(capacity: list[int], split: float, week: int) -> None:
    ids = np.arange(len(capacity))
    slots = slots_of(ids, np.array(capacity, dtype=np.int64), split, **KEYS, week=week)
    exact = round(split * sum(capacity), 6)
    assert slots.sum() in (np.floor(exact), np.ceil(exact))
    assert np.all(np.abs(slots - split * np.array(capacity)) < 1 + 1e-6)
    assert np.all((slots >= 0) & (slots <= capacity))


def test_slots_are_right_on_average_for_each_rep() -> None:
    """`round(.1 · 4)` would be none for ever."""
    capacity = np.array([4, 4, 25, 8, 13, 1])
    weeks = np.array([slots_of(np.arange(6), capacity, 0.1, **KEYS, week=w) for w in range(3000)])
    assert weeks.mean(axis=0) == pytest.approx(0.1 * capacity, abs=0.03)
    assert set(weeks.sum(axis=1)) == {5, 6}


def test_slots_do_not_depend_on_the_order_of_the_reps() -> None:
    ids, capacity = np.array([3, 8, 2, 9, 4]), np.array([5, 7, 25, 3, 4])
    turned = slots_of(ids[::-1], capacity[::-1], 0.5, **KEYS, week=3)
    assert turned[::-1].tolist() == slots_of(ids, capacity, 0.5, **KEYS, week=3).tolist()


def test_whole_splits_are_exact() -> None:
    ids, capacity = np.array([1, 2]), np.array([30, 10])
    assert slots_of(ids, capacity, 0.1, **KEYS, week=0).tolist() == [3, 1]
    assert slots_of(ids, capacity, 0.0, **KEYS, week=0).tolist() == [0, 0]
    assert slots_of(ids, capacity, 1.0, **KEYS, week=0).tolist() == [30, 10]
    with pytest.raises(ValueError, match="within 0 and 1"):
        slots_of(ids, capacity, 1.2, **KEYS, week=0)
