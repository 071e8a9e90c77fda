"""Old months in files: nothing goes that is not in one, nothing that is needed, and a killed run is gone on with."""

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from analytics.models import DaySum, Fact
from analytics.services.refresh import make_anew, refresh
from crm.models import Activity, ActivityKey, Opportunity
from crm.services import ownership
from crm.services.activities import InTheArchive, log_activity
from crm.services.opportunities import create_opportunity
from operations.models import ArchivedMonth, Retention
from operations.queries.histories import ACTIVITIES, AUDIT, CHANGES, DECISIONS, History, Month, months_of
from operations.services.history import files
from operations.services.history.archiving import archive_due, archive_month, months_before, save_retention
from operations.services.history.months import keep_months
from operations.services.history.removing import drop_empty
from reps.models import AuditEntry, Rep, RoleTemplate, Team, User
from reps.services.audit import seal
from routing.models import Change, Decision
from routing.queries.explanations import explain, reps_to_ask_about
from routing.queries.invariants import check_invariants
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from tests.operations.test_history_months import DECEMBER, run, scalar

pytestmark = pytest.mark.django_db(transaction=True)
THEN = datetime.datetime(2024, 3, 4, 9, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
NOW = datetime.datetime(2098, 6, 10, tzinfo=datetime.UTC)
State = ArchivedMonth.State


class Killed(Exception):
    pass


@pytest.fixture
def old(house: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Opportunity]:
    """Five opportunities that were decided long ago, under ids of before; four are closed since, the last is open."""
    settings.ARCHIVE_DIRECTORY = tmp_path / "archive"
    monkeypatch.setattr(files, "PIECE", 2)
    for table in ("routing_decision", "crm_activity"):
        run(f"SELECT setval('{table}_id_seq', 1)")
    template = RoleTemplate.objects.get(is_default=True)
    ana = Rep.objects.create(
        name="Ana", team=Team.objects.create(name="East"), role_template=template, own_max_open=10
    )
    omar = User.objects.create_user("omar@example.com", "x", name="Omar", role="ops")
    made = [create_opportunity(values={"name": f"Deal {n}"}, at=THEN, by=None) for n in range(5)]
    for one in made:
        assert route(opportunity_id=one.pk, at=THEN) is not None
        for number in range(3):
            at = THEN + (1 + number) * HOUR
            touched, _ = log_activity(
                opportunity_id=one.pk,
                kind="call",
                rep=ana,
                happened_at=at,
                note="é",
                external_id=f"{one.pk}-{number}",
            )
            Activity.objects.filter(pk=touched.pk).update(created_at=at)
    ownership.assign(opportunity=made[1], rep=ana, source="person", at=THEN + 1.5 * HOUR, by=omar)
    for one in made[:4]:
        record_outcome(opportunity_id=one.pk, stage="lost", at=THEN + 48 * HOUR, by=None)
    return made


def before_of(history: History) -> Month:
    found = months_of(history)[0]
    assert found.month is None
    return found


def rows_of(month: Month) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {files.selected(month.table).as_string(cursor)} FROM {month.table} ORDER BY id"
        )
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()]


def archive(history: History, **options: Any) -> ArchivedMonth:
    return archive_month(before_of(history), before=NOW, at=NOW, **options)


def killed_after(text: str) -> Any:
    def say(told: str) -> None:
        if text in told:
            raise Killed

    return say


