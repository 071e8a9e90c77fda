"""Traces: nothing of them without a collector; with one, each request's steps and statements, without their values."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reps.models import ApiToken, Rep, User
from routing.services import outbox
from tests.config.test_stopping import ROOT, SECONDS, Server, start
from tests.telemetry.receiver import Receiver

__all__ = ["start"]  # the fixture
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MARK = "jo.marked-person@secret-company.example"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    kept = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", kept.address)
    yield kept
    kept.close()


@pytest.mark.django_db(transaction=True)
def test_request_is_a_trace_of_its_steps_without_values(
    receiver: Receiver, ana: Rep, omar: User, start: Callable[..., Server]
) -> None:
    server = start()
    _, token = ApiToken.objects.create(user=omar, name="traced")
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    lead = {"name": "Marked", "person": {"name": "Jo Marked-Person", "email": MARK}}
    headers = {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json", "Host": "localhost",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }  # fmt: skip
    asked.request("POST", "/api/v1/opportunities/", json.dumps(lead), headers)
    answer = asked.getresponse()
    assert answer.status == 201
    assert answer.headers["X-Request-ID"] == TRACE
    answer.read()
    asked.close()
    server.stop()
    server.process.wait(SECONDS)

    assert receiver.services == {"predictive-routing-web"}
    ours = [one for one in receiver.spans if one.trace_id.hex() == TRACE]
    by_name = {one.name: one for one in ours}
    request = by_name["POST api-opportunity-list"]
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert by_name["intake"].parent_span_id == request.span_id
    for step in ("look", "decide", "store"):
        assert by_name[step].parent_span_id == by_name["intake"].span_id, step
    statements = [one for one in ours if any(told.key == "db.statement" for told in one.attributes)]
    assert len(statements) > 5
    said = " ".join(str(one) for one in receiver.spans)
    assert "marked-person" not in said.lower()
    assert "secret-company" not in said.lower()

    [line] = [one for one in map(json.loads, server.log.read_text().splitlines()) if one["logger"] == "requests"
              and one["route"] == "api-opportunity-list"]  # fmt: skip
    assert (line["trace_id"], line["request_id"]) == (TRACE, TRACE)


def test_without_a_collector_nothing_is_imported(tmp_path: Path) -> None:
    program = (
        "import django, sys; django.setup(); import routing.services.intake, operations.jobs; "
        "ours = ('opentelemetry.exporter', 'opentelemetry.instrumentation', 'opentelemetry.sdk.trace'); "
        "print([name for name in sys.modules if name.startswith(ours)])"  # redis brings parts of the rest
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


JOB = """
import django; django.setup()
from operations import jobs
from telemetry import traces
from routing.services import outbox
from django.utils import timezone
task = {"id": "t", "func": "routing.jobs.deliver_outbox", "success": True}
jobs.begun(task=task)
outbox.deliver_due(at=timezone.now())
jobs.ended(task=task)
traces.flush_traces()
"""


@pytest.mark.django_db(transaction=True)
def test_job_is_a_trace_with_its_sending(receiver: Receiver, ana: Rep) -> None:
    from django.utils import timezone

    from tests.config.test_stopping import database_url

    payload = {"rep_id": ana.pk, "text": "A lead", "opportunity_id": None}
    outbox.tell("opportunities.given", payload, at=timezone.now())
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url()}
    done = subprocess.run(
        [sys.executable, "-c", JOB], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    by_name = {one.name: one for one in receiver.spans}
    job = by_name["job routing.jobs.deliver_outbox"]
    assert by_name["outbox"].trace_id == job.trace_id
    assert by_name["outbox"].parent_span_id == job.span_id
