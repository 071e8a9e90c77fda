"""Reading events from a CalDAV server (RFC 4791): from any address of an account to its calendars, and their events of
a window as one calendar text. Only reads, and every address that the server names passes the guard of `fetching`."""

import datetime
import hashlib
from dataclasses import dataclass
from urllib.parse import urljoin
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from reps.services.calendars.fetching import Answer, Credentials, Fetcher, FetchError, split

DAV, CAL, APPLE = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
MOST_CALENDARS = 30
FIND = (
    b'<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" '
    b'xmlns:s="http://calendarserver.org/ns/"><d:prop><d:resourcetype/><d:displayname/><d:current-user-principal/>'
    b"<c:calendar-home-set/><c:supported-calendar-component-set/><s:getctag/></d:prop></d:propfind>"
)
ASK = (
    '<?xml version="1.0" encoding="utf-8"?><c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    '<d:prop><c:calendar-data/></d:prop><c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">'
    '<c:time-range start="{first:%Y%m%dT%H%M%SZ}" end="{last:%Y%m%dT%H%M%SZ}"/>'
    "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"
)


@dataclass(frozen=True)
class Found:
    """One resource that a PROPFIND told of."""

    address: str
    is_calendar: bool
    holds_events: bool
    tag: str
    principal: str
    home: str


@dataclass(frozen=True)
class CalDavEvents:
    """`tag` stands for the state of all calendars; empty where the server gives none. `content` is None where that is
    the state that was known."""

    tag: str
    content: bytes | None
    calendars: int


def read_events(
    fetcher: Fetcher,
    credentials: Credentials,
    *,
    first: datetime.datetime,
    last: datetime.datetime,
    known_tag: str = "",
) -> CalDavEvents:
    """The events of every calendar behind the credentials' address. Raises FetchError."""
    calendars = _calendars(fetcher, credentials)
    tag = ""
    if all(calendar.tag for calendar in calendars):
        text = "\n".join(sorted(f"{calendar.address} {calendar.tag}" for calendar in calendars))
        tag = hashlib.sha256(text.encode()).hexdigest()
    if tag and tag == known_tag:
        return CalDavEvents(tag, None, len(calendars))
    texts: list[str] = []
    for calendar in calendars:
        texts += _events(fetcher, credentials, calendar.address, first, last)
        if sum(map(len, texts)) > fetcher.most_bytes:
            raise FetchError(f"The calendars are larger than {fetcher.most_bytes / 2**20:g} MB together.")
    nothing = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//none//\r\nEND:VCALENDAR\r\n"
    return CalDavEvents(tag, ("\r\n".join(texts) or nothing).encode(), len(calendars))


def _calendars(fetcher: Fetcher, credentials: Credentials) -> list[Found]:
    start = _find(fetcher, credentials, credentials.address, depth=0)
    if not start and split(credentials.address).path in ("", "/"):
        start = _find(fetcher, credentials, urljoin(credentials.address, "/.well-known/caldav"), depth=0)
    if not start:
        raise FetchError("There is no CalDAV server at this address.")
    here = start[0]
    if here.is_calendar:
        return [here]
    home = here.home
    if not home and here.principal:
        home = next(
            (one.home for one in _find(fetcher, credentials, here.principal, depth=0) if one.home), ""
        )
    found = _find(fetcher, credentials, home or here.address, depth=1)
    calendars = [one for one in found if one.is_calendar and one.holds_events]
    if not calendars:
        raise FetchError("The CalDAV server shows no calendar to this user.")
    if len(calendars) > MOST_CALENDARS:
        raise FetchError(
            f"There are more than {MOST_CALENDARS} calendars. Give the address of the one that counts."
        )
    return calendars


def _find(fetcher: Fetcher, credentials: Credentials, address: str, *, depth: int) -> list[Found]:
    """What a PROPFIND tells; nothing where there is no such resource."""
    answer = fetcher.fetch(
        address,
        method="PROPFIND",
        body=FIND,
        headers={"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8"},
        credentials=credentials,
    )
    if answer.status in (404, 405, 501):
        return []
    return [_found(response, answer.address) for response in _responses(answer)]


def _found(response: Element, base: str) -> Found:
    props: dict[str, Element] = {}
    for propstat in response.iter(f"{DAV}propstat"):
        if " 200 " in f"{propstat.findtext(f'{DAV}status', '')} ":
            props |= {prop.tag: prop for holder in propstat.iter(f"{DAV}prop") for prop in holder}

    def href(name: str) -> str:
        text = (props[name].findtext(f"{DAV}href") or "").strip() if name in props else ""
        return urljoin(base, text) if text else ""

    kinds = {kind.tag for kind in props.get(f"{DAV}resourcetype", ())}
    components = props.get(f"{CAL}supported-calendar-component-set")
    named = {str(part.get("name", "")).upper() for part in components} if components is not None else set()
    tag = props.get(f"{APPLE}getctag")
    return Found(
        address=urljoin(base, (response.findtext(f"{DAV}href") or "").strip()),
        is_calendar=f"{CAL}calendar" in kinds,
        holds_events=not named or "VEVENT" in named,
        tag=(tag.text or "") if tag is not None else "",
        principal=href(f"{DAV}current-user-principal"),
        home=href(f"{CAL}calendar-home-set"),
    )


def _events(
    fetcher: Fetcher,
    credentials: Credentials,
    address: str,
    first: datetime.datetime,
    last: datetime.datetime,
) -> list[str]:
    answer = fetcher.fetch(
        address,
        method="REPORT",
        body=ASK.format(first=first.astimezone(datetime.UTC), last=last.astimezone(datetime.UTC)).encode(),
        headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
        credentials=credentials,
    )
    return [
        part.text or "" for response in _responses(answer) for part in response.iter(f"{CAL}calendar-data")
    ]


def _responses(answer: Answer) -> list[Element]:
    if answer.status in (401, 403):
        raise FetchError(
            f"The server says {answer.status}: it does not accept this user name and password.",
            status=answer.status,
        )
    if answer.status != 207:
        raise FetchError(f"The server says {answer.status}.", status=answer.status)
    try:
        root = fromstring(answer.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FetchError("The CalDAV server's answer cannot be read.") from error
    return list(root.iter(f"{DAV}response"))
