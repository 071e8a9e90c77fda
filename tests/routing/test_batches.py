"""What waits for a batch: put off, visible, decided by the sweep when its time comes, oldest first."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Account, Opportunity
from reps.models import Organisation, Rep, User
from routing import jobs
from routing.models import Batch, BatchWait, Decision, Policy, QueueItem
from routing.queries.configuration import working_content
from routing.queries.invariants import check_invariants
from routing.queries.queue import not_yet_decided
from routing.services import automation, overrides, sweep
from routing.services.batch_runs.planning import run_batch
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.queue import approve
from routing.services.restore import restore_version
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
HOUR = datetime.timedelta(hours=1)
TWO_PM = NOW + 2 * HOUR  # NOW is noon, UTC, on a Monday
NURTURE = {"field": "source", "op": "is", "value": "Nurture"}


@pytest.fixture
def batches(one_policy: None, publish: Callable[[], int]) -> Policy:
    """What comes from nurture campaigns is decided at nine and at two, on weekdays."""
    policy = Policy.objects.create(
        name="Nurture",
        position=2,
        condition=NURTURE,
        mode="batch",
        batch_cadence="twice_daily",
        batch_times=["09:00", "14:00"],
        batch_expiry_hours=24,
        fallback=["round_robin", "hold"],
    )
    Policy.objects.filter(name="Suggest everything").update(position=3)
    publish()
    return policy


@pytest.fixture
def waits(batches: Policy, ana: Rep, make_opportunity: Make) -> Opportunity:
    opportunity = make_opportunity(source="Nurture")
    assert route(opportunity_id=opportunity.pk, at=NOW) is None
    opportunity.refresh_from_db()
    return opportunity


def state_of(opportunity: Opportunity) -> str:
    return Opportunity.objects.values_list("routing", flat=True).get(pk=opportunity.pk)


def run(at: datetime.datetime) -> int:
    """What the sweep asks for, and what the worker then does; how many are decided by it."""
    before = Decision.objects.count()
    sweep.ask_for_batches(at=at, now=at)
    for batch in Batch.objects.filter(state="planning"):
        run_batch(job_id=batch.job_id or 0, now=at)
    return Decision.objects.count() - before


class TestWaiting:
    def test_for_the_next_run_without_a_decision(self, waits: Opportunity) -> None:
        assert waits.routing == "batch"
        wait = BatchWait.objects.get()
        assert (wait.opportunity_id, wait.policy_name, wait.due_at) == (waits.pk, "Nurture", TWO_PM)
        assert not Decision.objects.exists()
        assert check_invariants().violations == []

    def test_is_decided_when_its_time_comes_and_not_before(self, waits: Opportunity, ana: Rep) -> None:
        assert run(TWO_PM - datetime.timedelta(seconds=1)) == 0
        assert run(TWO_PM) == 1
        assert state_of(waits) == "suggested"
        decision = Decision.objects.get()
        assert (decision.rep_id, decision.policy_name, decision.outcome) == (ana.pk, "Nurture", "suggest")
        assert not BatchWait.objects.exists()
        assert check_invariants().violations == []

    def test_the_oldest_first(
        self, batches: Policy, make_rep: Callable[..., Rep], make_opportunity: Make
    ) -> None:
        make_rep("Only", max_open=1)
        late, early = (make_opportunity(name, source="Nurture") for name in ("late", "early"))
        Opportunity.objects.filter(pk=early.pk).update(routing_since=NOW - HOUR)
        for one in (late, early):
            route(opportunity_id=one.pk, at=NOW)
        run(TWO_PM)
        assert (state_of(early), state_of(late)) == ("suggested", "held")

    def test_other_policies_decide_at_once(self, batches: Policy, ana: Rep, make_opportunity: Make) -> None:
        assert route(opportunity_id=make_opportunity(source="Chat").pk, at=NOW) is not None

    def test_a_named_account_does_not_wait(self, batches: Policy, ana: Rep, make_opportunity: Make) -> None:
        account = Account.objects.create(name="Acme", owner=ana)
        decision = route(opportunity_id=make_opportunity(source="Nurture", account=account).pk, at=NOW)
        assert decision is not None
        assert decision.via == "named_account"

    def test_a_person_may_give_it_meanwhile(self, waits: Opportunity, ana: Rep, omar: User) -> None:
        overrides.reassign(opportunity_ids=[waits.pk], rep_id=ana.pk, by=omar, at=NOW)
        assert run(TWO_PM) == 0
        assert (state_of(waits), BatchWait.objects.count()) == ("assigned", 0)
        assert check_invariants().violations == []

    def test_asked_again_it_waits_for_the_same_run(self, waits: Opportunity) -> None:
        assert route(opportunity_id=waits.pk, at=NOW + HOUR) is None
        assert BatchWait.objects.get().due_at == TWO_PM

    def test_a_pause_holds_it_up(self, waits: Opportunity, omar: User) -> None:
        automation.pause(by=omar, at=NOW, reason="")
        assert run(TWO_PM) == 0
        assert state_of(waits) == "batch"

    def test_what_was_held_in_a_batch_is_decided_when_somebody_has_room(
        self, batches: Policy, make_rep: Callable[..., Rep], make_opportunity: Make
    ) -> None:
        rep = make_rep("Only", max_open=1)
        first, opportunity = (make_opportunity(source="Nurture") for _ in range(2))
        for one in (first, opportunity):
            route(opportunity_id=one.pk, at=NOW)
        run(TWO_PM)
        assert (state_of(first), state_of(opportunity)) == ("suggested", "held")
        Rep.objects.filter(pk=rep.pk).update(own_max_open=5)
        sweep.drain_held(now=TWO_PM + HOUR)
        assert state_of(opportunity) == "suggested"

    def test_the_minutely_sweep_does_it(self, waits: Opportunity) -> None:
        """NOW is long ago, so the run is due."""
        assert jobs.run_batches() == 1
        jobs.plan_batch(Batch.objects.get().job_id or 0)
        assert state_of(waits) == "suggested"


class TestConfiguration:
    def test_a_policy_that_decides_at_once_by_now_does(self, waits: Opportunity, batches: Policy) -> None:
        Policy.objects.filter(pk=batches.pk).update(mode="real_time")
        publish_configuration(by=None, at=NOW)
        assert run(NOW + datetime.timedelta(minutes=1)) == 1
        assert state_of(waits) == "suggested"

    def test_a_new_schedule_counts_from_when_it_began_to_wait(
        self, waits: Opportunity, batches: Policy
    ) -> None:
        Policy.objects.filter(pk=batches.pk).update(batch_times=["09:00", "13:00"])
        publish_configuration(by=None, at=NOW)
        assert run(NOW + datetime.timedelta(minutes=1)) == 0
        assert BatchWait.objects.get().due_at == NOW + HOUR

    def test_times_are_the_organisations(self, one_policy: None, batches: Policy) -> None:
        Organisation.objects.filter(pk=1).update(time_zone="America/New_York")
        row = next(row for row in working_content()["policies"] if row["name"] == "Nurture")
        assert (row["batch"]["zone"], row["batch"]["time_zone"]) == ("America/New_York", "")
        Policy.objects.filter(pk=batches.pk).update(batch_time_zone="Europe/Berlin")
        row = next(row for row in working_content()["policies"] if row["name"] == "Nurture")
        assert (row["batch"]["zone"], row["batch"]["time_zone"]) == ("Europe/Berlin", "Europe/Berlin")

    def test_comes_back_with_a_version(self, batches: Policy) -> None:
        version, before = publish_configuration(by=None, at=NOW)[0], working_content()
        Policy.objects.filter(pk=batches.pk).update(
            mode="real_time",
            batch_times=[],
            batch_weekdays_only=False,
            batch_expiry_hours=None,
            batch_objective="wins",
            batch_confirms=True,
            prefers_ready=True,
        )
        assert working_content() != before
        restore_version(version=version)
        assert working_content() == before

    def test_what_is_not_used_is_not_in_a_version(self, one_policy: None) -> None:
        """Else every stored version would differ from the same draft."""
        (row,) = working_content()["policies"]
        assert set(row) & {"batch", "prefers_ready"} == set()


class TestExpiry:
    def test_a_suggestion_that_nobody_confirms_waits_for_the_next_batch(
        self, waits: Opportunity, ana: Rep
    ) -> None:
        run(TWO_PM)
        item = QueueItem.objects.get()
        assert item.expires_at == TWO_PM + 24 * HOUR
        too_early = TWO_PM + 23 * HOUR
        assert sweep.expire_unconfirmed(at=too_early, now=too_early) == 0
        late = TWO_PM + 24 * HOUR
        assert sweep.expire_unconfirmed(at=late, now=late) == 1
        item.refresh_from_db()
        assert (item.state, item.note) == ("withdrawn", "Nobody confirmed it in time")
        assert state_of(waits) == "batch"
        assert BatchWait.objects.get().due_at == NOW + 45 * HOUR  # Wednesday at nine
        ana.refresh_from_db()
        assert ana.pending == 0
        assert check_invariants().violations == []

    def test_what_was_confirmed_stays(self, waits: Opportunity, omar: User) -> None:
        run(TWO_PM)
        approve(item_id=QueueItem.objects.get().pk, by=omar, at=TWO_PM)
        late = TWO_PM + 30 * HOUR
        assert sweep.expire_unconfirmed(at=late, now=late) == 0
        assert state_of(waits) == "assigned"


class TestSeen:
    def test_on_the_queue_and_on_its_page(
        self, waits: Opportunity, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client = as_user(omar)
        assert not_yet_decided().in_batches == 1
        assert not_yet_decided().next_batch_at == TWO_PM
        page = client.get(reverse("queue")).content.decode()
        assert "1 lead waits" in page
        assert "routing=batch" in page
        page = client.get(reverse("opportunity", args=[waits.pk])).content.decode()
        assert "It waits for the batch of “Nurture” at" in page
        listed = client.get(reverse("opportunities"), {"routing": "batch"}).content.decode()
        assert "Northwind" in listed

    def test_the_policy_says_when(
        self, batches: Policy, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        page = as_user(omar).get(reverse("policies")).content.decode()
        assert "suggest in batches on weekdays at 09:00 and 14:00" in page


class TestForm:
    DATA: dict[str, Any] = {
        "name": "Lists", "condition-kind": "all", "mode": "batch", "application": "suggest", "threshold": "50",
        "chain": "turns", "language": "required", "exploration_share": "0", "exploration_within": "5",
        "batch_cadence": "daily", "batch_times": "9, 14:30", "batch_weekdays_only": "on", "is_active": "on",
    }  # fmt: skip

    def post(self, client: Client, **changes: str) -> Any:
        return client.post(reverse("policy_new"), self.DATA | changes)

    def test_keeps_the_schedule(self, omar: User, as_user: Callable[[User], Client]) -> None:
        answer = self.post(as_user(omar), batch_time_zone="Europe/Berlin", batch_expiry_hours="48")
        assert answer.status_code == 302, answer.content.decode()
        policy = Policy.objects.get(name="Lists")
        assert (policy.batch_times, policy.batch_time_zone) == (["09:00", "14:30"], "Europe/Berlin")
        assert (policy.batch_weekdays_only, policy.batch_expiry_hours) == (True, 48)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"batch_times": "25:00"}, "“25:00” is no time of day: hours go from 0 to 23."),
            ({"batch_times": "9:7"}, "“9:7” is no time of day"),
            ({"batch_times": "noon"}, "“noon” is no time of day"),
            ({"batch_times": "٣:00"}, "is no time of day"),
            ({"batch_times": ""}, "Say at which times of the day it runs"),
            ({"batch_cadence": "twice_daily", "batch_times": "9"}, "Twice a day takes two times."),
            ({"batch_time_zone": "Mars/Base"}, "Select a valid choice."),
            ({"batch_expiry_hours": "0"}, "Between an hour and"),
            ({"batch_expiry_hours": "99999999999"}, "2147483647"),
        ],
    )
    def test_what_cannot_be(
        self, changes: dict[str, str], said: str, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        answer = self.post(as_user(omar), **changes)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not Policy.objects.filter(name="Lists").exists()

    def test_is_not_asked_where_it_decides_at_once(
        self, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        assert self.post(as_user(omar), mode="real_time", batch_times="").status_code == 302
