"""The page of what grows: who sees it, what it says, how long history is kept, and the alarm."""

import datetime
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from operations.models import ArchivedMonth, GrowthSample, Incident, ProcessBeat, Retention
from operations.queries.growth import growth, spark
from operations.queries.sizes import table_sizes
from operations.services.history.sampling import note_sizes
from operations.services.troubles import look_for_trouble
from reps.models import AuditEntry, Rep, User

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE_QUERIES = 16
GB = 10**9
DAY = datetime.timedelta(days=1)


def measured(*sizes: int, table: str = "") -> None:
    """One a day, the last of today."""
    today = timezone.now().date()
    for ago, size in enumerate(reversed(sizes)):
        GrowthSample.objects.create(day=today - ago * DAY, table=table, rows=1, size_bytes=size)


def lives(free: int) -> None:
    now = timezone.now()
    ProcessBeat.objects.create(
        host="h",
        pid=1,
        kind="worker",
        started_at=now,
        last_seen_at=now,
        disk_free_bytes=free,
        disk_total_bytes=100 * GB,
    )


def archived(month: str, **values: object) -> None:
    now = timezone.now()
    fixed = {
        "kind": "decisions",
        "month": month,
        "state": "removed",
        "file": f"/archive/decisions-{month}.parquet",
    }
    sizes = {
        "rows": 5,
        "size_bytes": 10**6,
        "sha256": "ab" * 32,
        "began_at": now,
        "looked_at": now,
        "checked_at": now,
    }
    ArchivedMonth.objects.create(**{**fixed, **sizes, **values})


class TestPage:
    @pytest.mark.parametrize("number", [1, 30])
    def test_same_queries_with_one_and_thirty(self, number: int, ada: User, as_user: SignIn) -> None:
        measured(*range(1, number + 2))
        for month in range(number):
            archived(f"20{10 + month // 12}-{month % 12 + 1:02}")
        client = as_user(ada)
        client.get("/status/growth/")
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/status/growth/").status_code == 200
        assert len(asked) == PAGE_QUERIES

    def test_it_says_when_the_disk_is_full(self, ada: User, as_user: SignIn) -> None:
        measured(1 * GB, 2 * GB, 3 * GB)
        measured(10 * 10**6, 30 * 10**6, table="routing_decision")
        lives(free=50 * GB)
        page = as_user(ada).get("/status/growth/").content.decode()
        assert (
            "The database grows by 1.0 GB a day (over 2 days). At this pace the disk lasts for about 50 days"
            in page
        )
        assert "20 MB a day (over 1 day)" in page
        assert "routing_decision, 4 partitions" in page

    def test_nothing_measured_yet_is_said(self, ada: User, as_user: SignIn) -> None:
        page = as_user(ada).get("/status/growth/").content.decode()
        assert "How fast it grows is not known yet: nothing was measured yet." in page
        assert "Nothing is archived" in page

    def test_files_say_how_they_are(self, ada: User, as_user: SignIn) -> None:
        archived("2024-01", kept_rows=2)
        archived("2024-02", error="The file is not there.")
        found = {one.record.month: (one.state, one.tone) for one in growth(timezone.now()).archived}
        assert found == {"2024-01": ("whole", "good"), "2024-02": ("wrong", "bad")}
        page = as_user(ada).get("/status/growth/").content.decode()
        assert "/archive/decisions-2024-01.parquet" in page
        assert "2 still needed here" in page
        assert "The file is not there." in page

    def test_only_admins_say_how_long(
        self, ada: User, omar: User, ben: User, ana: Rep, as_user: SignIn
    ) -> None:
        assert 'name="decisions"' in as_user(ada).get("/status/growth/").content.decode()
        ops = as_user(omar)
        assert 'name="decisions"' not in ops.get("/status/growth/").content.decode()
        assert ops.post("/status/growth/retention/", {"decisions": "24"}).status_code == 403
        assert as_user(ben).get("/status/growth/").status_code == 403
        assert ana.user is not None
        assert as_user(ana.user).get("/status/growth/").status_code == 403
        assert Retention.objects.count() == 0