class TestFile:
    @pytest.mark.parametrize("history", [DECISIONS, ACTIVITIES, AUDIT])
    def test_it_holds_the_rows_as_they_are(
        self, old: list[Opportunity], tmp_path: Path, history: History
    ) -> None:
        month = months_of(history)[-3] if history is AUDIT else before_of(history)
        written = files.write(month, tmp_path / "a.parquet")
        rows = rows_of(month)
        assert [row for piece in files.read(tmp_path / "a.parquet") for row in piece] == rows
        assert written.rows == len(rows) > 4
        files.check(tmp_path / "a.parquet", rows=written.rows, sha256=written.sha256)

    def test_it_is_read_without_us(self, old: list[Opportunity], tmp_path: Path) -> None:
        files.write(before_of(DECISIONS), tmp_path / "a.parquet")
        table = pq.read_table(tmp_path / "a.parquet")
        assert {name: str(table.schema.field(name).type) for name in ("id", "made_at", "state", "facts", "score")} == {
            "id": "int64", "made_at": "timestamp[us, tz=UTC]", "state": "binary", "facts": "string", "score": "double",
        }  # fmt: skip
        told = json.loads(table.schema.metadata[b"routing"])
        assert (told["kind"], told["month"], told["table"]) == ("decisions", "before", "routing_decision")
        file = pq.ParquetFile(tmp_path / "a.parquet").metadata
        assert file.num_row_groups == 3
        assert file.row_group(0).column(0).compression == "ZSTD"

    def test_a_damaged_one_is_known(self, old: list[Opportunity], tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        written = files.write(before_of(DECISIONS), path)
        with pytest.raises(files.ArchiveError, match="holds 5 rows, not 6"):
            files.check(path, rows=6, sha256=written.sha256)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        with pytest.raises(files.ArchiveError, match="digest is another one"):
            files.check(path, rows=5, sha256=written.sha256)
        path.unlink()
        with pytest.raises(files.ArchiveError, match="is not there"):
            files.check(path, rows=5, sha256=written.sha256)


class TestDecisions:
    def test_a_line_stays(self, old: list[Opportunity]) -> None:
        whole = {one.pk: one for one in Decision.objects.all()}
        record = archive(DECISIONS)
        assert (record.state, record.rows, record.removed_rows, record.kept_rows) == (State.REMOVED, 5, 4, 1)
        for one in Decision.objects.all():
            was = whole[one.pk]
            if one.opportunity_id == old[4].pk:
                assert (one.archive, bytes(one.state), one.trace) == ("", bytes(was.state), was.trace)
            else:
                assert (one.archive, bytes(one.state), bytes(one.columns)) == (
                    "decisions-before.parquet",
                    b"",
                    b"",
                )
                assert one.trace["steps"] == was.trace["steps"]
            for name in (
                "facts",
                "rep_id",
                "score",
                "made_at",
                "via",
                "result_digest",
                "assignment_id",
                "seed",
            ):
                assert getattr(one, name) == getattr(was, name)
        assert check_invariants().violations == []

    def test_an_archived_one_is_told_of(self, old: list[Opportunity]) -> None:
        said = {one.pk: explain(one) for one in Decision.objects.all()}
        archive(DECISIONS)
        one = Decision.objects.filter(opportunity=old[0]).latest("pk")
        told = explain(one)
        assert (told.rep_name, told.score, told.lines) == (
            said[one.pk].rep_name, said[one.pk].score, said[one.pk].lines,
        )  # fmt: skip
        assert told.parts == []
        assert reps_to_ask_about(one) == []

    def test_it_replays_from_the_file_to_the_last_bit(
        self, old: list[Opportunity], capsys: pytest.CaptureFixture[str]
    ) -> None:
        record = archive(DECISIONS)
        one = Decision.objects.filter(opportunity=old[0]).latest("pk")
        with pytest.raises(CommandError, match="is in the archive"):
            call_command("replay_decision", one.pk)
        call_command("replay_decision", one.pk, archive=Path(record.file))
        assert capsys.readouterr().out == "1 of 1 replay identically.\n"
        call_command("replay_decision", all=True, archive=Path(record.file))
        assert capsys.readouterr().out == "5 of 5 replay identically.\n"
        call_command("replay_decision", all=True)
        assert capsys.readouterr().out == "1 of 1 replay identically.\n"
        with pytest.raises(CommandError, match="There is no decision 999"):
            call_command("replay_decision", 999, archive=Path(record.file))
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("replay_decision", 999, archive=Path(__file__))

    def test_what_closes_later_goes_later(self, old: list[Opportunity]) -> None:
        Retention.objects.create(kind="decisions", months=13)
        assert [record.kept_rows for record in archive_due(at=NOW)] == [1]
        record_outcome(opportunity_id=old[4].pk, stage="lost", at=NOW, by=None)
        assert archive_due(at=NOW) == []
        (record,) = archive_due(at=NOW + datetime.timedelta(days=31))
        assert (record.rows, record.removed_rows, record.kept_rows) == (5, 5, 0)
        assert archive_due(at=NOW + datetime.timedelta(days=99)) == []

    @pytest.mark.parametrize(
        "change",
        ["seed = 1", "state = ''", "state = '', columns = '', trace = '{\"steps\": [], \"archive\": \"x\"}'"],
    )
    def test_nothing_else_of_one_can_be_changed(self, old: list[Opportunity], change: str) -> None:
        run("SELECT set_config('routing.archives_history', 'on', false)")
        with pytest.raises(DatabaseError, match="is history"):
            run(f"UPDATE routing_decision SET {change}")

    def test_none_goes_within_a_year(self, old: list[Opportunity]) -> None:
        keep_months(at=DECEMBER)
        create = create_opportunity(values={"name": "New"}, at=THEN, by=None)
        assert route(opportunity_id=create.pk) is not None  # now
        record_outcome(opportunity_id=create.pk, stage="lost", at=THEN, by=None)
        newest = months_of(DECISIONS)[-3]
        with pytest.raises(DatabaseError, match="is history"):
            archive_month(newest, before=NOW, at=NOW)
        assert bytes(Decision.objects.latest("pk").state)


class TestNumbers:
    def test_they_stay(self, old: list[Opportunity]) -> None:
        refresh()
        facts = list(
            Fact.objects.order_by("opportunity_id", "event").values_list("event", "seconds", "score", "hit")
        )
        sums = DaySum.objects.count()
        for history in (DECISIONS, ACTIVITIES):
            archive(history)
        make_anew()
        refresh()
        again = Fact.objects.order_by("opportunity_id", "event").values_list(
            "event", "seconds", "score", "hit"
        )
        assert list(again) == facts != []
        assert DaySum.objects.count() == sums


class TestActivities:
    def test_first_touches_and_what_is_open_stay(self, old: list[Opportunity]) -> None:
        record = archive(ACTIVITIES)
        left = Activity.objects.order_by("opportunity_id", "happened_at")
        assert list(left.values_list("opportunity_id", "happened_at")) == [
            (old[1].pk, THEN + 2 * HOUR),  # the first since it was assigned
            *((old[4].pk, THEN + n * HOUR) for n in (1, 2, 3)),  # open
        ]
        assert (record.rows, record.removed_rows, record.kept_rows) == (15, 11, 4)

    def test_an_external_id_is_known_for_good(self, old: list[Opportunity]) -> None:
        archive(ACTIVITIES)
        assert ActivityKey.objects.count() == 15
        gone = f"{old[0].pk}-2"
        assert not Activity.objects.filter(external_id=gone).exists()
        with pytest.raises(InTheArchive, match="is in the archive"):
            log_activity(opportunity_id=old[4].pk, kind="call", rep=None, happened_at=NOW, external_id=gone)

    def test_what_was_changed_since_it_was_written_stays(self, old: list[Opportunity]) -> None:
        with pytest.raises(Killed):
            archive(ACTIVITIES, say=killed_after("rows written"))
        changed = Activity.objects.get(external_id=f"{old[0].pk}-2")
        Activity.objects.filter(pk=changed.pk).update(note="Put right")
        archive(ACTIVITIES)
        assert Activity.objects.get(pk=changed.pk).note == "Put right"
        assert not Activity.objects.filter(external_id=f"{old[1].pk}-2").exists()


class TestKilled:
    @pytest.mark.parametrize("after", ["read back", "rows written", "rows removed"])
    def test_the_next_run_goes_on(self, old: list[Opportunity], after: str) -> None:
        whole = rows_of(before_of(DECISIONS))
        with pytest.raises(Killed):
            archive(DECISIONS, say=killed_after(after))
        record = archive(DECISIONS)
        assert (record.state, record.removed_rows, record.kept_rows) == (State.REMOVED, 4, 1)
        assert [row for piece in files.read(Path(record.file)) for row in piece] == whole
        assert [path.name for path in Path(record.file).parent.iterdir()] == ["decisions-before.parquet"]

    def test_a_file_damaged_before_anything_went_is_written_anew(self, old: list[Opportunity]) -> None:
        with pytest.raises(Killed):
            archive(DECISIONS, say=killed_after("rows written"))
        path = Path(ArchivedMonth.objects.get().file)
        path.write_bytes(b"nothing")
        assert archive(DECISIONS).state == State.REMOVED
        assert len([row for piece in files.read(path) for row in piece]) == 5

    def test_a_file_damaged_in_the_middle_stops_it(self, old: list[Opportunity]) -> None:
        with pytest.raises(Killed):
            archive(DECISIONS, say=killed_after("rows removed"))
        path = Path(ArchivedMonth.objects.get().file)
        path.write_bytes(b"nothing")
        record = archive(DECISIONS)
        assert (record.state, record.error) == (
            State.REMOVING, f"{path} is not what was written: its digest is another one.",
        )  # fmt: skip
        assert sum(bool(one.archive) for one in Decision.objects.all()) < 4

    def test_where_nothing_can_be_written_nothing_goes(
        self, old: list[Opportunity], settings: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        settings.ARCHIVE_DIRECTORY = tmp_path / "file" / "archive"
        record = archive(DECISIONS)
        assert record.state == State.WRITING
        assert "Not a directory" in record.error
        assert not any(one.archive for one in Decision.objects.all())


class TestDue:
    def test_nothing_goes_unless_it_is_asked_for(self, old: list[Opportunity]) -> None:
        assert archive_due(at=NOW) == []
        assert ArchivedMonth.objects.count() == 0

    def test_whole_months_beyond_the_retention(self, old: list[Opportunity]) -> None:
        save_retention(history=DECISIONS, months=13, by=None)
        assert archive_due(at=datetime.datetime(2027, 11, 30, tzinfo=datetime.UTC)) == []
        assert [str(one) for one in archive_due(at=NOW)] == ["decisions before: archived"]

    @pytest.mark.parametrize(
        ("at", "months", "day"),
        [
            ("2026-03-15", 13, "2025-02-01"),
            ("2026-03-01", 13, "2025-01-01"),
            ("2026-01-05", 24, "2024-01-01"),
        ],
    )
    def test_the_first_day_that_is_kept(self, at: str, months: int, day: str) -> None:
        moment = datetime.datetime.fromisoformat(at).replace(tzinfo=datetime.UTC)
        assert months_before(moment, months) == datetime.date.fromisoformat(day)

    @pytest.mark.parametrize(("history", "months"), [(DECISIONS, 12), (ACTIVITIES, 0), (CHANGES, 24)])
    def test_what_has_to_stay(self, db: None, history: History, months: int) -> None:
        with pytest.raises(ValueError, match="at least"):
            save_retention(history=history, months=months, by=None)
        assert Retention.objects.count() == 0


class TestAudit:
    def test_seals_prove_what_is_in_the_file(self, old: list[Opportunity]) -> None:
        sequence = "reps_auditentry_id_seq"
        run(f"SELECT setval('{sequence}', 1)")
        run(
            "INSERT INTO reps_auditentry (at, way, action, kind, changes)"
            " SELECT '2024-01-01', 'job', 'created', 'x', '{}' FROM generate_series(1, 5)"
        )
        seal()
        record = archive(AUDIT)
        assert (record.rows, record.removed_rows, record.kept_rows) == (5, 5, 0)
        assert not AuditEntry.objects.filter(kind="x").exists()
        with pytest.raises(DatabaseError, match="only added to"):
            run("DELETE FROM reps_auditentry")


class TestRoom:
    def test_an_empty_month_goes(self, house: str) -> None:
        keep_months(at=DECEMBER)
        one = Change.objects.create(event="opportunity.held", at=DECEMBER)
        later = datetime.datetime(2099, 1, 5, tzinfo=datetime.UTC)
        drop_empty(at=later)
        assert "routing_change_209812" in {month.table for month in months_of(CHANGES)}
        one.delete()
        assert drop_empty(at=later) == 1
        assert scalar("SELECT to_regclass('routing_change_209812') IS NULL")
        assert months_of(CHANGES)[0].month is None
