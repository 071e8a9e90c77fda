"""Until when somebody may be away with one click: worked examples in the rep's own time zone."""

import datetime
import zoneinfo

import pytest

from reps.engine.absence import span_words, until_choices

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def offered(*moment: int, zone: zoneinfo.ZoneInfo = BERLIN) -> dict[str, str]:
    choices = until_choices(datetime.datetime(*moment, tzinfo=zone))  # type: ignore[misc,arg-type]
    return {c.key: f"{c.ends_at:%a %d %b %H:%M%z}" if c.ends_at else "" for c in choices}


def test_on_a_wednesday() -> None:
    assert offered(2026, 3, 4, 15, 30) == {
        "today": "Thu 05 Mar 00:00+0100",
        "tomorrow": "Fri 06 Mar 00:00+0100",
        "monday": "Mon 09 Mar 00:00+0100",
        "week": "Wed 11 Mar 00:00+0100",
        "open": "",
    }


@pytest.mark.parametrize(
    ("day", "keys"),
    [
        (6, ["today", "tomorrow", "monday", "week", "open"]),  # Friday
        (7, ["today", "tomorrow", "week", "open"]),  # Saturday: tomorrow's end is Monday
        (8, ["today", "tomorrow", "week", "open"]),  # Sunday
        (9, ["today", "tomorrow", "monday", "open"]),  # Monday: until Monday is one week
    ],
)
def test_what_ends_alike_is_offered_once(day: int, keys: list[str]) -> None:
    assert list(offered(2026, 3, day, 9)) == keys


def test_midnight_is_that_of_the_zone_across_the_change_of_clocks() -> None:
    assert offered(2026, 3, 28, 9)["tomorrow"] == "Mon 30 Mar 00:00+0200"  # clocks go forward on the 29th


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        ((12, 8), (12, 17), "Tue 8 Dec to Wed 16 Dec"),
        ((12, 8), (12, 9), "Tue 8 Dec"),
        ((12, 8, 14, 20), (12, 9), "Tue 8 Dec from 14:20"),
        ((12, 8, 14, 20), (12, 17), "Tue 8 Dec, 14:20 to the end of Wed 16 Dec"),
        ((12, 8, 9), (12, 8, 12), "Tue 8 Dec, 09:00 to 12:00"),
        ((12, 8, 9), (12, 9, 12), "Tue 8 Dec, 09:00 to Wed 9 Dec, 12:00"),
        ((12, 8), (12, 9, 12), "Tue 8 Dec to Wed 9 Dec, 12:00"),
        ((12, 8, 9), None, "from Tue 8 Dec, 09:00 until further notice"),
        ((12, 8), None, "from Tue 8 Dec until further notice"),
    ],
)
def test_a_span_is_said_in_days_where_they_are_whole(
    starts: tuple[int, ...], ends: tuple[int, ...] | None, said: str
) -> None:
    def moment(parts: tuple[int, ...]) -> datetime.datetime:
        return datetime.datetime(2026, *parts, tzinfo=BERLIN)  # type: ignore[misc,arg-type]

    today = datetime.date(2026, 11, 24)
    assert span_words(moment(starts), moment(ends) if ends else None, today=today) == said
    other = span_words(moment((12, 31)), datetime.datetime(2027, 1, 3, tzinfo=BERLIN), today=today)
    assert other == "Thu 31 Dec to Sat 2 Jan 2027"
