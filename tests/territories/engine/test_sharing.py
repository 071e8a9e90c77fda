"""Sharing accounts out: balanced, deterministic, whatever the order of the input."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from territories.engine.sharing import Holding, share_by_number, share_by_value

HOLDINGS = st.lists(
    st.tuples(st.integers(1, 10_000), st.one_of(st.just(0), st.integers(0, 10**9))),
    max_size=80,
    unique_by=lambda one: one[0],
).map(lambda rows: [Holding(pk, Decimal(value) / 100) for pk, value in rows])
REPS = st.lists(st.integers(1, 50), min_size=1, max_size=9, unique=True)


def holdings(*values: int) -> list[Holding]:
    return [Holding(place, Decimal(value)) for place, value in enumerate(values, start=1)]


def test_by_number_is_dealt_there_and_back_largest_first() -> None:
    assert share_by_number(holdings(10, 50, 0, 40, 30, 20), [7, 5]) == {2: 5, 4: 7, 5: 7, 6: 5, 1: 5, 3: 7}


def test_by_value_the_largest_goes_to_whoever_has_least() -> None:
    # 50 → 5, 40 → 7, 30 → 7 (40 < 50), 20 → 5 (50 < 70), 10 → 5 (70 = 70, but 2 = 2 accounts: the lower id)
    assert share_by_value(holdings(10, 50, 40, 30, 20), [7, 5]) == {2: 5, 3: 7, 4: 7, 5: 5, 1: 5}


def test_accounts_without_value_even_out_the_numbers() -> None:
    shared = share_by_value(holdings(100, 1, 1, 1, 0, 0), [1, 2])
    assert Counter(shared.values()) == {1: 3, 2: 3}
    assert [pk for pk, rep in shared.items() if rep == 1] == [1, 5, 6]


def test_nobody_to_share_among_is_refused() -> None:
    for share in (share_by_number, share_by_value):
        with pytest.raises(ValueError, match="Nobody"):
            share(holdings(1), [])


@given(HOLDINGS, REPS)
def test_by_number_differs_by_one_at_most(found: list[Holding], reps: list[int]) -> None:
    shared = share_by_number(found, reps)
    assert shared.keys() == {one.account_id for one in found}
    numbers = Counter(dict.fromkeys(reps, 0)) + Counter(shared.values())
    counts = [numbers[rep] for rep in reps]
    assert max(counts) - min(counts) <= 1


@given(HOLDINGS, REPS)
def test_by_value_differs_by_the_largest_account_at_most(found: list[Holding], reps: list[int]) -> None:
    shared = share_by_value(found, reps)
    assert shared.keys() == {one.account_id for one in found}
    assert set(shared.values()) <= set(reps)
    sums = dict.fromkeys(reps, Decimal(0))
    for one in found:
        sums[shared[one.account_id]] += one.value
    assert max(sums.values()) - min(sums.values()) <= max((one.value for one in found), default=Decimal(0))


@given(HOLDINGS, REPS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    found: list[Holding], reps: list[int], random: object
) -> None:
    others, other_reps = list(found), list(reps)
    random.shuffle(others)  # type: ignore[attr-defined]
    random.shuffle(other_reps)  # type: ignore[attr-defined]
    for share in (share_by_number, share_by_value):
        assert share(found, reps) == share(others, other_reps)
