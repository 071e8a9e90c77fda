"""Live events over a real web server: told within a moment, to those whom they concern, and again after a break."""

import asyncio
import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from crm.models import Opportunity
from reps.models import Rep, User
from routing import live
from routing.models import Notification, QueueItem
from routing.services import outbox
from routing.services.decisions import route
from routing.services.queue import approve
from tests.web import PATIENCE_SECONDS, serving

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Opportunity]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with serving(monkeypatch) as number:
        yield number


class Stream:
    """An open stream of a user; `next` waits for an event."""

    def __init__(self, port: int, user: User, since: float | None = None) -> None:
        client = Client()
        client.force_login(user)
        self.asked = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        cookie = f"sessionid={client.cookies['sessionid'].value}"
        moment = timezone.now().timestamp() if since is None else since
        self.asked.request("GET", f"/events/?since={moment}", headers={"Cookie": cookie, "Host": "localhost"})
        self.answer: HTTPResponse = self.asked.getresponse()
        self.told: queue.Queue[tuple[str, object]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        name = ""
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed by the test
            for line in (raw.decode().rstrip("\n") for raw in self.answer):
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.told.put((name, json.loads(line.removeprefix("data: "))))

    def next(self) -> tuple[str, object]:
        return self.told.get(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        if self.asked.sock is not None:
            self.asked.sock.shutdown(socket.SHUT_RDWR)  # the answer holds it open otherwise
        self.asked.close()


@pytest.fixture
def listen(port: int) -> Iterator[Callable[..., Stream]]:
    """Opens streams."""
    opened: list[Stream] = []

    def one(user: User, since: float | None = None) -> Stream:
        opened.append(Stream(port, user, since))
        return opened[-1]

    yield one
    for stream in opened:
        stream.close()


@pytest.fixture
def may_connect(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until it is set, nothing listens."""
    given = threading.Event()
    connect = psycopg.AsyncConnection.connect

    async def slow(**address: Any) -> Any:
        await asyncio.to_thread(given.wait, PATIENCE_SECONDS)
        return await connect(**address)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", slow)
    return given


def notified(user: User, text: str = "A lead is yours") -> Notification:
    outbox.tell("profile.decided", {"user_id": user.pk, "text": text, "path": "/"}, at=timezone.now())
    outbox.deliver_due(at=timezone.now())
    return Notification.objects.get(user=user, text=text)


def test_a_notification_reaches_its_reader_and_nobody_else(
    ana: Rep, bo: Rep, listen: Callable[..., Stream]
) -> None:
    """Of reps, whom no change of the queue is told, so that nothing else comes between."""
    assert ana.user is not None
    assert bo.user is not None
    ours, others = listen(ana.user), listen(bo.user)
    note = notified(ana.user)
    assert ours.next() == ("notification", {"id": note.pk})
    theirs = notified(bo.user, "Another one")
    assert others.next() == ("notification", {"id": theirs.pk})


def test_a_change_of_the_queue_reaches_who_sees_it(
    ana: Rep, ben: User, omar: User, make_opportunity: Make, listen: Callable[..., Stream]
) -> None:
    stream = listen(omar)
    assert stream.next() == ("queue", {})  # nobody listened before, so that nobody knows
    route(opportunity_id=make_opportunity("New").pk)
    assert stream.next() == ("queue", {})
    approve(item_id=QueueItem.objects.get().pk, by=ben, at=timezone.now())
    assert stream.next() == ("queue", {})


def test_a_rep_hears_nothing_of_the_queue(
    ana: Rep, omar: User, make_opportunity: Make, listen: Callable[..., Stream]
) -> None:
    assert ana.user is not None
    stream = listen(ana.user)
    route(opportunity_id=make_opportunity("New").pk)
    note = notified(ana.user)
    assert stream.next() == ("notification", {"id": note.pk})


def test_what_came_between_page_and_stream_is_told_first(ben: User, listen: Callable[..., Stream]) -> None:
    made = timezone.now().timestamp()
    note = notified(ben)
    assert listen(ben, since=made - 1).next() == ("notification", {"id": note.pk})


def test_what_came_before_the_process_listens_is_told(
    ana: Rep, may_connect: threading.Event, listen: Callable[..., Stream]
) -> None:
    assert ana.user is not None
    stream = listen(ana.user)
    note = notified(ana.user)
    may_connect.set()
    assert stream.next() == ("notification", {"id": note.pk})


def test_who_was_kept_waiting_is_told_to_look_again(
    ana: Rep,
    may_connect: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    listen: Callable[..., Stream],
) -> None:
    monkeypatch.setattr(live, "LISTENS_WITHIN_SECONDS", 0.05)
    assert ana.user is not None
    note = notified(ana.user)
    stream = listen(ana.user, since=timezone.now().timestamp() - 60)
    assert stream.next() == ("notification", {"id": note.pk})
    may_connect.set()
    assert stream.next() == ("again", {})


def test_a_lost_connection_is_made_again(ben: User, listen: Callable[..., Stream]) -> None:
    stream = listen(ben)
    assert stream.next() == ("queue", {})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchall()
    assert stream.next()[0] == "again"
    note = notified(ben)
    assert stream.next() == ("notification", {"id": note.pk})


def test_open_streams_hold_no_database_connections(omar: User, listen: Callable[..., Stream]) -> None:
    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    listen(omar).next()
    before = connections()
    for stream in [listen(omar) for _ in range(12)]:
        assert stream.answer.status == 200
    assert connections() <= before + 1  # the heartbeat of the server may have opened one meanwhile


def test_a_stream_that_falls_behind_is_ended() -> None:
    reader = live.Reader(1, sees_queue=True)
    for number in range(live.MOST_WAITING + 1):
        reader.tell("notification", {"id": number})
    assert (reader.events.qsize(), reader.events.get_nowait()) == (1, None)


def test_what_changed_in_the_queue_before_the_stream_is_told_first(
    ana: Rep, omar: User, make_opportunity: Make, listen: Callable[..., Stream]
) -> None:
    first = listen(omar)
    assert first.next() == ("queue", {})
    made = timezone.now().timestamp()
    route(opportunity_id=make_opportunity("New").pk)
    assert first.next() == ("queue", {})
    assert listen(omar, since=made).next() == ("queue", {})


def test_whether_the_queue_has_changed_is_known_while_somebody_listens() -> None:
    hub = live.Hub()
    hub._listening_since, hub._queue_changed_at = 100.0, 150.0
    assert [hub.has_queue_changed_since(moment) for moment in (90.0, 120.0, 150.0, 151.0)] == [
        True, True, True, False,
    ]  # fmt: skip


def test_without_a_stream_the_browser_is_told_not_to_ask_again(client: Client, omar: User) -> None:
    client.force_login(omar)
    assert client.get("/events/").status_code == 204


def test_signed_out_is_sent_to_the_sign_in(client: Client) -> None:
    assert client.get("/events/").status_code == 302


class TestRowsThatAreGone:
    def test_say_who_decided_them(
        self, client: Client, ana: Rep, ben: User, omar: User, make_opportunity: Make
    ) -> None:
        for name in ("One", "Two"):
            route(opportunity_id=make_opportunity(name).pk)
        first, second = QueueItem.objects.order_by("pk")
        approve(item_id=first.pk, by=ben, at=timezone.now())
        client.force_login(omar)
        page = client.get(f"/queue/gone/?items={first.pk},{second.pk}").content.decode()
        assert f'id="gone-{first.pk}"' in page
        assert "Ben gave it to Ana already." in page
        assert f'id="gone-{second.pk}"' not in page

    def test_bad_numbers_are_no_page(self, client: Client, omar: User) -> None:
        client.force_login(omar)
        assert [
            client.get(f"/queue/gone/?items={items}").status_code for items in ("", "x", "1,", "9" * 30)
        ] == [404] * 4
