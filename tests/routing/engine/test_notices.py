"""Quiet hours, digests and retries: worked examples, nights that change the clock, and properties."""

import datetime
import itertools
import uuid
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.engine.notices import (
    FIRST_RETRY,
    JITTER,
    LONGEST_RETRY,
    MOST_ATTEMPTS,
    Quiet,
    last_slot,
    quiet_until,
    retry_after,
)

BERLIN = ZoneInfo("Europe/Berlin")  # clocks forward on 29 March 2026 at 2:00, back on 25 October 2026 at 3:00
NIGHT = Quiet(datetime.time(22), datetime.time(7))
EIGHT = datetime.time(8)
EVERY_DAY = range(7)


def berlin(month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime.datetime:
    return datetime.datetime(2026, month, day, hour, minute, tzinfo=BERLIN, fold=fold).astimezone(
        datetime.UTC
    )


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (berlin(3, 2, 12), berlin(3, 2, 12)),
        (berlin(3, 2, 21, 59), berlin(3, 2, 21, 59)),
        (berlin(3, 2, 22), berlin(3, 3, 7)),
        (berlin(3, 3, 2), berlin(3, 3, 7)),
        (berlin(3, 3, 7), berlin(3, 3, 7)),
        (berlin(3, 28, 23), berlin(3, 29, 7)),  # a night of 8 hours
        (berlin(10, 24, 23), berlin(10, 25, 7)),  # one of 10
    ],
)
def test_a_night_ends_at_its_local_hour(at: datetime.datetime, until: datetime.datetime) -> None:
    assert quiet_until(at, BERLIN, NIGHT) == until


def test_hours_within_a_day() -> None:
    lunch = Quiet(datetime.time(12), datetime.time(13, 30))
    assert quiet_until(berlin(3, 2, 12, 15), BERLIN, lunch) == berlin(3, 2, 13, 30)
    assert quiet_until(berlin(3, 2, 13, 30), BERLIN, lunch) == berlin(3, 2, 13, 30)
    assert quiet_until(berlin(3, 2, 11, 59), BERLIN, lunch) == berlin(3, 2, 11, 59)


def test_days_off_and_nights_join() -> None:
    weekend = Quiet(datetime.time(22), datetime.time(7), frozenset({5, 6}))
    assert quiet_until(berlin(3, 6, 23), BERLIN, weekend) == berlin(3, 9, 7)  # Friday night to Monday morning
    assert quiet_until(berlin(3, 7, 12), BERLIN, weekend) == berlin(3, 9, 7)


def test_an_end_that_the_clocks_skip_is_as_much_later() -> None:
    assert quiet_until(berlin(3, 29, 1), BERLIN, Quiet(datetime.time(0), datetime.time(2, 30))) == berlin(
        3, 29, 3, 30
    )


def test_an_end_that_comes_twice_is_the_next_one() -> None:
    quiet = Quiet(datetime.time(0), datetime.time(2, 30))
    assert quiet_until(berlin(10, 25, 1), BERLIN, quiet) == berlin(10, 25, 2, 30)
    second = berlin(10, 25, 2, 10, fold=1)
    assert quiet_until(second, BERLIN, quiet) == berlin(10, 25, 2, 30, fold=1)


def test_nothing_set_is_never_quiet_and_all_week_ends() -> None:
    at = berlin(3, 2, 3)
    assert quiet_until(at, BERLIN, Quiet()) == at
    assert quiet_until(at, BERLIN, Quiet(EIGHT, EIGHT)) == at
    assert quiet_until(at, BERLIN, Quiet(days=frozenset(EVERY_DAY))) > at


moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minutes)
)
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
).map(ZoneInfo)
hours = st.times().map(lambda time: time.replace(second=0, microsecond=0))


@given(moments, zones, hours, hours, st.frozensets(st.integers(0, 6), max_size=6))
def test_quiet_ends_and_then_it_is_not_quiet(
    at: datetime.datetime, zone: ZoneInfo, starts: datetime.time, ends: datetime.time, days: frozenset[int]
) -> None:
    quiet = Quiet(starts, ends, days)
    until = quiet_until(at, zone, quiet)
    assert at <= until <= at + datetime.timedelta(days=9)
    assert quiet_until(until, zone, quiet) == until


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (berlin(3, 3, 8), (berlin(3, 3, 8), 3)),
        (berlin(3, 3, 7, 59), (berlin(3, 2, 8), 2)),
        (berlin(3, 8, 12), (berlin(3, 6, 8), 6)),  # Sunday looks back to Friday
        (berlin(3, 30, 8), (berlin(3, 30, 8), 30)),  # after the clocks went forward
    ],
)
def test_last_slot(at: datetime.datetime, expected: tuple[datetime.datetime, int]) -> None:
    slot = last_slot(at, BERLIN, EIGHT, (0, 1, 2, 3, 4))
    assert slot is not None
    assert (slot.at, slot.day.day) == expected


def test_without_a_day_there_is_no_slot() -> None:
    assert last_slot(berlin(3, 3, 8), BERLIN, EIGHT, ()) is None


@given(moments, zones, hours)
def test_each_day_has_one_slot_also_over_changes_of_the_clock(
    at: datetime.datetime, zone: ZoneInfo, hour: datetime.time
) -> None:
    seen: dict[datetime.date, datetime.datetime] = {}
    for minutes in range(0, 5 * 24 * 60, 20):
        slot = last_slot(at + datetime.timedelta(minutes=minutes), zone, hour, EVERY_DAY)
        assert slot is not None
        assert seen.setdefault(slot.day, slot.at) == slot.at
    days = sorted(seen)
    assert all(later - day == datetime.timedelta(days=1) for day, later in itertools.pairwise(days))


def test_retries_span_about_a_day() -> None:
    key = uuid.UUID(int=7)
    waits = [retry_after(attempts, key) for attempts in range(1, MOST_ATTEMPTS)]
    assert abs(waits[0] - FIRST_RETRY) <= FIRST_RETRY * JITTER
    assert max(waits) <= LONGEST_RETRY * (1 + JITTER)
    assert datetime.timedelta(hours=20) < sum(waits, datetime.timedelta()) < datetime.timedelta(hours=28)


@given(st.integers(1, 500), st.uuids())
def test_a_wait_is_bounded_and_the_same_for_the_same_key(attempts: int, key: uuid.UUID) -> None:
    wait = retry_after(attempts, key)
    assert FIRST_RETRY * (1 - JITTER) <= wait <= LONGEST_RETRY * (1 + JITTER)
    assert retry_after(attempts, key) == wait


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({retry_after(5, uuid.UUID(int=number)) for number in range(50)}) == 50
