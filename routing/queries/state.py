"""The state of everybody at one moment: loads, pending, recent assignments, absences, turns.

Read for every decision, so each process keeps what it has read and asks for what has changed since: rows of reps that a
transaction wrote which was not finished then (by their `xmin`), and assignments added since. What its own, perhaps
never committed transaction sees is not kept. Whatever is kept, limits are checked again on locked rows before anybody
gets anything; a number that lagged behind would cost another round, never a limit.
"""

import contextlib
import datetime
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from reps.queries.prepared import ask, ask_all, ask_one, side_by_side
from routing.engine.absences import Absences, Span
from routing.engine.roster import Ints, Mask, Roster, RosterState, works_now
from routing.queries.automation import HOLD_OFF_PAUSE
from routing.queries.live import IN_FORCE, LIVE, Live, kept_roster, live_of

NONE: dict[str, Any] = {}  # parameters
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
WEEK = datetime.timedelta(days=7)
DAY = datetime.timedelta(days=1)
MICROSECONDS = 1_000_000
MAY_COME_LATE = (
    5_000  # ids of assignments: how far behind the newest a running transaction may still bring one
)
SETTLES_AFTER = MICROSECONDS
READ_ANEW_AFTER = 300 * MICROSECONDS  # rows that somebody deleted are forgotten then

# Numbers as bytes (the layouts below), which take no parsing. `fresh`: written by the present transaction, or by one
# that has just ended.
REP_NUMBERS = """
int8send(r.id) || int4send(r.load) || int4send(r.pending) || float8send(r.pipeline_value::float8)
|| float8send(r.pending_value::float8) || float8send(r.turn_finish)
|| boolsend(age(r.xmin) <= age(pg_snapshot_xmin(pg_current_snapshot())::xid))
"""
# Of a range with two ends the planner believes that it is small, whatever the ends are. Of one with one end it believes
# that it is a third of the table, and reads all of a large one.
NO_ID = 2**63 - 1
ASSIGNED = "int8send(id) || int8send(rep_id) || int8send((extract(epoch FROM assigned_at) * 1000000)::int8)"
ABSENT = f"""
int8send(rep_id) || int8send((extract(epoch FROM starts_at) * 1000000)::int8)
|| int8send(coalesce((extract(epoch FROM ends_at) * 1000000)::int8, {NO_ID}))
|| int8send(coalesce(covering_id, {NO_ID}))
"""
REP = np.dtype(
    [
        ("id", ">i8"),
        ("load", ">i4"),
        ("pending", ">i4"),
        ("value", ">f8"),
        ("suggested", ">f8"),
        ("finish", ">f8"),
        ("fresh", "?"),
    ]
)
ASSIGNMENT = np.dtype([("id", ">i8"), ("rep", ">i8"), ("at", ">i8")])
ABSENCE = np.dtype([("rep", ">i8"), ("starts", ">i8"), ("ends", ">i8"), ("covering", ">i8")])
Rows = npt.NDArray[np.void]

EVERYBODY = f"""
SELECT pg_current_snapshot()::text, string_agg({REP_NUMBERS}, ''::bytea) FROM reps_rep r WHERE r.left_at IS NULL
"""
CHANGED = f"""
SELECT {IN_FORCE}, pg_current_snapshot()::text,
    (SELECT string_agg({REP_NUMBERS}, ''::bytea) FROM reps_rep r WHERE r.left_at IS NULL
        AND (age(r.xmin) <= (SELECT age(pg_snapshot_xmin(%(reps_seen)s::pg_snapshot)::xid))
            OR r.id = ANY(%(reps_again)s::bigint[]))),
    (SELECT string_agg({ASSIGNED}, ''::bytea) FROM crm_assignment
        WHERE id > %(low)s AND id < {NO_ID} AND source <> 'import'),
    ARRAY(SELECT ARRAY[id::float8, turn_clock] FROM reps_team WHERE turn_clock <> 0),
    EXISTS (SELECT 1 FROM routing_rostersnapshot WHERE digest = %(digest)s),
    coalesce((SELECT state = 'paused' FROM routing_automationchange ORDER BY id DESC LIMIT 1), false),
    (SELECT string_agg({ABSENT}, ''::bytea ORDER BY starts_at, id) FROM reps_absence
        WHERE ends_at IS NULL OR ends_at > %(at)s)
"""
# What an import brought along counts for no limit.
OF_THE_WEEK = f"""
SELECT (SELECT coalesce(max(id), 0) FROM crm_assignment), string_agg({ASSIGNED}, ''::bytea)
FROM crm_assignment WHERE assigned_at > %(since)s AND source <> 'import'
"""
ABSENCES = """
SELECT rep_id, starts_at, ends_at, covering_id FROM reps_absence
WHERE (ends_at IS NULL OR ends_at > %(first)s) AND starts_at < coalesce(%(last)s, 'infinity'::timestamptz)
ORDER BY starts_at, id
"""


