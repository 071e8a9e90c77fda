"""The log: every line says what it belongs to, and no line says who somebody is."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient
from structlog.contextvars import clear_contextvars

from operations import jobs
from reps.models import Rep, User
from routing.models import Decision
from routing.services import decisions
from telemetry.context import about, request_id
from telemetry.logs import Line, shown_path, without_people
from tests.conftest import user_of

URL = "/api/v1/opportunities/"
MARK = "jo.marked-person@secret-company.example"
Api = Callable[[User], APIClient]


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["logger"] == logger]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """All that is logged from INFO on, as JSON."""
    kept = Lines()
    handler = logging.StreamHandler(kept.stream)
    handler.setFormatter(Line("json"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield kept
    root.setLevel(before)
    root.removeHandler(handler)


class TestRequestId:
    @pytest.mark.parametrize("given", ["abcdef", "0f8fad5b-d9cb-469f-a165-70867728950e", "A.b_c-9" * 9])
    def test_callers_own_is_taken(self, given: str) -> None:
        assert request_id(given, "") == given

    @pytest.mark.parametrize(
        "given", ["", "short", "x" * 65, "with space", "a\nb-cdef", 'a"b-cd', "é" * 8, "-abcd"]
    )
    def test_what_is_none_gives_way_to_a_new_one(self, given: str) -> None:
        assert re.fullmatch(r"[0-9a-f]{32}", request_id(given, ""))

    def test_that_of_a_trace_is_taken(self) -> None:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        assert request_id("", f"00-{trace}-00f067aa0ba902b7-01") == trace
        assert request_id("", f"00-{'0' * 32}-00f067aa0ba902b7-01") != "0" * 32
        assert len(request_id("", f"00-{trace}-junk")) == 32


class TestWithoutPeople:
    def test_addresses_rows_and_secrets_are_taken_out(self) -> None:
        said = (
            f'duplicate key value violates unique constraint "x"\nDETAIL:  Key (email)=({MARK}) already exists.\n'
            f"mail to <{MARK}>; Authorization: Bearer abcdefghijklmnop; https://me:pass@word@host.example/x"
        )
        shown = without_people(said)
        assert shown == (
            'duplicate key value violates unique constraint "x"\nDETAIL: left out\n'
            "mail to <…@…>; Authorization: Bearer …; https://…/x"
        )

    def test_other_text_stays_as_it_is(self) -> None:
        said = "opportunity 5, round 2: the token of 3 reps @ noon"
        assert without_people(said) == said

    def test_path_has_no_keys(self) -> None:
        assert shown_path("/forms/abcdefghijklmnopqrstuvwxyz012345/") == "/forms/…/"
        assert shown_path("/opportunities/12/") == "/opportunities/12/"
        assert len(shown_path("/" + "a/" * 1000)) == 300


@pytest.mark.django_db
class TestRequests:
    def test_one_line_each_with_who_what_and_how_long(self, client: Client, omar: User, lines: Lines) -> None:
        client.force_login(omar)
        answer = client.get("/queue/?q=somebody", headers={"X-Request-ID": "call-0001"})
        assert answer["X-Request-ID"] == "call-0001"
        [line] = lines.of("requests")
        assert line.pop("ms") > 0
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "GET /queue/",
            "request_id": "call-0001",
            "route": "queue",
            "status": 200,
            "user_id": omar.pk,
            "logger": "requests",
            "level": "info",
        }

    def test_nobody_is_looked_up_for_a_line(self, client: Client, lines: Lines) -> None:
        assert client.get("/no-such-page/").status_code == 404
        [line] = lines.of("requests")
        assert (line["route"], line["status"], line["user_id"]) == ("unmatched", 404, None)

    def test_next_request_has_another_id_and_nothing_of_the_one_before(
        self, ana: Rep, omar: User, api: Api, lines: Lines
    ) -> None:
        api(omar).post(URL, {"name": "X"}, format="json")
        api(omar).get(URL)
        first, second = lines.of("requests")
        assert first["request_id"] != second["request_id"]
        assert "decision_id" in first
        assert "decision_id" not in second

    def test_error_of_a_page_says_whose_it_is_and_keeps_keys_to_itself(
        self, client: Client, omar: User, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_: Any) -> Any:
            raise ValueError(f"nothing of {MARK}")

        monkeypatch.setattr("operations.views.status.status", breaks)
        client.raise_request_exception = False
        client.force_login(user_of("Ada", "admin"))
        answer = client.get("/status/?who=me")
        assert answer.status_code == 500
        [error] = lines.of("django.request")
        assert error["event"] == "Internal Server Error: /status/"
        assert error["request_id"] == answer["X-Request-ID"]
        assert error["exception"].endswith("ValueError: nothing of …@…")

    def test_lead_leaves_ids_and_no_person(self, ana: Rep, omar: User, api: Api, lines: Lines) -> None:
        lead = {"name": "Marked", "person": {"name": "Jo Marked-Person", "email": MARK}}
        body = api(omar).post(URL, lead, format="json").json()
        [line] = lines.of("requests")
        decision = Decision.objects.get()
        assert (line["opportunity_id"], line["decision_id"]) == (body["id"], decision.pk)
        assert line["route"] == "api-opportunity-list"
        refused = api(omar).post(URL, {**lead, "value": MARK}, format="json")
        assert refused.status_code == 400
        told = lines.stream.getvalue().lower()
        assert "marked-person" not in told
        assert "secret-company" not in told

    def test_failure_of_a_decision_tells_its_trouble_without_the_person(
        self, ana: Rep, omar: User, api: Api, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_: Any) -> Any:
            raise ValueError(f"cannot score {MARK}")

        monkeypatch.setattr(decisions, "decide", breaks)
        answer = api(omar).post(URL, {"name": "X", "person": {"name": "Jo", "email": MARK}}, format="json")
        assert answer.status_code == 201
        errors = [line for line in lines.all() if line["level"] == "error"]
        assert errors
        assert {line["request_id"] for line in errors} == {answer["X-Request-ID"]}
        assert "cannot score …@…" in errors[0]["exception"]
        assert MARK not in lines.stream.getvalue()


@pytest.mark.django_db
def test_lines_of_a_job_name_it(lines: Lines) -> None:
    task = {
        "id": "t1",
        "func": "operations.jobs.check_guarantees",
        "started": None,
        "success": True,
        "result": 0,
    }
    jobs.begun(task=task)
    logging.getLogger("within").info("at work")
    jobs.ended(task=task)
    logging.getLogger("within").info("over")
    within, over = lines.of("within")
    assert (within["job"], within["task_id"]) == ("operations.jobs.check_guarantees", "t1")
    assert "job" not in over
    assert lines.of("jobs")[0]["worked"] is True


def test_text_for_a_terminal_is_a_readable_line() -> None:
    clear_contextvars()
    record = logging.LogRecord("here", logging.WARNING, "x.py", 1, "lost %s", ("it",), None)
    line = Line("text").format(record)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d WARNING here lost it", line)


def test_text_names_what_it_belongs_to_at_the_end() -> None:
    clear_contextvars()
    record = logging.LogRecord("here", logging.INFO, "x.py", 1, "done", (), None)
    with about(opportunity_id=7):
        assert Line("text").format(record).endswith(" INFO here done [opportunity_id=7]")
    assert Line("text").format(record).endswith(" INFO here done")


def test_libraries_write_through_the_same_form(settings: Any) -> None:
    for name in ("uvicorn", "uvicorn.error"):
        assert settings.LOGGING["loggers"][name] == {"handlers": [], "propagate": True, "level": "INFO"}
