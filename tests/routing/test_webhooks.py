"""Webhooks against real HTTP servers: signed, in order, retried, given up, and complete after a kill."""

import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from crm.models import Opportunity
from reps.models import Rep, User
from reps.services.calendars.fetching import Fetcher, FetchError
from routing.engine.signatures import signature, signatures
from routing.models import Change, Notification, Webhook, WebhookDelivery
from routing.services import outbox
from routing.services.changes import number_changes
from routing.services.webhooks import sending, troubles
from routing.services.webhooks.keeping import forget_old
from routing.services.webhooks.planning import plan_deliveries
from routing.services.webhooks.settings import (
    MOST_WEBHOOKS,
    WebhookInput,
    delete_webhook,
    rotate_secret,
    save_webhook,
    secrets_of,
    send_again,
    send_test,
)
from tests.conftest import NOW
from tests.routing.receivers import free_port
from tests.routing.webhook_receiver import documented, received, receiver

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
ROOT = Path(__file__).resolve().parents[2]
MINUTE, DAY = datetime.timedelta(minutes=1), datetime.timedelta(days=1)
ALL = list(Change.Event.values)


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


@dataclass
class Server:
    """Answers with `status` (by number where `statuses` says so), after `before` has run."""

    port: int = field(default_factory=free_port)
    got: list[tuple[Message, bytes]] = field(default_factory=list)
    status: int = 200
    statuses: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    before: Callable[[], None] = lambda: None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=us"

    def numbers(self) -> list[int]:
        return [json.loads(body)["number"] for _, body in self.got]


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.before()
            server.got.append((self.headers, body))
            status = server.statuses.get(self.headers.get("X-Routing-Number", ""), server.status)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

        def log_message(self, *args: object) -> None:
            pass

    found = ThreadingHTTPServer(("127.0.0.1", server.port), Handler)
    found.daemon_threads = True
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        found.shutdown()
        found.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as found:
        yield found


def hook(
    by: User, address: str, *, name: str = "CRM", events: list[str] | None = None
) -> tuple[Webhook, str]:
    given = WebhookInput(name=name, address=address, events=events or ALL, is_active=True)
    return save_webhook(given=given, by=by, at=NOW)


def happen(make_opportunity: Make, number: int = 1) -> list[Opportunity]:
    """As many opportunities are held, one after the other."""
    made = [make_opportunity(f"Lead {n}") for n in range(number)]
    for opportunity in made:
        Opportunity.objects.filter(pk=opportunity.pk).update(routing="held")
    return made


def send(at: datetime.datetime = NOW) -> int:
    plan_deliveries(at=at)
    return sending.send_due(clock=lambda: at, seconds=60)


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


