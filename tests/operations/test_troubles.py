"""Alarms of operations: planted trouble begins one, is told once, and its end ends it after some quiet minutes."""

import datetime
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from analytics.models import Alarm
from crm.models import Opportunity
from operations.engine.troubles import Bound, intake_fails
from operations.models import Backup, Incident, InvariantCheck, ProcessBeat
from operations.services import beats, invariants
from operations.services.running import first_line, note_run
from operations.services.troubles import look_for_trouble
from reps.models import CalendarFeed, Rep, User
from routing.models import AutomationChange, ModelVersion, Notification, OutboxMessage
from routing.services import outbox

pytestmark = pytest.mark.django_db
MINUTE = datetime.timedelta(minutes=1)
Kind = Incident.Kind


@pytest.fixture
def now() -> datetime.datetime:
    """A worker lives and has nothing overdue."""
    at = timezone.now()
    Schedule.objects.update(next_run=at + 9999 * MINUTE)
    living(at)
    return at


def living(at: datetime.datetime, **values: Any) -> None:
    fixed = {
        "kind": "worker",
        "started_at": at,
        "last_seen_at": at,
        "disk_free_bytes": 50,
        "disk_total_bytes": 100,
    }
    ProcessBeat.objects.update_or_create(host="there", pid=7, defaults=fixed | values)


def look(at: datetime.datetime, **beat: Any) -> list[str]:
    """With a living worker, whose courier has delivered what told of alarms."""
    living(at, **beat)
    told = OutboxMessage.objects.filter(topic="alarm.operations", created_at__lt=at - 2 * MINUTE)
    told.update(delivered_at=at)
    return look_for_trouble(at=at)


def old_message(at: datetime.datetime) -> None:
    OutboxMessage.objects.create(topic="capacity.freed", payload={}, created_at=at - 6 * MINUTE)


class TestEpisode:
    def test_nothing_wrong_begins_nothing(self, now: datetime.datetime) -> None:
        assert look(now) == []

    def test_is_told_once_to_admins_and_to_nobody_else(
        self, now: datetime.datetime, ada: User, omar: User, nia: User
    ) -> None:
        old_message(now)
        assert look(now) == ["outbox"]
        assert look(now + MINUTE) == []
        assert OutboxMessage.objects.filter(topic="alarm.operations").count() == 1
        outbox.deliver_due(at=now)
        [line] = Notification.objects.filter(kind="alarms")
        assert line.user == ada
        assert line.text.startswith("Messages do not go out: Messages: 1 wait, the oldest for 6 min.")
        assert line.path == "/status/"

    def test_ends_after_five_quiet_minutes_and_a_new_one_is_told_anew(
        self, now: datetime.datetime, ada: User
    ) -> None:
        old_message(now)
        look(now)
        OutboxMessage.objects.all().delete()
        look(now + 4 * MINUTE)
        assert Incident.objects.get().ended_at is None
        look(now + 5 * MINUTE)
        assert Incident.objects.get().ended_at == now + 5 * MINUTE
        old_message(now + 6 * MINUTE)
        assert look(now + 6 * MINUTE) == ["outbox"]
        assert Incident.objects.count() == 2

    def test_trouble_that_comes_and_goes_is_one_episode(self, now: datetime.datetime, ada: User) -> None:
        for minute in range(0, 40, 4):
            OutboxMessage.objects.all().delete()
            if minute % 8 == 0:
                old_message(now + minute * MINUTE)
            look(now + minute * MINUTE)
        assert Incident.objects.get().ended_at is None

    def test_between_its_two_bounds_it_goes_on(self, now: datetime.datetime) -> None:
        message = OutboxMessage.objects.create(topic="x", payload={}, created_at=now - 2 * MINUTE)
        assert look(now) == []
        OutboxMessage.objects.filter(pk=message.pk).update(created_at=now - 6 * MINUTE)
        look(now)
        OutboxMessage.objects.filter(pk=message.pk).update(created_at=now + 8 * MINUTE)
        look(now + 10 * MINUTE)
        assert Incident.objects.get().ended_at is None


