"""A batch as a whole: planned to the proven optimum, published at once, changed and confirmed by people."""

import datetime
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Account, Assignment, Opportunity
from crm.services import ownership
from crm.services.imports import import_files
from reps.models import Absence, Job, Rep, User
from routing.management.commands.replay_decision import is_identical
from routing.models import Batch, BatchItem, BatchWait, Decision, OutboxMessage, Override, Policy, QueueItem
from routing.queries.batch_totals import totals_of
from routing.queries.invariants import check_invariants
from routing.services import automation, overrides, sweep
from routing.services.batch_runs import asking, publishing, review
from routing.services.batch_runs.asking import BatchRefused, cancel_batch, open_batch, open_due, settle
from routing.services.batch_runs.planning import run_batch
from routing.services.batch_runs.review import Action
from routing.services.queue import AlreadyDecided, approve
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
MakeRep = Callable[..., Rep]
HOUR = datetime.timedelta(hours=1)
RUN = NOW + 2 * HOUR


def planned(at: datetime.datetime = RUN) -> Batch:
    (batch,) = open_due(at=at)
    run_batch(job_id=batch.job_id or 0, now=at)
    batch.refresh_from_db()
    return batch


def planned_anew(batch: Batch, by: User) -> Batch:
    job = review.reoptimise(batch_id=batch.pk, by=by, at=RUN)
    run_batch(job_id=job.pk, now=RUN)
    assert Job.objects.get(pk=job.pk).state == "done"
    batch.refresh_from_db()
    return batch


def reps_of(batch: Batch) -> list[str | None]:
    return [item.rep.name if item.rep else None for item in batch.items.select_related("rep")]


def item_of(batch: Batch, opportunity: Opportunity) -> BatchItem:
    return BatchItem.objects.get(batch=batch, opportunity=opportunity)


def clean() -> bool:
    assert check_invariants().violations == []
    return True


