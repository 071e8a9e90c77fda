"""Backtests: asked for, played on what was frozen, told or refused in words; and that nothing is changed by them."""

import csv
import datetime
import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import jobs
from analytics.engine.variation import PolicyChange
from analytics.queries.backtests import LIVE, gain_words, proposed_days
from analytics.services.backtests import NothingToReplay, Question, cancel_backtest, request_backtest
from crm.models import Assignment, Opportunity
from reps.models import Job, Rep, Team, User
from routing.models import ConfigurationVersion, Decision, ModelVersion, Policy, Rule
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
FIRST, LAST = NOW.date() - datetime.timedelta(days=2), NOW.date() + datetime.timedelta(days=1)
DAYS = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
LIST, NEW = "/analytics/backtests/", "/analytics/backtests/new/"
LIST_QUERIES = 4
LOGGED = 170


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def to_bo(bo: Rep) -> Rule:
    return Rule.objects.create(name="All to Bo", position=1, action="route_to_rep", rep=bo, condition={})


def ask(by: User, **values: Any) -> Job:
    return request_backtest(Question(FIRST, LAST, **values), by=by)


def played(by: User, **values: Any) -> Job:
    job = ask(by, **values)
    jobs.run_backtest(job.pk)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


def page_of(client: Client, job: Job) -> str:
    return text(client.get(reverse("analytics_backtest", args=[job.pk])))


@pytest.fixture
def leads(
    ana: Rep, bo: Rep, assign_at_once: None, make_opportunity: Callable[..., Opportunity]
) -> list[Opportunity]:
    """Four that fit Ana, not routed."""
    return [make_opportunity(f"Lead {i}", industry="Healthcare") for i in range(4)]


@pytest.fixture
def logged(
    ana: Rep,
    bo: Rep,
    one_policy: None,
    publish: Callable[[], int],
    make_opportunity: Callable[..., Opportunity],
) -> list[Decision]:
    """A log that explores half of the time: Ana, who is the best, is chosen three times of four; she wins every other,
    Bo every fourth."""
    Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
    Policy.objects.update(application="assign", exploration_share=0.5, exploration_within=30, threshold=0)
    publish()
    made = []
    for i in range(LOGGED):
        lead = make_opportunity(f"Lead {i}", at=NOW)
        decision = route(opportunity_id=lead.pk, at=NOW + datetime.timedelta(milliseconds=i))
        assert decision is not None
        won = i % (2 if decision.rep_id == ana.pk else 4) == 0
        record_outcome(opportunity_id=lead.pk, stage="won" if won else "lost", at=NOW, by=None)
        made.append(decision)
    return made


# --- asking -----------------------------------------------------------------------------------------------------------


def test_the_draft_is_kept_as_it_was_when_asked(
    as_user: SignIn, omar: User, leads: Sequence[Opportunity], ana: Rep, bo: Rep
) -> None:
    rule, client = to_bo(bo), as_user(omar)
    response = client.post(NEW, DAYS | {"configuration": "draft"})
    job = Job.objects.get(kind="backtest")
    assert response["Location"] == f"{LIST}{job.pk}/"
    assert "Waiting for a worker" in page_of(client, job)
    rule.delete()
    jobs.run_backtest(job.pk)
    page = page_of(client, job)
    assert "4 of 4 opportunities (100 %) would go elsewhere." in page
    assert "Lead 0" in page
    assert "100 % would be decided by the model, an account or a rule (now 100 %)" in page
    assert "Nobody would go past a limit." in page
    assert "there are no logged decisions" in page
    assert "An experiment measures the same" in page
    assert "4 of 4 opportunities (100 %)" in text(client.get(LIST))
    assert not Decision.objects.exists()
    assert not Assignment.objects.exists()
    assert ConfigurationVersion.objects.order_by("-number")[0].content["rules"] == []


def test_the_same_question_is_asked_once(nia: User, leads: Sequence[Opportunity], bo: Rep) -> None:
    first = ask(nia)
    assert ask(nia).pk == first.pk
    to_bo(bo)
    assert ask(nia).pk != first.pk  # another draft
    assert ask(nia, configuration=LIVE, model=1).pk != first.pk


def test_a_dead_workers_can_be_asked_again_and_is_said(
    as_user: SignIn, nia: User, leads: Sequence[Opportunity]
) -> None:
    job, client = ask(nia), as_user(nia)
    Job.objects.filter(pk=job.pk).update(
        state="running", heartbeat_at=timezone.now() - datetime.timedelta(minutes=2)
    )
    assert "Its worker stopped before it was done" in text(client.get(LIST))
    assert "worker stopped" in page_of(client, job)
    again = ask(nia)
    assert again.pk != job.pk
    job.refresh_from_db()
    assert job.state == "failed"


