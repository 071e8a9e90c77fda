"""Who is away at a moment, until when, and who stands in; and how long until the next absence."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from routing.engine.roster import NEVER, OPEN_END, Ints, Roster


@dataclass(frozen=True)
class Span:
    """One absence of a rep; without an end until it is said otherwise."""

    rep_id: int
    starts_at: datetime.datetime
    ends_at: datetime.datetime | None = None
    covering_id: int | None = None


class Absences:
    """The spans of a roster's reps, asked at one moment after the other. Spans of others are passed over."""

    def __init__(self, spans: Iterable[Span], roster: Roster) -> None:
        known = [span for span in spans if span.rep_id in roster.index]
        known.sort(key=lambda span: span.starts_at)
        self._spans, self._count = known, len(roster)
        self._places = np.array([roster.index[span.rep_id] for span in known], dtype=np.int64)
        self._starts = np.array([span.starts_at.timestamp() for span in known])
        self._ends = np.array(
            [np.inf if span.ends_at is None else span.ends_at.timestamp() for span in known]
        )

    def at(self, moment: datetime.datetime) -> tuple[Ints, Ints, dict[int, int]]:
        """`away_until` and `absence_in` (n) as `RosterState` has them, and who stands in by rep."""
        away_until = np.full(self._count, NEVER, dtype=np.int64)
        absence_in = np.full(self._count, NEVER, dtype=np.int64)
        covering: dict[int, int] = {}
        now = moment.timestamp()
        for number in np.flatnonzero((self._starts <= now) & (now < self._ends)):
            span, place = self._spans[number], self._places[number]
            until = OPEN_END if span.ends_at is None else int(span.ends_at.timestamp())
            away_until[place] = max(away_until[place], until)
            if span.covering_id is not None:
                covering[span.rep_id] = span.covering_id
        for number in reversed(np.flatnonzero(self._starts > now)):
            absence_in[self._places[number]] = int((self._spans[number].starts_at - moment).total_seconds())
        return away_until, absence_in, covering
