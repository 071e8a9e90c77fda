"""What each user chose, the digest, what the queue tells, and what is forgotten."""

import datetime
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from crm.models import Opportunity
from reps.models import Rep, Team, User
from routing.models import Delivery, Digest, Notification, OutboxMessage, QueueItem
from routing.queries.messages import TOPICS
from routing.queries.notification_settings import settings_of
from routing.services import outbox
from routing.services.audiences import TOLD
from routing.services.decisions import route
from routing.services.delivery import digests, keeping, texts
from routing.services.notification_settings import save_wishes
from routing.services.notifications import KINDS, LIVE_CHANNEL
from routing.services.queue_notices import tell_of_waiting
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
TOMORROW_AT_8 = NOW.replace(hour=8) + DAY  # NOW is a Monday, 12:00


@pytest.fixture(autouse=True)
def has_mail(settings: Any) -> None:
    settings.MAIL_URL = "mailto://127.0.0.1:1?from=routing@example.com"
    settings.BASE_URL = "https://routing.example.com"


def tell_ben(ana: Rep, text: str = "Ana is over capacity.", at: datetime.datetime = NOW) -> None:
    payload = {"rep_id": ana.pk, "team_id": ana.team_id, "text": text, "path": f"/reps/{ana.pk}/"}
    outbox.tell("rep.over_capacity", payload, at=at)
    outbox.deliver_due(at=at)


class TestChoices:
    def test_by_default_assignments_come_at_once_to_reps_and_the_rest_in_the_digest(
        self, ana: Rep, ben: User
    ) -> None:
        assert ana.user is not None
        rep, manager = settings_of(ana.user), settings_of(ben)
        assert [rep.by_email(kind) for kind in ("assigned", "asked_again", "profiles")] == [
            "at_once", "digest", "digest"
        ]  # fmt: skip
        assert [manager.by_email(kind) for kind in ("assigned", "capacity")] == ["digest", "digest"]
        tell_ben(ana)
        assert not Delivery.objects.exists()
        assert Notification.objects.get().awaits_digest

    def test_changing_from_the_digest_takes_out_what_waits_for_it(self, ana: Rep, ben: User) -> None:
        tell_ben(ana)
        wishes = settings_of(ben)
        wishes.choices = {"capacity": {"email": "never", "chat": False}}
        save_wishes(wishes=wishes, at=NOW)
        assert not Notification.objects.get().awaits_digest
        tell_ben(ana, "Again.")
        assert Notification.objects.filter(awaits_digest=True).count() == 0

    def test_ending_quiet_hours_lets_go_what_waited_for_their_end(self, ana: Rep) -> None:
        assert ana.user is not None
        wishes = settings_of(ana.user)
        wishes.quiet_from, wishes.quiet_until = datetime.time(11), datetime.time(13)
        save_wishes(wishes=wishes, at=NOW)
        outbox.tell(
            "opportunities.given", {"rep_id": ana.pk, "text": "2 are yours.", "path": "/my-work/"}, at=NOW
        )
        outbox.deliver_due(at=NOW)
        assert Delivery.objects.get().next_attempt_at == NOW + HOUR
        wishes.quiet_from = wishes.quiet_until = None
        save_wishes(wishes=wishes, at=NOW)
        assert Delivery.objects.get().next_attempt_at == NOW

    @pytest.mark.django_db(transaction=True)
    def test_each_is_announced_with_its_commit(self, ana: Rep, ben: User) -> None:
        heard: list[Any] = []
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {LIVE_CHANNEL}")
        connection.connection.add_notify_handler(heard.append)
        with transaction.atomic():
            tell_ben(ana)
            assert heard == []
        Notification.objects.count()  # what was sent comes in with the next answer at the latest
        told = {"user": ben.pk, "id": Notification.objects.get().pk}
        assert [json.loads(one.payload) for one in heard] == [told]