@dataclass(frozen=True)
class Read:
    """What one look at the database gave, for the reps in the roster's order."""

    numbers: Rows
    week: Ints
    day: Ints
    clocks: dict[int, float]
    absences: Absences
    roster_is_kept: bool
    is_paused: bool


def load_state(live: Live, at: datetime.datetime) -> RosterState:
    """The state of the roster's reps at the moment; one query, where the process knows the roster."""
    return _state_of(_kept.read(live, at), live, at)


def look(at: datetime.datetime, *, holding_off_pause: bool = False) -> tuple[RosterState, Live]:
    """What is in force now and the state of everybody, in one round trip where the process knows the roster.
    `holding_off_pause`: no pause comes before the transaction's end."""
    looking = Looking(at)
    before = [(f"SELECT {HOLD_OFF_PAUSE}", ())] if holding_off_pause else []
    *_, (row,) = ask_all(*before, side_by_side(*looking.asked))
    looking.answered(row)
    return looking.found()


class Looking:
    """A look that somebody else may ask for along with his own, who then holds off a pause; with `values` (SQL
    expressions) that are asked for with it."""

    locks = (HOLD_OFF_PAUSE,)

    def __init__(self, at: datetime.datetime, values: Sequence[str] = ()) -> None:
        self.at = at
        self.values: Sequence[Any] = ()
        self._wanted = len(values)
        self._expected = _kept.expected(at)
        with_it = [(f"SELECT {', '.join(values)}", NONE)] if values else []
        self.asked = [*with_it, self._expected.asked if self._expected else (LIVE, NONE)]
        self._answer: Sequence[Any] = ()
        self._found: tuple[Live, Read] | None = None

    def answered(self, values: Sequence[Any]) -> None:
        self.values, self._answer = values[: self._wanted], values[self._wanted :]
        with contextlib.suppress(Exception):  # `found` meets it again
            self._found = self._taken()  # at once: of two answers only the first to be taken in counts

    def found(self) -> tuple[RosterState, Live]:
        """Once it is answered."""
        live, read = self._found or self._taken()
        live = replace(live, is_paused=read.is_paused, roster_is_kept=read.roster_is_kept)
        return _state_of(read, live, self.at), live

    def _taken(self) -> tuple[Live, Read]:
        live = live_of(tuple(self._answer[:4]), self.at)
        read = _kept.taken(self._expected, live, self.at, self._answer) if self._expected else None
        return live, _kept.read(live, self.at) if read is None else read


def _state_of(read: Read, live: Live, at: datetime.datetime) -> RosterState:
    away_until, absence_in, covering = read.absences.at(at)
    minute = int(at.timestamp()) // 60
    return RosterState(
        load=read.numbers["load"].astype(np.int64),
        pending=read.numbers["pending"].astype(np.int64),
        week=read.week,
        day=read.day,
        pipeline_value=read.numbers["value"].astype(float) + read.numbers["suggested"].astype(float),
        away_until=away_until,
        absence_in=absence_in,
        works_now=_present(connection.settings_dict["NAME"], live.stamp, at.date(), minute),
        turn_finish=read.numbers["finish"].astype(float),
        covering=covering,
        turn_clocks=read.clocks,
    )


@dataclass(frozen=True)
class Expected:
    """What is kept as long as the roster is still the same: the statement that asks what has changed since."""

    version: int
    asked: tuple[str, dict[str, Any]]


