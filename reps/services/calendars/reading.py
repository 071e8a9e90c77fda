"""From a feed to what is out of office in it: fetched, parsed, nothing written. Runs in threads without a database."""

import datetime
import hashlib
import time
import zoneinfo
from dataclasses import dataclass, field

from reps.engine.calendars.reading import Reading, UnreadableCalendar, Window, read_calendar
from reps.engine.calendars.settings import OutOfOffice
from reps.models import CalendarFeed, CalendarSettings
from reps.services.calendars.caldav import read_events
from reps.services.calendars.fetching import Answer, Credentials, Fetcher, FetchError, Resolve, resolve
from reps.services.calendars.sealing import SealBroken, unseal, unseal_bytes

SECONDS = 30.0  # for everything that is asked of a server
PARSING_SECONDS = 10.0
STORED = "stored"  # the tag of an uploaded file, which stays as it is until another one is uploaded


@dataclass(frozen=True)
class Network:
    """What reading may reach; tests give a resolver of their own."""

    allows_private: bool = False
    seconds: float = SECONDS
    resolve: Resolve = resolve


@dataclass(frozen=True)
class Request:
    """All that reading a feed needs, so that it needs no database."""

    feed_id: int
    updated_at: datetime.datetime  # what people had set when it was read
    kind: str
    host: str
    address: str = field(repr=False)
    username: str = field(repr=False)
    password: str = field(repr=False)
    content: bytes = field(repr=False)
    window: Window
    settings: OutOfOffice
    read_as: str
    etag: str
    last_modified: str
    wrong: str = ""  # why it cannot be read at all


@dataclass(frozen=True)
class Result:
    """What a reading gave: `error` in words, or `reading`; neither where nothing has changed since."""

    reading: Reading | None = None
    error: str = ""
    etag: str = ""
    last_modified: str = ""
    unreachable: bool = False  # the server, and not this calendar


def request_of(feed: CalendarFeed, settings: CalendarSettings, *, at: datetime.datetime) -> Request:
    """The request for a feed (with its rep at hand). What an unchanged answer stands for ends with the day, with the
    settings and with the rep's time zone: the horizon moves on, and other events may count."""
    rep = feed.rep
    zone = zoneinfo.ZoneInfo(rep.time_zone)
    chosen = settings.out_of_office
    window = Window(at, at + datetime.timedelta(days=settings.horizon_days), zone, rep.email)
    day = at.astimezone(zone).date()
    text = repr((chosen, rep.time_zone, rep.email, settings.horizon_days, day))
    read_as = hashlib.sha256(text.encode()).hexdigest()
    known = feed.read_as == read_as and not feed.failures
    secrets: dict[str, str] = {}
    content, wrong = b"", ""
    try:
        secrets = unseal(feed.sealed) if feed.sealed else {}
        content = unseal_bytes(feed.content) if feed.content is not None else b""
    except SealBroken as error:
        wrong = str(error)
    return Request(
        feed_id=feed.pk,
        updated_at=feed.updated_at,
        kind=feed.kind,
        host=feed.host,
        address=secrets.get("address", ""),
        username=feed.username,
        password=secrets.get("password", ""),
        content=content,
        window=window,
        settings=chosen,
        read_as=read_as,
        etag=feed.etag if known else "",
        last_modified=feed.last_modified if known else "",
        wrong=wrong,
    )


def read(request: Request, network: Network, *, explain: bool = False) -> Result:
    """Fetches and parses. Never raises for what a server or a file may do: that is the result's error."""
    try:
        if request.wrong:
            return Result(error=request.wrong)
        found = _content(request, network)
        if found.content is None:
            return Result(etag=found.etag, last_modified=found.last_modified)
        reading = _parse(found.content, request, explain=explain)
        return Result(reading, etag=found.etag[:300], last_modified=found.last_modified[:100])
    except FetchError as error:
        return Result(error=str(error)[:300], unreachable=not error.status)
    except UnreadableCalendar as error:
        uploaded = request.kind == CalendarFeed.Kind.UPLOAD
        return Result(error=(str(error) if uploaded else error.plain)[:300])


def _parse(content: bytes, request: Request, *, explain: bool) -> Reading:
    ends = time.monotonic() + PARSING_SECONDS
    return read_calendar(
        content, request.window, request.settings, ran_out=lambda: time.monotonic() > ends, explain=explain
    )


@dataclass(frozen=True)
class _Content:
    content: bytes | None  # None: unchanged
    etag: str = ""
    last_modified: str = ""


def _content(request: Request, network: Network) -> _Content:
    if request.kind == CalendarFeed.Kind.UPLOAD:
        return _Content(None if request.etag == STORED else request.content, STORED)
    fetcher = Fetcher.within(network.seconds, allows_private=network.allows_private, resolve=network.resolve)
    caldav = request.kind == CalendarFeed.Kind.CALDAV
    credentials = Credentials(request.address, request.username, request.password, siblings=caldav)
    if caldav:
        window = request.window
        events = read_events(
            fetcher, credentials, first=window.first, last=window.last, known_tag=request.etag
        )
        return _Content(events.content, events.tag)
    conditions = {"If-None-Match": request.etag, "If-Modified-Since": request.last_modified}
    answer = fetcher.fetch(
        request.address,
        headers={"Accept": "text/calendar"} | {name: value for name, value in conditions.items() if value},
        credentials=credentials if request.username or request.password else None,
    )
    return _of_answer(answer, request)


def _of_answer(answer: Answer, request: Request) -> _Content:
    if answer.status == 304 and (request.etag or request.last_modified):
        return _Content(None, request.etag, request.last_modified)
    if answer.status != 200:
        meaning = {
            401: ": it does not accept this user name and password",
            403: ": we may not read this calendar",
            404: ": there is no calendar at this address (any more)",
            410: ": the calendar is gone",
            429: ": we ask too often",
        }.get(answer.status, "")
        raise FetchError(f"The server says {answer.status}{meaning}.", status=answer.status)
    return _Content(answer.body, answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
