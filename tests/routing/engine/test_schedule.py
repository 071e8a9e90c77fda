"""When the next batch runs: worked examples. No database."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.engine.configuration import Configuration, ConfigurationError
from routing.engine.schedule import BatchSchedule, in_words, next_run

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"
Time = datetime.time


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def daily(*times: str, zone: str = BERLIN, weekdays_only: bool = False) -> BatchSchedule:
    return BatchSchedule("daily", zone, tuple(map(Time.fromisoformat, times)), weekdays_only)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        # Berlin is an hour ahead in winter: 09:00 is 08:00 UTC
        (daily("09:00", "14:00"), "2026-03-02 07:59", "2026-03-02 08:00"),
        (daily("09:00", "14:00"), "2026-03-02 08:00", "2026-03-02 13:00"),  # later than, not at
        (daily("14:00", "09:00"), "2026-03-02 13:00", "2026-03-03 08:00"),  # in whatever order
        # a Friday evening: the weekend is passed over
        (daily("09:00", weekdays_only=True), "2026-03-06 12:00", "2026-03-09 08:00"),
        (daily("09:00"), "2026-03-06 12:00", "2026-03-07 08:00"),
        # in the zone's own day: Sunday evening in New York is Monday in UTC
        (daily("20:00", zone=NEW_YORK, weekdays_only=True), "2026-03-02 00:30", "2026-03-03 01:00"),
        # spring: 02:30 does not exist on 29 March in Berlin; it runs an hour later, at 03:30 summer time
        (daily("02:30"), "2026-03-28 23:00", "2026-03-29 01:30"),
        (daily("02:30"), "2026-03-29 01:30", "2026-03-30 00:30"),
        # autumn: 02:30 comes twice on 25 October; it runs at the first, once
        (daily("02:30"), "2026-10-24 22:00", "2026-10-25 00:30"),
        (daily("02:30"), "2026-10-25 00:30", "2026-10-26 01:30"),
        # 09:00 stays 09:00 on the wall
        (daily("09:00"), "2026-03-28 12:00", "2026-03-29 07:00"),
        # every full hour, also where the zone lies half an hour off
        (BatchSchedule("hourly", BERLIN), "2026-03-02 07:59", "2026-03-02 08:00"),
        (BatchSchedule("hourly", BERLIN), "2026-03-02 08:00", "2026-03-02 09:00"),
        (BatchSchedule("hourly", "Asia/Kolkata"), "2026-03-02 08:00", "2026-03-02 08:30"),
        # Lord Howe jumps by half an hour: 02:00 becomes 02:30 on 4 October, the next full hour is 03:00
        (BatchSchedule("hourly", "Australia/Lord_Howe"), "2026-10-03 14:30", "2026-10-03 16:00"),
        (BatchSchedule("hourly", BERLIN, weekdays_only=True), "2026-03-06 22:59", "2026-03-08 23:00"),
    ],
)
def test_next_run(schedule: BatchSchedule, after: str, expected: str) -> None:
    assert next_run(schedule, utc(after)) == utc(expected)


@given(
    st.sampled_from(
        [
            daily("02:30", "09:00"),
            daily("00:00", "23:59", zone=NEW_YORK, weekdays_only=True),
            BatchSchedule("hourly", "Australia/Lord_Howe", weekdays_only=True),
            BatchSchedule("hourly", NEW_YORK),
        ]
    ),
    st.integers(0, 3 * 365 * 24 * 60),
)
def test_is_later_within_days_and_none_lies_between(schedule: BatchSchedule, minutes: int) -> None:
    after = utc("2025-01-01") + datetime.timedelta(minutes=minutes)
    run = next_run(schedule, after)
    assert after < run < after + datetime.timedelta(days=4)
    between = after + (run - after) / 2
    assert next_run(schedule, between) == run


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (daily("14:00", "09:00", weekdays_only=True), "on weekdays at 09:00 and 14:00"),
        (daily("09:00"), "daily at 09:00"),
        (BatchSchedule("hourly", BERLIN), "every hour"),
        (BatchSchedule("hourly", BERLIN, weekdays_only=True), "every hour on weekdays"),
    ],
)
def test_in_words(schedule: BatchSchedule, said: str) -> None:
    assert in_words(schedule) == said


@pytest.mark.parametrize(
    ("cadence", "times", "said"),
    [
        ("daily", [], "at which times"),
        ("twice_daily", ["09:00"], "takes two times"),
        ("twice_daily", ["09:00"] * 2, "takes two times"),
        ("never", [], "no cadence"),
    ],
)
def test_what_cannot_be(cadence: str, times: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BatchSchedule(cadence, BERLIN, tuple(map(Time.fromisoformat, times)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zone": "Mars/Base"}, "Policy “Lists”: .*Mars/Base"),
        ({"times": ["25:00"]}, "Policy “Lists”: "),
        ({"times": []}, "at which times of day"),
    ],
)
def test_a_version_with_a_schedule_that_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    batch = {
        "cadence": "daily",
        "times": ["09:00"],
        "zone": BERLIN,
        "weekdays_only": True,
        "expiry_hours": None,
    }
    row = {"id": 1, "name": "Lists", "condition": {}, "mode": "batch", "batch": batch | changes}
    with pytest.raises(ConfigurationError, match=said):
        Configuration.from_content(1, {"policies": [row]})


def test_batches_from_before_there_were_schedules_decide_at_once() -> None:
    row = {"id": 1, "name": "Lists", "condition": {}, "mode": "batch"}
    assert Configuration.from_content(1, {"policies": [row]}).policies[0].batch is None