class KeptState:
    """The process's numbers. An answer is taken in only if nobody took in another one since it was asked for, so that
    no older one follows a newer; else it is asked for again, one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._begin()

    def forget(self) -> None:
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        self._version += 1
        self._of: tuple[str, int, str] | None = None  # the database, the stamp of the roster, and its digest
        self._seen = ""
        self._reps = np.zeros(0, REP)
        self._again: list[int] = []  # written by a transaction that may be rolled back
        self._recent = RecentAssignments()
        self._absences: tuple[bytes | None, Absences] | None = None  # as the database told them

    def expected(self, at: datetime.datetime) -> Expected | None:
        """None where more has to be read than what has changed."""
        with self._lock:
            database = connection.settings_dict["NAME"]
            if self._of is None or self._of[0] != database or self._recent.must_reach(at - WEEK):
                return None
            return Expected(self._version, self._statement(self._of[2], at))

    def taken(self, expected: Expected, live: Live, at: datetime.datetime, changed: Any) -> Read | None:
        """None where the answer does not fit what is kept any more."""
        with self._lock:
            if expected.version != self._version or self._of != _identity(live):
                return None
            return self._take_in(changed, live, at)

    def read(self, live: Live, at: datetime.datetime) -> Read:
        connection.ensure_connection()  # whoever waits for one must not keep the others waiting
        with self._lock:
            now = _identity(live)
            if self._of != now:
                self._begin()
                self._seen, content = ask_one(EVERYBODY)
                self._reps = _in_order(_rows(content, REP), live.roster)
                self._again = self._reps["id"][self._reps["fresh"]].tolist()
                self._of = now
            self._recent.reach(at - WEEK, live.roster)
            return self._take_in(ask_one(*self._statement(live.roster.digest, at)), live, at)

    def _statement(self, digest: str, at: datetime.datetime) -> tuple[str, dict[str, Any]]:
        asked = {"reps_seen": self._seen, "reps_again": self._again, "low": self._recent.low}
        return CHANGED, {**asked, "digest": digest, "at": at}

    def _take_in(self, changed: Any, live: Live, at: datetime.datetime) -> Read:
        seen, reps, added, clocks, is_kept, is_paused, away = changed[4:]
        rows = _rows(reps, REP)
        places, known = _places(live.roster, rows["id"])
        self._reps[places[known]] = rows[known]
        self._again = rows["id"][rows["fresh"]].tolist()
        self._seen = seen
        self._version += 1
        week, day = self._recent.counts(_rows(added, ASSIGNMENT), seen, at, live.roster)
        clocks_by_team = {int(team_id): clock for team_id, clock in clocks}
        if self._absences is None or self._absences[0] != away:
            self._absences = (away, Absences(_spans(away), live.roster))
        return Read(self._reps.copy(), week, day, clocks_by_team, self._absences[1], is_kept, is_paused)


def _identity(live: Live) -> tuple[str, int, str]:
    return connection.settings_dict["NAME"], live.stamp, live.roster.digest


class RecentAssignments:
    """Assignments of somewhat more than a week to reps of one roster. Those up to `low` are settled: no running
    transaction can bring another one; they are kept by moment, each with its rep's place. Those above are read each
    time."""

    def __init__(self) -> None:
        self.low = 0
        self._settled = _Settled()
        self._windows: dict[datetime.timedelta, _Window] = {}
        self._since: datetime.datetime | None = None
        self._read_at = 0
        self._mark: tuple[int, int, int] | None = None  # newest id, first transaction after it, and when

    def must_reach(self, since: datetime.datetime) -> bool:
        """Whether what was assigned after the moment has to be read, or read anew."""
        now = _microseconds(datetime.datetime.now(datetime.UTC))
        return self._since is None or since < self._since or now - self._read_at >= READ_ANEW_AFTER

    def reach(self, since: datetime.datetime, roster: Roster) -> None:
        """Makes sure that it is known."""
        if not self.must_reach(since):
            return
        now = _microseconds(datetime.datetime.now(datetime.UTC))
        self._since, self._read_at, self._mark = since - DAY, now, None
        newest, content = ask_one(OF_THE_WEEK, {"since": self._since})
        rows = _rows(content, ASSIGNMENT)
        self.low = max(newest - MAY_COME_LATE, 0)
        self._settled = _Settled().with_more(rows[rows["id"] <= self.low], roster)

    def counts(self, added: Rows, seen: str, at: datetime.datetime, roster: Roster) -> tuple[Ints, Ints]:
        """Assignments of seven rolling days and of 24 hours before the moment, by rep."""
        until, new = _microseconds(at), _Settled().with_more(added, roster)
        found = []
        for span in (WEEK, DAY):
            window = self._settled.window(_microseconds(at - span), until, self._windows.get(span), roster)
            self._windows[span] = window
            found.append(window.counts + new.window(_microseconds(at - span), until, None, roster).counts)
        self._settle(added, seen, roster)
        return found[0], found[1]

    def _settle(self, added: Rows, seen: str, roster: Roster) -> None:
        now = _microseconds(datetime.datetime.now(datetime.UTC))
        oldest, next_one = (int(part) for part in seen.split(":")[:2])  # running, and not begun
        if self._mark is None:
            newest = int(added["id"].max()) if len(added) else self.low
            self._mark = (newest, next_one, now)
        elif oldest >= self._mark[1] and now - self._mark[2] > SETTLES_AFTER:
            newest = self._mark[0]
            self._settled = self._settled.with_more(added[added["id"] <= newest], roster)
            self.low, self._mark = max(self.low, newest), None


@dataclass(frozen=True)
class _Settled:
    """Moments (microseconds, rising) and the place in the roster of whom something was assigned to then."""

    moments: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    places: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def with_more(self, rows: Rows, roster: Roster) -> "_Settled":
        if not len(rows):
            return self
        places, known = _places(roster, rows["rep"])
        moments = np.concatenate([self.moments, rows["at"][known]])
        order = np.argsort(moments, kind="stable")
        return _Settled(moments[order], np.concatenate([self.places, places[known]])[order])

    def window(self, after: int, until: int, like: "_Window | None", roster: Roster) -> "_Window":
        """How many each rep has later than one moment and not later than the other; from what was counted before where
        that is `like` it: little comes in and falls out from one decision to the next."""
        first, last = (int(place) for place in np.searchsorted(self.moments, (after, until), side="right"))
        if like is None or like.of is not self:
            return _Window(self, first, last, self._counted(first, last, roster))
        more = self._counted(like.last, last, roster) - self._counted(like.first, first, roster)
        return _Window(self, first, last, like.counts + more)

    def _counted(self, first: int, last: int, roster: Roster) -> Ints:
        """Of those from one place to the other; less than nothing where the other comes first."""
        sign = 1 if first <= last else -1
        return sign * np.bincount(self.places[min(first, last) : max(first, last)], minlength=len(roster))


@dataclass(frozen=True)
class _Window:
    """What was counted between two places."""

    of: _Settled
    first: int
    last: int
    counts: Ints


_kept = KeptState()


def forget_state() -> None:
    """The next look reads everything: for the last round of a decision, and for tests, whose database is emptied
    behind its back."""
    _kept.forget()


def _rows(content: bytes | None, layout: "np.dtype[np.void]") -> Rows:
    """In the byte order of this machine: arithmetic on the network's takes several times as long."""
    return np.frombuffer(content or b"", layout).astype(layout.newbyteorder("="))


