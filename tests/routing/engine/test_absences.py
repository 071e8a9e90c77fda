"""Who is away at a moment."""

import datetime

from routing.engine.absences import Absences, Span
from routing.engine.roster import NEVER, OPEN_END, RepFacts, Roster

NOON = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
ROSTER = Roster((RepFacts(id=3, team_id=1), RepFacts(id=7, team_id=1)))


def test_from_the_first_moment_until_before_the_last() -> None:
    absences = Absences([Span(7, NOON, NOON + 2 * HOUR, covering_id=3)], ROSTER)
    end = int((NOON + 2 * HOUR).timestamp())
    for moment, until in ((NOON - HOUR, NEVER), (NOON, end), (NOON + HOUR, end), (NOON + 2 * HOUR, NEVER)):
        away_until, _, covering = absences.at(moment)
        assert list(away_until) == [NEVER, until]
        assert covering == ({7: 3} if until != NEVER else {})


def test_the_longest_counts_and_the_next_one_ahead() -> None:
    spans = [
        Span(3, NOON + 9 * HOUR, None),
        Span(3, NOON - HOUR, NOON + HOUR),
        Span(3, NOON - 2 * HOUR, NOON + 3 * HOUR),
        Span(3, NOON + 5 * HOUR, NOON + 6 * HOUR),
        Span(99, NOON, None),
    ]
    away_until, absence_in, _ = Absences(spans, ROSTER).at(NOON)
    assert list(away_until) == [int((NOON + 3 * HOUR).timestamp()), NEVER]
    assert list(absence_in) == [5 * 3600, NEVER]
    assert Absences(spans, ROSTER).at(NOON + 10 * HOUR)[0][0] == OPEN_END


def test_nobody_is_away_where_nothing_is_known() -> None:
    away_until, absence_in, covering = Absences([], ROSTER).at(NOON)
    assert (list(away_until), list(absence_in), covering) == ([NEVER] * 2, [NEVER] * 2, {})