class TestDigest:
    def test_comes_at_its_hour_grouped_by_kind_and_once(self, ana: Rep, ben: User) -> None:
        tell_ben(ana)
        outbox.tell("queue.waiting", {"team_id": ana.team_id, "text": "3 wait.", "path": "/queue/"}, at=NOW)
        outbox.deliver_due(at=NOW)
        assert digests.make_due(at=TOMORROW_AT_8 - HOUR) == 0
        assert digests.make_due(at=TOMORROW_AT_8) == 1
        assert digests.make_due(at=TOMORROW_AT_8 + HOUR) == 0
        made = Delivery.objects.get()
        assert (made.user, made.channel, made.kind) == (ben, "email", "")
        assert made.digest is not None
        told = texts.digest_of(made.digest, ben)
        assert told is not None
        subject, body = told
        assert subject == "2 notifications, 3 Mar"
        assert body.startswith(
            "What waits in the queue of my teams\n\n- 3 wait.\n  https://routing.example.com/queue/\n\n"
            f"Reps over capacity\n\n- Ana is over capacity.\n  https://routing.example.com/reps/{ana.pk}/\n"
        )

    def test_late_where_no_worker_ran_and_with_what_was_told_before_its_hour(
        self, ana: Rep, ben: User
    ) -> None:
        tell_ben(ana, "First.")
        tell_ben(ana, "Second.", at=TOMORROW_AT_8 + HOUR)
        assert digests.make_due(at=TOMORROW_AT_8 + 5 * HOUR) == 1
        first = Digest.objects.get()
        assert [line.text for line in first.notifications.all()] == ["First."]
        assert digests.make_due(at=TOMORROW_AT_8 + DAY) == 1
        assert [line.text for line in Digest.objects.latest("day").notifications.all()] == ["Second."]

    def test_several_days_late_is_one(self, ana: Rep, ben: User) -> None:
        tell_ben(ana, "Monday.")
        tell_ben(ana, "Tuesday.", at=NOW + DAY)
        assert digests.make_due(at=NOW + 3 * DAY) == 1
        assert Digest.objects.get().notifications.count() == 2

    def test_none_where_there_is_nothing(self, ana: Rep, ben: User) -> None:
        assert digests.make_due(at=TOMORROW_AT_8) == 0
        assert not Digest.objects.exists()

    def test_waits_over_the_weekend(self, ana: Rep, ben: User) -> None:
        friday = NOW + 4 * DAY
        tell_ben(ana, at=friday)
        assert digests.make_due(at=friday + 2 * DAY) == 0
        assert digests.make_due(at=(friday + 3 * DAY).replace(hour=8)) == 1

    def test_another_hour_on_the_same_day_makes_no_second_one(self, ana: Rep, ben: User) -> None:
        tell_ben(ana, "First.")
        digests.make_due(at=TOMORROW_AT_8)
        tell_ben(ana, "Second.", at=TOMORROW_AT_8 + HOUR)
        wishes = settings_of(ben)
        wishes.digest_at = datetime.time(10)
        save_wishes(wishes=wishes, at=TOMORROW_AT_8 + HOUR)
        assert digests.make_due(at=TOMORROW_AT_8 + 3 * HOUR) == 0
        assert digests.make_due(at=TOMORROW_AT_8 + DAY + 2 * HOUR) == 1

    def test_in_the_users_own_time_zone(self, ana: Rep, ben: User) -> None:
        User.objects.filter(pk=ben.pk).update(time_zone="America/New_York")
        tell_ben(ana)
        assert digests.make_due(at=NOW + HOUR) == 1  # 13:00 UTC is 8:00 there

    def test_leaves_out_what_the_user_may_not_see_any_more(self, ana: Rep, ben: User, west: Team) -> None:
        tell_ben(ana)
        digests.make_due(at=TOMORROW_AT_8)
        ben.managed_teams.clear()
        assert texts.digest_of(Digest.objects.get(), ben) is None

    @pytest.mark.django_db(transaction=True)
    def test_of_several_workers_one_makes_it(self, ana: Rep, ben: User) -> None:
        for number in range(5):
            tell_ben(ana, f"{number}.")

        def make() -> int:
            try:
                return digests.make_due(at=TOMORROW_AT_8)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: make(), range(4)))
        assert (sum(made), Delivery.objects.count(), Digest.objects.count()) == (1, 1, 1)
        assert Digest.objects.get().notifications.count() == 5


