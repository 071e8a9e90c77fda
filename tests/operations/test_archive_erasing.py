"""Whoever is erased is in no file of the archive, whatever kills it, and what is in the files is proved as before."""

import json
import shutil
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from crm.models import Activity, ActivityKey, Contact, CustomField, Opportunity
from crm.services.activities import log_activity
from crm.services.opportunities import create_opportunity
from operations.models import ArchivedMonth, ErasedRow
from operations.queries.histories import ACTIVITIES, AUDIT, DECISIONS, History
from operations.services.backups import make_backup, restore
from operations.services.history import files, rewriting
from operations.services.history.archiving import archive_due, check_files
from operations.services.history.proving import unproved
from privacy.models import Erasure
from privacy.queries.people import load_subject
from privacy.services.erasing import EraseRefused, erase
from privacy.services.exporting import export
from privacy.services.journal import journal_path
from reps.models import AuditEntry, AuditRedaction, Rep, RoleTemplate, Team, User
from reps.services.audit import seal
from routing.management.commands.replay_decision import is_identical
from routing.models import Decision, Rule
from routing.queries.archived import archived_decisions
from routing.queries.invariants import check_invariants
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from tests.operations.test_history_archive import HOUR, NOW, THEN, Killed, archive, killed_after
from tests.operations.test_history_months import run, scalar
from tests.privacy.searching import unpacked, where_is

pytestmark = pytest.mark.django_db(transaction=True)
State = ArchivedMonth.State
MARK = "zorvexa"
ENTRIES = """
INSERT INTO reps_auditentry (at, way, user_id, user_name, user_email, address, agent, action, kind, record_id,
                             record_name, of_kind, of_id, of_name, changes) VALUES
    ('2024-01-01', 'person', %(user)s, 'Mona Zorvexa', 'mona@zorvexa.example', '10.9.8.7', 'Firefox', 'changed', 'team',
     '1', 'East', '', '', '', '{"size": [1.50, 2.0]}'),
    ('2024-01-02', 'visitor', NULL, '', '', '10.9.8.7', 'Firefox', 'sign_in_failed', 'user', '', 'x', '', '', '', '{}'),
    ('2024-01-03', 'job', NULL, '', '', NULL, '', 'created', 'x', '3', 'Line\nQuilla Zorvexa', 'opportunity',
     %(lead)s, 'Zorvexa wants a demo', '{"note": [null, "for\\nQuilla Zorvexa"]}'),
    ('2024-01-04', 'job', NULL, '', '', NULL, '', 'created', 'x', '4', 'nobody', '', '', '', '{"size": [null, 1.50]}')
"""


@pytest.fixture
def house_of_old(
    house: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Opportunity]:
    """Two leads of a contact and three of nobody, decided long ago by a rule that asks for a text; closed but one."""
    settings.ARCHIVE_DIRECTORY = tmp_path / "archive"
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")
    monkeypatch.setattr(files, "PIECE", 2)
    for table in ("routing_decision", "crm_activity"):
        run(f"SELECT setval('{table}_id_seq', 1)")
    template = RoleTemplate.objects.get(is_default=True)
    ana = Rep.objects.create(
        name="Ana", team=Team.objects.create(name="East"), role_template=template, own_max_open=10
    )
    CustomField.objects.create(key="words", label="Words", type="text")
    urgent = {"field": "custom.words", "op": "contains", "value": "urgent"}
    Rule.objects.create(name="Urgent", position=1, action="route_to_rep", rep=ana, condition=urgent)
    publish_configuration(by=None, at=THEN)
    quilla = Contact.objects.create(
        name="Quilla Zorvexa", email="quilla@zorvexa.example", phone="+49 30 8675309 42"
    )
    return [_lead(number, quilla if number in (0, 3, 4) else None, ana) for number in range(6)]


def _lead(number: int, contact: Contact | None, ana: Rep) -> Opportunity:
    """The last but one stays open. Of nobody's, number 2 names the contact."""
    said = "URGENT for Zorvexa" if contact else "met Quilla Zorvexa there" if number == 2 else "nothing"
    lead = create_opportunity(values={"name": f"Deal {number}", "custom": {"words": said}}, at=THEN, by=None)
    Opportunity.objects.filter(pk=lead.pk).update(contact=contact)
    assert route(opportunity_id=lead.pk, at=THEN) is not None
    for touch in range(2):
        at = THEN + (1 + touch) * HOUR
        note = "Zorvexa at home" if contact else "Quilla Zorvexa sent me" if number == 2 else "é"
        name = f"{'zorvexa' if contact else 'call'}-{number}-{touch}"
        logged, _ = log_activity(
            opportunity_id=lead.pk, kind="call", rep=ana, happened_at=at, note=note, external_id=name
        )
        Activity.objects.filter(pk=logged.pk).update(created_at=at)
    if number != 4:
        record_outcome(opportunity_id=lead.pk, stage="lost", at=THEN + 48 * HOUR, by=None)
    return Opportunity.objects.get(pk=lead.pk)