def test_it_can_be_stopped(as_user: SignIn, nia: User, leads: Sequence[Opportunity]) -> None:
    job, client = ask(nia), as_user(nia)
    path = reverse("analytics_backtest_cancel", args=[job.pk])
    assert "Stopped. Nothing was changed by it." in text(client.post(path, follow=True))
    assert "It was over already." in text(client.post(path, follow=True))
    jobs.run_backtest(job.pk)
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_who_does_not_run_them_reads_them(
    as_user: SignIn, ben: User, nia: User, ana: Rep, leads: Sequence[Opportunity]
) -> None:
    job = played(nia)
    client = as_user(ben)
    assert "None of 4 opportunities would go elsewhere." in page_of(client, job)
    assert "New backtest" not in text(client.get(LIST))
    assert client.get(NEW).status_code == 403
    with pytest.raises(PermissionDenied):
        ask(ben)
    with pytest.raises(PermissionDenied):
        cancel_backtest(job_id=job.pk, by=ben, at=NOW)
    assert ana.user is not None
    assert as_user(ana.user).get(LIST).status_code == 403


def test_a_manager_is_shown_the_moves_of_the_own_teams(
    as_user: SignIn, ben: User, omar: User, leads: Sequence[Opportunity], bo: Rep, cara: Rep
) -> None:
    Opportunity.objects.filter(pk=leads[0].pk).update(owner=cara, routing="assigned", assigned_at=NOW)
    to_bo(bo)
    job = played(omar)
    page = page_of(as_user(ben), job)
    assert "Lead 0" not in page
    assert "Lead 1" in page
    assert "the first 3; 1 of other teams not shown" in page
    assert "the first 4" in page_of(as_user(omar), job)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"first": "2026-03-02", "last": "2026-03-01"}, "The last day lies before the first."),
        ({"first": "1990-01-01", "last": "1990-02-01"}, "Nothing came in during these days."),
        ({"first": "2024-01-01", "last": "2026-01-01"}, "A year at most"),
        ({"first": "soon"}, "Enter a valid date"),
        ({"configuration": LIVE}, "That is what is live."),
        ({"configuration": "77"}, "Select a valid choice"),
        ({"model": "99"}, "Select a valid choice"),
        ({"policy": "Suggest everything"}, "Say below what is changed in it."),
        ({"threshold": "60"}, "Choose the policy that is changed."),
        ({"policy": "Suggest everything", "explores": "80"}, "less than or equal to 50"),
    ],
)
def test_what_cannot_be_played_is_refused_beside_the_field(
    as_user: SignIn, omar: User, leads: Sequence[Opportunity], values: dict[str, str], why: str
) -> None:
    response = as_user(omar).post(NEW, DAYS | {"configuration": "draft"} | values)
    assert response.status_code == 422
    assert why in text(response)
    assert not Job.objects.exists()


def test_a_draft_that_cannot_be_used_is_named(omar: User, leads: Sequence[Opportunity], east: Team) -> None:
    Rule.objects.create(
        name="Broken",
        position=1,
        action="route_to_team",
        team=east,
        condition={"field": "nope", "op": "is", "value": 1},
    )
    with pytest.raises(NothingToReplay, match="Rule “Broken”"):
        ask(omar)


def test_a_model_that_is_gone_by_then_is_said(
    as_user: SignIn, omar: User, leads: Sequence[Opportunity]
) -> None:
    job = ask(omar, configuration=LIVE, model=1)
    job.refresh_from_db()
    job.result["asked"]["model"] = 9
    job.save()
    jobs.run_backtest(job.pk)
    assert "There is no model 9 any more." in page_of(as_user(omar), job)


def test_the_days_proposed_are_those_whose_outcomes_are_known(ana: Rep) -> None:
    today = datetime.date(2026, 6, 1)
    assert proposed_days(today) == (datetime.date(2026, 1, 3), datetime.date(2026, 4, 2))
    now = timezone.now()
    for days in (10, 20, 30, 30):
        opened = now - datetime.timedelta(days=days)
        Opportunity.objects.create(name="Won", stage="won", owner=ana, opened_at=opened, closed_at=now)
    assert proposed_days(today)[1] == datetime.date(2026, 5, 2)


# --- the answer -------------------------------------------------------------------------------------------------------


def test_one_policy_changed(
    as_user: SignIn, omar: User, ana: Rep, bo: Rep, one_policy: None, leads: Sequence[Opportunity],
    publish: Callable[[], int],
) -> None:  # fmt: skip
    Policy.objects.update(fallback=["hold"])
    publish()
    name = Policy.objects.get().name
    values = {"configuration": LIVE, "policy": name, "threshold": "99"}
    as_user(omar).post(NEW, DAYS | values)
    job = Job.objects.get(kind="backtest")
    jobs.run_backtest(job.pk)
    page = page_of(as_user(omar), job)
    assert f"(live) with “{name}” confident from a score of 99" in page
    assert "nobody would get 4 (now 0)" in page
    assert Policy.objects.get().threshold == 50
    assert ask(omar, configuration=LIVE, change=PolicyChange(name, {"threshold": 98.0})).pk != job.pk