class TestPlan:
    def test_is_better_than_one_after_the_other(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        """One by one the first comer takes the specialist, though somebody else does as well for it."""
        make_rep("Both", skills={"industry": ["Energy", "Healthcare"]}, max_open=1)
        make_rep("Energy only", skills={"industry": ["Energy"]}, max_open=1)
        wait("Energy", "Healthcare")
        batch = planned()
        assert reps_of(batch) == ["Energy only", "Both"]
        totals = totals_of(batch.items.all())
        assert totals.wins > totals.alone_wins
        assert (batch.found["gap"], batch.found["verified"], batch.found["is_chance"]) == (0.0, True, False)
        assert clean()

    def test_its_decisions_replay_and_say_why(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        make_rep("Both", skills={"industry": ["Energy", "Healthcare"]}, max_open=1)
        make_rep("Energy only", skills={"industry": ["Energy"]}, max_open=1)
        wait("Energy", "Healthcare", "Retail")
        planned()
        decisions = list(Decision.objects.order_by("pk"))
        assert len(decisions) == 3
        assert [is_identical(decision) for decision in decisions] == [True] * 3
        steps = [[step["name"] for step in decision.trace["steps"]] for decision in decisions]
        assert all("batch" in names for names in steps)

    def test_of_equals_the_oldest(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        make_rep("Only", max_open=1)
        wait("Energy", "Energy", "Energy")
        assert reps_of(planned()) == ["Only", None, None]

    def test_says_who_is_left_out_and_why(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        make_rep("Only", max_open=1)
        _, second = wait("Energy", "Energy")
        batch = planned()
        item = item_of(batch, second)
        assert (item.rep, item.why_not) == (None, 3)
        assert item.queue_item is not None
        assert item.queue_item.kind == "held"
        assert batch.found["loads"] == [{"rep": Rep.objects.get().pk, "before": 0, "planned": 1, "max": 1}]
        (slot,) = batch.found["slots"]
        assert slot["price"] == pytest.approx(slot["checked"], rel=1e-4)
        assert slot["price"] > 0

    def test_takes_nobody_past_a_cap_on_value(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        make_rep("Small", own_max_pipeline_value=100)
        wait("Energy", "Energy", "Energy", value=60, currency="USD")
        assert sorted(map(str, reps_of(planned()))) == ["None", "None", "Small"]
        assert clean()

    def test_who_is_not_confident_goes_by_turns(
        self,
        make_batch_policy: Callable[..., Policy],
        make_rep: MakeRep,
        wait: Callable[..., list[Opportunity]],
    ) -> None:
        make_batch_policy(threshold=100, fallback=["round_robin", "hold"])
        make_rep("Ann")
        make_rep("Bob")
        wait("Energy", "Energy")
        batch = planned()
        assert reps_of(batch) == ["Ann", "Bob"]
        assert set(Decision.objects.values_list("via", flat=True)) == {"round_robin"}
        assert clean()

    def test_what_belongs_to_somebody_goes_there(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        owner = make_rep("Owner")
        account = Account.objects.create(name="Acme")
        (one,) = wait("Energy", account=account)
        Account.objects.filter(pk=account.pk).update(owner=owner)
        batch = planned()
        assert (batch.state, batch.items.count()) == ("closed", 0)
        assert Decision.objects.get(opportunity=one).via == "named_account"
        assert clean()

    def test_assigns_where_the_policy_assigns(
        self, make_batch_policy: Callable[..., Policy], ana: Rep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        make_batch_policy(application="assign")
        wait("Healthcare", "Healthcare")
        batch = planned()
        assert batch.state == "closed"
        assert Assignment.objects.filter(rep=ana, source="automation").count() == 2
        assert OutboxMessage.objects.filter(topic="opportunity.assigned").count() == 2
        assert clean()

    def test_leaves_out_what_others_took_meanwhile(
        self,
        batch_policy: Policy,
        make_rep: MakeRep,
        omar: User,
        wait: Callable[..., list[Opportunity]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Between planning and publishing a person decides one, and the rep of another goes away."""
        away, free = make_rep("Away", skills={"industry": ["Energy"]}), make_rep("Free")
        first, second = wait("Energy", "Healthcare")

        def late(**given: Any) -> Any:
            overrides.reassign(opportunity_ids=[second.pk], rep_id=free.pk, by=omar, at=RUN)
            Absence.objects.create(rep=away, starts_at=RUN, ends_at=RUN + HOUR)
            return publishing.publish(**given)

        monkeypatch.setattr("routing.services.batch_runs.planning.publish", late)
        batch = planned()
        assert batch.items.count() == 0
        second.refresh_from_db()
        assert second.owner == free
        assert Decision.objects.get(opportunity=first).rep == free
        assert not BatchWait.objects.filter(opportunity=first).exists()
        assert clean()


class TestOneAtATime:
    def test_of_a_policy(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Energy")
        open_batch(policy_name="Lists", by=omar, at=RUN)
        with pytest.raises(BatchRefused, match="is being planned already"):
            open_batch(policy_name="Lists", by=omar, at=RUN)
        assert open_due(at=RUN) == []

    def test_a_second_delivery_of_the_task_does_nothing(
        self, batch_policy: Policy, ana: Rep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Energy")
        batch = planned()
        run_batch(job_id=batch.job_id or 0, now=RUN)
        assert Decision.objects.count() == 1

    def test_nothing_to_plan(self, batch_policy: Policy, omar: User) -> None:
        with pytest.raises(BatchRefused, match="Nothing waits for a batch of “Lists”"):
            open_batch(policy_name="Lists", by=omar, at=RUN)

    def test_none_in_a_pause(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Energy")
        batch = open_batch(policy_name="Lists", by=omar, at=RUN)
        automation.pause(by=omar, at=RUN, reason="")
        run_batch(job_id=batch.job_id or 0, now=RUN)
        batch.refresh_from_db()
        assert (batch.state, batch.error) == ("failed", "Automation is paused.")
        with pytest.raises(BatchRefused, match="Automation is paused"):
            open_batch(policy_name="Lists", by=omar, at=RUN)
        assert BatchWait.objects.count() == 1

    def test_cancelled_it_leaves_nothing(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Energy")
        batch = open_batch(policy_name="Lists", by=omar, at=RUN)
        assert cancel_batch(batch_id=batch.pk, at=RUN)
        run_batch(job_id=batch.job_id or 0, now=RUN)
        batch.refresh_from_db()
        assert (batch.state, Decision.objects.count(), BatchWait.objects.count()) == ("cancelled", 0, 1)

    def test_whose_worker_died_fails_and_is_asked_for_again(
        self, batch_policy: Policy, ana: Rep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Energy")
        (batch,) = open_due(at=RUN)
        silent = timezone.now() - datetime.timedelta(minutes=2)
        Job.objects.filter(pk=batch.job_id or 0).update(
            state="running", started_at=silent, heartbeat_at=silent
        )
        assert settle(at=RUN) == 1
        batch.refresh_from_db()
        assert batch.state == "failed"
        assert "The worker stopped" in batch.error
        assert reps_of(planned()) == ["Ana"]

    def test_that_fails_again_and_again_rests(
        self, batch_policy: Policy, ana: Rep, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Energy")
        for _ in range(asking.TRIES):
            (batch,) = open_due(at=RUN)
            Job.objects.filter(pk=batch.job_id or 0).update(state="failed", error="It broke.")
        assert open_due(at=RUN) == []
        assert len(open_due(at=RUN + asking.TRIED_AGAIN_AFTER)) == 1


class TestReview:
    @pytest.fixture
    def batch(
        self, batch_policy: Policy, ana: Rep, bo: Rep, cara: Rep, wait: Callable[..., list[Opportunity]]
    ) -> Batch:
        """Ana, who knows Healthcare, has room for two; Bo and Cara for more."""
        Rep.objects.filter(pk=ana.pk).update(own_max_open=2)
        wait("Healthcare", "Healthcare", "Energy")
        return planned()

    def of(self, batch: Batch, rep: Rep) -> list[BatchItem]:
        return list(batch.items.filter(rep=rep))

    def test_moves_with_its_slot(self, batch: Batch, ana: Rep, bo: Rep, omar: User) -> None:
        item = self.of(batch, ana)[0]
        review.move(item_id=item.pk, rep_id=bo.pk, by=omar, at=RUN)
        item.refresh_from_db()
        assert (item.rep, item.edit, item.edited_by) == (bo, "moved", omar)
        override = Override.objects.get()
        assert (override.from_rep, override.to_rep, override.made_by) == (ana, bo, omar)
        assert clean()

    def test_is_planned_anew_around_what_was_changed(
        self, batch: Batch, ana: Rep, bo: Rep, omar: User
    ) -> None:
        """What is taken from Ana frees her slot; what is kept and moved stays."""
        mine = self.of(batch, ana)
        review.keep(item_id=mine[0].pk, by=omar, at=RUN)
        review.move(item_id=mine[1].pk, rep_id=bo.pk, by=omar, at=RUN)
        planned_anew(batch, omar)
        for item, rep in ((mine[0], ana), (mine[1], bo)):
            item.refresh_from_db()
            assert item.rep == rep
        assert batch.state == "review"
        assert QueueItem.objects.filter(state="pending").count() == 3
        assert batch.items.exclude(queue_item__state="pending").count() == 0
        assert clean()

    def test_held_back_it_waits_for_a_person(self, batch: Batch, ana: Rep, omar: User) -> None:
        item = self.of(batch, ana)[0]
        review.hold_back(item_id=item.pk, by=omar, at=RUN, note="They asked us to wait")
        item.refresh_from_db()
        assert (item.edit, item.rep) == ("held", None)
        assert item.queue_item is not None
        assert (item.queue_item.kind, item.queue_item.state) == ("manager", "pending")
        planned_anew(batch, omar)
        item.refresh_from_db()
        assert item.queue_item.state == "pending"
        assert clean()

    def test_held_back_it_counts_for_no_way_of_deciding(self, batch: Batch, omar: User) -> None:
        item = batch.items.order_by("-alone_chance")[0]
        before = totals_of(batch.items.all())
        review.hold_back(item_id=item.pk, by=omar, at=RUN)
        after = totals_of(batch.items.all())
        assert item.chance > 0
        assert before.wins - after.wins == pytest.approx(item.chance)
        assert before.alone_wins - after.alone_wins == pytest.approx(item.alone_chance)
        assert before.turn_wins - after.turn_wins == pytest.approx(item.turn_chance)

    def test_all_are_confirmed(self, batch: Batch, ana: Rep, omar: User) -> None:
        found = review.confirm(batch_id=batch.pk, by=omar, at=RUN)
        assert (found.approved, found.conflicts) == (3, 0)
        batch.refresh_from_db()
        assert batch.state == "closed"
        assert Assignment.objects.filter(assigned_by=omar).count() == 3
        assert OutboxMessage.objects.filter(topic="opportunity.assigned").count() == 3
        ana.refresh_from_db()
        assert (ana.pending, ana.load) == (0, len(self.of(batch, ana)))
        again = review.confirm(batch_id=batch.pk, by=omar, at=RUN)
        assert (again.approved, again.conflicts) == (0, 0)
        assert clean()

    def test_what_was_moved_is_no_approval(self, batch: Batch, ana: Rep, cara: Rep, omar: User) -> None:
        item = self.of(batch, ana)[0]
        review.move(item_id=item.pk, rep_id=cara.pk, by=omar, at=RUN)
        review.confirm(batch_id=batch.pk, by=omar, at=RUN)
        states = dict(QueueItem.objects.values_list("opportunity_id", "state"))
        assert states.pop(item.opportunity_id) == "changed"
        assert set(states.values()) == {"approved"}
        assert Opportunity.objects.get(pk=item.opportunity_id).owner == cara
        assert clean()

    def test_some_are_confirmed(self, batch: Batch, omar: User) -> None:
        first = batch.items.all()[0]
        found = review.confirm(batch_id=batch.pk, by=omar, at=RUN, item_ids=[first.pk])
        assert found.approved == 1
        batch.refresh_from_db()
        assert batch.state == "review"
        assert clean()

    def test_what_a_limit_forbids_by_now_is_a_conflict(self, batch: Batch, ana: Rep, omar: User) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        count = len(self.of(batch, ana))
        assert count == 2
        found = review.confirm(batch_id=batch.pk, by=omar, at=RUN)
        assert found.conflicts == count
        assert {item.conflict for item in self.of(batch, ana)} == {"Ana has no room any more"}
        ana.refresh_from_db()
        assert ana.load == 0
        assert clean()

    def test_who_is_away_by_now_is_a_conflict(self, batch: Batch, ana: Rep, omar: User) -> None:
        Absence.objects.create(rep=ana, starts_at=RUN - HOUR, ends_at=RUN + HOUR)
        review.confirm(batch_id=batch.pk, by=omar, at=RUN)
        assert {item.conflict for item in self.of(batch, ana)} == {"Ana is away"}

    def test_of_two_people_the_second_is_told(self, batch: Batch, ana: Rep, bo: Rep, omar: User) -> None:
        item = self.of(batch, ana)[0]
        approve(item_id=item.queue_item_id or 0, by=omar, at=RUN)
        with pytest.raises(AlreadyDecided, match="Omar gave it to Ana already"):
            review.move(item_id=item.pk, rep_id=bo.pk, by=omar, at=RUN)
        assert clean()

    def test_who_has_left_gets_nothing(self, batch: Batch, ana: Rep, bo: Rep, omar: User) -> None:
        Rep.objects.filter(pk=bo.pk).update(left_at=RUN)
        with pytest.raises(ownership.OwnershipError):
            review.move(item_id=self.of(batch, ana)[0].pk, rep_id=bo.pk, by=omar, at=RUN)

    def test_discarded_it_waits_for_the_next_run(self, batch: Batch, omar: User) -> None:
        assert review.discard(batch_id=batch.pk, by=omar, at=RUN) == 3
        batch.refresh_from_db()
        assert batch.state == "closed"
        assert BatchWait.objects.count() == 3
        assert clean()

    def test_expires(self, batch: Batch) -> None:
        late = RUN + 24 * HOUR
        assert sweep.expire_unconfirmed(at=late, now=late) == 3
        assert review.close_done(at=late) == 1
        assert BatchWait.objects.count() == 3
        assert clean()

    def test_lets_go(self, batch: Batch, ana: Rep, omar: User) -> None:
        item = self.of(batch, ana)[0]
        review.keep(item_id=item.pk, by=omar, at=RUN)
        review.let_go(item_id=item.pk, by=omar, at=RUN)
        item.refresh_from_db()
        assert item.edit == ""


@pytest.mark.django_db(transaction=True)
def test_of_two_who_confirm_side_by_side_each_is_told_what_was_theirs(
    batch_policy: Policy, ana: Rep, bo: Rep, omar: User, wait: Callable[..., list[Opportunity]]
) -> None:
    wait(*["Healthcare", "Energy"] * 5)
    batch, other = planned(), user_of("Olga", User.Role.OPS)
    ids = list(batch.items.values_list("pk", flat=True))
    gate = threading.Barrier(2)

    def act(by: User) -> int:
        gate.wait()
        try:
            done = review.decide(batch_id=batch.pk, action=Action.APPROVE, item_ids=ids, by=by, at=RUN)
            assert isinstance(done, review.Done)
            assert done.conflicts == 0
            return done.count
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(act, [omar, other]))
    assert sum(counts) == len(ids)
    assert counts == [Assignment.objects.filter(assigned_by=by).count() for by in (omar, other)]
    assert clean()


class TestConfirmsItself:
    def test_when_its_time_is_up(
        self,
        make_batch_policy: Callable[..., Policy],
        ana: Rep,
        omar: User,
        wait: Callable[..., list[Opportunity]],
    ) -> None:
        make_batch_policy(batch_confirms=True, batch_expiry_hours=1)
        wait("Healthcare", "Healthcare")
        batch = planned()
        assert review.confirm_due(at=RUN + HOUR - datetime.timedelta(seconds=1)) == 0
        automation.pause(by=omar, at=RUN, reason="")
        assert review.confirm_due(at=RUN + HOUR) == 0
        automation.resume(by=omar, at=RUN)
        assert review.confirm_due(at=RUN + HOUR) == 1
        batch.refresh_from_db()
        assert batch.state == "closed"
        assert Assignment.objects.filter(source="automation", rep=ana).count() == 2
        assert clean()


class TestIntake:
    def test_an_imported_list_is_decided_together(
        self, batch_policy: Policy, ana: Rep, bo: Rep, omar: User
    ) -> None:
        """The import names the source that the rows leave open; the policy goes by it."""
        rows = b"name,industry\nAcme,Healthcare\nBeta,Healthcare\nGamma,Energy\n"
        import_files(files=[("list.csv", rows)], by=omar, at=NOW, options={"route": True, "source": "List"})
        assert set(Opportunity.objects.values_list("source", flat=True)) == {"List"}
        assert sweep.route_waiting(at=NOW + HOUR, now=NOW + HOUR) == 0
        assert BatchWait.objects.count() == 3
        assert planned().items.count() == 3
        assert clean()

    def test_rows_that_say_their_source_keep_it(self, omar: User) -> None:
        rows = b"name,source\nAcme,Chat\nBeta,\n"
        import_files(files=[("list.csv", rows)], by=omar, at=NOW, options={"source": "List"})
        assert list(Opportunity.objects.order_by("name").values_list("source", flat=True)) == ["Chat", "List"]


class TestSize:
    def test_asks_as_much_for_thirty_as_for_three(
        self, batch_policy: Policy, make_rep: MakeRep, omar: User, wait: Callable[..., list[Opportunity]]
    ) -> None:
        """Planning and confirming take a fixed number of queries, below what is written in one piece."""
        for number in range(5):
            make_rep(f"Rep {number}", max_open=20)
        asked = []
        for count in (3, 3, 30):  # the first fills what a process keeps
            wait(*["Energy"] * count)
            (batch,) = open_due(at=RUN)
            with CaptureQueriesContext(connection) as planning:
                run_batch(job_id=batch.job_id or 0, now=RUN)
            with CaptureQueriesContext(connection) as confirming:
                assert review.confirm(batch_id=batch.pk, by=omar, at=RUN).approved == count
            asked.append((len(planning), len(confirming)))
        assert asked[1] == asked[2]


class TestConfirmedByAWorker:
    def test_what_was_chosen(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Healthcare", "Healthcare", "Energy")
        batch = planned()
        chosen = [item.pk for item in batch.items.all()[:2]]
        job = review.request_decision(batch_id=batch.pk, action=Action.APPROVE, by=omar, item_ids=chosen)
        with pytest.raises(BatchRefused, match="already"):
            review.request_decision(batch_id=batch.pk, action=Action.APPROVE, by=omar, item_ids=chosen)
        review.run_decision(job_id=job.pk, now=RUN)
        job.refresh_from_db()
        assert (job.state, job.result["count"]) == ("done", 2)
        assert Assignment.objects.filter(assigned_by=omar).count() == 2
        batch.refresh_from_db()
        assert batch.state == "review"
        assert clean()

    def test_cancelled_before_it_began(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait("Healthcare")
        batch = planned()
        job = review.request_decision(
            batch_id=batch.pk, action=Action.APPROVE, by=omar, item_ids=[batch.items.get().pk]
        )
        assert cancel_batch(batch_id=batch.pk, at=RUN)
        review.run_decision(job_id=job.pk, now=RUN)
        assert not Assignment.objects.exists()
        batch.refresh_from_db()
        assert batch.state == "review"