@pytest.fixture
def mona() -> User:
    return User.objects.create_user("mona@other.example", "x", name="Mona Quist", role="analyst")


@pytest.fixture
def old(house_of_old: list[Opportunity], mona: User) -> list[Opportunity]:
    """In the archive."""
    lead = house_of_old[0].pk
    ids = "reps_auditentry_id_seq"
    today = scalar(f"SELECT last_value FROM {ids}")
    run(f"SELECT setval('{ids}', 1)")
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, {"user": mona.pk, "lead": str(lead)})
    run(f"SELECT setval('{ids}', {today})")
    seal()
    for history in (DECISIONS, ACTIVITIES, AUDIT):
        assert archive(history).state == State.REMOVED
    return house_of_old


def quilla() -> Contact:
    return Contact.objects.get(pk=Contact.objects.earliest("pk").pk)


def wipe(*, by: User | None = None) -> Erasure:
    (done,) = erase(people=[("contact", quilla().pk)], by=by, at=timezone.now(), reason="asked")
    return done


def said_in_files(folder: Path) -> list[str]:
    """file.column for each place where the marker stands, hidden files too, however it is packed."""
    found = set()
    for path in folder.iterdir():
        for piece in files.read(path):
            for row in piece:
                found |= {path.name for value in row for text in unpacked(value) if MARK in text.casefold()}
    return sorted(found)


def path_of(history: History) -> Path:
    return Path(ArchivedMonth.objects.get(kind=history.kind).file)


def rows(history: History) -> list[tuple[Any, ...]]:
    return [row for piece in files.read(path_of(history)) for row in piece]


def all_is_well(folder: Path, months: int = 3) -> None:
    assert said_in_files(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "activities-before.parquet", "audit-before.parquet", "decisions-before.parquet"
    ]  # fmt: skip
    assert check_files(at=timezone.now()) == 0
    assert [(one.is_behind, one.next_sha256, one.error) for one in ArchivedMonth.objects.all()] == [
        (False, "", "")
    ] * months
    assert all(is_identical(one) for one in archived_decisions(path_of(DECISIONS), []))
    assert check_invariants().violations == []


class TestContact:
    def test_nothing_is_left_in_any_file(self, old: list[Opportunity], tmp_path: Path) -> None:
        folder = tmp_path / "archive"
        assert said_in_files(folder) == [
            "activities-before.parquet", "audit-before.parquet", "decisions-before.parquet"
        ]  # fmt: skip
        before = {history.kind: rows(history) for history in (DECISIONS, ACTIVITIES)}
        erasure = wipe()
        assert erasure.counts["rows of the archive"] == 4 + 8 + 1
        assert "decisions that replay otherwise" not in erasure.counts
        erase(people=[("user", User.objects.get(name="Mona Quist").pk)], by=None, at=timezone.now())
        all_is_well(folder)
        assert where_is(MARK) == []
        assert [row[0] for row in rows(DECISIONS)] == [row[0] for row in before["decisions"]]
        said = set(ErasedRow.objects.filter(archived__kind="activities").values_list("row", flat=True))
        for was, came in zip(before["activities"], rows(ACTIVITIES), strict=True):
            assert (was == came) is (was[0] not in said)

    def test_lines_here_say_what_the_file_says(
        self, old: list[Opportunity], capsys: pytest.CaptureFixture[str]
    ) -> None:
        wipe()
        kept = {one.pk: one for one in archived_decisions(path_of(DECISIONS), [])}
        lines = [one for one in Decision.objects.all() if one.archive]
        assert len(lines) == 5
        for line in lines:
            whole = kept[line.pk]
            assert (line.facts, line.policy_name, line.result_digest) == (
                whole.facts, whole.policy_name, whole.result_digest,
            )  # fmt: skip
            assert line.trace["steps"] == whole.trace["steps"]
        call_command("replay_decision", all=True, archive=path_of(DECISIONS))
        call_command("history", "restore", str(path_of(DECISIONS)))
        call_command("replay_decision", all=True)
        assert capsys.readouterr().out == (
            "6 of 6 replay identically.\n5 decisions are whole again.\n6 of 6 replay identically.\n"
        )

    def test_external_ids_go_as_they_do_here(self, old: list[Opportunity]) -> None:
        assert ActivityKey.objects.filter(external_id__startswith="zorvexa").count() == 6
        wipe()
        assert ActivityKey.objects.filter(external_id__startswith="zorvexa").count() == 0
        assert ActivityKey.objects.filter(external_id__startswith="call").count() == 6

    def test_what_is_open_goes_into_removal_word_for_word(self, old: list[Opportunity]) -> None:
        wipe()
        record_outcome(opportunity_id=old[4].pk, stage="lost", at=THEN + 50 * HOUR, by=None)
        assert archive(DECISIONS).kept_rows == 0
        assert archive(ACTIVITIES).kept_rows == 0

    def test_whoever_is_not_in_it_changes_no_file(self, old: list[Opportunity], tmp_path: Path) -> None:
        other = Contact.objects.create(name="Absent Person")
        before = {path: files.digest(path) for path in (tmp_path / "archive").iterdir()}
        (done,) = erase(people=[("contact", other.pk)], by=None, at=timezone.now())
        assert "rows of the archive" not in done.counts
        assert {path: files.digest(path) for path in (tmp_path / "archive").iterdir()} == before


