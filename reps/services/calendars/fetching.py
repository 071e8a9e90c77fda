"""Fetching an address that a user gave, without becoming the user's hand inside our network (docs/decisions/0009).

Every name is resolved once; one address that is not public among the answers refuses the request, and the socket goes
to the very address that was checked. Redirects are checked alike and get no credentials of another origin. No proxy, no
.netrc, no cookie. Size (after decompression) and time (as a whole) are bounded.
"""

import base64
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from publicsuffixlist import PublicSuffixList

REDIRECTS = 5
CHUNK = 65_536
IDENTIFIES_AS = "PredictiveRouting-Calendar/1"
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
Resolve = Callable[[str, int], list[str]]
_suffixes = PublicSuffixList()


class FetchError(Exception):
    """The address was refused or did not answer well; the message says it for people and names no secret."""

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


def resolve(host: str, port: int) -> list[str]:
    """Every address of the host, as the system sees it (numbers in any notation included)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    address: str


@dataclass(frozen=True)
class Credentials:
    """Sent to the origin of `address` only; with `siblings` also to hosts of the same registered domain, over https
    (iCloud and others keep accounts on servers of their own)."""

    address: str
    username: str
    password: str = field(repr=False)
    siblings: bool = False

    def fit(self, target: SplitResult) -> bool:
        own = split(self.address)
        if origin(own) == origin(target):
            return True
        secure = own.scheme == target.scheme == "https"
        domain = _suffixes.privatesuffix(own.hostname or "")
        return (
            self.siblings
            and secure
            and bool(domain)
            and domain == _suffixes.privatesuffix(target.hostname or "")
        )


@dataclass(frozen=True)
class Fetcher:
    """Requests under one set of bounds; `deadline_at` (monotonic seconds) bounds all of them together."""

    deadline_at: float
    allows_private: bool = False
    most_bytes: int = 5 * 2**20
    resolve: Resolve = resolve
    tls: ssl.SSLContext | None = None  # the system's authorities unless given
    most_redirects: int = REDIRECTS  # none: the answer that would send us on is the answer
    identifies_as: str = IDENTIFIES_AS
    opened_by: str = "CALENDAR_ALLOW_PRIVATE"  # the setting that would allow private networks

    @classmethod
    def within(cls, seconds: float, **options: object) -> "Fetcher":
        return cls(time.monotonic() + seconds, **options)  # type: ignore[arg-type]

    def fetch(
        self,
        address: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
    ) -> Answer:
        """The answer at the end of at most five redirects, whatever its status. Raises FetchError."""
        for _ in range(self.most_redirects + 1):
            target = split(address)
            answer = self._once(target, method, body, dict(headers or {}), credentials)
            location = answer.headers.get("location", "")
            if answer.status not in (301, 302, 303, 307, 308) or not location or not self.most_redirects:
                return answer
            following = split(urljoin(target.geturl(), location))
            if target.scheme == "https" and following.scheme == "http":
                raise FetchError("The server sends us from https to an address without encryption.")
            address = following.geturl()
        raise FetchError(f"The server sends us on more than {self.most_redirects} times.")

    def _once(
        self, target: SplitResult, method: str, body: bytes, headers: dict[str, str], credentials: Credentials | None
    ) -> Answer:  # fmt: skip
        host, port = target.hostname or "", target.port or (443 if target.scheme == "https" else 80)
        headers |= {"Accept-Encoding": "gzip", "User-Agent": self.identifies_as, "Connection": "close"}
        if credentials and credentials.fit(target):
            if target.scheme != "https" and not self.allows_private:
                raise FetchError("A password is only sent over https.")
            pair = f"{credentials.username}:{credentials.password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        connection = self._connect(target, host, port)
        path = quote(target.path or "/", safe="/%:@!$&'()*+,;=~") + (
            f"?{target.query}" if target.query else ""
        )
        watchdog = threading.Timer(max(self._left(), 0.01), _cut, [connection.sock])
        watchdog.daemon = True
        watchdog.start()
        try:
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            content = self._read(response)
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, content, target.geturl())
        except ssl.SSLCertVerificationError as error:
            raise FetchError(f"{host} has no certificate that we can trust.") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._left()  # raises where the time was up
            raise FetchError(
                f"{host} did not answer as a web server does ({type(error).__name__})."
            ) from error
        finally:
            watchdog.cancel()
            connection.close()

    def _connect(self, target: SplitResult, host: str, port: int) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(host, port)
        last: OSError | None = None
        for address in self._checked(host, port)[:4]:
            try:
                plain = socket.create_connection((address, port), timeout=min(self._left(), 10))
                plain.settimeout(self._left())
                if target.scheme == "https":
                    context = self.tls or ssl.create_default_context()
                    connection.sock = context.wrap_socket(
                        plain, server_hostname=host, do_handshake_on_connect=False
                    )
                else:
                    connection.sock = plain
                return connection
            except OSError as error:
                last = error
        self._left()
        raise FetchError(f"{host} could not be reached.") from last

    def _checked(self, host: str, port: int) -> list[str]:
        """The host's addresses, all of them public. Raises FetchError."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="resolve")
        try:
            found = pool.submit(self.resolve, host, port).result(timeout=min(self._left(), 10))
        except (OSError, UnicodeError, TookTooLong) as error:
            raise FetchError(f"There is no server with the name {host}.") from error
        finally:
            pool.shutdown(wait=False)
        if not found:
            raise FetchError(f"There is no server with the name {host}.")
        if not self.allows_private and not all(is_public(address) for address in found):
            raise FetchError(
                f"{host} is in a private network. Whoever runs this installation can allow that "
                f"({self.opened_by}=1)."
            )
        return found

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise FetchError(f"The server answers in a packing that we did not ask for ({encoding[:20]}).")
        unpacker = None if encoding == "identity" else zlib.decompressobj(wbits=31)
        content = bytearray()
        while chunk := response.read1(CHUNK):
            self._left()
            content += (
                chunk if unpacker is None else unpacker.decompress(chunk, self.most_bytes + 1 - len(content))
            )
            if len(content) > self.most_bytes or (unpacker and unpacker.unconsumed_tail):
                raise FetchError(f"The answer is larger than {self.most_bytes / 2**20:g} MB.")
        self._left()
        if response.length:  # http.client gives what came before the connection broke
            raise FetchError("The answer broke off in the middle.")
        if unpacker is not None and not unpacker.eof:
            raise FetchError("The answer broke off in the middle.")
        return bytes(content)

    def _left(self) -> float:
        """Seconds left for everything. Raises FetchError when they are over."""
        left = self.deadline_at - time.monotonic()
        if left <= 0:
            raise FetchError("The server took too long to answer.")
        return left


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def is_public(address: str) -> bool:
    """Whether an address is routed on the internet, also where it carries an IPv4 address inside."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id or ip.teredo or ip in LOCAL_NAT64:
            return False
        inside = ip.ipv4_mapped or ip.sixtofour
        if inside is None and (ip in NAT64 or int(ip) < 2**32):
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def split(address: str) -> SplitResult:
    """The parts of an http(s) address; webcal counts as https. Raises FetchError."""
    text = address.strip()
    for old, new in (("webcals://", "https://"), ("webcal://", "https://")):
        if text.lower().startswith(old):
            text = new + text[len(old) :]
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in text) or "\\" in text:
        raise FetchError("The address has blanks or signs that no address has.")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError("This is not a web address.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise FetchError("The address must begin with https://, http:// or webcal://.")
    if parts.username or parts.password:
        raise FetchError("Give the user name and the password in their own fields, not in the address.")
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise FetchError("The name of the server is not one.") from error
    netloc = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    if parts.port:
        netloc += f":{parts.port}"
    query = quote(parts.query, safe="%:@!$&'()*+,;=~/?")
    return SplitResult(parts.scheme, netloc, parts.path, query, "")


def origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
