"""Which events of a calendar mean being out of office, and exactly when."""

import datetime
import time
import zoneinfo
from typing import Any

import pytest

from reps.engine.calendars.reading import (
    Reading,
    Span,
    UnreadableCalendar,
    Window,
    merge,
    parse_calendar,
    read_calendar,
)
from reps.engine.calendars.settings import OutOfOffice

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
UTC = datetime.UTC


def calendar(*events: str, head: str = "") -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:e{i}@x\r\nDTSTAMP:20260101T000000Z\r\n{event.strip()}\r\nEND:VEVENT\r\n"
        for i, event in enumerate(events)
    )
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\n{head}{body}END:VCALENDAR\r\n"
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def read(
    content: bytes, *, first: str = "2026-03-01", last: str = "2026-12-31", zone: str = "Europe/Berlin",
    email: str = "", explain: bool = False, **settings: Any,
) -> Reading:  # fmt: skip
    def moment(day: str) -> datetime.datetime:
        return datetime.datetime.fromisoformat(day).replace(tzinfo=UTC)

    window = Window(moment(first), moment(last), zoneinfo.ZoneInfo(zone), email)
    return read_calendar(content, window, OutOfOffice(**settings), explain=explain)


def times(reading: Reading) -> list[tuple[str, str]]:
    return [(f"{s.starts_at:%Y-%m-%d %H:%M}", f"{s.ends_at:%Y-%m-%d %H:%M}") for s in reading.spans]


VACATION = "SUMMARY:Vacation\nDTSTART;VALUE=DATE:20260406\nDTEND;VALUE=DATE:20260411"


def test_an_all_day_event_is_local_midnight_to_local_midnight() -> None:
    assert times(read(calendar(VACATION))) == [("2026-04-05 22:00", "2026-04-10 22:00")]
    assert times(read(calendar(VACATION), zone="America/New_York")) == [
        ("2026-04-06 04:00", "2026-04-11 04:00")
    ]


def test_all_day_over_the_change_of_clocks_has_23_and_25_hours() -> None:
    spring = read(calendar("SUMMARY:PTO\nDTSTART;VALUE=DATE:20260329"))
    autumn = read(calendar("SUMMARY:PTO\nDTSTART;VALUE=DATE:20261025"))
    assert times(spring) == [("2026-03-28 23:00", "2026-03-29 22:00")]
    assert times(autumn) == [("2026-10-24 22:00", "2026-10-25 23:00")]


def test_floating_times_are_the_reps() -> None:
    event = "SUMMARY:Sick\nDTSTART:20260601T090000\nDTEND:20260601T170000"
    assert times(read(calendar(event))) == [("2026-06-01 07:00", "2026-06-01 15:00")]
    assert times(read(calendar(event), zone="Pacific/Auckland")) == [("2026-05-31 21:00", "2026-06-01 05:00")]
    assert read(calendar(event)).spans[0].reason == "sick"


def test_a_windows_zone_name_is_known() -> None:
    event = "SUMMARY:OOO\nDTSTART;TZID=W. Europe Standard Time:20260601T090000\nDURATION:PT3H"
    assert times(read(calendar(event), zone="UTC")) == [("2026-06-01 07:00", "2026-06-01 10:00")]


def test_a_zone_that_the_file_defines_counts_as_defined() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Our Office\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:+0530\r\nTZOFFSETTO:+0530\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    event = "SUMMARY:OOO\nDTSTART;TZID=Our Office:20260601T090000\nDTEND;TZID=Our Office:20260601T120000"
    assert times(read(calendar(event, head=zone))) == [("2026-06-01 03:30", "2026-06-01 06:30")]


def test_a_weekly_event_keeps_its_wall_clock_over_the_change_of_clocks() -> None:
    event = (
        "SUMMARY:Out of office\nDTSTART;TZID=Europe/Berlin:20260320T130000\n"
        "DTEND;TZID=Europe/Berlin:20260320T170000\nRRULE:FREQ=WEEKLY;COUNT=3\n"
        "EXDATE;TZID=Europe/Berlin:20260327T130000"
    )
    assert times(read(calendar(event))) == [
        ("2026-03-20 12:00", "2026-03-20 16:00"),
        ("2026-04-03 11:00", "2026-04-03 15:00"),
    ]


