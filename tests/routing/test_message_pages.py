"""The pages of notifications: own choices, the ops list with sending again, and team channels."""

import datetime
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from reps.models import Rep, Team, User
from routing.models import ChatChannel, Delivery, Notification, NotificationSettings, OutboxMessage
from routing.queries.notification_settings import settings_of
from routing.services import outbox
from tests.conftest import NOW
from tests.routing.receivers import TOKEN, chat_server, mail_server

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE = "/settings/notifications/"
MESSAGE_QUERIES = 13
EVENT_QUERIES = 6
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture(autouse=True)
def has_mail(settings: Any) -> None:
    settings.MAIL_URL = "mailto://127.0.0.1:1?from=routing@example.com"


def chosen(page: Any, **changes: Any) -> dict[str, Any]:
    """What the page's form would send, with changes."""
    form = page.context["form"]
    values: dict[str, Any] = {}
    for name in form.fields:
        value = form[name].value()
        if value is True:
            value = "on"
        if value not in (None, False):
            values[name] = value
    return {name: value for name, value in (values | changes).items() if value is not None}


def make_deliveries(number: int, user: User, **values: Any) -> None:
    for n in range(number):
        line = Notification.objects.create(
            key=uuid.uuid4(),
            user=user,
            text=f"Lead {n} is yours.",
            kind="assigned",
        )
        Delivery.objects.create(
            **{"channel": "email", "kind": "assigned", "user": user, "notification": line} | values
        )


def dead(number: int, user: User, **values: Any) -> None:
    make_deliveries(number, user, state="dead", settled_at=NOW, last_error="No such mailbox.", **values)


