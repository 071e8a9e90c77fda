"""Messages that leave the house, against a real mail server and a real chat server: delivered, refused, put off, and
sent again after either side was killed."""

import contextlib
import datetime
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from crm.models import Opportunity
from crm.services import ownership
from reps.models import Rep, User
from routing.engine.notices import MOST_ATTEMPTS
from routing.models import ByEmail, ChatChannel, Delivery, Notification, OutboxMessage
from routing.queries.notification_settings import settings_of
from routing.services import outbox
from routing.services.delivery import sending
from routing.services.delivery.keeping import send_again
from routing.services.notification_settings import ChannelInput, save_channel, set_chat, try_chat, try_email
from tests.conftest import NOW
from tests.routing.receivers import (
    TOKEN,
    ChatServer,
    MailServer,
    chat_server,
    key_of,
    keys_in,
    mail_server,
    mortal,
)

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
MINUTE = datetime.timedelta(minutes=1)
ROOT = Path(__file__).resolve().parents[2]
WHY = "Northwind is yours: knows Healthcare."


@pytest.fixture(autouse=True)
def addresses(settings: Any) -> None:
    settings.BASE_URL = "https://routing.example.com"
    settings.CHAT_ALLOW_PRIVATE = True


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.MAIL_URL = server.url
        yield server


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


def user_of(rep: Rep) -> User:
    assert rep.user is not None
    return rep.user


def owned_by(rep: Rep, make_opportunity: Make) -> Opportunity:
    opportunity = make_opportunity()
    ownership.assign(opportunity=opportunity, rep=rep, source="person", at=NOW, by=rep.user)
    return opportunity


def assign(rep: Rep, make_opportunity: Make, *, text: str = WHY) -> Opportunity:
    """The rep owns an opportunity and is told."""
    opportunity = owned_by(rep, make_opportunity)
    outbox.tell(
        "opportunity.assigned", {"opportunity_id": opportunity.pk, "rep_id": rep.pk, "text": text}, at=NOW
    )
    outbox.deliver_due(at=NOW)
    return opportunity


def send(at: datetime.datetime = NOW) -> sending.Sent:
    return sending.send_due(clock=lambda: at, seconds=600)


def only() -> Delivery:
    return Delivery.objects.get()