def test_one_occurrence_is_moved_and_another_cancelled() -> None:
    content = calendar(
        "SUMMARY:Day off\nDTSTART;VALUE=DATE:20260403\nRRULE:FREQ=MONTHLY;BYDAY=1FR;COUNT=3"
    ).replace(
        b"END:VCALENDAR",
        b"BEGIN:VEVENT\r\nUID:e0@x\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID;VALUE=DATE:20260501\r\n"
        b"SUMMARY:Day off\r\nDTSTART;VALUE=DATE:20260504\r\nEND:VEVENT\r\n"
        b"BEGIN:VEVENT\r\nUID:e0@x\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID;VALUE=DATE:20260605\r\n"
        b"SUMMARY:Day off\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20260605\r\nEND:VEVENT\r\nEND:VCALENDAR",
    )
    assert [first for first, _ in times(read(content))] == ["2026-04-02 22:00", "2026-05-03 22:00"]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("SUMMARY:Lunch", "no word of those that count, and not marked as out of office"),
        ("SUMMARY:Laptop handover", "no word of those that count, and not marked as out of office"),
        ("SUMMARY:Vacation\nSTATUS:CANCELLED", "cancelled"),
        ("SUMMARY:Vacation\nSTATUS:TENTATIVE", "tentative"),
        ("SUMMARY:Vacation of Ben\nTRANSP:TRANSPARENT", "shown as free"),
        ("SUMMARY:PTO\nX-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE", "tentative"),
        ("SUMMARY:PTO\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE", "shown as free"),
        ("SUMMARY:PTO\nATTENDEE;PARTSTAT=DECLINED:mailto:Ana@example.com", "declined"),
    ],
)
def test_what_does_not_count_says_why(event: str, why: str) -> None:
    content = calendar(f"{event}\nDTSTART;VALUE=DATE:20260406")
    reading = read(content, email="ana@example.com", explain=True)
    assert reading.spans == ()
    assert [(seen.counts, seen.why) for seen in reading.seen] == [(False, why)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("SUMMARY:Busy\nX-MICROSOFT-CDO-BUSYSTATUS:OOF", "other"),
        ("SUMMARY:Away\nX-GOOGLE-EVENT-TYPE:outOfOffice\nTRANSP:TRANSPARENT", "other"),
        ("SUMMARY:OOO: dentist", "other"),
        ("SUMMARY:Sommerurlaub", "vacation"),
        ("SUMMARY:ANNUAL  LEAVE", "vacation"),
        ("SUMMARY:Krank", "sick"),
    ],
)
def test_what_counts_gives_its_reason(event: str, reason: str) -> None:
    assert [s.reason for s in read(calendar(f"{event}\nDTSTART;VALUE=DATE:20260406")).spans] == [reason]


def test_settings_change_what_counts() -> None:
    tentative = calendar("SUMMARY:Vacation\nSTATUS:TENTATIVE\nDTSTART;VALUE=DATE:20260406")
    short = calendar("SUMMARY:OOO\nDTSTART:20260406T120000Z\nDTEND:20260406T122000Z")
    flagged = calendar("SUMMARY:x\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\nDTSTART;VALUE=DATE:20260406")
    outlook_day = calendar(
        "SUMMARY:PTO\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nDTSTART:20260406T000000\nDTEND:20260407T000000"
    )
    long = calendar("SUMMARY:OOO\nDTSTART:20260406T080000Z\nDTEND:20260406T172000Z")
    assert len(read(tentative, counts_tentative=True).spans) == 1
    assert len(read(short).spans) == 0
    assert len(read(short, least_minutes=20).spans) == 1
    assert len(read(flagged, counts_flags=False).spans) == 0
    assert len(read(long, only_all_day=True).spans) == 0
    assert len(read(outlook_day, only_all_day=True).spans) == 1


def test_titles_are_kept_only_where_wished() -> None:
    assert read(calendar(VACATION)).spans[0].title == ""
    assert read(calendar(VACATION), keeps_titles=True).spans[0].title == "Vacation"


def test_overlapping_and_touching_spans_are_one() -> None:
    days = [f"SUMMARY:Vacation\nDTSTART;VALUE=DATE:2026040{day}" for day in (6, 7, 8)]
    apart = "SUMMARY:Sick\nDTSTART;VALUE=DATE:20260415"
    assert times(read(calendar(*days, apart))) == [
        ("2026-04-05 22:00", "2026-04-08 22:00"),
        ("2026-04-14 22:00", "2026-04-15 22:00"),
    ]

    def span(first: int, last: int, reason: str) -> Span:
        return Span(
            datetime.datetime(2026, 1, first, tzinfo=UTC),
            datetime.datetime(2026, 1, last, tzinfo=UTC),
            reason,
            "k",
        )

    assert merge([span(5, 9, "vacation"), span(7, 8, "sick")]) == (span(5, 9, "sick"),)