class TestRetention:
    def save(self, client: Client, **values: str) -> int:
        return client.post("/status/growth/retention/", values).status_code

    def test_saved_and_audited(self, ada: User, as_user: SignIn) -> None:
        client = as_user(ada)
        assert self.save(client, decisions="24", activities="", audit="36") == 302
        assert dict(Retention.objects.values_list("kind", "months")) == {"audit": 36, "decisions": 24}
        entry = AuditEntry.objects.get(kind="retention", record_name="decisions")
        assert (entry.user_id, entry.changes["months"]) == (ada.pk, [None, 24])
        assert "Kept whole for 24 months, then archived." in client.get("/status/growth/").content.decode()
        assert self.save(client, decisions="", activities="", audit="36") == 302
        assert Retention.objects.get(kind="decisions").months is None
        assert AuditEntry.objects.filter(kind="retention").count() == 3

    @pytest.mark.parametrize("typed", ["12", "0", "-1", "1201", "many", "1e3", "13.5", "9" * 400, "\x00"])
    def test_what_cannot_be_is_said_beside_the_field(self, typed: str, ada: User, as_user: SignIn) -> None:
        answer = as_user(ada).post("/status/growth/retention/", {"decisions": typed, "audit": "36"})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert 'href="#id_decisions"' in page
        assert 'value="36"' in page, "what was typed is kept"
        assert Retention.objects.count() == 0

    def test_thirteen_is_enough(self, ada: User, as_user: SignIn) -> None:
        assert self.save(as_user(ada), decisions="13") == 302
        assert Retention.objects.get().months == 13


class TestSizes:
    def test_partitions_count_with_their_whole(self) -> None:
        found = {one.table: one for one in table_sizes()}
        assert found["routing_decision"].months == 4
        assert found["routing_decision"].size_bytes > 0
        assert not {name for name in found if name.startswith("routing_decision_")}

    def test_noted_once_a_day_and_forgotten_after_a_year(self) -> None:
        now = timezone.now()
        GrowthSample.objects.create(day=(now - 401 * DAY).date(), table="", rows=0, size_bytes=0)
        noted = note_sizes(at=now)
        assert note_sizes(at=now) == noted
        assert GrowthSample.objects.count() == noted + 1
        assert note_sizes(at=now + DAY) == noted
        assert GrowthSample.objects.filter(table="").count() == 2

    def test_a_line_of_what_was_measured(self) -> None:
        day = datetime.date(2026, 3, 1)
        assert spark({}) == spark({day: 5}) == ""
        assert spark({day: 0, day + DAY: 5, day + 2 * DAY: 10}) == "0.0,24.0 50.0,13.0 100.0,2.0"


class TestAlarm:
    def look(self, *sizes: int, free: int) -> list[str]:
        measured(*sizes)
        lives(free)
        look_for_trouble(at=timezone.now())
        return list(
            Incident.objects.filter(kind="growth", ended_at__isnull=True).values_list("said", flat=True)
        )

    def test_when_the_disk_is_full_within_a_month(self) -> None:
        assert self.look(1 * GB, 2 * GB, free=29 * GB) == [
            "At the pace of the last week the disk is full in 29 days. See Growth for what grows."
        ]

    @pytest.mark.parametrize(
        ("sizes", "free"), [((GB, 2 * GB), 31 * GB), ((2 * GB, GB), GB), ((GB,), GB), ((), GB)]
    )
    def test_not_otherwise(self, sizes: tuple[int, ...], free: int) -> None:
        assert self.look(*sizes, free=free) == []

    def test_it_stays_on_until_there_is_more_room(self) -> None:
        self.look(1 * GB, 2 * GB, free=29 * GB)
        later = timezone.now() + 10 * datetime.timedelta(minutes=1)
        ProcessBeat.objects.update(disk_free_bytes=35 * GB, last_seen_at=later)
        look_for_trouble(at=later)
        assert Incident.objects.get(kind="growth").ended_at is None
        later += datetime.timedelta(minutes=10)
        ProcessBeat.objects.update(disk_free_bytes=41 * GB, last_seen_at=later)
        look_for_trouble(at=later)
        assert Incident.objects.get(kind="growth").ended_at == later
