"""Chat through apprise: which addresses are taken, and posting to one.

Only services that people talk in, over https, and never an address that reads files, sets headers or follows
redirects. A server of the user's choosing must have public addresses only (docs/decisions/0009). Apprise resolves the
name again when it posts, so a name that changes its answer in between could still reach inside: docs/decisions/0014
weighs that.
"""

import logging
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reps.services.calendars.fetching import is_public, resolve
from routing.services.delivery.outcome import NotSent, Refused

# Schemas of apprise by the name that people know the service by.
SERVICES = {
    "slack": "Slack",
    "workflow": "Microsoft Teams",
    "workflows": "Microsoft Teams",
    "gchat": "Google Chat",
    "discord": "Discord",
    "tgram": "Telegram",
    "wxteams": "Webex",
    "webex": "Webex",
    "mmost": "Mattermost",
    "mmosts": "Mattermost",
    "rocket": "Rocket.Chat",
    "rockets": "Rocket.Chat",
    "nctalk": "Nextcloud Talk",
    "nctalks": "Nextcloud Talk",
}
OWN_HOST = {"mmost", "mmosts", "rocket", "rockets", "nctalk", "nctalks", "workflow", "workflows"}
PLAIN = {"mmost", "rocket", "nctalk"}  # http
# What an address may say after its question mark. Others (template, redirect, verify, headers) open doors.
PARAMETERS = {
    "api-version", "avatar", "blocks", "channel", "channels", "footer", "format", "icon_url", "id", "image", "key",
    "mode", "pa", "powerautomate", "preview", "routeid", "sig", "silent", "sp", "sv", "thread", "threadkey",
    "timestamp", "to", "token", "topic", "ver", "webhook", "wrap",
}  # fmt: skip
TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 25.0  # for all of it: apprise bounds each step only
NOT_FOR_GOOD = {408, 425, 429}


class BadAddress(ValueError):
    """No address that we post to; the message says why."""


@dataclass(frozen=True)
class ChatAddress:
    """An address as a person gave it. `hint` is what may be shown of it."""

    url: str = field(repr=False)
    service: str
    hint: str
    lane: str  # what is posted to one server goes one after the other


@dataclass(frozen=True)
class Post:
    """One text for one address."""

    key: uuid.UUID
    address: ChatAddress
    text: str


def read_address(text: str, *, allows_private: bool) -> ChatAddress:
    """Raises BadAddress. Asks no network."""
    url = text.strip()
    if len(url) > 1000 or any(ord(letter) <= 32 for letter in url):
        raise BadAddress("The address has blanks, or is longer than any we know.")
    try:
        schema, service = _service(url, allows_private=allows_private)
        _, host = _service_of(url, schema)
    except BadAddress:
        raise
    except Exception:  # whatever a parser of addresses stumbles over
        raise BadAddress("This is no address that we can read.") from None
    shown = host if schema in OWN_HOST else ""
    ending = url.partition("?")[0].rstrip("/")[-4:]
    hint = f"{service}{f' at {shown}' if shown else ''}, ending in …{ending}"
    return ChatAddress(url, service, hint[:120], f"{schema}:{shown}")


def _service(url: str, *, allows_private: bool) -> tuple[str, str]:
    from apprise.plugins import url_to_dict

    asked = url.partition("://")[0].lower()
    if asked not in SERVICES and asked != "https":
        raise BadAddress(
            f"Give the webhook's https address as the chat shows it, or an apprise address that begins with "
            f"{', '.join(sorted(f'{name}://' for name in SERVICES if name not in PLAIN))}."
        )
    found = url_to_dict(url)
    schema = str((found or {}).get("schema", "")).lower()
    if schema not in SERVICES:
        raise BadAddress(
            f"This is no address of {', '.join(sorted(set(SERVICES.values())))} that we can read."
        )
    if schema in PLAIN and not allows_private:
        raise BadAddress(f"Use {schema}s:// so that the address's secret is not sent in the open.")
    _check_parameters(url, found or {})
    return schema, SERVICES[schema]


def _check_parameters(url: str, read: dict[str, Any]) -> None:
    """As we read the address, and as apprise does."""
    given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    given |= {str(name).lower() for name in read.get("qsd") or ()}
    given |= {f"{sign}{name}" for sign in "+-:" for name in read.get(f"qsd{sign}") or ()}
    if odd := sorted(given - PARAMETERS):
        raise BadAddress(f"Leave “{odd[0][:40]}” out of the address: it is not taken here.")


def _service_of(url: str, schema: str) -> tuple[Any, str]:
    """Apprise's object for it with our bounds, and the host that it posts to if the address names one."""
    from apprise import Apprise, AppriseAsset

    found: Any = Apprise.instantiate(url, asset=AppriseAsset(http_redirects=False))
    if found is None:
        raise BadAddress(f"The address is not complete for {SERVICES[schema]}.")
    found.redirects, found.verify_certificate = False, True
    found.socket_connect_timeout = found.socket_read_timeout = TIMEOUT_SECONDS
    port = f":{found.port}" if found.port else ""
    return found, f"{found.host}{port}" if schema in OWN_HOST else ""


def post(message: Post, *, allows_private: bool) -> None:
    """Raises NotSent, Refused. It takes no longer than PATIENCE_SECONDS, whatever the other side does."""
    said: list[Exception] = []

    def attempt() -> None:
        try:
            _post(message, allows_private)
        except Exception as error:
            said.append(error)

    worker = threading.Thread(target=attempt, daemon=True, name="chat")
    worker.start()
    worker.join(PATIENCE_SECONDS)
    if worker.is_alive():
        raise NotSent(f"{message.address.service} did not answer in time.", is_unreachable=True)
    if said:
        error = said[0]
        # Without the cause: a traceback could show the address.
        raise (
            error if isinstance(error, NotSent) else NotSent(f"Posting failed ({type(error).__name__}).")
        ) from None


def _post(message: Post, allows_private: bool) -> None:
    try:
        address = read_address(message.address.url, allows_private=allows_private)
        schema = address.lane.partition(":")[0]
        service, host = _service_of(address.url, schema)
    except BadAddress as error:
        raise Refused(str(error)) from None
    if host:
        check_host(service.host, service.port or 443, allows_private=allows_private)
    with _Complaints() as complaints:
        arrived = service.notify(body=message.text, body_format="text")
    if not arrived:
        raise complaints.as_error(address.service)


def check_host(
    host: str, port: int, *, allows_private: bool, resolved: Callable[[str, int], list[str]] = resolve
) -> None:
    """All its addresses are public. Raises NotSent, Refused."""
    try:
        found = resolved(host, port)
    except (OSError, UnicodeError):
        raise NotSent(f"There is no server with the name {host}.", is_unreachable=True) from None
    if not allows_private and not all(is_public(address) for address in found):
        raise Refused(
            f"{host} is in a private network. Whoever runs this installation can allow that (CHAT_ALLOW_PRIVATE=1)."
        )


class _Complaints(logging.Handler):
    """What apprise logs in this thread meanwhile: it says why it failed there, and returns False only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.lines: list[str] = []

    def __enter__(self) -> "_Complaints":
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.lines.append(record.getMessage())

    def as_error(self, service: str) -> NotSent:
        code = next((int(found[1]) for line in self.lines if (found := re.search(r"error=(\d{3})", line))), 0)
        if 400 <= code < 500 and code not in NOT_FOR_GOOD:
            return Refused(f"{service} refuses it (error {code}): the address may have been revoked.")
        if code:
            return NotSent(f"{service} answered with error {code}.")
        return NotSent(f"{service} could not be reached.", is_unreachable=True)
