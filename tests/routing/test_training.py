"""Training on the database: read, learned, registered, rolled back; refused in words; never twice at once."""

import datetime
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from crm.models import Assignment, CustomField, ImportRun, Opportunity
from reps.models import Job, Rep, User
from routing import jobs
from routing.engine.ladder import decide
from routing.engine.learning.dataset import DISQUALIFIED, LOST, WON
from routing.engine.trace import digest
from routing.models import Decision, ModelEvent, ModelSettings, ModelVersion, Override, OverrideReason
from routing.queries.deals import load_history
from routing.queries.inputs import stored_inputs
from routing.queries.models import champion_version, readiness
from routing.services import training
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from routing.services.queue import reject
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
TODAY = NOW.date()


def trained(as_of: datetime.date = TODAY) -> ModelVersion:
    return training.train_at_once(as_of=as_of, at=NOW)


class TestReading:
    def test_reads_what_closed_before_the_day_within_the_window(
        self, close_deals: Callable[..., Any]
    ) -> None:
        close_deals(40)
        close_deals(
            3, closed_at=NOW - datetime.timedelta(days=500), opened_at=NOW - datetime.timedelta(days=520)
        )
        close_deals(2, closed_at=NOW + datetime.timedelta(days=1))
        close_deals(5, stage="disqualified")
        close_deals(1, owner=None)
        history = load_history(as_of=TODAY, settings=ModelSettings())
        outcomes = [deal.outcome for deal in history.deals]
        assert outcomes.count(DISQUALIFIED) == 5
        assert outcomes.count(WON) + outcomes.count(LOST) == 40
        assert len(history.earlier) == 3
        assert {deal.touch_hours for deal in history.deals} == {3.0}
        assert {round(deal.cycle_days) for deal in history.deals} == {30}

    def test_a_converted_lead_was_a_lead_when_it_was_routed(self, close_deals: Callable[..., Any]) -> None:
        close_deals(1, kind="deal", converted_at=NOW - datetime.timedelta(days=50))
        [deal] = load_history(as_of=TODAY, settings=ModelSettings()).deals
        assert deal.facts.kind == "lead"

    def test_load_then_is_counted_from_the_spans_of_the_others(
        self, ana: Rep, make_opportunity: Make
    ) -> None:
        first = NOW - datetime.timedelta(days=100)
        made = Opportunity.objects.bulk_create(
            Opportunity(
                name=f"D{i}",
                stage="won",
                owner=ana,
                opened_at=first,
                closed_at=first + datetime.timedelta(days=9),
            )
            for i in range(4)
        )
        run = ImportRun.objects.create()
        for i, deal in enumerate(made):
            at = first + datetime.timedelta(hours=i)
            Assignment.objects.create(
                opportunity=deal, rep=ana, source="import", import_run=run, assigned_at=at
            )
        history = load_history(as_of=TODAY, settings=ModelSettings())
        assert sorted(deal.load_share for deal in history.deals) == [i / ana.max_open for i in range(4)]

    def test_undated_deals_are_read_once_and_flagged(self, close_deals: Callable[..., Any]) -> None:
        close_deals(4, dates_known=False)
        deals = load_history(as_of=TODAY, settings=ModelSettings()).deals
        assert [(deal.opened, deal.closed) for deal in deals] == [(None, None)] * 4

    def test_the_number_of_queries_does_not_grow_with_the_deals(
        self, close_deals: Callable[..., Any], django_assert_num_queries: Any
    ) -> None:
        close_deals(3)
        load_history(as_of=TODAY, settings=ModelSettings())
        for count in (10, 60):
            close_deals(count)
            with django_assert_num_queries(15):
                load_history(as_of=TODAY, settings=ModelSettings())


class TestFeedback:
    def test_counts_rejections_about_fit_while_the_outcome_is_open(
        self, ben: User, make_opportunity: Make, close_deals: Callable[..., Any]
    ) -> None:
        about_fit = OverrideReason.objects.filter(is_about_fit=True).first()
        other = OverrideReason.objects.filter(is_about_fit=False).first()
        for reason in (about_fit, about_fit, other, None):
            decision = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
            assert decision is not None
            reject(item_id=decision.queue_items.get().pk, by=ben, at=NOW, reason=reason)
        day = TODAY + datetime.timedelta(days=1)
        told = load_history(as_of=day, settings=ModelSettings()).feedback
        assert [(row.reason, row.weight) for row in told] == [(about_fit.label, 0.25)] * 2
        record_outcome(
            opportunity_id=Override.objects.order_by("pk")[0].opportunity_id, stage="lost", at=NOW, by=ben
        )
        assert len(load_history(as_of=day, settings=ModelSettings()).feedback) == 1
        assert load_history(as_of=day, settings=ModelSettings(override_weight=0)).feedback == ()