class TestOwnChoices:
    def test_are_kept_and_shown(self, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        page = client.get(PAGE)
        data = chosen(
            page,
            email_capacity="at_once",
            chat_capacity="on",
            quiet_from="22:00",
            quiet_until="07:00",
            quiet_days=["5", "6"],
            urgent_in_quiet="on",
            digest_at="09:30",
            digest_days=["0"],
        )
        assert client.post(PAGE, data).status_code == 302
        stored = NotificationSettings.objects.get(user=ben)
        assert (stored.by_email("capacity"), stored.by_chat("capacity")) == ("at_once", True)
        assert stored.by_email("waiting") == "digest"
        assert (stored.quiet_from, stored.quiet_days) == (datetime.time(22), [5, 6])
        assert (stored.digest_at, stored.digest_days) == (datetime.time(9, 30), [0])
        assert stored.urgent_in_quiet
        again = client.get(PAGE)
        assert again.context["form"]["email_capacity"].value() == "at_once"
        assert client.post(PAGE, chosen(again)).status_code == 302

    def test_a_rep_is_offered_what_may_reach_a_rep(self, ana: Rep, as_user: SignIn) -> None:
        assert ana.user is not None
        page = as_user(ana.user).get(PAGE)
        assert [str(kind) for kind in page.context["form"].kinds] == [
            "assigned", "asked_again", "accounts", "profiles", "calendars"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            ({"quiet_from": "22:00"}, "quiet_until", "Give both times, or none."),
            ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until", "at which they begin"),
            ({"quiet_days": list("0123456")}, "quiet_days", "Leave a day"),
            ({"digest_at": "noon"}, "digest_at", "Enter a valid time."),
            ({"email_capacity": "by pigeon"}, "email_capacity", "Select a valid choice."),
            ({"digest_days": ["9"]}, "digest_days", "Select a valid choice."),
        ],
    )
    def test_what_cannot_be_is_said_beside_the_field(
        self, ben: User, as_user: SignIn, changes: dict[str, Any], field: str, words: str
    ) -> None:
        client = as_user(ben)
        answer = client.post(PAGE, chosen(client.get(PAGE), **changes))
        assert answer.status_code == 422
        assert words in str(answer.context["form"].errors[field])
        assert not NotificationSettings.objects.exists()

    def test_somebody_elses_save_in_between_is_told(self, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        client.post(PAGE, chosen(client.get(PAGE)))
        first, second = chosen(client.get(PAGE)), chosen(client.get(PAGE), digest_at="10:00")
        client.post(PAGE, first)
        answer = client.post(PAGE, second)
        assert (answer.status_code, b"Somebody else saved" in answer.content) == (422, True)

    def test_says_plainly_that_no_mail_server_is_set(
        self, ben: User, omar: User, as_user: SignIn, settings: Any
    ) -> None:
        settings.MAIL_URL = ""
        assert "No email is sent." in as_user(ben).get(PAGE).content.decode()
        assert "MAIL_URL" in as_user(omar).get("/messages/").content.decode()

    def test_a_chat_address_is_sealed_and_never_shown(self, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        assert client.post(f"{PAGE}chat/", {"address": SLACK}).status_code == 302
        stored = settings_of(ben)
        assert b"TIiajkdnlazkcOXrIdevi7FQ" not in bytes(stored.chat_sealed)
        assert stored.chat_hint == "Slack, ending in …i7FQ"
        page = client.get(PAGE).content.decode()
        assert "Slack, ending in …i7FQ" in page
        assert "TIiajkdnlazkcOXr" not in page
        client.post(f"{PAGE}", chosen(client.get(PAGE)))
        assert settings_of(ben).chat_hint == "Slack, ending in …i7FQ"  # saving choices keeps it
        client.post(f"{PAGE}chat/remove/")
        assert (settings_of(ben).chat_hint, bytes(settings_of(ben).chat_sealed)) == ("", b"")

    @pytest.mark.parametrize(
        ("address", "words"),
        [
            ("json://example.com/x", "Give the webhook’s https address"),
            ("file:///etc/passwd", "Give the webhook’s https address"),
            ("syslog://", "Give the webhook’s https address"),
            ("https://example.com/hook", "This is no address of"),
            (f"mmost://chat.example.com/{TOKEN}", "Use mmosts://"),
            (f"mmosts://chat.example.com/{TOKEN}?template=/etc/passwd", "Leave “template” out"),
            (f"mmosts://chat.example.com/{TOKEN}?redirect=yes", "Leave “redirect” out"),
            (f"mmosts://chat.example.com/{TOKEN}?verify=no", "Leave “verify” out"),
            ("nctalks://u:p@cloud.example.com/room?%2BX-Forwarded-For=1", "out of the address"),
            ("mmosts://chat.example.com/", "The address is not complete"),
            ("two words", "The address has blanks"),
            ("https://[bad", "no address"),
        ],
    )
    def test_only_addresses_of_chats_are_taken(
        self, ben: User, as_user: SignIn, address: str, words: str
    ) -> None:
        answer = as_user(ben).post(f"{PAGE}chat/", {"address": address})
        assert answer.status_code == 422
        assert words.replace("’", "'") in str(answer.context["chat"].errors).replace("&#x27;", "'").replace(
            "’", "'"
        )
        assert not NotificationSettings.objects.exists()

    def test_trying_says_what_came_of_it(self, ben: User, as_user: SignIn, settings: Any) -> None:
        client = as_user(ben)
        refused = client.post(f"{PAGE}test/email/", follow=True).content.decode()
        assert "The mail server 127.0.0.1 could not be reached." in refused
        with mail_server() as mail:
            settings.MAIL_URL = mail.url
            said = client.post(f"{PAGE}test/email/", follow=True).content.decode()
        assert "Sent by email to ben@example.com, and taken there." in said
        assert [letter["To"] for letter in mail.letters] == ["Ben <ben@example.com>"]
        assert client.post(f"{PAGE}test/chat/").status_code == 404


class TestMessages:
    @pytest.mark.parametrize("count", [1, 30])
    def test_the_list_costs_the_same_with_1_and_30(
        self,
        count: int,
        omar: User,
        ben: User,
        as_user: SignIn,
        django_assert_num_queries: Callable[..., AbstractContextManager[object]],
    ) -> None:
        dead(count, ben)
        client = as_user(omar)
        with django_assert_num_queries(MESSAGE_QUERIES):
            page = client.get("/messages/")
        assert page.status_code == 200
        assert page.content.decode().count("No such mailbox.") == count + 1

    @pytest.mark.parametrize("count", [1, 30])
    def test_events_cost_the_same_with_1_and_30(
        self,
        count: int,
        omar: User,
        as_user: SignIn,
        django_assert_num_queries: Callable[..., AbstractContextManager[object]],
    ) -> None:
        for _ in range(count):
            outbox.tell("no.such_topic", {}, at=NOW)
        client = as_user(omar)
        with django_assert_num_queries(EVENT_QUERIES):
            page = client.get("/messages/events/")
        assert page.content.decode().count("no.such_topic") == count

    def test_narrowed(self, omar: User, ben: User, as_user: SignIn) -> None:
        dead(1, ben)
        make_deliveries(1, ben, channel="chat", last_error="Busy.")
        make_deliveries(1, ben, channel="chat")
        client = as_user(omar)

        def found(query: str) -> int:
            return len(client.get(f"/messages/?{query}").context["page"].rows)

        assert [found(query) for query in ("", "state=dead", "state=failing", "channel=chat", "kind=digest")] == [
            3, 1, 1, 2, 0
        ]  # fmt: skip
        assert found("state=nonsense&channel=x") == 3
        assert client.get("/messages/?at=nonsense").status_code == 404
        assert client.get("/messages/events/?topic=%00&state=dead&at=").status_code == 200

    def test_send_again_one_some_or_all_of_a_way(self, omar: User, ben: User, as_user: SignIn) -> None:
        dead(4, ben)
        dead(2, ben, channel="chat")
        client = as_user(omar)
        one, two, three, _ = Delivery.objects.filter(channel="email").order_by("pk")

        def waiting() -> int:
            return Delivery.objects.filter(state="waiting").count()

        client.post("/messages/again/", {"one": one.pk, "message": [two.pk]})
        assert waiting() == 1
        client.post("/messages/again/", {"message": [two.pk, three.pk, "x", "99999999999999999999"]})
        assert waiting() == 3
        client.post("/messages/again/", {"channel": "chat"})
        assert waiting() == 5
        said = client.post("/messages/again/", {"message": [one.pk]}, follow=True).content.decode()
        assert "so nothing is sent again" in said
        client.post("/messages/again/", {"channel": "all"})
        assert waiting() == 6

    def test_what_was_delivered_is_never_sent_again(self, omar: User, ben: User, as_user: SignIn) -> None:
        make_deliveries(1, ben, state="delivered", settled_at=NOW)
        as_user(omar).post("/messages/again/", {"one": Delivery.objects.get().pk})
        assert Delivery.objects.get().state == "delivered"

    def test_events_are_tried_again(self, omar: User, as_user: SignIn) -> None:
        for _ in range(2):
            outbox.tell("no.such_topic", {}, at=NOW)
        OutboxMessage.objects.update(dead_at=NOW, attempts=32, last_error="KeyError")
        client = as_user(omar)
        client.post("/messages/events/again/", {"one": OutboxMessage.objects.earliest("id").pk})
        assert OutboxMessage.objects.filter(dead_at=None).count() == 1
        client.post("/messages/events/again/", {"one": "9" * 30})
        assert OutboxMessage.objects.filter(dead_at=None).count() == 1
        client.post("/messages/events/again/", {"all": "yes"})
        assert OutboxMessage.objects.filter(dead_at=None, attempts=0).count() == 2

    def test_given_up_ones_are_counted_in_the_navigation(
        self, omar: User, ben: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        assert 'id="count-messages"' not in client.get("/organisation/").content.decode()
        dead(2, ben)
        outbox.tell("no.such_topic", {}, at=NOW)
        OutboxMessage.objects.update(dead_at=NOW)
        assert '<span id="count-messages">3</span>' in client.get("/organisation/").content.decode()

    def test_not_for_managers(self, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        assert client.get("/messages/").status_code == 403
        assert client.post("/messages/again/", {"channel": "all"}).status_code == 403


class TestChannels:
    def values(self, team: Team, **changes: Any) -> dict[str, Any]:
        return {
            "name": "East", "address": SLACK, "kinds": ["assigned"], "teams": [team.pk], "is_active": "on"
        } | changes  # fmt: skip

    def test_are_made_changed_and_deleted(self, omar: User, east: Team, as_user: SignIn) -> None:
        client = as_user(omar)
        assert client.post("/messages/channels/new/", self.values(east)).status_code == 302
        channel = ChatChannel.objects.get()
        assert (channel.hint, list(channel.teams.all()), channel.kinds) == (
            "Slack, ending in …i7FQ", [east], ["assigned"]
        )  # fmt: skip
        page = client.get("/messages/channels/").content.decode()
        assert "TIiajkdnlazkcOXr" not in page
        sealed = bytes(channel.sealed)
        path = f"/messages/channels/{channel.pk}/"
        assert client.post(path, self.values(east, address="", kinds=["capacity"])).status_code == 302
        channel.refresh_from_db()
        assert (channel.kinds, bytes(channel.sealed)) == (["capacity"], sealed)
        assert client.post(f"{path}delete/").status_code == 302
        assert not ChatChannel.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"address": ""}, "address"),
            ({"address": "json://x"}, "address"),
            ({"kinds": []}, "kinds"),
            ({"kinds": ["profiles"]}, "kinds"),
            ({"teams": ["999999"]}, "teams"),
            ({"name": ""}, "name"),
        ],
    )
    def test_what_cannot_be_is_said(
        self, omar: User, east: Team, as_user: SignIn, changes: dict[str, Any], field: str
    ) -> None:
        answer = as_user(omar).post("/messages/channels/new/", self.values(east, **changes))
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
        assert not ChatChannel.objects.exists()

    def test_a_name_is_given_once(self, omar: User, east: Team, as_user: SignIn) -> None:
        client = as_user(omar)
        client.post("/messages/channels/new/", self.values(east))
        assert client.post("/messages/channels/new/", self.values(east)).status_code == 422

    def test_trying_one(self, omar: User, east: Team, as_user: SignIn, settings: Any) -> None:
        settings.CHAT_ALLOW_PRIVATE = True
        client = as_user(omar)
        with chat_server() as chat:
            client.post("/messages/channels/new/", self.values(east, address=chat.address))
            path = f"/messages/channels/{ChatChannel.objects.get().pk}/test/"
            assert "Sent to East, and taken there." in client.post(path, follow=True).content.decode()
        said = client.post(path, follow=True).content.decode()
        assert "It was not sent to East. Mattermost could not be reached." in said
        assert len(chat.posts) == 1


def test_waiting_ones_say_when_they_go_next(omar: User, ben: User, as_user: SignIn) -> None:
    make_deliveries(1, ben, next_attempt_at=timezone.now() + datetime.timedelta(hours=2), last_error="Busy.")
    page = as_user(omar).get("/messages/").content.decode()
    assert "Trying again" in page
    assert "next" in page