class TestEmail:
    def test_says_what_why_and_where_and_goes_once(
        self, ana: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        opportunity = assign(ana, make_opportunity)
        assert send() == sending.Sent(delivered=1)
        assert send(NOW + MINUTE) == sending.Sent()
        (letter,) = mail.letters
        key = str(only().key)
        assert letter["Subject"] == "Northwind is yours"
        assert letter["To"] == "Ana <ana@example.com>"
        assert letter["From"] == "Predictive Routing <routing@example.com>"
        assert letter["X-Notification-Key"] == key
        assert letter["Message-ID"] == f"<{key}@example.com>"
        body = letter.get_payload()
        assert body.startswith(WHY)
        assert f"https://routing.example.com/opportunities/{opportunity.pk}/" in body
        assert "https://routing.example.com/settings/notifications/" in body
        assert (only().state, only().attempts, only().settled_at) == ("delivered", 1, NOW)

    def test_refused_for_good_is_given_up_at_once_with_the_servers_words(
        self, ana: Rep, bo: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        mail.answers["ana@example.com"] = "550 5.1.1 no such mailbox"
        assign(ana, make_opportunity)
        assign(bo, make_opportunity)
        assert send() == sending.Sent(delivered=1, failed=1)
        dead = Delivery.objects.get(user=ana.user)
        assert (dead.state, dead.attempts) == ("dead", 1)
        assert dead.last_error == (
            "The mail server does not take mail for ana@example.com: 550 5.1.1 no such mailbox"
        )
        assert [letter["To"] for letter in mail.letters] == ["Bo <bo@example.com>"]

    def test_not_now_is_tried_again(self, ana: Rep, mail: MailServer, make_opportunity: Make) -> None:
        mail.answers["ana@example.com"] = "451 4.7.1 greylisted, come back"
        assign(ana, make_opportunity)
        assert send() == sending.Sent(failed=1)
        waiting = only()
        assert (waiting.state, waiting.last_error[-31:]) == ("waiting", "451 4.7.1 greylisted, come back")
        assert NOW < waiting.next_attempt_at < NOW + MINUTE
        del mail.answers["ana@example.com"]
        assert send() == sending.Sent()
        assert send(waiting.next_attempt_at) == sending.Sent(delivered=1)
        assert (only().attempts, only().last_error) == (2, "")

    def test_a_sender_that_is_not_allowed_is_ours_to_mend(
        self, ana: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        mail.answers["routing@example.com"] = "553 5.7.1 not owned by you"
        assign(ana, make_opportunity)
        assert send() == sending.Sent(failed=1)
        assert only().state == "waiting"
        assert only().last_error == "The mail server does not let us send as routing@example.com: 553."

    def test_a_server_that_is_away_for_a_day_ends_in_a_dead_letter_that_can_be_sent_again(
        self, ana: Rep, mail: MailServer, make_opportunity: Make, settings: Any
    ) -> None:
        settings.MAIL_URL = "mailto://127.0.0.1:1?from=routing@example.com"
        assign(ana, make_opportunity)
        rounds = 0
        while only().state == "waiting":
            send(only().next_attempt_at)
            rounds += 1
        assert rounds == MOST_ATTEMPTS
        assert only().last_error == "The mail server 127.0.0.1 could not be reached."
        settled = only().settled_at
        assert settled is not None
        assert datetime.timedelta(hours=20) < settled - NOW < datetime.timedelta(hours=28)
        settings.MAIL_URL = mail.url
        assert send_again(at=NOW) == 1
        assert send() == sending.Sent(delivered=1)
        assert len(mail.letters) == 1

    def test_without_a_mail_server_nothing_is_written(
        self, ana: Rep, make_opportunity: Make, settings: Any
    ) -> None:
        settings.MAIL_URL = ""
        assign(ana, make_opportunity)
        assert Notification.objects.count() == 1
        assert not Delivery.objects.exists()
        assert not Notification.objects.filter(awaits_digest=True).exists()
        assert str(try_email(user=user_of(ana), path="/")) == "No mail server is set (MAIL_URL)."

    def test_a_line_break_in_a_name_forges_no_header(
        self, ana: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        assign(ana, make_opportunity, text="North\r\nBcc: eve@example.com is yours: knows Healthcare.")
        assert send() == sending.Sent(delivered=1)
        assert mail.letters[0]["Bcc"] is None


class TestChat:
    def test_posts_text_link_and_key(self, ana: Rep, chat: ChatServer, make_opportunity: Make) -> None:
        set_chat(user=user_of(ana), address=chat.address)
        opportunity = assign(ana, make_opportunity)
        assert send() == sending.Sent(delivered=1)
        assert chat.posts == [
            f"{WHY}\nhttps://routing.example.com/opportunities/{opportunity.pk}/?told={only().key}"
        ]

    def test_a_revoked_webhook_is_given_up_and_an_overloaded_one_tried_again(
        self, ana: Rep, chat: ChatServer, make_opportunity: Make
    ) -> None:
        set_chat(user=user_of(ana), address=chat.address)
        chat.status = 503
        assign(ana, make_opportunity)
        assert send() == sending.Sent(failed=1)
        assert (only().state, only().last_error) == ("waiting", "Mattermost answered with error 503.")
        chat.status = 404
        send(NOW + MINUTE)
        assert only().state == "dead"
        assert only().last_error == "Mattermost refuses it (error 404): the address may have been revoked."

    def test_redirects_are_not_followed(self, ana: Rep, chat: ChatServer, make_opportunity: Make) -> None:
        set_chat(user=user_of(ana), address=chat.address)
        chat.status = 302
        assign(ana, make_opportunity)
        assert send() == sending.Sent(failed=1)
        assert only().last_error == "Mattermost answered with error 302."

    def test_a_private_server_is_refused_unless_allowed(
        self, ana: Rep, chat: ChatServer, make_opportunity: Make, settings: Any
    ) -> None:
        set_chat(user=user_of(ana), address=f"mmosts://localhost:{chat.port}/{TOKEN}")
        settings.CHAT_ALLOW_PRIVATE = False
        assign(ana, make_opportunity)
        assert send() == sending.Sent(failed=1)
        assert only().last_error == (
            "localhost is in a private network. Whoever runs this installation can allow that (CHAT_ALLOW_PRIVATE=1)."
        )
        assert chat.posts == []

    def test_a_team_channel_gets_what_it_wants_of_its_teams(
        self, ana: Rep, cara: Rep, ben: User, omar: User, chat: ChatServer, make_opportunity: Make
    ) -> None:
        given = ChannelInput("East", ["assigned", "capacity"], [ana.team], True, chat.address)
        save_channel(given=given, by=omar)
        opportunity = assign(ana, make_opportunity)
        assign(cara, make_opportunity)
        outbox.tell(
            "rep.over_capacity",
            {"rep_id": ana.pk, "team_id": ana.team_id, "text": "Ana is over.", "path": f"/reps/{ana.pk}/"},
            at=NOW,
        )
        outbox.tell("accounts.given", {"rep_id": ana.pk, "text": "You got 2."}, at=NOW)
        outbox.deliver_due(at=NOW)
        assert send().delivered == 2
        first, second = Delivery.objects.order_by("pk")
        assert chat.posts == [
            f"For Ana: {WHY}\nhttps://routing.example.com/opportunities/{opportunity.pk}/?told={first.key}",
            f"Ana is over.\nhttps://routing.example.com/reps/{ana.pk}/?told={second.key}",
        ]

    def test_a_channel_that_was_switched_off_gets_nothing(
        self, ana: Rep, omar: User, chat: ChatServer, make_opportunity: Make
    ) -> None:
        save_channel(given=ChannelInput("All", ["assigned"], [], True, chat.address), by=omar)
        assign(ana, make_opportunity)
        ChatChannel.objects.update(is_active=False)
        assert send() == sending.Sent(withheld=1)
        assert only().last_error == "All is switched off."

    def test_trying_says_what_came_of_it(self, ana: Rep, chat: ChatServer) -> None:
        wishes = set_chat(user=user_of(ana), address=chat.address)
        assert try_chat(sealed=wishes.chat_sealed, path="/") is None
        assert chat.posts[0].startswith("A test from Predictive Routing")
        chat.status = 403
        assert "error 403" in str(try_chat(sealed=wishes.chat_sealed, path="/"))

    def test_another_secret_key_is_said(
        self, ana: Rep, chat: ChatServer, make_opportunity: Make, settings: Any
    ) -> None:
        set_chat(user=user_of(ana), address=chat.address)
        assign(ana, make_opportunity)
        settings.SECRET_KEY = "another"
        assert send() == sending.Sent(failed=1)
        assert (only().state, only().last_error[:44]) == (
            "dead",
            "This installation has another SECRET_KEY now",
        )


class TestWhoIsTold:
    """Checked when it is sent, since it may have waited."""

    @pytest.mark.usefixtures("mail")
    def test_not_who_was_deactivated(self, ana: Rep, make_opportunity: Make) -> None:
        assign(ana, make_opportunity)
        User.objects.filter(pk=user_of(ana).pk).update(is_active=False)
        assert send() == sending.Sent(withheld=1)
        assert only().last_error == "Ana does not work here any more."

    @pytest.mark.usefixtures("mail")
    def test_not_a_rep_who_has_left(self, ana: Rep, make_opportunity: Make) -> None:
        assign(ana, make_opportunity)
        Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
        assert send() == sending.Sent(withheld=1)
        assign(ana, make_opportunity)
        assert Notification.objects.count() == 1

    @pytest.mark.usefixtures("mail")
    def test_not_who_may_not_see_the_opportunity_any_more(
        self, ana: Rep, bo: Rep, make_opportunity: Make
    ) -> None:
        opportunity = assign(ana, make_opportunity)
        Opportunity.objects.filter(pk=opportunity.pk).update(owner=bo)
        assert send() == sending.Sent(withheld=1)
        assert only().last_error == "Ana may not see any more what it is about."

    @pytest.mark.usefixtures("mail")
    def test_not_who_lost_the_role(self, ana: Rep, ben: User) -> None:
        wishes = settings_of(ben)
        wishes.choices = {"capacity": {"email": ByEmail.AT_ONCE, "chat": False}}
        wishes.save()
        payload = {"rep_id": ana.pk, "team_id": ana.team_id, "text": "Ana is over.", "path": "/"}
        outbox.tell("rep.over_capacity", payload, at=NOW)
        outbox.deliver_due(at=NOW)
        User.objects.filter(pk=ben.pk).update(role=User.Role.REP)
        assert send() == sending.Sent(withheld=1)


class TestQuietHours:
    def test_wait_until_they_end_and_the_page_does_not(
        self, ana: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        wishes = settings_of(user_of(ana))
        wishes.quiet_from, wishes.quiet_until = datetime.time(11), datetime.time(13)
        wishes.save()
        assign(ana, make_opportunity)
        assert Notification.objects.count() == 1
        one = NOW + datetime.timedelta(hours=1)
        assert (send(), only().next_attempt_at) == (sending.Sent(), one)
        assert send(one - MINUTE) == sending.Sent()
        assert send(one) == sending.Sent(delivered=1)

    def test_a_retry_waits_as_well(self, ana: Rep, mail: MailServer, make_opportunity: Make) -> None:
        mail.answers["ana@example.com"] = "451 not now"
        assign(ana, make_opportunity)
        send()
        wishes = settings_of(user_of(ana))
        wishes.quiet_from, wishes.quiet_until = datetime.time(11), datetime.time(13)
        wishes.save()
        assert send(NOW + MINUTE) == sending.Sent(later=1)
        assert only().attempts == 1  # waiting is no attempt

    def test_assignments_may_be_excepted(self, ana: Rep, mail: MailServer, make_opportunity: Make) -> None:
        wishes = settings_of(user_of(ana))
        wishes.quiet_from, wishes.quiet_until = datetime.time(11), datetime.time(13)
        wishes.urgent_in_quiet = True
        wishes.save()
        assign(ana, make_opportunity)
        assert send() == sending.Sent(delivered=1)


class TestSideBySide:
    @pytest.mark.django_db(transaction=True)
    def test_several_workers_send_each_once(self, ana: Rep, mail: MailServer, make_opportunity: Make) -> None:
        many(ana, make_opportunity, 120)

        def work() -> int:
            try:
                return sending.send_due(seconds=600).delivered
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            delivered = list(pool.map(lambda _: work(), range(4)))
        assert sum(delivered) == 120
        keys = [letter["X-Notification-Key"] for letter in mail.letters]
        assert sorted(keys) == sorted(str(key) for key in Delivery.objects.values_list("key", flat=True))

    def test_a_bad_one_holds_up_nobody(
        self, ana: Rep, bo: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        set_chat(user=user_of(ana), address=f"mmost://127.0.0.1:1/{TOKEN}")
        assign(ana, make_opportunity)
        assign(bo, make_opportunity)
        assert send() == sending.Sent(delivered=2, failed=1)


def many(rep: Rep, make_opportunity: Make, number: int, channel: str = "email") -> None:
    opportunity = owned_by(rep, make_opportunity)
    for n in range(number):
        outbox.tell(
            "opportunity.assigned",
            {"opportunity_id": opportunity.pk, "rep_id": rep.pk, "text": f"Lead {n} is yours: it fits."},
            at=NOW,
        )
    outbox.deliver_due(at=NOW)
    assert Delivery.objects.filter(channel=channel).count() == number


def send_until_empty() -> None:
    at = NOW
    while Delivery.objects.filter(state="waiting").exists():
        send(at)
        at += datetime.timedelta(minutes=10)


class TestReceiverKilled:
    """It dies in the middle, right after it took a message and before it could say so; another is started later."""

    @pytest.mark.parametrize("kind", ["mail", "chat"])
    def test_everything_arrives_and_a_repeat_has_the_same_key(
        self, kind: str, ana: Rep, make_opportunity: Make, settings: Any, tmp_path: Path
    ) -> None:
        port = (MailServer if kind == "mail" else ChatServer)().port
        if kind == "mail":
            settings.MAIL_URL = MailServer(port).url
        else:
            settings.MAIL_URL = ""
            set_chat(user=user_of(ana), address=ChatServer(port).address)
        many(ana, make_opportunity, 30, "email" if kind == "mail" else "chat")
        before, after = tmp_path / "before", tmp_path / "after"
        with mortal(kind, port, before, dies_after=11) as process:
            first = send()
            assert process.wait(60) == -signal.SIGKILL
        assert (first.delivered, first.failed) == (10, 20)
        with mortal(kind, port, after):
            send_until_empty()
        taken, retaken = keys_in(before), keys_in(after)
        assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
        assert {*taken, *retaken} == {str(key) for key in Delivery.objects.values_list("key", flat=True)}
        assert set(taken) & set(retaken) == {taken[-1]}  # the one that it took and could not confirm
        assert len(retaken) == len(set(retaken)) == 20


class TestWorkerKilled:
    @pytest.mark.django_db(transaction=True)
    def test_between_sending_and_recording_it_is_sent_again_with_the_same_key(
        self, ana: Rep, mail: MailServer, make_opportunity: Make
    ) -> None:
        many(ana, make_opportunity, 1)
        workers: list[subprocess.Popen[bytes]] = []
        mail.accepted = lambda: workers[0].kill() if len(mail.letters) == 1 else None
        with worker(mail) as process:
            workers.append(process)
            assert process.wait(300) == -signal.SIGKILL
        left = only()
        assert (left.state, left.attempts, len(mail.letters)) == ("waiting", 1, 1)
        held = left.next_attempt_at
        assert send(held - MINUTE) == sending.Sent()  # its lease still holds
        assert send(held) == sending.Sent(delivered=1)
        assert {letter["X-Notification-Key"] for letter in mail.letters} == {str(left.key)}
        assert len(mail.letters) == 2


@contextlib.contextmanager
def worker(mail: MailServer) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that sends what is due, on this test's database."""
    wanted: dict[str, Any] = connection.settings_dict
    url = f"postgres://{wanted['USER']}@{quote(wanted['HOST'], safe='')}:{wanted['PORT'] or ''}/{wanted['NAME']}"
    script = "import django; django.setup(); from routing.services.delivery.sending import run_sender; run_sender()"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": url, "MAIL_URL": mail.url
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class TestRun:
    @pytest.mark.django_db(transaction=True)
    def test_another_run_at_the_same_time_leaves_it_to_the_first(
        self, ana: Rep, chat: ChatServer, make_opportunity: Make
    ) -> None:
        set_chat(user=user_of(ana), address=chat.address)
        many(ana, make_opportunity, 3, "chat")
        seen: list[int] = []

        def second() -> None:
            try:
                seen.append(sending.run_sender().delivered)
            finally:
                connection.close()

        chat.accepted = second
        assert sending.run_sender().delivered == 3
        assert seen == [0, 0, 0]

    def test_a_key_stands_in_each_post(self, ana: Rep, chat: ChatServer, make_opportunity: Make) -> None:
        set_chat(user=user_of(ana), address=chat.address)
        assign(ana, make_opportunity)
        send()
        assert key_of(chat.posts[0]) == str(only().key)


def test_events_that_keep_failing_are_given_up(ana: Rep) -> None:
    outbox.tell("no.such_topic", {}, at=NOW)
    outbox.tell("opportunity.assigned", {"rep_id": ana.pk, "text": WHY}, at=NOW)
    assert outbox.deliver_due(at=NOW) == 1  # the bad one holds up nobody
    bad = OutboxMessage.objects.get(topic="no.such_topic")
    rounds = 1
    while bad.dead_at is None:
        outbox.deliver_due(at=bad.next_attempt_at)
        bad.refresh_from_db()
        rounds += 1
    assert rounds == MOST_ATTEMPTS
    assert bad.last_error == "KeyError: 'no.such_topic'"
    assert outbox.deliver_due(at=NOW + datetime.timedelta(days=30)) == 0