class TestRegistry:
    def test_a_model_that_learned_becomes_champion_and_decides(
        self, ana: Rep, bo: Rep, make_opportunity: Make, close_deals: Callable[..., Any]
    ) -> None:
        close_deals()
        version = trained()
        assert (version.number, version.state, version.kind) == (2, "champion", "learned")
        assert champion_version() == version
        event = ModelEvent.objects.get()
        assert (event.kind, event.model, event.champion_before.number) == ("promoted", version, 1)
        decision = route(opportunity_id=make_opportunity(industry="Energy").pk, at=NOW)
        assert decision is not None
        assert (decision.rep_id, decision.model) == (bo.pk, version)
        assert decision.win_probability is not None
        assert decision.win_probability_low is not None
        assert decision.win_probability_low <= decision.win_probability
        assert decision.trace["evidence"]["rep_industry"][0] == "Energy"

    def test_old_decisions_replay_with_their_old_model(
        self, ana: Rep, bo: Rep, make_opportunity: Make, close_deals: Callable[..., Any]
    ) -> None:
        close_deals()
        made = []
        for _ in range(3):
            made.append(route(opportunity_id=make_opportunity(industry="Energy").pk, at=NOW))
            trained()
        assert [decision.model.number for decision in made] == [1, 2, 3]
        for decision in Decision.objects.all():
            assert digest(decide(stored_inputs(decision))) == decision.result_digest

    def test_rolls_back_and_logs_who_and_why(self, ben: User, close_deals: Callable[..., Any]) -> None:
        close_deals()
        version = trained()
        first = ModelVersion.objects.get(number=1)
        training.roll_back(to=first, by=ben, at=NOW, note="Let us wait")
        assert champion_version() == first
        version.refresh_from_db()
        assert version.state == "retired"
        event = ModelEvent.objects.first()
        assert (event.kind, event.model, event.by, event.note) == ("rolled_back", first, ben, "Let us wait")
        with pytest.raises(training.CannotRollBack, match="Model 1 decides already"):
            training.roll_back(to=first, by=ben, at=NOW)
        training.roll_back(to=version, by=ben, at=NOW)
        assert champion_version() == version

    def test_a_rejected_model_is_kept_with_its_report_and_cannot_decide(
        self, ben: User, close_deals: Callable[..., Any]
    ) -> None:
        close_deals()
        result, champion = training.learn(as_of=TODAY, say=lambda *told: None)
        other = trained()  # another training was faster
        version = training.register(result, champion=champion, as_of=TODAY, job_id=None, at=NOW)
        assert version.state == "rejected"
        assert version.report["trained_on"]["deals"] == 240
        assert champion_version() == other
        assert ModelEvent.objects.first().note == "Another model became champion meanwhile."
        with pytest.raises(training.CannotRollBack, match="was rejected"):
            training.roll_back(to=version, by=ben, at=NOW)

    def test_models_and_events_are_history(self, close_deals: Callable[..., Any]) -> None:
        close_deals()
        version = trained()
        for change in (
            lambda: ModelVersion.objects.filter(pk=version.pk).update(artifact={}),
            lambda: ModelEvent.objects.update(note="It never happened"),
        ):
            with pytest.raises(DatabaseError, match="is history"), transaction.atomic():
                change()


class TestTrust:
    def test_trust_in_tags_changes_the_rules_at_once_and_is_logged(
        self, omar: User, ana: Rep, bo: Rep, make_opportunity: Make
    ) -> None:
        before = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
        training.save_model_settings(values={"tag_trust": 3.0}, by=omar)
        version = champion_version()
        assert (version.number, version.kind, version.artifact["effects"]["industry_tag"]) == (
            2,
            "rules",
            0.6,
        )
        assert ModelEvent.objects.get().note == "Declared tags are believed 3 times as much as shipped."
        after = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
        assert before is not None
        assert after is not None
        assert (after.score or 0) > (before.score or 0)
        training.save_model_settings(values={"months": 18}, by=omar)
        assert champion_version() == version

    def test_a_learned_champion_stays_until_the_next_training(self, close_deals: Callable[..., Any]) -> None:
        close_deals()
        version = trained()
        training.save_model_settings(values={"tag_trust": 0.0})
        assert champion_version() == version