class TestAuditLog:
    def test_seals_and_redactions_prove_the_file(self, old: list[Opportunity], mona: User) -> None:
        wipe()
        erase(people=[("user", mona.pk)], by=None, at=timezone.now())
        assert list(unproved(path_of(AUDIT))) == []
        entries = [dict(zip(columns(AUDIT), row, strict=True)) for row in rows(AUDIT)]
        assert [one["user_name"] for one in entries] == [f"Former user {mona.pk}", "", "", ""]
        assert [(one["address"], one["agent"]) for one in entries[:2]] == [(None, ""), (None, "")]
        assert [one["changes"] for one in entries[::3]] == ['{"size": [1.50, 2.0]}', '{"size": [null, 1.50]}']
        assert AuditRedaction.objects.filter(entry_id__in=[one["id"] for one in entries]).count() == 3

    def test_what_was_changed_otherwise_is_told(self, old: list[Opportunity]) -> None:
        path, record = path_of(AUDIT), ArchivedMonth.objects.get(kind="audit")
        written = files.rewrite(
            path, path, lambda ids: {pk: {"record_name": "Somebody"} for pk in ids}, replaces=[]
        )
        ArchivedMonth.objects.filter(pk=record.pk).update(sha256=written.sha256)
        assert check_files(at=timezone.now()) == 1
        record.refresh_from_db()
        assert "is not what was sealed" in record.error


def columns(history: History) -> list[str]:
    return [name for name, _ in files.columns_of(history.table)]


