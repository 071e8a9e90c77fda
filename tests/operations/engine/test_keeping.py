"""Which backups stay."""

import datetime

from operations.engine.keeping import kept

DAY = datetime.timedelta(days=1)
LAST = datetime.datetime(2026, 3, 11, 2, tzinfo=datetime.UTC)  # a Wednesday
MADE = [LAST - n * DAY for n in range(30)]


def test_the_newest_of_days_and_of_weeks() -> None:
    stay = sorted(kept([*MADE, LAST - DAY / 2], daily=3, weekly=3), reverse=True)
    # The newest of 10 March is that of the afternoon; the newest of a week that of its Sunday.
    assert stay == [LAST, LAST - DAY / 2, LAST - 2 * DAY, LAST - 3 * DAY, LAST - 10 * DAY]


def test_the_newest_always_stays() -> None:
    assert kept(MADE, daily=0, weekly=0) == {LAST}
    assert kept([], daily=7, weekly=4) == frozenset()