class TestKinds:
    def test_message_given_up_within_the_hour(self, now: datetime.datetime) -> None:
        dead = OutboxMessage.objects.create(topic="x", payload={}, dead_at=now - 90 * MINUTE)
        assert look(now) == []
        OutboxMessage.objects.filter(pk=dead.pk).update(dead_at=now - 10 * MINUTE)
        assert look(now) == ["outbox"]

    def test_intake_that_fails(self, now: datetime.datetime) -> None:
        assert look(now, intake_requests=1000, intake_failed=20) == []
        assert look(now, intake_requests=1000, intake_failed=60) == ["intake"]
        said = "60 of 1,000 requests with leads were answered with our error in the last five minutes."
        assert Incident.objects.get().said == said

    def test_lead_that_is_accepted_and_not_decided(
        self, now: datetime.datetime, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        pk = make_opportunity().pk
        Opportunity.objects.filter(pk=pk).update(routing_since=now - MINUTE)
        assert look(now) == []
        Opportunity.objects.filter(pk=pk).update(routing_since=now - 3 * MINUTE)
        assert look(now) == ["undecided"]

    def test_not_while_automation_is_paused(
        self, now: datetime.datetime, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        Opportunity.objects.filter(pk=make_opportunity().pk).update(routing_since=now - 30 * MINUTE)
        AutomationChange.objects.create(state="paused", at=now - 40 * MINUTE)
        assert look(now) == []

    def test_worker_that_is_silent_with_work_waiting(self, now: datetime.datetime) -> None:
        ProcessBeat.objects.update(last_seen_at=now - 2 * MINUTE)
        assert look_for_trouble(at=now) == []  # nothing waits
        OrmQ.objects.create(key="routing", payload="", lock=now - 2 * MINUTE)
        assert look_for_trouble(at=now) == ["worker"]
        OrmQ.objects.all().delete()
        look(now + 10 * MINUTE)
        assert Incident.objects.get().ended_at is not None

    def test_worker_that_lives_and_does_not_get_round(self, now: datetime.datetime) -> None:
        waits = OrmQ.objects.create(key="routing", payload="", lock=now - 14 * MINUTE)
        assert look(now) == []
        OrmQ.objects.filter(pk=waits.pk).update(lock=now - 16 * MINUTE)
        assert look(now) == ["worker"]
        assert Incident.objects.get().said == "Workers live, but 1 job has to wait, the oldest for 16 min."

    def test_worker_that_never_was(self, now: datetime.datetime) -> None:
        ProcessBeat.objects.all().delete()
        Schedule.objects.update(next_run=now - 4 * MINUTE)
        assert look_for_trouble(at=now) == ["worker"]
        assert Incident.objects.get().said.startswith("No worker was ever seen, and work waits")

    def test_calendars_that_cannot_be_read(self, now: datetime.datetime, ana: Rep) -> None:
        common = {"rep": ana, "kind": "address", "updated_at": now}
        for _ in range(8):
            CalendarFeed.objects.create(**common)
        CalendarFeed.objects.create(**common, failures=1, failing_since=now - datetime.timedelta(days=3))
        assert look(now) == ["calendars"]
        CalendarFeed.objects.update(failures=0, failing_since=None)
        look(now + 6 * MINUTE)
        assert Incident.objects.get().ended_at is not None

    def test_model_that_is_old_or_drifts(self, now: datetime.datetime) -> None:
        champion = ModelVersion.objects.get()
        ModelVersion.objects.filter(pk=champion.pk).update(created_at=now - datetime.timedelta(days=61))
        assert look(now) == []  # rules do not grow old
        ModelVersion.objects.filter(pk=champion.pk).update(kind="learned")
        assert look(now) == ["model"]
        Incident.objects.all().delete()
        ModelVersion.objects.filter(pk=champion.pk).update(created_at=now - datetime.timedelta(days=59))
        assert look(now) == []
        Alarm.objects.create(kind="calibration", began_at=now, evidence={})
        assert look(now) == ["model"]

    def test_guarantee_that_is_broken_until_a_check_finds_it_whole(
        self, now: datetime.datetime, ana: Rep
    ) -> None:
        assert invariants.check_guarantees(at=now).violations == 0
        Rep.objects.filter(pk=ana.pk).update(load=5)
        check = invariants.check_guarantees(at=now + MINUTE)
        assert check.violations == 1
        assert check.named[0].startswith("load is open opportunities owned: rep")
        assert look(now + MINUTE) == ["invariant"]
        Rep.objects.filter(pk=ana.pk).update(load=0)
        invariants.check_guarantees(at=now + 2 * MINUTE)
        look(now + 8 * MINUTE)
        assert Incident.objects.get().ended_at is not None

    def test_disk_that_is_nearly_full(self, now: datetime.datetime) -> None:
        assert look(now, disk_free_bytes=6) == []
        assert look(now, disk_free_bytes=4) == ["disk"]
        look(now + 10 * MINUTE, disk_free_bytes=7)
        assert Incident.objects.get().ended_at is None  # 93 % is below the first bound, above the second
        look(now + 20 * MINUTE, disk_free_bytes=20)
        assert Incident.objects.get().ended_at is not None


class TestEngine:
    def test_bound_is_passed_upwards_and_left_downwards(self) -> None:
        bound = Bound(10, 5)
        assert [bound.holds(value, is_on=False) for value in (4, 6, 10, 11)] == [False, False, False, True]
        assert [bound.holds(value, is_on=True) for value in (4, 6, 10, 11)] == [False, True, True, True]

    def test_few_failures_say_nothing(self) -> None:
        assert not intake_fails(0, 0, is_on=False)
        assert not intake_fails(2, 2, is_on=False)
        assert intake_fails(3, 3, is_on=False)
        assert not intake_fails(100, 5, is_on=False)
        assert intake_fails(100, 2, is_on=True)


class TestRuns:
    def test_failure_keeps_the_last_success_and_success_ends_a_row_of_failures(
        self, now: datetime.datetime
    ) -> None:
        from operations.models import JobRun

        note_run(func="a.b", started=now, ended=now, error=None)
        for ahead in (1, 2):
            later = now + ahead * MINUTE
            note_run(func="a.b", started=later, ended=later, error="no jo@x.example : Traceback (most …")
        run = JobRun.objects.get()
        assert (run.failures, run.last_worked_at, run.last_failed_at) == (2, now, now + 2 * MINUTE)
        assert run.last_error == "no …@…"
        note_run(func="a.b", started=now + 3 * MINUTE, ended=now + 3 * MINUTE, error=None)
        run = JobRun.objects.get()
        assert (run.failures, run.last_worked_at, run.last_error) == (0, now + 3 * MINUTE, "no …@…")

    def test_first_line_of_an_error_without_words(self) -> None:
        assert first_line(" : Traceback (most recent call last)") == "No words with it."


class TestBeats:
    def test_process_says_that_it_lives_and_takes_it_back(self, now: datetime.datetime) -> None:
        beats.beat(kind="web", at=now)
        beats.beat(kind="web", at=now + MINUTE)
        found = ProcessBeat.objects.get(kind="web")
        assert found.last_seen_at == now + MINUTE
        assert 0 < found.disk_free_bytes < found.disk_total_bytes
        beats.say_goodbye()
        assert not ProcessBeat.objects.filter(kind="web").exists()

    def test_one_that_was_killed_is_replaced_by_the_next_of_its_kind(self, now: datetime.datetime) -> None:
        for kind in ("web", "worker"):
            ProcessBeat.objects.create(
                host=beats.host(), pid=4_000_000 + len(kind), kind=kind, started_at=now, last_seen_at=now
            )
        beats.Heart("web").turn(0)
        assert sorted(one.pid > 4_000_000 for one in ProcessBeat.objects.filter(host=beats.host())) == [
            False,
            True,
        ]

    def test_silent_ones_are_forgotten_after_a_day(self, now: datetime.datetime) -> None:
        living(now - datetime.timedelta(days=2))
        beats.forget_silent(at=now)
        assert not ProcessBeat.objects.exists()

    def test_whoever_finds_the_worker_silent_tells_in_its_place(
        self, now: datetime.datetime, ada: User
    ) -> None:
        ProcessBeat.objects.all().delete()
        OrmQ.objects.create(key="routing", payload="", lock=now - 2 * MINUTE)
        beats.Heart("web").turn(beats.LOOKS_EVERY - 1)
        assert Notification.objects.get(user=ada).text.startswith("No worker works: No worker was ever seen")


def test_kept_checks_are_the_last_ones(now: datetime.datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "KEPT", 2)
    for ahead in range(4):
        invariants.check_guarantees(at=now + ahead * MINUTE)
    assert [one.started_at for one in InvariantCheck.objects.all()] == [now + 3 * MINUTE, now + 2 * MINUTE]


class TestBackups:
    def test_one_that_is_too_old_or_failed_first_is_an_alarm(
        self, now: datetime.datetime, settings: SimpleNamespace
    ) -> None:
        Backup.objects.create(began_at=now - 31 * 60 * MINUTE, ended_at=now - 30 * 60 * MINUTE, place="x")
        assert look(now) == []  # nobody asked for regular ones
        settings.BACKUP_DIRECTORY = "/backups"
        assert look(now) == ["backup"]
        assert Incident.objects.get().said == "The last backup is 31 h old."
        Backup.objects.create(began_at=now - MINUTE, ended_at=now, place="x")
        look(now + MINUTE)
        assert Incident.objects.get().last_seen_at == now

    def test_the_first_is_waited_for_and_its_failure_told(
        self, now: datetime.datetime, settings: SimpleNamespace
    ) -> None:
        settings.BACKUP_DIRECTORY = "/backups"
        assert look(now) == []
        Backup.objects.create(began_at=now, ended_at=now, place="/backups", error="No space left.")
        assert look(now) == ["backup"]
        assert "There is no backup yet. The last try failed: No space left." in Incident.objects.get().said
