"""A large batch in parts: planned by any worker, published as one."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm.models import Opportunity
from reps.models import Job, Rep, Team, User
from reps.services.jobs import STOPPED_AFTER, JobCancelled
from routing.management.commands.replay_decision import is_identical
from routing.models import Batch, BatchPart, BatchPiece, BatchWait, Decision, Policy, QueueItem, Rule
from routing.queries.batch_totals import totals_of
from routing.queries.invariants import check_invariants
from routing.services.batch_runs import parts, review
from routing.services.batch_runs.asking import BatchRefused, open_due, settle
from routing.services.batch_runs.planning import run_batch
from routing.services.batch_runs.reading import moment_of
from tests.routing.test_batch_runs import RUN, planned, planned_anew

pytestmark = pytest.mark.django_db
INDUSTRIES = ("Energy", "Retail", "Healthcare")


@pytest.fixture
def three_teams(
    make_batch_policy: Callable[..., Policy],
    make_rep: Callable[..., Rep],
    east: Team,
    publish: Callable[[], int],
) -> list[Rep]:
    """Each industry goes to a team of its own, of two reps with one slot less than there are leads."""
    reps = []
    for position, industry in enumerate(INDUSTRIES, start=1):
        team = Team.objects.create(name=industry)
        condition = {"field": "industry", "op": "is", "value": industry}
        Rule.objects.create(
            name=industry, position=position, action="route_to_team", team=team, condition=condition
        )
        for number in (1, 2):
            skills = {"industry": [industry]} if number == 1 else {}
            reps.append(make_rep(f"{industry} {number}", team=team, max_open=2 * number, skills=skills))
    make_batch_policy(fallback=["round_robin", "hold"])
    return reps


@pytest.fixture
def _in_parts(settings: Any) -> None:
    settings.BATCH_SPLIT_FROM, settings.BATCH_PART_AT_LEAST = 1, 1


def given_to(batch: Batch) -> dict[str, str | None]:
    return {
        f"{item.opportunity.name} {item.opportunity.value}": item.rep.name if item.rep else None
        for item in batch.items.select_related("rep", "opportunity")
    }


def numbers_of(batch: Batch) -> list[tuple[Any, ...]]:
    names = ("position", "rep", "why_not", "score", "chance", "low", "turn_rep", "pair_chance")
    return list(batch.items.order_by("position").values_list(*names))


LEADS = INDUSTRIES * 5 + ("Energy", "Energy")


class TestSameAsAtOnce:
    def test_whoever_would_have_it_has_it(
        self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]], settings: Any
    ) -> None:
        for number, industry in enumerate(
            LEADS, start=1
        ):  # no two are worth the same, so one plan is the best
            wait(industry, value=1000 * number, currency="USD")
        at_once = planned()
        expected, numbers, found = given_to(at_once), numbers_of(at_once), at_once.found
        self._begin_anew(at_once)
        settings.BATCH_SPLIT_FROM, settings.BATCH_PART_AT_LEAST = 1, 1
        batch = planned()
        assert (at_once.found["parts"], batch.found["parts"]) == (1, 3)
        assert given_to(batch) == expected
        assert numbers_of(batch) == numbers
        same = ("gap", "verified", "count", "pairs", "reps", "is_chance", "loads")
        assert {name: batch.found[name] for name in same} == {name: found[name] for name in same}
        # each part has its own price of a slot near capacity
        assert batch.found["objective"] == pytest.approx(found["objective"], rel=0.01)
        assert (BatchPart.objects.count(), BatchPiece.objects.count()) == (0, 0)
        assert check_invariants().violations == []

    def _begin_anew(self, batch: Batch) -> None:
        """As before the first batch: everything waits, nobody had a turn."""
        QueueItem.objects.update(state=QueueItem.State.WITHDRAWN, resolved_at=RUN)
        Rep.objects.update(pending=0, pending_value=0, turn_finish=0)
        Team.objects.update(turn_clock=0)
        Opportunity.objects.update(routing="batch")
        assert batch.configuration is not None
        for item in batch.items.order_by("position"):
            BatchWait.objects.create(
                opportunity_id=item.opportunity_id,
                policy_name=batch.policy_name,
                configuration=batch.configuration,
                due_at=RUN,
                waiting_since=item.opportunity.accepted_at,
            )


@pytest.mark.usefixtures("_in_parts")
class TestInParts:
    def test_decisions_replay(self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]]) -> None:
        wait(*LEADS)
        planned()
        decisions = list(Decision.objects.all())
        assert len(decisions) == len(LEADS)
        assert [is_identical(one) for one in decisions] == [True] * len(LEADS)

    def test_is_planned_anew_around_edits(
        self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]], omar: User
    ) -> None:
        """Moved across the border, it ties both teams' parts together."""
        wait(*LEADS)
        batch = planned()
        item = batch.items.filter(opportunity__name__startswith="Energy", rep__isnull=False).first()
        other = Rep.objects.get(name="Retail 2")
        assert item is not None
        review.move(item_id=item.pk, rep_id=other.pk, by=omar, at=RUN)
        again = planned_anew(batch, omar)
        assert again.found["parts"] == 2
        assert again.items.get(pk=item.pk).rep == other
        assert again.items.count() == len(LEADS)
        assert check_invariants().violations == []
        everybody = review.confirm(batch_id=batch.pk, by=omar, at=RUN)
        assert (everybody.approved, everybody.conflicts) == (totals_of(again.items.all()).given, 0)
        assert check_invariants().violations == []

    def test_a_part_that_fails_fails_the_batch_and_nothing_is_published(
        self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait(*LEADS)
        (batch,) = open_due(at=RUN)
        positions = {
            pk: place for place, pk in enumerate(Opportunity.objects.values_list("pk", flat=True), 1)
        }
        moment = moment_of(batch, RUN)
        split = parts.split(batch, positions, moment, lambda *_: None)
        parts.hand_out(batch, split, moment)
        first, second, _ = BatchPart.objects.order_by("number")
        parts.plan_part(job_id=first.job_id)
        Job.objects.filter(pk=second.job_id or 0).update(state=Job.State.FAILED, error="The disk is full.")
        with pytest.raises(BatchRefused, match="The disk is full"):
            parts.see_through(batch, lambda *_: None)
        Job.objects.filter(pk=batch.job_id or 0).update(state=Job.State.FAILED, error="The disk is full.")
        assert settle(at=RUN) == 1
        assert (BatchPart.objects.count(), BatchPiece.objects.count()) == (0, 0)
        assert (Decision.objects.count(), QueueItem.objects.count()) == (0, 0)
        assert BatchWait.objects.count() == len(LEADS)

    def test_a_part_whose_worker_died_is_done_again(
        self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait(*LEADS)
        (batch,) = open_due(at=RUN)
        positions = {
            pk: place for place, pk in enumerate(Opportunity.objects.values_list("pk", flat=True), 1)
        }
        moment = moment_of(batch, RUN)
        parts.hand_out(batch, parts.split(batch, positions, moment, lambda *_: None), moment)
        died = BatchPart.objects.order_by("number")[1]
        Job.objects.filter(pk=died.job_id or 0).update(
            state=Job.State.RUNNING, heartbeat_at=timezone.now() - 2 * STOPPED_AFTER
        )
        parts.see_through(batch, lambda *_: None)
        died.refresh_from_db()
        assert died.tries == 2
        assert {part.job.state for part in BatchPart.objects.select_related("job")} == {"done"}

    def test_another_configuration_in_between_is_refused(
        self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]], publish: Callable[[], int]
    ) -> None:
        wait(*LEADS)
        (batch,) = open_due(at=RUN)
        positions = {
            pk: place for place, pk in enumerate(Opportunity.objects.values_list("pk", flat=True), 1)
        }
        moment = moment_of(batch, RUN)
        parts.hand_out(batch, parts.split(batch, positions, moment, lambda *_: None), moment)
        Rule.objects.filter(name="Energy").delete()
        publish()
        with pytest.raises(BatchRefused, match="changed while the batch was planned"):
            parts.see_through(batch, lambda *_: None)

    def test_cancelled_its_parts_stop(
        self, three_teams: list[Rep], wait: Callable[..., list[Opportunity]]
    ) -> None:
        wait(*LEADS)
        (batch,) = open_due(at=RUN)
        seen: list[str] = []

        def cancel_late(stage: str, done: int, total: int) -> None:
            seen.append(stage)
            if stage.startswith("The best for all together, in"):
                Job.objects.filter(pk=batch.job_id or 0).update(state=Job.State.CANCELLED)
                raise JobCancelled

        run_batch(job_id=batch.job_id or 0, now=RUN, echo=cancel_late)
        batch.refresh_from_db()
        assert (batch.state, Decision.objects.count(), BatchPart.objects.count()) == ("cancelled", 0, 0)
        assert Job.objects.filter(kind="batch_part").exclude(state="cancelled").count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_in_parts")
def test_two_workers_share_the_parts(three_teams: list[Rep], wait: Callable[..., list[Opportunity]]) -> None:
    wait(*LEADS)
    (batch,) = open_due(at=RUN)
    over = threading.Event()

    def other_worker() -> None:
        while not over.wait(0.01):
            job = Job.objects.filter(kind="batch_part", state=Job.State.QUEUED).order_by("-pk").first()
            if job is not None:
                parts.plan_part(job_id=job.pk)
        connection.close()

    worker = threading.Thread(target=other_worker)
    worker.start()
    run_batch(job_id=batch.job_id or 0, now=RUN)
    over.set()
    worker.join()
    batch.refresh_from_db()
    assert (batch.state, batch.error, batch.found["parts"]) == ("review", "", 3)
    assert batch.items.count() == len(LEADS)
    assert Job.objects.filter(kind="batch_part", state="done").count() == 3
    assert check_invariants().violations == []
