"""Trying the draft: pages, the job, and that nothing is changed by it."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Assignment, Opportunity
from reps.models import Absence, Job, Rep, Team, User
from routing import jobs
from routing.models import ConfigurationVersion, Decision, QueueItem, Rule
from routing.queries.configuration import working_content
from routing.queries.dry_runs import Period
from routing.services.dry_runs import NothingToTry, play, request_dry_run
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Make = Callable[..., Opportunity]
FIRST, LAST = NOW - datetime.timedelta(days=30), NOW + datetime.timedelta(days=1)
URL = "/rules/try/"


@pytest.fixture
def leads(ana: Rep, bo: Rep, assign_at_once: None, make_opportunity: Make) -> list[Opportunity]:
    return [make_opportunity(f"Lead {i}", industry="Healthcare") for i in range(4)]


def to_bo(bo: Rep) -> Rule:
    return Rule.objects.create(name="All to Bo", position=1, action="route_to_rep", rep=bo, condition={})


def test_says_who_would_get_more_and_changes_nothing(leads: list[Opportunity], ana: Rep, bo: Rep) -> None:
    to_bo(bo)
    found = play(Period(FIRST, LAST), working_content())
    assert (found.arrivals, found.moved) == (4, 4)
    assert (found.before.by_rep, found.after.by_rep) == ({ana.pk: 4}, {bo.pk: 4})
    assert not Decision.objects.exists()
    assert not Assignment.objects.exists()
    assert not QueueItem.objects.exists()
    assert ConfigurationVersion.objects.order_by("-number")[0].content["rules"] == []


def test_what_was_open_before_fills_loads(ana: Rep, bo: Rep, leads: list[Opportunity]) -> None:
    before = NOW - datetime.timedelta(days=60)
    Opportunity.objects.bulk_create(
        Opportunity(name=f"Old {i}", owner=ana, opened_at=before, assigned_at=before)
        for i in range(ana.max_open)
    )
    found = play(Period(FIRST, LAST), working_content())
    assert found.before.by_rep == {bo.pk: 4}
    assert found.before.peak_pct[ana.pk] == 100


def test_who_was_away_then_is_away_in_both(ana: Rep, bo: Rep, leads: list[Opportunity]) -> None:
    Absence.objects.create(rep=ana, starts_at=NOW - datetime.timedelta(days=40), ends_at=LAST)
    found = play(Period(FIRST, LAST), working_content())
    assert found.before.by_rep == found.after.by_rep == {bo.pk: 4}
    Absence.objects.update(ends_at=FIRST)
    assert play(Period(FIRST, LAST), working_content()).before.by_rep == {ana.pk: 4}


def test_an_ops_leader_tries_and_reads(
    as_user: SignIn, omar: User, leads: list[Opportunity], bo: Rep
) -> None:
    to_bo(bo)
    client = as_user(omar)
    assert "All to Bo" in client.get(URL).content.decode()
    days = {"first": FIRST.date().isoformat(), "last": LAST.date().isoformat()}
    response = client.post(URL, days)
    job = Job.objects.get(kind="dry_run")
    assert response.url == f"{URL}{job.pk}/"  # type: ignore[attr-defined]
    assert "Waiting for a worker" in client.get(response.url).content.decode()  # type: ignore[attr-defined]
    jobs.try_draft(job.pk)
    page = client.get(f"{URL}{job.pk}/").content.decode()
    assert "4 of 4 opportunities (100 %) would go elsewhere." in page
    assert "Lead 0" in page
    assert "by rule" in page
    assert "4 of 4 opportunities" in client.get(URL).content.decode()


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ({"first": "2026-03-02", "last": "2026-03-01"}, "The last day lies before the first."),
        ({"first": "1990-01-01", "last": "1990-02-01"}, "Nothing came in during these days."),
        ({"first": "2010-01-01", "last": "2026-01-01"}, "Three years at most"),
        ({"first": "soon", "last": ""}, "Enter a valid date"),
    ],
)
def test_days_that_cannot_be_are_refused_beside_the_field(
    as_user: SignIn, omar: User, leads: list[Opportunity], days: dict[str, str], why: str
) -> None:
    response = as_user(omar).post(URL, days)
    assert response.status_code == 422
    assert why in response.content.decode()
    assert not Job.objects.exists()


def test_a_draft_that_cannot_be_used_is_named(leads: list[Opportunity], east: Team) -> None:
    Rule.objects.create(
        name="Broken",
        position=1,
        action="route_to_team",
        team=east,
        condition={"field": "nope", "op": "is", "value": 1},
    )
    with pytest.raises(NothingToTry, match="Rule “Broken”"):
        request_dry_run(first=FIRST, last=LAST, by=None)


def test_reps_do_not_try(as_user: SignIn) -> None:
    rep = User.objects.create_user(email="rep@example.com", name="Rep", role="rep", password="x")
    assert as_user(rep).get(URL).status_code == 403


def test_the_number_of_queries_does_not_grow(
    ana: Rep, assign_at_once: None, make_opportunity: Make, django_assert_num_queries: Any
) -> None:
    content = working_content()
    play(Period(FIRST, LAST), content)
    for count in (1, 30):
        for i in range(count):
            make_opportunity(f"Lead {count} {i}")
        with django_assert_num_queries(8):
            play(Period(FIRST, LAST), content)


def test_a_stopped_worker_is_said(as_user: SignIn, omar: User, leads: list[Opportunity]) -> None:
    job = request_dry_run(first=FIRST, last=LAST, by=omar)
    Job.objects.filter(pk=job.pk).update(
        state="running", heartbeat_at=timezone.now() - datetime.timedelta(minutes=2)
    )
    client = as_user(omar)
    assert "Its worker stopped" in client.get(URL).content.decode()
    assert "The worker stopped before it was done" in client.get(f"{URL}{job.pk}/").content.decode()
