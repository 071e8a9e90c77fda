"""A fetch of a user's address reaches nothing private, follows nothing there, and reads no more and no longer than it
may. Against real servers on the loopback, which is refused unless private networks are allowed."""

import contextlib
import datetime
import gzip
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reps.services.calendars.fetching import Credentials, Fetcher, FetchError, is_public, split
from tests.reps.servers import send, serving


def inside(seconds: float = 5, **options: object) -> Fetcher:
    return Fetcher.within(seconds, allows_private=True, **options)


def hello(handler: BaseHTTPRequestHandler) -> None:
    send(handler, (handler.headers.get("Authorization") or "nobody").encode())


def test_the_loopback_is_refused_unless_allowed() -> None:
    with serving(hello) as address:
        assert inside().fetch(address).body == b"nobody"
        with pytest.raises(FetchError, match=r"127\.0\.0\.1 is in a private network"):
            Fetcher.within(5).fetch(address)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ],
)
def test_every_notation_of_a_private_host_is_refused(host: str) -> None:
    with pytest.raises(FetchError):
        Fetcher.within(5).fetch(f"http://{host}:9/")


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "192.0.2.1", "198.18.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1",
        "64:ff9b:1::1", "2002:a00:1::1", "::10.0.0.1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "ff02::1",
        "2001:db8::1", "no address",
    ],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    fetcher = Fetcher.within(5, resolve=lambda host, port: ["8.8.8.8", "10.0.0.7"])
    with pytest.raises(FetchError, match=r"calendar\.example is in a private network"):
        fetcher.fetch("https://calendar.example/a.ics")


def test_the_name_is_resolved_once_and_the_socket_goes_there() -> None:
    """A second answer (rebinding) is never asked for: the name exists nowhere but in our resolver."""
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with serving(lambda handler: send(handler, handler.headers["Host"].encode())) as address:
        port = address.rsplit(":", 1)[1]
        answer = inside(resolve=resolver).fetch(f"http://calendar.example:{port}/")
    assert answer.body == f"calendar.example:{port}".encode()
    assert asked == ["calendar.example"]


def test_a_redirect_into_a_private_network_is_refused() -> None:
    """The first server passes as public by a resolver that knows both; the second is checked like the first."""

    def redirect(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"", 302, Location="http://169.254.169.254/latest/meta-data/")

    with serving(redirect) as address:
        port = address.rsplit(":", 1)[1]
        seen: list[str] = []

        def resolver(host: str, port: int) -> list[str]:
            seen.append(host)
            return ["127.0.0.1"] if host == "calendar.example" else [host]

        fetcher = OnlyThisOneIsFine.within(5, resolve=resolver)
        with pytest.raises(FetchError, match=r"169\.254\.169\.254 is in a private network"):
            fetcher.fetch(f"http://calendar.example:{port}/")
    assert seen == ["calendar.example", "169.254.169.254"]


class OnlyThisOneIsFine(Fetcher):
    """Takes our server on the loopback for a public one; everything else as it is."""

    def _checked(self, host: str, port: int) -> list[str]:
        return self.resolve(host, port) if host == "calendar.example" else super()._checked(host, port)


def test_redirects_end() -> None:
    with (
        serving(lambda handler: send(handler, b"", 302, Location=handler.path + "x")) as address,
        pytest.raises(FetchError, match="more than 5 times"),
    ):
        inside().fetch(address)


def test_credentials_go_to_their_own_origin_only() -> None:
    with serving(hello) as other:
        with serving(lambda handler: send(handler, b"", 307, Location=other)) as address:
            credentials = Credentials(address, "ana", "secret")
            assert inside().fetch(address, credentials=credentials).body == b"nobody"
        assert (
            inside().fetch(other, credentials=Credentials(other, "ana", "secret")).body.startswith(b"Basic ")
        )
    icloud = Credentials("https://caldav.icloud.com/", "ana", "secret", siblings=True)
    assert icloud.fit(split("https://p12-caldav.icloud.com/home"))
    assert not icloud.fit(split("http://p12-caldav.icloud.com/home"))
    assert not icloud.fit(split("https://icloud.com.evil.example/"))
    assert "secret" not in repr(icloud)