def _places(roster: Roster, ids: Any) -> tuple[Ints, Mask]:
    """The place of each id in the roster, and whether it is there."""
    places = np.searchsorted(roster.ids, ids)
    inside = np.minimum(places, max(len(roster) - 1, 0))
    known = np.asarray(roster.ids[inside] == ids) if len(roster) else np.zeros(len(ids), dtype=bool)
    return inside, known


def _in_order(found: Rows, roster: Roster) -> Rows:
    """The rows of the roster's reps in its order; noughts for one that is not there, and others passed over."""
    rows = np.zeros(len(roster), REP)
    rows["id"] = roster.ids
    places, known = _places(roster, found["id"])
    rows[places[known]] = found[known]
    return rows


def _spans(content: bytes | None) -> Iterator[Span]:
    for rep_id, starts, ends, covering in _rows(content, ABSENCE).tolist():
        ends_at = None if ends == NO_ID else _moment(ends)
        yield Span(rep_id, _moment(starts), ends_at, None if covering == NO_ID else covering)


def _microseconds(moment: datetime.datetime) -> int:
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * MICROSECONDS + since.microseconds


def _moment(microseconds: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=microseconds)


def load_absences(
    first: datetime.datetime, last: datetime.datetime | None = None, *, roster: Roster
) -> Absences:
    """The absences that end after the first moment and, where one is given, begin before the last; one query."""
    return Absences((Span(*row) for row in ask(ABSENCES, {"first": first, "last": last})), roster)


@lru_cache(maxsize=4)
def _present(database: str, stamp: int, day: datetime.date, minute: int) -> Mask:
    """Who works in this minute."""
    _, times = kept_roster(database, stamp, day)
    at = datetime.datetime.fromtimestamp(minute * 60, datetime.UTC)
    local = {zone: at.astimezone(zone) for zone in {w.zone for w in times}}
    return np.array([works_now(w.hours, local[w.zone], w.days_off) for w in times], dtype=bool)
