"""Pause stops all automation, people go on; going on is no burst."""

import datetime
import json
import threading
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import AutomationChange, Decision, QueueItem
from routing.queries.automation import is_paused, paused_now
from routing.queries.invariants import check_invariants
from routing.services import overrides, queue, sweep
from routing.services.automation import pause, refuse_while_paused, resume
from routing.services.availability import go_away
from routing.services.decisions import route
from routing.services.renewal import renew_suggestions
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
MINUTE, HOUR = datetime.timedelta(minutes=1), datetime.timedelta(hours=1)
Make = Callable[..., Opportunity]


class TestPaused:
    def test_nothing_is_decided_and_nothing_is_lost(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        pause(by=omar, at=NOW, reason="wrong rule")
        opportunity = make_opportunity()
        assert route(opportunity_id=opportunity.pk, at=NOW) is None
        later = NOW + HOUR
        assert sweep.route_waiting(at=later, now=later) == 0
        opportunity.refresh_from_db()
        assert (opportunity.routing, Decision.objects.count()) == ("waiting", 0)
        assert check_invariants().violations == []
        resume(by=omar, at=later)
        assert sweep.route_waiting(at=later + MINUTE, now=later + MINUTE) == 1

    def test_what_was_suggested_stays_and_people_decide(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        first, second = make_opportunity(industry="Healthcare"), make_opportunity("Other")
        route(opportunity_id=first.pk, at=NOW)
        pause(by=omar, at=NOW)
        go_away(rep=ana, starts_at=NOW, ends_at=None, reason="sick", by=omar, at=NOW)
        assert renew_suggestions(at=NOW, now=NOW).decided == 0
        assert queue.approve(item_id=QueueItem.objects.get().pk, by=omar, at=NOW).rep == ana
        assert overrides.reassign(opportunity_ids=[second.pk], rep_id=bo.pk, by=omar, at=NOW) == 1

    def test_held_ones_stay_held(self, ana: Rep, omar: User, make_opportunity: Make) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_new_per_week=0)
        opportunity = make_opportunity()
        route(opportunity_id=opportunity.pk, at=NOW)
        assert QueueItem.objects.get().kind == "held"
        Rep.objects.filter(pk=ana.pk).update(own_max_new_per_week=9)
        pause(by=omar, at=NOW)
        assert sweep.drain_held(now=NOW + HOUR) == 0
        resume(by=omar, at=NOW + HOUR)
        assert sweep.drain_held(now=NOW + HOUR) == 1

    def test_an_accepted_lead_is_answered(
        self, ana: Rep, omar: User, api: Callable[[User], APIClient]
    ) -> None:
        pause(by=omar, at=NOW)
        answer = api(omar).post("/api/v1/opportunities/", {"name": "Acme"}, format="json")
        assert answer.status_code == 201
        assert answer.json()["routing"] == "waiting"

    def test_says_who_when_and_why(self, omar: User, ada: User) -> None:
        pause(by=omar, at=NOW)
        pause(by=ada, at=NOW + HOUR, reason="  wrong   rule ")
        said = paused_now()
        assert said is not None
        assert (said.change.at, said.change.by, said.change.reason) == (NOW, ada, "wrong rule")
        assert resume(by=omar, at=NOW + HOUR) is not None
        assert resume(by=omar, at=NOW + HOUR) is None
        assert paused_now() is None
        assert AutomationChange.objects.count() == 3


class TestGoingOn:
    def test_is_no_burst_and_the_oldest_come_first(
        self, make_rep: Callable[..., Rep], omar: User, make_opportunity: Make
    ) -> None:
        for number in range(18):
            make_rep(f"Rep {number}")
        pause(by=omar, at=NOW)
        waiting = [make_opportunity(f"Lead {n}", at=NOW + n * MINUTE) for n in range(20)]
        resumed = NOW + HOUR
        resume(by=omar, at=resumed)
        make_opportunity("New", at=resumed + MINUTE)
        decided = []
        for minute in range(2, 6):
            at = resumed + minute * MINUTE
            decided.append(sweep.route_waiting(at=at, now=at))
        assert decided == [7, 6, 6, 2]  # one in a minute for every three reps, and what is new at once
        first = Decision.objects.order_by("pk").values_list("opportunity_id", flat=True)[:6]
        assert list(first) == [lead.pk for lead in waiting[:6]]


@pytest.mark.django_db(transaction=True)
def test_holds_from_the_moment_that_it_is_answered(omar: User) -> None:
    """Who decides at that moment is waited for."""
    decides, done, order = threading.Event(), threading.Event(), []

    def decide() -> None:
        with transaction.atomic():
            refuse_while_paused()
            decides.set()
            done.wait(10)
            order.append("decided")
        connection.close()

    def press() -> None:
        pause(by=omar, at=NOW)
        order.append("paused")
        connection.close()

    deciding = threading.Thread(target=decide)
    deciding.start()
    assert decides.wait(10)
    pressing = threading.Thread(target=press)
    pressing.start()
    pressing.join(0.3)
    assert pressing.is_alive()  # waits for who decides now
    done.set()
    deciding.join(10)
    pressing.join(10)
    assert order == ["decided", "paused"]
    assert is_paused()


class TestPage:
    def test_one_click_and_a_reason_afterwards(self, omar: User, ben: User, client: Client) -> None:
        client.force_login(omar)
        assert "Pause automation" in client.get(reverse("queue")).content.decode()
        client.post(reverse("pause"))
        assert is_paused()
        client.post(reverse("pause"), {"reason": "wrong rule", "next": reverse("queue")})
        client.force_login(ben)
        page = " ".join(client.get(reverse("queue")).content.decode().split())
        assert "by Omar: wrong rule" in page
        assert "Let it go on" not in page
        assert client.post(reverse("resume")).status_code == 403
        client.force_login(omar)
        client.post(reverse("resume"))
        assert not is_paused()

    def test_command(self, db: None) -> None:
        def said(*words: str) -> dict[str, object]:
            out = StringIO()
            call_command("automation", *words, "--json", stdout=out)
            return dict(json.loads(out.getvalue()))

        assert said() == {"paused": False}
        paused = said("pause", "--reason", "night")
        assert (paused["paused"], paused["by"], paused["reason"]) == (True, "the command line", "night")
        assert said("resume") == {"paused": False}