class TestSigning:
    def test_is_the_hmac_of_time_and_body(self) -> None:
        # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        known = "v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
        assert signature("secret", 1_700_000_000, b'{"a":1}') == known
        assert signatures(["a", "b"], 1, b"x") == f"{signature('a', 1, b'x')},{signature('b', 1, b'x')}"

    def test_the_documented_receiver_takes_ours_and_nothing_else(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        is_genuine, had = documented(), set[str]()
        _, secret = hook(omar, server.address)
        happen(make_opportunity)
        assert send() == 1
        ((headers, body),) = server.got

        def at(seconds: float) -> Callable[[], float]:
            return lambda: NOW.timestamp() + seconds

        assert not is_genuine("another", headers, body, had, at(0))
        assert not is_genuine(secret, headers, body.replace(b"Lead", b"Load"), had, at(0))
        assert not is_genuine(secret, headers, body, had, at(301))
        later = dict(headers.items()) | {"X-Routing-Timestamp": str(int(NOW.timestamp()) + 600)}
        assert not is_genuine(secret, later, body, had, at(600))  # recorded, sent again under a new time
        assert is_genuine(secret, headers, body, had, at(299))
        assert not is_genuine(secret, headers, body, had, at(299))  # a replay within the tolerance

    def test_two_secrets_sign_for_a_day_after_rotating(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        webhook, old = hook(omar, server.address)
        new = rotate_secret(webhook=webhook, by=omar, at=NOW)
        happen(make_opportunity, 2)
        WebhookDelivery.objects.all().delete()
        for at, valid in ((NOW + DAY - MINUTE, {old, new}), (NOW + DAY, {new})):
            server.got.clear()
            plan_deliveries(at=at)
            WebhookDelivery.objects.update(state="waiting", settled_at=None, next_attempt_at=at)
            assert send(at) == 2
            for headers, body in server.got:
                genuine = {
                    secret
                    for secret in (old, new)
                    if documented()(secret, headers, body, set(), at.timestamp)
                }
                assert genuine == valid

    def test_the_secret_is_sealed(self, omar: User, server: Server) -> None:
        webhook, secret = hook(omar, server.address)
        assert secret.encode() not in bytes(webhook.sealed)
        assert secrets_of(webhook, at=NOW) == [secret]


class TestWhatIsSent:
    def test_the_change_as_the_api_tells_it(
        self, omar: User, server: Server, make_opportunity: Make, api: Any
    ) -> None:
        hook(omar, server.address)
        (opportunity,) = happen(make_opportunity)
        assert send() == 1
        ((headers, body),) = server.got
        (change,) = api(omar).get("/api/v1/changes/").json()["changes"]
        delivery = WebhookDelivery.objects.get()
        assert json.loads(body) == {"delivery": str(delivery.key), **change}
        assert change["opportunity"]["id"] == opportunity.pk
        assert headers["X-Routing-Event"] == "opportunity.held"
        assert headers["X-Routing-Number"] == "1"
        assert headers["X-Routing-Delivery"] == str(delivery.key)
        assert headers["Content-Type"] == "application/json"
        seen = (delivery.state, delivery.status, delivery.answer, delivery.sent)
        assert seen == ("delivered", 200, "ok", body.decode())

    def test_once_and_in_order_and_only_what_is_wanted(
        self, omar: User, ana: Rep, server: Server, make_opportunity: Make
    ) -> None:
        hook(omar, server.address, events=["opportunity.held"])
        made = happen(make_opportunity, 45)
        Opportunity.objects.filter(pk=made[0].pk).update(owner=ana, routing="assigned")
        assert (send(), send()) == (45, 0)
        assert server.numbers() == list(range(1, 46))
        assert Webhook.objects.get().planned_until == 46

    def test_nothing_from_before_it_was_made_or_while_it_was_off(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        happen(make_opportunity, 2)
        webhook, _ = hook(omar, server.address)
        happen(make_opportunity, 2)
        plan_deliveries(at=NOW)
        for is_active in (False, True):
            given = WebhookInput(name="CRM", address=server.address, events=ALL, is_active=is_active)
            save_webhook(given=given, by=omar, at=NOW, webhook=webhook)
            happen(make_opportunity)
        assert send() == 1
        assert server.numbers() == [6]
        assert states() == ["dead", "dead", "delivered"]  # what waited is seen and can be sent again
        assert send_again(webhook=webhook, by=omar, at=NOW) == 2
        assert (send(), server.numbers()) == (2, [6, 3, 4])

    def test_a_test_goes_the_same_way_and_is_not_repeated(self, omar: User, server: Server) -> None:
        webhook, _ = hook(omar, server.address)
        send_test(webhook=webhook, by=omar, at=NOW)
        assert send() == 1
        assert (server.got[0][0]["X-Routing-Event"], server.got[0][0]["X-Routing-Number"]) == ("test", None)
        server.status = 500
        send_test(webhook=webhook, by=omar, at=NOW)
        assert (send(), states()) == (0, ["delivered", "dead"])
        webhook.refresh_from_db()
        assert webhook.failures == 0


class TestFailures:
    def test_is_tried_again_under_the_same_key_and_given_up_after_a_day(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        webhook, _ = hook(omar, server.address)
        happen(make_opportunity)
        server.status, at = 500, NOW
        while states() != ["dead"]:
            send(at)
            at += 10 * MINUTE
            assert at < NOW + 2 * DAY
        delivery = WebhookDelivery.objects.get()
        assert NOW + DAY <= (delivery.settled_at or NOW) <= NOW + DAY + datetime.timedelta(hours=1)
        assert (delivery.status, delivery.last_error) == (500, "The receiver answered with 500.")
        assert {headers["X-Routing-Delivery"] for headers, _ in server.got} == {str(delivery.key)}
        assert 25 < len(server.got) < 40
        server.status = 204
        assert send_again(webhook=webhook, by=omar, at=at) == 1
        assert (send(at), states()) == (1, ["delivered"])

    def test_one_message_that_is_not_taken_stops_no_other(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        hook(omar, server.address)
        server.statuses["2"] = 422
        happen(make_opportunity, 4)
        assert send() == 3
        assert states() == ["delivered", "waiting", "delivered", "delivered"]
        assert Webhook.objects.get().failures == 0

    def test_a_receiver_that_is_away_is_paused_told_of_once_and_gets_everything_afterwards(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        hook(omar, server.address)
        happen(make_opportunity, 30)
        server.status, at = 503, NOW
        for _ in range(60):
            send(at)
            at += MINUTE
        webhook = Webhook.objects.get()
        assert len(server.got) < 35  # not thirty in each minute
        assert (webhook.failures >= troubles.FAILING_AFTER, webhook.is_active) == (True, True)
        outbox.deliver_due(at=at)
        (told,) = Notification.objects.filter(kind="webhooks")
        assert (told.user, told.path) == (omar, f"/settings/webhooks/{webhook.pk}/")
        server.status = 200
        server.got.clear()
        for _ in range(6):
            send(at)
            at += MINUTE
        assert sorted(server.numbers()) == list(range(1, 31))
        webhook.refresh_from_db()
        assert (webhook.failures, webhook.failing_since, webhook.told_at) == (0, None, None)

    def test_410_switches_it_off_and_ops_are_told(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        hook(omar, server.address)
        happen(make_opportunity, 5)
        server.status = 410
        send()
        webhook = Webhook.objects.get()
        assert (webhook.is_active, len(server.got), states()) == (False, 1, ["dead"] * 5)
        outbox.deliver_due(at=NOW)
        assert "switched off" in Notification.objects.get(user=omar).text
        happen(make_opportunity)
        assert (send(NOW + DAY), len(server.got)) == (0, 1)

    def test_redirects_are_not_followed(self, omar: User, server: Server, make_opportunity: Make) -> None:
        with running(Server()) as other:
            server.status, server.headers = 307, {"Location": other.address}
            hook(omar, server.address)
            happen(make_opportunity)
            assert (send(), other.got) == (0, [])
        assert "Redirects are not followed" in WebhookDelivery.objects.get().last_error

    def test_odd_answers_are_kept_without_harm(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        server.body = b"\x00\xff" + "ü".encode() * 3000
        hook(omar, server.address)
        happen(make_opportunity)
        assert send() == 1
        assert len(WebhookDelivery.objects.get().answer) == 500

    def test_one_that_does_not_answer_holds_up_no_other(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        seen: list[int] = []

        def wait_for_the_other() -> None:
            """Its first answer comes once the other one has all, or after nine seconds."""
            deadline = time.monotonic() + 9
            while len(server.got) < 40 and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(len(server.got))

        with running(Server(before=wait_for_the_other)) as slow:
            hook(omar, slow.address, name="A slow one")
            hook(omar, server.address, name="Quick")
            happen(make_opportunity, 40)
            assert send() == 80
        assert seen[0] == 40


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "http://example.com/x",
            "ftp://example.com",
            "webcal://example.com/x",
            "https://u:p@example.com/",
            "x",
        ],
    )
    def test_what_is_not_taken(self, address: str, omar: User, settings: Any) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        with pytest.raises(ValidationError) as refused:
            hook(omar, address)
        assert "webcal" not in str(refused.value)

    @pytest.mark.parametrize(
        "address",
        ["127.0.0.1", "[::1]", "10.0.0.8", "169.254.169.254", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"],
    )
    def test_private_networks_are_refused_when_it_is_sent(
        self, address: str, omar: User, server: Server, make_opportunity: Make, settings: Any
    ) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        hook(omar, f"https://{address}:{server.port}/")
        happen(make_opportunity)
        assert (send(), server.got) == (0, [])
        assert "WEBHOOK_ALLOW_PRIVATE" in WebhookDelivery.objects.get().last_error

    def test_a_calendar_that_is_refused_names_its_own_setting(self) -> None:
        with pytest.raises(FetchError, match="CALENDAR_ALLOW_PRIVATE"):
            Fetcher.within(5).fetch("http://127.0.0.1/")

    def test_only_so_many_and_only_by_those_who_may(self, omar: User, ben: User) -> None:
        with pytest.raises(PermissionDenied):
            hook(ben, "https://example.com")
        for n in range(MOST_WEBHOOKS):
            hook(omar, "https://example.com", name=f"Hook {n}")
        with pytest.raises(ValidationError):
            hook(omar, "https://example.com", name="One more")
        with pytest.raises(PermissionDenied):
            delete_webhook(webhook=Webhook.objects.all()[0], by=ben)


def test_what_arrived_is_forgotten_after_a_month(omar: User, server: Server, make_opportunity: Make) -> None:
    hook(omar, server.address)
    server.statuses["2"] = 500
    happen(make_opportunity, 2)
    send()
    assert forget_old(at=NOW + 29 * DAY) == 0
    assert (forget_old(at=NOW + 31 * DAY), states()) == (1, ["waiting"])


@pytest.mark.django_db(transaction=True)
class TestKilled:
    def test_a_receiver_killed_in_the_middle_misses_nothing(
        self, omar: User, make_opportunity: Make, tmp_path: Path
    ) -> None:
        """It dies with a request in its hands, again and again, and is started again; later from outside as well."""
        port, log = free_port(), tmp_path / "log"
        _, secret = hook(omar, f"http://127.0.0.1:{port}/")
        happen(make_opportunity, 120)
        plan_deliveries(at=timezone.now())
        shift = datetime.timedelta()

        def clock() -> datetime.datetime:
            return timezone.now() + shift

        for dies_after in (7, 40, 0):
            with receiver(port, log, secret, dies_after=dies_after) as process:
                shift = datetime.timedelta()
                WebhookDelivery.objects.filter(state="waiting").update(next_attempt_at=timezone.now())
                Webhook.objects.update(paused_until=None)
                if not dies_after:
                    threading.Timer(0.3, lambda p=process: os.kill(p.pid, signal.SIGKILL)).start()
                sending.send_due(clock=clock, seconds=30)
        with receiver(port, log, secret):
            WebhookDelivery.objects.filter(state="waiting").update(next_attempt_at=timezone.now())
            Webhook.objects.update(paused_until=None)
            sending.send_due(clock=clock, seconds=60)
        rows = received(log)
        firsts = [row["number"] for row in rows if not row["repeat"]]
        assert sorted(firsts) == list(range(1, 121))
        assert len({row["key"] for row in rows}) == 120
        # Repeated is what was taken by one that died before it answered, under the same key.
        assert sum(row["repeat"] for row in rows) >= 2
        assert set(states()) == {"delivered"}

    def test_a_worker_killed_in_the_middle_sends_the_rest_later(
        self, omar: User, make_opportunity: Make, tmp_path: Path
    ) -> None:
        port, log = free_port(), tmp_path / "log"
        _, secret = hook(omar, f"http://127.0.0.1:{port}/")
        happen(make_opportunity, 150)
        plan_deliveries(at=timezone.now())
        code = (
            "import django; django.setup()\n"
            "from django.conf import settings; settings.WEBHOOK_ALLOW_PRIVATE = True\n"
            "from routing.services.webhooks import sending; sending.send_due()"
        )
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": own_url()}
        with receiver(port, log, secret):
            worker = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
            deadline = time.monotonic() + 60
            while len(received(log)) < 15 and time.monotonic() < deadline:
                time.sleep(0.02)
            worker.kill()
            worker.wait()
            before = len(received(log))
            later = timezone.now() + sending.LEASE + MINUTE
            assert 15 <= before < 150
            # The lease runs out; the receiver's clock is the real one, so time is signed as it is.
            WebhookDelivery.objects.filter(state="waiting", next_attempt_at__lte=later).update(
                next_attempt_at=timezone.now()
            )
            sending.send_due(seconds=60)
        rows = received(log)
        assert sorted({row["number"] for row in rows}) == list(range(1, 151))
        assert len({row["key"] for row in rows}) == 150
        assert len(rows) <= 150 + sending.HANDFUL

    def test_several_workers_plan_and_send_each_once(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        hook(omar, server.address)
        happen(make_opportunity, 100)

        def work(_: int) -> int:
            try:
                plan_deliveries(at=NOW)
                return sending.send_due(clock=lambda: NOW, seconds=30)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            arrived = sum(pool.map(work, range(4)))
        assert (arrived, sorted(server.numbers())) == (100, list(range(1, 101)))

    def test_a_sender_is_woken_once_for_all_that_waits(
        self, omar: User, server: Server, make_opportunity: Make
    ) -> None:
        hook(omar, server.address)
        OrmQ.objects.all().delete()
        for _ in range(5):
            happen(make_opportunity, 3)
            plan_deliveries(at=NOW)
        assert OrmQ.objects.count() == 1
        assert send() == 15
        happen(make_opportunity)
        plan_deliveries(at=NOW)
        assert OrmQ.objects.count() == 2

    def test_one_run_at_a_time(self, omar: User, server: Server, make_opportunity: Make) -> None:
        hook(omar, server.address)
        happen(make_opportunity, 20)
        number_changes()

        def work(_: int) -> int:
            try:
                return sending.run_sender()
            finally:
                connection.close()

        with ThreadPoolExecutor(3) as pool:
            assert sum(pool.map(work, range(3))) == 20
        assert len(server.got) == 20


def own_url() -> str:
    """The test database, for a process of its own."""
    wanted: dict[str, Any] = connection.settings_dict
    host = quote(wanted["HOST"], safe="")
    return f"postgres://{wanted['USER']}@{host}:{wanted['PORT'] or ''}/{wanted['NAME']}"


# --- pages ---------------------------------------------------------------------------------------------------------

PAGE = "/settings/webhooks/"
LIST_QUERIES, PAGE_QUERIES = 4, 6


def typed(**changes: Any) -> dict[str, Any]:
    return {
        "name": "CRM",
        "address": "https://crm.example.com/in",
        "events": ALL,
        "is_active": "on",
    } | changes


class TestPages:
    def test_made_with_a_secret_that_is_shown_once(self, omar: User, as_user: Any) -> None:
        client = as_user(omar)
        made = client.post(f"{PAGE}new/", typed())
        webhook = Webhook.objects.get()
        (secret,) = secrets_of(webhook, at=timezone.now())
        assert (made.status_code, made["Cache-Control"]) == (200, "no-store")
        assert secret in made.content.decode()
        assert secret not in client.get(f"{PAGE}{webhook.pk}/").content.decode()
        rotated = client.post(f"{PAGE}{webhook.pk}/secret/").content.decode()
        webhook.refresh_from_db()
        new, old = secrets_of(webhook, at=timezone.now())
        assert (new in rotated, old) == (True, secret)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"address": "http://crm.example.com"}, "address"),
            ({"address": "nowhere"}, "address"),
            ({"events": []}, "events"),
            ({"events": ["lead.eaten"]}, "events"),
            ({"name": ""}, "name"),
        ],
    )
    def test_what_cannot_be_is_said_beside_the_field(
        self, changes: dict[str, Any], field: str, omar: User, as_user: Any, settings: Any
    ) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = False
        answer = as_user(omar).post(f"{PAGE}new/", typed(**changes))
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
        assert not Webhook.objects.exists()

    def test_changed_with_two_people_at_it(self, omar: User, as_user: Any) -> None:
        client = as_user(omar)
        webhook, _ = hook(omar, "https://crm.example.com")
        page = f"{PAGE}{webhook.pk}/edit/"
        seen = client.get(page).context["form"]["seen_at"].value()
        assert client.post(page, typed(name="Other", seen_at=seen)).status_code == 302
        late = client.post(page, typed(name="Late", seen_at=seen))
        assert (late.status_code, b"Somebody else saved" in late.content) == (422, True)
        assert Webhook.objects.get().name == "Other"

    def test_tests_resends_and_deletes(
        self, omar: User, as_user: Any, server: Server, make_opportunity: Make
    ) -> None:
        client = as_user(omar)
        webhook, _ = hook(omar, server.address)
        address = f"{PAGE}{webhook.pk}/"
        happen(make_opportunity, 3)
        send()
        WebhookDelivery.objects.filter(change__number__lt=3).update(state="dead", last_error="No.")
        page = client.get(f"{address}?state=dead").content.decode()
        assert (page.count("Send again"), "Send all that were given up again" in page) == (2 + 1, True)
        assert client.get("/queue/").content.decode().count("Webhooks") == 1
        one = WebhookDelivery.objects.get(change__number=1)
        for data, waiting in (({"one": one.pk}, 1), ({"all": "1"}, 2), ({"one": "x"}, 2)):
            client.post(f"{address}again/", data)
            assert WebhookDelivery.objects.filter(state="waiting").count() == waiting
        client.post(f"{address}test/")
        assert WebhookDelivery.objects.filter(change=None, state="waiting").count() == 1
        client.post(f"{address}delete/")
        assert (Webhook.objects.count(), WebhookDelivery.objects.count()) == (0, 0)

    def test_one_and_thirty_take_the_same_queries(
        self, omar: User, as_user: Any, make_opportunity: Make, django_assert_num_queries: Any
    ) -> None:
        client = as_user(omar)
        webhook, _ = hook(omar, "https://crm.example.com", name="Hook")
        for number in (1, 29):
            happen(make_opportunity, number)
            plan_deliveries(at=NOW)
            for n in range(Webhook.objects.count(), min(number, MOST_WEBHOOKS)):
                hook(omar, "https://crm.example.com", name=f"Hook {n}")
            with django_assert_num_queries(LIST_QUERIES):
                assert client.get(PAGE).status_code == 200
            with django_assert_num_queries(PAGE_QUERIES):
                assert client.get(f"{PAGE}{webhook.pk}/").status_code == 200
