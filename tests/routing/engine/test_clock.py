"""The first-touch clock: worked examples, and against a count minute by minute."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.engine.clock import (
    Moments,
    Terms,
    WorkingCalendar,
    age_pct,
    due_after,
    left_words,
    moments,
)
from routing.engine.roster import DAYS, works_now

UTC = datetime.UTC
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in DAYS[:5]}
NIGHTS = {"fri": [["22:00", "06:00"]], "sat": [["22:00", "06:00"]]}
MINUTE = datetime.timedelta(minutes=1)
MONDAY_NOON = datetime.datetime(2026, 3, 2, 12, tzinfo=UTC)  # 13:00 in Berlin


def berlin(text: str, *, fold: int = 0) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def office(**changes: object) -> WorkingCalendar:
    return WorkingCalendar(**{"zone": BERLIN, "hours": OFFICE} | changes)  # type: ignore[arg-type]


class TestDue:
    def test_by_the_wall_it_runs_all_the_time(self) -> None:
        assert due_after(MONDAY_NOON, 30, None) == MONDAY_NOON + 30 * MINUTE

    @pytest.mark.parametrize(
        ("start", "minutes", "due"),
        [
            ("2026-03-02T09:00", 60, "2026-03-02T10:00"),
            ("2026-03-02T11:30", 60, "2026-03-02T13:30"),  # over lunch
            ("2026-03-02T11:00", 60, "2026-03-02T12:00"),  # ends with the morning, not after lunch
            ("2026-03-02T16:30", 60, "2026-03-03T09:30"),  # on the next day
            ("2026-03-06T16:30", 60, "2026-03-09T09:30"),  # over the weekend
            ("2026-03-07T11:00", 0, "2026-03-09T09:00"),  # nothing is due before somebody works
        ],
    )
    def test_in_working_time(self, start: str, minutes: int, due: str) -> None:
        assert due_after(berlin(start), minutes, office()) == berlin(due)

    def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(self) -> None:
        nights = office(hours=NIGHTS)
        assert due_after(berlin("2026-03-07T05:30"), 60, nights) == berlin("2026-03-07T22:30")
        saturday = datetime.date(2026, 3, 7)
        off = office(hours=NIGHTS, days_off={saturday})
        assert due_after(berlin("2026-03-07T05:30"), 60, off) == berlin("2026-03-13T22:30")
        assert due_after(berlin("2026-03-07T05:00"), 60, off) == berlin("2026-03-07T06:00")

    def test_days_off_and_absences_are_not_counted(self) -> None:
        tuesday = datetime.date(2026, 3, 3)
        assert due_after(berlin("2026-03-02T16:30"), 60, office(days_off={tuesday})) == berlin(
            "2026-03-04T09:30"
        )
        away = [(berlin("2026-03-02T10:00"), berlin("2026-03-02T11:00"))]
        assert due_after(berlin("2026-03-02T09:30"), 60, office(away=away)) == berlin("2026-03-02T11:30")

    def test_away_without_an_end_it_stands_still(self) -> None:
        away = office(away=[(berlin("2026-03-02T10:00"), None)])
        assert due_after(berlin("2026-03-02T09:30"), 30, away) == berlin("2026-03-02T10:00")
        assert due_after(berlin("2026-03-02T09:30"), 31, away) is None

    def test_without_any_hours_it_runs_by_the_wall(self) -> None:
        assert due_after(MONDAY_NOON, 30, office(hours={})) == MONDAY_NOON + 30 * MINUTE

    def test_shifts_that_overlap_count_once(self) -> None:
        twice = office(hours={"mon": [["09:00", "12:00"], ["10:00", "13:00"]]})
        assert due_after(berlin("2026-03-02T09:00"), 240, twice) == berlin("2026-03-02T13:00")

    @pytest.mark.parametrize(
        ("start", "minutes", "due", "fold"),
        [
            ("2026-03-29T01:00", 120, "2026-03-29T04:00", 0),  # the hour from two to three is left out
            ("2026-10-25T01:00", 120, "2026-10-25T02:00", 1),  # the hour from two to three comes twice
        ],
    )
    def test_where_the_clock_is_put_forward_or_back(
        self, start: str, minutes: int, due: str, fold: int
    ) -> None:
        sundays = office(hours={"sun": [["00:00", "24:00"]]})
        expected = berlin(due, fold=fold).astimezone(
            UTC
        )  # across zones, a time that comes twice equals nothing
        assert due_after(berlin(start), minutes, sundays) == expected


def counted(start: datetime.datetime, minutes: int, calendar: WorkingCalendar) -> datetime.datetime | None:
    """The same minute by minute, with what decisions call working time."""
    moment, left = start, minutes
    for _ in range(9 * 24 * 60):
        if left == 0:
            return moment
        local = moment.astimezone(calendar.zone)
        is_away = any(a <= moment and (b is None or moment < b) for a, b in calendar.away)
        left -= works_now(calendar.hours, local, calendar.days_off) and not is_away
        moment += MINUTE
    return None


CLOCKS = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
SHIFTS = st.lists(st.lists(CLOCKS, min_size=2, max_size=2, unique=True), max_size=2)
HOURS = st.fixed_dictionaries(dict.fromkeys(DAYS, SHIFTS))
STARTS = st.sampled_from(
    [MONDAY_NOON, *(datetime.datetime(2026, m, d, 20, 7, tzinfo=UTC) for m, d in ((3, 27), (10, 23)))]
)
SPANS = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 900)), max_size=2)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(start=STARTS, hours=HOURS, minutes=st.integers(1, 1500), spans=SPANS, off=st.booleans())
def test_equals_a_count_minute_by_minute(
    start: datetime.datetime,
    hours: dict[str, list[list[str]]],
    minutes: int,
    spans: list[tuple[int, int]],
    off: bool,
) -> None:
    away = [(start + a * MINUTE, start + (a + n) * MINUTE) for a, n in spans]
    days_off = {start.date() + datetime.timedelta(days=1)} if off else set()
    calendar = WorkingCalendar(BERLIN, hours, days_off, away)
    expected = counted(start, minutes, calendar)
    if calendar.works_at_all and expected is not None:
        assert due_after(start, minutes, calendar) == expected


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(hours=HOURS, one=st.integers(0, 5000), more=st.integers(0, 5000), later=st.integers(0, 5000))
def test_more_time_is_never_due_earlier_and_working_time_never_before_the_wall(
    hours: dict[str, list[list[str]]], one: int, more: int, later: int
) -> None:
    calendar = WorkingCalendar(BERLIN, hours)
    due = due_after(MONDAY_NOON, one, calendar)
    assert due is not None
    assert due >= MONDAY_NOON + one * MINUTE
    assert (due_after(MONDAY_NOON, one + more, calendar) or due) >= due
    assert (due_after(MONDAY_NOON + later * MINUTE, one, calendar) or due) >= due


class TestMoments:
    def test_all_of_them_in_order(self) -> None:
        terms = Terms(
            target_minutes=60, remind_pct=75, escalates=True, reroute_after_minutes=30, accept_minutes=10
        )
        found = moments(terms, MONDAY_NOON, office())
        assert found == Moments(
            due_at=MONDAY_NOON + 60 * MINUTE,
            remind_at=MONDAY_NOON + 45 * MINUTE,
            reroute_at=MONDAY_NOON + 90 * MINUTE,
            accept_by=MONDAY_NOON + 10 * MINUTE,
        )

    def test_in_working_time_where_the_policy_says_so(self) -> None:
        terms = Terms(target_minutes=60, in_working_hours=True, accept_minutes=10)
        found = moments(terms, berlin("2026-03-02T16:30"), office())
        assert found == Moments(due_at=berlin("2026-03-03T09:30"), accept_by=berlin("2026-03-02T16:40"))

    def test_an_answer_may_be_asked_without_a_target(self) -> None:
        assert moments(Terms(accept_minutes=5), MONDAY_NOON, None) == Moments(
            accept_by=MONDAY_NOON + 5 * MINUTE
        )

    @pytest.mark.parametrize(
        ("terms", "used"),
        [
            (Terms(), False),
            (Terms(target_minutes=60), False),
            (Terms(escalates=True), False),
            (Terms(target_minutes=60, escalates=True), True),
            (Terms(target_minutes=60, in_working_hours=True), True),
            (Terms(target_minutes=60, reroute_after_minutes=0), True),
            (Terms(accept_minutes=5), True),
        ],
    )
    def test_used_where_there_is_something_to_do(self, terms: Terms, used: bool) -> None:
        assert terms.is_used is used
        assert Terms(**terms.to_json()) == terms


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(12, "12 min left"), (-32, "32 min late"), (0, "less than a minute left"), (150, "2 h left"),
     (-49 * 60, "2 days late")],
)  # fmt: skip
def test_what_is_left_in_words(minutes: int, words: str) -> None:
    assert left_words(MONDAY_NOON + minutes * MINUTE, MONDAY_NOON) == words


def test_age_against_target_in_per_cent() -> None:
    due = MONDAY_NOON + 60 * MINUTE
    assert [age_pct(MONDAY_NOON, due, MONDAY_NOON + n * MINUTE) for n in (-5, 0, 45, 60, 90)] == [
        0, 0, 75, 100, 150,
    ]  # fmt: skip