class TestRefusals:
    def test_below_a_hundred_deals_rules_decide_and_what_is_missing_is_said(
        self, close_deals: Callable[..., Any]
    ) -> None:
        close_deals(60)
        found = readiness(TODAY)
        assert (found.closed, found.missing) == (60, 40)
        out = io.StringIO()
        with pytest.raises(
            CommandError, match="60 won and lost deals with an owner in 12 months; 100 are needed"
        ):
            call_command("train_model", "--json", "--as-of", TODAY.isoformat(), stdout=out)
        assert json.loads(out.getvalue().splitlines()[-1])["state"] == "failed"
        assert champion_version().number == 1
        assert ModelEvent.objects.get().kind == "refused"

    def test_a_leaked_outcome_is_named_and_the_champion_stays(self, close_deals: Callable[..., Any]) -> None:
        CustomField.objects.create(key="loss_reason", label="Loss reason", type="text", is_model_input=True)
        for deal in close_deals(200):
            deal.custom = {"loss_reason": "Price" if deal.stage == "lost" else ""}
            deal.save(update_fields=["custom"])
        with pytest.raises(CommandError, match="“Loss reason” gives the outcome away"):
            call_command("train_model", "--as-of", TODAY.isoformat(), stdout=io.StringIO())
        assert champion_version().number == 1
        CustomField.objects.update(is_model_input=False)
        call_command("train_model", "--as-of", TODAY.isoformat(), stdout=io.StringIO())
        assert champion_version().number == 2

    @pytest.mark.parametrize("day", ["yesterday", "2026-13-01"])
    def test_a_day_that_is_none_is_refused(self, day: str) -> None:
        with pytest.raises(CommandError, match=r"--as-of: “.*” is no date"):
            call_command("train_model", "--as-of", day)

    def test_learns_only_from_what_had_closed_before_the_day(self, close_deals: Callable[..., Any]) -> None:
        close_deals()
        out = io.StringIO()
        day = TODAY - datetime.timedelta(days=60)
        call_command("train_model", "--as-of", day.isoformat(), stdout=out)
        version = ModelVersion.objects.get(number=2)
        assert version.as_of == day
        assert version.report["trained_on"]["deals"] < 240
        assert "Model 2 is the champion now." in out.getvalue()


class TestOneAtATime:
    def test_two_trainings_cannot_be_under_way(self, omar: User) -> None:
        job = training.request_training(by=omar)
        with pytest.raises(training.TrainingUnderWay) as refused:
            training.request_training(by=omar)
        assert refused.value.job == job
        jobs.every_week()  # does not mind
        assert Job.objects.filter(kind="training").count() == 1

    def test_a_training_asked_for_twice_by_the_queue_runs_once(
        self, omar: User, close_deals: Callable[..., Any]
    ) -> None:
        close_deals()
        job = training.open_training(by=omar)
        for _ in range(2):
            training.run_training(job_id=job.pk, as_of=TODAY)
        job.refresh_from_db()
        assert (job.state, job.result["model"]) == ("done", 2)
        assert ModelVersion.objects.count() == 2
        assert ModelEvent.objects.get().by == omar

    def test_a_training_whose_worker_died_is_shown_and_begun_again(self, omar: User) -> None:
        job = training.request_training(by=omar)
        at = timezone.now()
        Job.objects.filter(pk=job.pk).update(state="running", heartbeat_at=at - datetime.timedelta(minutes=2))
        again = training.restart_stopped_training(at=at)
        job.refresh_from_db()
        assert (job.state, job.error[:18]) == ("failed", "The worker stopped")
        assert again is not None
        assert (again.state, again.requested_by, again.result) == ("queued", omar, {"restarts": 1})

    def test_it_gives_up_after_a_few_times(self, omar: User) -> None:
        job = training.request_training(by=omar)
        at = timezone.now()
        for restarts in range(1, training.RESTARTS + 1):
            Job.objects.filter(pk=job.pk).update(
                state="running", heartbeat_at=at - datetime.timedelta(minutes=2)
            )
            again = training.restart_stopped_training(at=at)
            assert again is not None
            assert again.result == {"restarts": restarts}
            job = again
        Job.objects.filter(pk=job.pk).update(state="running", heartbeat_at=at - datetime.timedelta(minutes=2))
        assert training.restart_stopped_training(at=at) is None

    def test_a_training_that_no_worker_takes_up_does_not_block_for_ever(self, omar: User) -> None:
        job = training.request_training(by=omar)
        later = timezone.now() + training.FORGOTTEN_AFTER + datetime.timedelta(minutes=1)
        again = training.restart_stopped_training(at=later)
        job.refresh_from_db()
        assert (job.state, job.error) == ("failed", "No worker took it up.")
        assert again is not None

    def test_a_training_that_runs_is_left_alone(self, omar: User) -> None:
        job = training.request_training(by=omar)
        at = timezone.now()
        Job.objects.filter(pk=job.pk).update(state="running", heartbeat_at=at)
        assert training.restart_stopped_training(at=at) is None

    def test_trains_every_week_by_schedule(self) -> None:
        schedule = Schedule.objects.get(name="Every week")
        assert (schedule.func, schedule.schedule_type) == ("routing.jobs.every_week", Schedule.WEEKLY)
        jobs.every_week()
        assert Job.objects.get(kind="training").requested_by is None
        assert OrmQ.objects.count() == 1