def test_what_it_would_have_won_is_told_with_an_interval(
    as_user: SignIn, nia: User, logged: Sequence[Decision]
) -> None:
    Policy.objects.update(exploration_share=0)
    job = played(nia)
    value, counts = job.result["value"], job.result["counts"]
    assert counts["made"] == counts["followed"] == counts["used"] == counts["by_rules"] == len(logged)
    robust = value["doubly_robust"]["value"]
    assert robust["low"] < 0.5 < robust["high"]  # Ana wins every other
    assert value["share_without_overlap"] == 0
    page = page_of(as_user(nia), job)
    assert f"Of 100 such decisions it would have won {100 * robust['value']:.1f}" in page
    assert f"Over the {len(logged)} decisions that this is based on" in page
    assert "A second way of reckoning (SNIPS)" in page
    assert 'id="estimates-figure"' in page
    assert "not evidence" not in page
    assert "answered" in text(as_user(nia).get(LIST))


def test_no_overlap_is_refused_with_a_reason_and_what_would_help(
    as_user: SignIn, nia: User, logged: Sequence[Decision], east: Team, make_rep: Callable[..., Rep]
) -> None:
    to_bo(Rep.objects.get(name="Bo"))
    job = played(nia)
    page = page_of(as_user(nia), job)
    assert (
        "cannot be told from what was logged: the 170 logged decisions tell as much of the other policy"
        in page
    )
    assert "Let the live policies explore a small share" in page
    assert 'id="estimates-figure"' not in page
    assert "cannot be told from the log" in text(as_user(nia).get(LIST))
    assert "would go elsewhere" in page  # who moves stands all the same


def test_a_model_is_not_valued_on_outcomes_that_it_has_learned_from(
    as_user: SignIn, nia: User, logged: Sequence[Decision]
) -> None:
    rules = ModelVersion.objects.get()
    later = ModelVersion.objects.create(
        number=2, kind="learned", state="retired", artifact=rules.artifact, as_of=LAST
    )
    job = played(nia, configuration=LIVE, model=later.number)
    page = page_of(as_user(nia), job)
    assert f"the model has learned from everything that closed before {LAST:%-d %b %Y}" in page
    assert "Choose days after the model was trained" in page
    assert "they are left out" not in page  # said once
    assert job.result["counts"]["known"] == len(logged)
    earlier = ModelVersion.objects.create(
        number=3, kind="learned", state="retired", artifact=rules.artifact, as_of=FIRST
    )
    job = played(nia, configuration=LIVE, model=earlier.number)
    assert job.result["counts"]["known"] == 0
    assert "value" in job.result["value"]["doubly_robust"]


def test_many_without_an_outcome_are_warned_of(
    as_user: SignIn, nia: User, logged: Sequence[Decision]
) -> None:
    opened = [decision.opportunity_id for decision in logged[:60]]
    Opportunity.objects.filter(pk__in=opened).update(stage="open", closed_at=None)
    page = page_of(as_user(nia), played(nia))
    assert "60 of 170 followed decisions have no outcome yet" in page


def test_tables_for_a_spreadsheet(
    as_user: SignIn, omar: User, leads: Sequence[Opportunity], ana: Rep, bo: Rep
) -> None:
    to_bo(bo)
    job, client = played(omar), as_user(omar)

    def rows(table: str) -> list[dict[str, str]]:
        content = client.get(reverse("analytics_backtest_csv", args=[job.pk, table])).content.decode(
            "utf-8-sig"
        )
        return list(csv.DictReader(io.StringIO(content)))

    assert [(row["rep"], row["change"]) for row in rows("reps")] == [("Ana", "-4"), ("Bo", "4")]
    first = rows("moves")[0]
    assert (first["name"], first["live"], first["tried"]) == ("Lead 0", "Ana", "Bo")
    assert rows("estimates") == []
    assert client.get(reverse("analytics_backtest_csv", args=[job.pk, "nonsense"])).status_code == 404


def test_a_difference_that_could_be_nothing_is_called_so() -> None:
    assert gain_words(0.01, -0.02, 0.04) == "The difference in wins could be nothing: −2.0 to +4.0 of 100."
    assert gain_words(0.03, 0.01, 0.05) == "It would have won 3.0 more of 100 (1.0 to 5.0)."
    assert gain_words(-0.03, -0.05, -0.01) == "It would have won 3.0 fewer of 100 (1.0 to 5.0)."


@pytest.mark.parametrize("count", [1, 30])
def test_queries_do_not_grow(count: int, nia: User, as_user: SignIn, django_assert_num_queries: Any) -> None:
    for number in range(count):
        asked = {"first": "2026-01-01", "last": "2026-02-01", "configuration": str(number), "model": None}
        told = {"arrivals": 5, "moved": number, "gain": None}
        Job.objects.create(
            kind="backtest", state="done", requested_by=nia, result={"asked": asked, "told": told}
        )
    client = as_user(nia)
    client.get(LIST)
    with django_assert_num_queries(LIST_QUERIES):
        client.get(LIST)