@pytest.mark.slow
class TestKilled:
    @pytest.fixture
    def unsettled(self, old: list[Opportunity], monkeypatch: pytest.MonkeyPatch) -> None:
        """Erased, and killed before any file was written."""
        monkeypatch.setattr("operations.services.history.personal.settle", lambda: 0)
        wipe()
        assert ArchivedMonth.objects.filter(is_behind=True).count() == 3

    @pytest.mark.parametrize("after", ["nothing", "written beside", "noted", "in its place"])
    def test_the_next_run_goes_on(self, unsettled: None, tmp_path: Path, after: str) -> None:
        if after != "nothing":
            with pytest.raises(Killed):
                rewriting.settle(killed_after(after))
        assert rewriting.settle() > 0
        rewriting.sweep(tmp_path / "archive")
        erase(people=[("user", User.objects.get(name="Mona Quist").pk)], by=None, at=timezone.now())
        assert rewriting.settle() == 1
        all_is_well(tmp_path / "archive")

    def test_an_erasure_that_was_rolled_back_left_the_files(
        self, old: list[Opportunity], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = {path: files.digest(path) for path in (tmp_path / "archive").iterdir()}
        monkeypatch.setattr("privacy.services.erasing.write_journal", lambda: 0)
        monkeypatch.setattr("operations.services.history.personal.Archive.erase", _erase_and_die)
        with pytest.raises(Killed):
            wipe()
        monkeypatch.undo()
        assert {path: files.digest(path) for path in (tmp_path / "archive").iterdir()} == before
        assert quilla().name == "Quilla Zorvexa"
        assert ErasedRow.objects.count() == 0

    def test_what_is_only_written_is_written_again(
        self, house_of_old: list[Opportunity], tmp_path: Path
    ) -> None:
        with pytest.raises(Killed):
            archive(DECISIONS, say=killed_after("rows written"))
        wipe()
        assert list((tmp_path / "archive").iterdir()) == []
        assert archive(DECISIONS).state == State.REMOVED
        assert said_in_files(tmp_path / "archive") == []

    def test_amid_removing_it_goes_on_word_for_word(
        self, house_of_old: list[Opportunity], tmp_path: Path
    ) -> None:
        with pytest.raises(Killed):
            archive(DECISIONS, say=killed_after("rows removed"))
        wipe()
        record = archive(DECISIONS)
        assert (record.state, record.removed_rows, record.kept_rows) == (State.REMOVED, 5, 1)
        assert said_in_files(tmp_path / "archive") == []
        assert all(is_identical(one) for one in archived_decisions(Path(record.file), []))


def _erase_and_die(*_: Any) -> None:
    raise Killed


@pytest.mark.slow
class TestFiles:
    def test_an_old_copy_that_is_put_back_forgets_again(self, old: list[Opportunity], tmp_path: Path) -> None:
        shutil.copytree(tmp_path / "archive", tmp_path / "copy")
        wipe()
        erase(people=[("user", User.objects.get(name="Mona Quist").pk)], by=None, at=timezone.now())
        shutil.rmtree(tmp_path / "archive")
        shutil.copytree(tmp_path / "copy", tmp_path / "archive")
        assert said_in_files(tmp_path / "archive") != []
        assert check_files(at=timezone.now()) == 0
        all_is_well(tmp_path / "archive")

    def test_one_that_cannot_be_read_refuses(self, old: list[Opportunity]) -> None:
        path = path_of(ACTIVITIES)
        whole = path.read_bytes()
        path.write_bytes(b"nothing")
        with pytest.raises(EraseRefused, match="cannot be read, in which the person may be"):
            wipe()
        assert quilla().name == "Quilla Zorvexa"
        path.write_bytes(whole)
        wipe()

    def test_while_months_are_archived_it_waits(
        self, house: str, old: list[Opportunity], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("operations.services.history.personal.PATIENCE_SECONDS", 0.1)
        with other_connection(house) as other:
            other.execute("SELECT pg_advisory_lock(%s)", [rewriting.LOCK])
            with pytest.raises(EraseRefused, match="being archived just now"):
                wipe()
            assert (rewriting.settle(), archive_due(at=NOW), check_files(at=NOW)) == (0, [], 0)
        wipe()


def other_connection(house: str) -> Any:
    import psycopg

    from benchmarks.realtime import stack

    return psycopg.connect(stack.address_of(house), autocommit=True)


def test_an_export_has_what_the_archive_holds(old: list[Opportunity], mona: User) -> None:
    subject = load_subject("contact", quilla().pk)
    assert subject is not None
    to = BytesIO()
    export(subject=subject, to=to, by=None, at=timezone.now())
    held = json.loads(zipfile.ZipFile(to).read("data.json"))["held"]
    found = {(one["label"], one["why"]): len(one["rows"]) for one in held if "archive" in one["label"]}
    assert found == {
        ("Decisions in the archive", "belongs to the person"): 3,
        ("Decisions in the archive", "names the person"): 1,
        ("Activities in the archive", "belongs to the person"): 6,
        ("Activities in the archive", "names the person"): 2,
        ("Audit entries in the archive", "names the person"): 1,
    }
    assert "Zorvexa at home" in str(held)
    assert "state" not in next(one for one in held if one["label"] == "Decisions in the archive")["rows"][0]


@pytest.mark.slow
class TestRestore:
    def test_a_backup_from_before_the_erasure_forgets_with_its_files(
        self, old: list[Opportunity], tmp_path: Path
    ) -> None:
        file = tmp_path / "copies" / "one.backup"
        file.parent.mkdir()
        make_backup(target=file, at=timezone.now(), say=lambda text: None)
        shutil.copytree(tmp_path / "archive", tmp_path / "copy")
        wipe()
        erase(people=[("user", User.objects.get(name="Mona Quist").pk)], by=None, at=timezone.now())
        assert restore(path=file, replace=True, say=lambda text: None).erased == 2
        all_is_well(tmp_path / "archive")
        shutil.rmtree(tmp_path / "archive")  # and with the files of then
        shutil.copytree(tmp_path / "copy", tmp_path / "archive")
        assert restore(path=file, replace=True, say=lambda text: None).erased == 2
        all_is_well(tmp_path / "archive")
        assert where_is(MARK) == []
        told = AuditEntry.objects.get(kind="database")
        assert (told.record_name, told.changes["erased_again"]) == ("Restored", [None, 2])
        assert journal_path().exists()
