"""The status page: sentences about each part, the same number of queries however much there is, and its buttons."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from operations.models import Incident, JobRun, ProcessBeat
from operations.queries.status import status
from reps.models import User

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE_QUERIES = 31


def plant(number: int) -> None:
    now = timezone.now()
    for place in range(number):
        ProcessBeat.objects.create(host="h", pid=place, kind="worker", started_at=now, last_seen_at=now)
        JobRun.objects.create(func=f"some.job{place}", last_started_at=now, last_ended_at=now)
        Incident.objects.create(
            kind="disk", said="It was full.", began_at=now, last_seen_at=now, ended_at=now
        )


@pytest.mark.parametrize("number", [1, 30])
def test_same_queries_with_one_and_thirty(number: int, ada: User, as_user: SignIn) -> None:
    plant(number)
    client = as_user(ada)
    client.get("/status/")
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/status/").status_code == 200
    assert len(asked) == PAGE_QUERIES


def test_says_what_is_wrong_in_sentences(ada: User, as_user: SignIn) -> None:
    now = timezone.now()
    Incident.objects.create(kind="disk", said="Only 3% of the disk is free.", began_at=now, last_seen_at=now)
    JobRun.objects.create(
        func="routing.jobs.every_night", last_started_at=now, last_ended_at=now, last_failed_at=now, failures=3,
        last_error="the file is away",
    )  # fmt: skip
    page = as_user(ada).get("/status/").content.decode()
    assert "An alarm is on." in page
    assert "Only 3% of the disk is free." in page
    assert "failed 3 times" in page
    assert "the file is away" in page
    assert "none was ever seen. Jobs, messages and calendars stand still." in page


def test_everything_fine_says_so() -> None:
    from operations.services.beats import beat
    from operations.services.invariants import check_guarantees

    now = timezone.now()
    Schedule.objects.update(next_run=now)
    beat(kind="worker", at=now)
    ProcessBeat.objects.update(disk_free_bytes=50, disk_total_bytes=100)
    check_guarantees(at=now)
    seen = status(timezone.now())
    assert (seen.tone, seen.sentence) == ("good", "Everything runs as it should.")


def test_region_alone_is_answered_to_htmx(ada: User, as_user: SignIn) -> None:
    page = as_user(ada).get("/status/", headers={"HX-Request": "true", "HX-Target": "status"})
    assert page.content.decode().strip().startswith('<div class="stack" id="status"')


def test_admin_runs_a_job_and_a_check_now(ada: User, as_user: SignIn) -> None:
    client, schedule = as_user(ada), Schedule.objects.get(name="Every night")
    assert client.post(f"/status/jobs/{schedule.pk}/run/").status_code == 302
    assert client.post("/status/guarantees/check/").status_code == 302
    asked = [one.task["func"] for one in OrmQ.objects.order_by("pk")]
    assert asked == ["routing.jobs.every_night", "operations.jobs.check_guarantees"]
    assert client.post("/status/jobs/999999/run/").status_code == 404


def test_operations_read_only(omar: User, as_user: SignIn) -> None:
    client, schedule = as_user(omar), Schedule.objects.get(name="Every night")
    page = client.get("/status/")
    assert page.status_code == 200
    assert "Run now" not in page.content.decode()
    assert client.post(f"/status/jobs/{schedule.pk}/run/").status_code == 403
    assert OrmQ.objects.count() == 0
