"""Until when somebody may be away with one click: worked examples in the rep's own time zone."""

import datetime
import zoneinfo

import pytest

from reps.engine.absence import until_choices

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
