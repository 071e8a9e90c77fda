"""Figures for Prometheus: counted by the process, and read from the database in a fixed number of statements."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from crm.models import Opportunity
from operations import metrics
from operations.models import Incident, InvariantCheck, ProcessBeat
from operations.queries.figures import figures
from reps.models import CalendarFeed, Rep, User
from routing.models import OutboxMessage
from routing.services.decisions import route
from telemetry.metrics import Recent

pytestmark = pytest.mark.django_db
URL = "/api/v1/opportunities/"
FIGURE_QUERIES = 22
Read = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    metrics.SHARED.forget()


def read() -> Read:
    metrics.SHARED.forget()
    text = metrics.exposition().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def grown(before: Read, name: str, **labels: str) -> float:
    key = (name, tuple(sorted(labels.items())))
    return read().get(key, 0.0) - before.get(key, 0.0)


def decided(seen: Read) -> float:
    """Of all kinds."""
    return sum(value for (name, _), value in seen.items() if name == "routing_decisions_total")


class TestCounted:
    def test_leads_by_way_and_result(
        self, ana: Rep, omar: User, api: Callable[[User], APIClient], client: Client
    ) -> None:
        before, caller = read(), api(omar)
        caller.post(URL, {"name": "A", "external_id": "a-1"}, format="json")
        caller.post(URL, {"name": "A", "external_id": "a-1"}, format="json")
        caller.post(URL, {"value": "much"}, format="json")
        caller.post(f"{URL}bulk/", [{"name": "B"}, {"name": "C"}, {"value": "much"}], format="json")
        name = "routing_intake_leads_total"
        assert grown(before, name, way="api", result="accepted") == 1
        assert grown(before, name, way="api", result="repeated") == 1
        assert grown(before, name, way="api", result="refused") == 1
        assert grown(before, name, way="bulk", result="accepted") == 2
        assert grown(before, name, way="bulk", result="refused") == 1
        assert decided(read()) - decided(before) == 3
        assert grown(before, "routing_decision_seconds_count", path="one") == 1
        assert grown(before, "routing_decision_seconds_count", path="wave") == 1

    def test_requests_by_route(self, client: Client) -> None:
        before = read()
        client.get("/login/")
        client.get("/nothing/of/the/kind/")
        client.generic("BREW", "/login/")
        name = "routing_http_request_seconds_count"
        assert grown(before, name, route="login", method="GET", status="2xx") == 1
        assert grown(before, name, route="unmatched", method="GET", status="4xx") == 1
        assert grown(before, name, route="login", method="OTHER", status="4xx") == 1

    def test_recent_ones_are_those_of_the_last_minutes(self) -> None:
        recent = Recent(seconds=300)
        for now, failed in ((0.0, True), (200.0, False), (299.0, True)):
            recent.note(failed=failed, now=now)
        assert recent.counts(now=299.0) == (3, 2)
        assert recent.counts(now=301.0) == (2, 1)
        assert recent.counts(now=900.0) == (0, 0)


class TestShared:
    def test_tells_what_waits_how_old_it_is_and_who_lives(
        self, ana: Rep, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        now = timezone.now()
        route(opportunity_id=make_opportunity().pk)
        OutboxMessage.objects.all().delete()
        minute = datetime.timedelta(minutes=1)
        OutboxMessage.objects.create(topic="x", payload={}, created_at=now - 10 * minute)
        OutboxMessage.objects.create(topic="x", payload={}, dead_at=now)
        OrmQ.objects.create(key="routing", payload="", lock=now - 2 * minute)
        OrmQ.objects.create(key="routing", payload="", lock=now + 60 * minute)
        Schedule.objects.all().delete()
        Schedule.objects.create(name="late", func="x", next_run=now - 5 * minute)
        Schedule.objects.create(name="off", func="x", next_run=now - 5 * minute, repeats=0)
        ProcessBeat.objects.create(
            host="a", pid=1, kind="worker", started_at=now, last_seen_at=now - minute / 3, disk_free_bytes=20,
            disk_total_bytes=100,
        )  # fmt: skip
        InvariantCheck.objects.create(started_at=now, ended_at=now, rows=9, violations=2)
        Incident.objects.create(kind="disk", said="full", began_at=now, last_seen_at=now)
        broken = {"failures": 3, "failing_since": now - datetime.timedelta(days=9), "updated_at": now}
        CalendarFeed.objects.create(rep=ana, kind="address", **broken)
        seen = read()
        told = {name: value for (name, labels), value in seen.items() if not labels}
        assert (told["routing_outbox_waiting"], told["routing_outbox_oldest_seconds"] >= 600) == (1, True)
        assert seen["routing_outbox_dead", (("what", "events"),)] == 1
        assert seen["routing_queue_items", (("kind", "suggestion"),)] == 1
        assert seen["routing_queue_items", (("kind", "held"),)] == 0
        assert (told["routing_jobs_waiting"], told["routing_jobs_running"]) == (1, 1)
        assert 120 <= told["routing_jobs_oldest_seconds"] < 180
        assert told["routing_schedules_overdue"] == 1
        assert 20 <= told["routing_worker_heartbeat_age_seconds"] < 60
        assert seen["routing_processes", (("kind", "worker"),)] == 1
        assert told["routing_disk_free_ratio"] == 0.2
        assert told["routing_invariant_violations"] == 2
        assert (told["routing_calendar_feeds_failing"], told["routing_calendar_feeds_dead"]) == (1, 1)
        assert seen["routing_alarm_on", (("kind", "disk"),)] == 1
        assert seen["routing_alarm_on", (("kind", "worker"),)] == 0
        assert told["routing_database_size_bytes"] > 1e6
        assert told["routing_database_up"] == 1

    def test_asks_a_fixed_number_of_statements_whatever_there_is(
        self, ana: Rep, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        figures(timezone.now())  # the calendars' settings are made when they are asked for first
        for number in (1, 29):
            for _ in range(number):
                route(opportunity_id=make_opportunity().pk)
            with CaptureQueriesContext(connection) as asked:
                figures(timezone.now())
            assert len(asked) == FIGURE_QUERIES

    def test_is_read_every_ten_seconds_at_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        metrics.exposition()
        with CaptureQueriesContext(connection) as asked:
            metrics.exposition()
        assert len(asked) == 0

    def test_says_so_when_the_database_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.db import OperationalError

        def away(_: Any) -> Any:
            raise OperationalError("gone")

        monkeypatch.setattr(metrics, "figures", away)
        seen = read()
        assert seen["routing_database_up", ()] == 0
        assert ("process_cpu_seconds_total", ()) in seen

    def test_labels_name_nothing_but_kinds(self, client: Client, omar: User) -> None:
        client.force_login(omar)
        client.get("/opportunities/987654321/")
        metrics.SHARED.forget()
        assert "987654321" not in metrics.exposition().decode()