def test_what_is_under_way_counts_from_its_beginning_and_what_is_over_not() -> None:
    reading = read(calendar(VACATION), first="2026-04-08")
    assert times(reading) == [("2026-04-05 22:00", "2026-04-10 22:00")]
    assert read(calendar(VACATION), first="2026-04-12").spans == ()


def test_the_same_occurrence_keeps_its_key() -> None:
    before, after = read(calendar(VACATION)), read(calendar(VACATION.replace("0411", "0418")))
    assert before.spans[0].key == after.spans[0].key
    assert before.spans[0].ends_at < after.spans[0].ends_at


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"<!DOCTYPE html><p>Sign in</p>", "not a calendar file. It begins with “<!DOCTYPE html><p>Sign in</p>”"),
        (calendar(VACATION)[:-20], "The file ends in the middle"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\nEND:VEVENT\r\nEND:VEVENT", "cannot be read"),
        (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 10_001, "more than 10,000 events"),
    ],
)  # fmt: skip
def test_what_is_no_calendar_is_an_error_and_not_an_empty_one(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableCalendar) as error:
        parse_calendar(content)
    assert said in str(error.value)


def test_an_event_that_cannot_be_read_is_told_and_hides_no_other() -> None:
    reading = read(calendar("SUMMARY:Vacation\nDTSTART:tomorrow", VACATION))
    assert len(reading.spans) == len(reading.skipped) == 1


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;INTERVAL=1",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5;BYMINUTE=0,1,2,3,4,5,6,7,8,9",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2,4;BYMONTHDAY=31",
        "FREQ=DAILY;BYYEARDAY=400",
        "FREQ=DAILY;BYMONTHDAY=31;BYDAY=MO;BYSETPOS=2",
    ],
)
def test_a_malicious_rule_neither_hangs_nor_hides_the_rest(rule: str) -> None:
    evil = f"SUMMARY:Vacation\nDTSTART:20200101T000000Z\nDTEND:20200101T010000Z\nRRULE:{rule}"
    began = time.process_time()
    reading = read(calendar(evil, VACATION))
    assert time.process_time() - began < 2
    assert times(reading) == [("2026-04-05 22:00", "2026-04-10 22:00")]
    assert len(reading.skipped) == 1


def test_a_calendar_that_takes_too_long_is_refused() -> None:
    window = Window(
        datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2026, 2, 1, tzinfo=UTC), BERLIN
    )
    with pytest.raises(UnreadableCalendar, match="take too long"):
        read_calendar(calendar(VACATION), window, OutOfOffice(), ran_out=lambda: True)


def test_meetings_cost_nearly_nothing() -> None:
    """A busy calendar: 5,000 daily meetings beside one vacation. Parsed and expanded one by one they take a minute."""
    meeting = "SUMMARY:Standup\nDTSTART:20200101T090000Z\nDTEND:20200101T091500Z\nRRULE:FREQ=DAILY"
    content = calendar(*[meeting] * 5000, VACATION)
    began = time.process_time()
    reading = read(content)
    assert time.process_time() - began < 2
    assert (len(reading.spans), reading.events) == (1, 5001)


def test_a_folded_title_and_a_changed_occurrence_are_not_lost_before_parsing() -> None:
    folded = calendar("SUMMARY;LANGUAGE=en:Vaca\n tion\\, at last\nDTSTART;VALUE=DATE:20260406")
    assert len(read(folded).spans) == 1
    series = calendar("SUMMARY:Focus time\nDTSTART;VALUE=DATE:20260406\nRRULE:FREQ=DAILY;COUNT=3").replace(
        b"END:VCALENDAR",
        b"BEGIN:VEVENT\r\nUID:e0@x\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID;VALUE=DATE:20260407\r\n"
        b"SUMMARY:PTO\r\nDTSTART;VALUE=DATE:20260407\r\nEND:VEVENT\r\nEND:VCALENDAR",
    )
    assert times(read(series)) == [("2026-04-06 22:00", "2026-04-07 22:00")]


def test_both_ways_of_reading_give_the_same_spans() -> None:
    content = calendar(VACATION, "SUMMARY:Lunch\nDTSTART:20260407T120000Z\nDURATION:PT1H")
    assert read(content).spans == read(content, explain=True).spans