class TestQueue:
    def test_managers_are_told_in_one_line_and_at_most_every_quarter_of_an_hour(
        self, ana: Rep, ben: User, make_opportunity: Make
    ) -> None:
        for name in ("Northwind", "Contoso"):
            route(opportunity_id=make_opportunity(name).pk, at=NOW)
        assert tell_of_waiting(at=NOW + datetime.timedelta(seconds=30)) == 0
        at = NOW + datetime.timedelta(minutes=2)
        assert tell_of_waiting(at=at) == 1
        outbox.deliver_due(at=at)
        line = Notification.objects.get(user=ben)
        assert (line.text, line.kind) == ("2 wait in the queue: 2 suggestions to approve.", "waiting")
        route(opportunity_id=make_opportunity("Fabrikam").pk, at=at)
        assert tell_of_waiting(at=at + datetime.timedelta(minutes=10)) == 0
        assert tell_of_waiting(at=at + datetime.timedelta(minutes=16)) == 1
        assert tell_of_waiting(at=at + 2 * HOUR) == 0
        assert OutboxMessage.objects.latest("id").payload["text"] == (
            "Fabrikam waits in the queue: 1 suggestion to approve."
        )

    def test_what_was_decided_meanwhile_is_not_told(
        self, ana: Rep, ben: User, make_opportunity: Make
    ) -> None:
        route(opportunity_id=make_opportunity().pk, at=NOW)
        QueueItem.objects.update(state="withdrawn", resolved_at=NOW)
        assert tell_of_waiting(at=NOW + HOUR) == 0


class TestForgetting:
    def test_old_ones_go_and_dead_ones_stay(self, ana: Rep, ben: User) -> None:
        wishes = settings_of(ben)
        wishes.choices = {"capacity": {"email": "at_once", "chat": False}}
        save_wishes(wishes=wishes, at=NOW)
        for text in ("old", "dead", "waiting", "new"):
            tell_ben(ana, text)
        OutboxMessage.objects.update(delivered_at=NOW)
        of = {line.text: Delivery.objects.filter(notification=line) for line in Notification.objects.all()}
        of["old"].update(state="delivered", settled_at=NOW)
        of["dead"].update(state="dead", settled_at=NOW)
        of["new"].update(state="delivered", settled_at=NOW + 20 * DAY)
        outbox.tell("no.such_topic", {}, at=NOW)
        keeping.forget_old(at=NOW + 31 * DAY)
        left = {delivery.notification.text for delivery in Delivery.objects.all()}
        assert left == {"dead", "waiting", "new"}
        assert [message.topic for message in OutboxMessage.objects.all()] == ["no.such_topic"]
        assert Notification.objects.count() == 4


def test_every_event_has_its_words() -> None:
    assert set(TOPICS) == KINDS.keys() | outbox.JOBS.keys()
    assert set(TOLD) == set(KINDS)


class TestCommand:
    def test_status_says_what_was_given_up_by_its_exit_code(
        self, ana: Rep, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("messages", "status")
        outbox.tell("opportunities.given", {"rep_id": ana.pk, "text": "2 are yours.", "path": "/"}, at=NOW)
        outbox.deliver_due(at=NOW)
        Delivery.objects.update(state="dead", settled_at=NOW)
        outbox.tell("no.such_topic", {}, at=NOW)
        OutboxMessage.objects.filter(topic="no.such_topic").update(dead_at=NOW)
        with pytest.raises(SystemExit) as ended:
            call_command("messages", "status", "--json")
        assert ended.value.code == 1
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert found["email"] == {"waiting": 0, "failing": 0, "dead": 1}
        assert found["events"] == {"waiting": 0, "failing": 0, "dead": 1}

    def test_resend_puts_them_back_once(self, ana: Rep, capsys: pytest.CaptureFixture[str]) -> None:
        outbox.tell("opportunities.given", {"rep_id": ana.pk, "text": "2 are yours.", "path": "/"}, at=NOW)
        outbox.deliver_due(at=NOW)
        Delivery.objects.update(state="dead", settled_at=NOW, attempts=32)
        call_command("messages", "resend", "--channel", "email", "--json")
        assert json.loads(capsys.readouterr().out) == {"email": {"sent_again": 1}}
        again = Delivery.objects.get()
        assert (again.state, again.attempts, again.settled_at) == ("waiting", 0, None)
        assert again.next_attempt_at <= timezone.now()
        with pytest.raises(SystemExit):
            call_command("messages", "resend")