def test_a_password_wants_https() -> None:
    fetcher = Fetcher.within(5, resolve=lambda host, port: ["8.8.8.8"])
    with pytest.raises(FetchError, match="only sent over https"):
        fetcher.fetch(
            "http://calendar.example/", credentials=Credentials("http://calendar.example/", "a", "b")
        )


def test_an_answer_without_end_is_cut() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65_536)

    with serving(endless) as address, pytest.raises(FetchError, match="larger than 1 MB"):
        inside(most_bytes=2**20).fetch(address)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 200 * 2**20, 9)
    assert len(bomb) < 2**18
    with (
        serving(lambda handler: send(handler, bomb, Content_Encoding="gzip")) as address,
        pytest.raises(FetchError, match="larger than 5 MB"),
    ):
        inside().fetch(address)


def test_a_packed_answer_is_unpacked_and_a_broken_one_told() -> None:
    packed = gzip.compress(b"BEGIN:VCALENDAR" * 1000)
    with serving(lambda handler: send(handler, packed, Content_Encoding="gzip")) as address:
        assert inside().fetch(address).body == b"BEGIN:VCALENDAR" * 1000
    with (
        serving(lambda handler: send(handler, packed[:-20], Content_Encoding="gzip")) as address,
        pytest.raises(FetchError, match="broke off"),
    ):
        inside().fetch(address)


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_drips_is_left_after_the_time_as_a_whole(part: str) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b"X: "))
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    began = time.monotonic()
    with serving(drip) as address, pytest.raises(FetchError, match="took too long"):
        inside(0.6).fetch(address)
    assert time.monotonic() - began < 7  # to its end: 10 s


def test_a_handshake_that_drips_is_left_as_well() -> None:
    def drip(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            talking, _ = listening.accept()
            talking.sendall(b"\x16\x03\x03\x40\x00")
            for _ in range(100):
                talking.sendall(b"\x02")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(FetchError):
            inside(0.6).fetch(f"https://127.0.0.1:{listening.getsockname()[1]}/")
        assert time.monotonic() - began < 7  # to its end: 10 s


def test_https_wants_a_certificate_of_the_name(tmp_path: Path) -> None:
    """Connected by the checked address, but greeted and verified by the name."""
    pair = certificate_for("calendar.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    trusting = ssl.create_default_context(cafile=str(pair))

    def at_home(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with serving(hello, context) as address:
        port = address.rsplit(":", 1)[1]
        good = f"https://calendar.example:{port}/"
        assert inside(resolve=at_home, tls=trusting).fetch(good).body == b"nobody"
        with pytest.raises(FetchError, match="no certificate that we can trust"):
            inside(resolve=at_home, tls=trusting).fetch(good.replace("calendar", "other"))
        with pytest.raises(FetchError, match="no certificate that we can trust"):
            inside(resolve=at_home).fetch(good)


def certificate_for(name: str, folder: Path) -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder(
        who, who, key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "pair.pem"
    path.write_bytes(key.private_bytes(pem, *plain) + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return path


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(hello) as address:
        assert inside().fetch(address).status == 200


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://example.com/a", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("https://ana:secret@example.com/", "in their own fields"),
        ("https://exa mple.com/", "blanks"),
        ("https://example.com/\r\nX: y", "blanks"),
        ("https://example.com:99999/", "not a web address"),
        ("https://", "must begin with"),
    ],
)
def test_addresses_that_are_none(address: str, said: str) -> None:
    with pytest.raises(FetchError, match=said):
        split(address)


def test_webcal_is_https() -> None:
    assert split("webcal://p01.example.com/a?b=c").geturl() == "https://p01.example.com/a?b=c"
