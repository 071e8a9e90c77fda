"""A backup of a filled database made a database again in an empty place; and everything that can go wrong with it."""

import datetime
import io
import json
import os
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psycopg
import pytest
from django.conf import settings as given
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django.plugin import DjangoDbBlocker
from rest_framework.test import APIClient

from benchmarks.realtime import stack, world
from crm.models import DictionaryStamp
from operations.models import Backup
from operations.services.backups import BackupError, back_up, files, make_backup, restore
from operations.services.backups.making import count_rows, remove_old
from operations.services.backups.restoring import looking_at
from reps.models import Job, RosterStamp, User
from reps.services.jobs import create_job
from routing.models import ChangeCounter, Delivery, OutboxMessage
from routing.queries.invariants import check_invariants
from tests.conftest import forget_what_is_cached

pytestmark = pytest.mark.django_db(transaction=True)
SILENT = lambda text: None  # noqa: E731
NOW = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def source(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of a filled database: people, leads decided and waiting, messages under way."""
    with django_db_blocker.unblock():
        template, name = (
            str(connection.settings_dict["NAME"]),
            f"{connection.settings_dict['NAME']}_backed_up",
        )
        connection.close()
        with stack.scratch_database(name, template):
            with looking_at(name):
                fill()
            yield name
            connection.close()


def fill() -> None:
    forget_what_is_cached()
    token, rng = world.fill(world.SMALL), np.random.default_rng(1)
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    for number in range(15):
        answer = client.post(stack.ROUTED, world.lead(number, rng, world.SMALL.accounts))
        assert answer.status_code == 201, answer.content
    user = User.objects.get(email="form@benchmark.example")
    OutboxMessage.objects.create(topic="capacity.freed", payload={})
    create_job(kind="training", by=user)
    OrmQ.objects.create(key="routing", payload="x", lock=timezone.now())
    Session.objects.create(session_key="k", session_data="x", expire_date=timezone.now())
    Delivery.objects.create(channel="email", user=user, message=OutboxMessage.objects.first())


@pytest.fixture
def at_source(source: str) -> Iterator[str]:
    with looking_at(source):
        yield source


@pytest.fixture
def backup(at_source: str, tmp_path: Path) -> Path:
    return make_backup(target=tmp_path / "one.backup", at=NOW, say=SILENT).path


@pytest.fixture
def empty(at_source: str) -> Iterator[str]:
    """The name of an empty database, that Django looks at."""
    name = f"{at_source}_empty"
    with stack.scratch_database(name), looking_at(name):
        yield name


def rows(name: str) -> dict[str, int]:
    with psycopg.connect(stack.address_of(name)) as reader:
        return count_rows(reader)


def databases(name: str) -> set[str]:
    """Those whose names begin with this one."""
    with psycopg.connect(stack.address_of("postgres")) as reader:
        found = {str(row[0]) for row in reader.execute("SELECT datname FROM pg_database").fetchall()}
    return {one for one in found if one.startswith(name)}


class TestRestore:
    def test_an_empty_place_becomes_what_was_backed_up(
        self, backup: Path, empty: str, at_source: str
    ) -> None:
        before, there = rows(at_source), databases(at_source)
        done = restore(path=backup, replace=False, say=SILENT)
        after = rows(empty)
        assert check_invariants().violations == []
        assert done.checked > 100
        assert done.same_key
        assert [RosterStamp.objects.get().version, DictionaryStamp.objects.get().version] == [0, 0]
        told = io.StringIO()
        call_command("replay_decision", "--all", "--json", stdout=told)
        replayed = json.loads(told.getvalue().splitlines()[-1])
        assert (replayed["replayed"], replayed["different"]) == (15, [])
        changed = {table for table in before if before[table] != after[table]}
        assert changed <= {
            "crm_accountchange", "django_session", "django_q_ormq", "django_q_schedule", "operations_processbeat",
            "routing_changecounter", "auth_permission", "django_content_type",  # migrations make these anew
            "reps_auditentry",  # that it was restored
        }  # fmt: skip
        assert databases(at_source) == there

    def test_what_waited_is_held_until_somebody_sends_it(self, backup: Path, empty: str) -> None:
        done = restore(path=backup, replace=False, say=SILENT)
        assert (done.held.deliveries, done.held.jobs, done.held.tasks, done.held.sessions) == (1, 1, 1, 1)
        assert done.held.events == OutboxMessage.objects.filter(dead_at__isnull=False).count() > 0
        go_on = OutboxMessage.objects.filter(dead_at__isnull=True, delivered_at__isnull=True)
        assert [one.topic for one in go_on] == ["capacity.freed"]
        assert Delivery.objects.get().last_error == "Held: restored from the backup of 2026-03-04 05:06."
        assert Job.objects.get().state == Job.State.FAILED
        assert ChangeCounter.objects.get().last >= 1_000_000
        call_command("messages", "resend", "--channel", "events", stdout=io.StringIO())
        assert go_on.all().count() == done.held.events + 1

    @pytest.mark.slow
    def test_a_filled_place_is_replaced_only_when_that_is_meant(
        self, backup: Path, empty: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("restore", str(backup))
        assert "everybody signs in again" in capsys.readouterr().out
        User.objects.create_user("late@demo.example", name="Late", role=User.Role.OPS)
        with pytest.raises(CommandError, match="not empty"):
            call_command("restore", str(backup))
        with pytest.raises(CommandError, match="--yes"):
            call_command("restore", str(backup), "--replace")
        assert User.objects.filter(email="late@demo.example").exists()
        call_command("restore", str(backup), "--replace", "--yes")
        assert not User.objects.filter(email="late@demo.example").exists()

    @pytest.mark.slow
    def test_waits_for_nobody_who_is_connected(self, backup: Path, empty: str) -> None:
        with (
            psycopg.connect(stack.address_of(empty)),
            pytest.raises(BackupError, match="1 others are connected"),
        ):
            restore(path=backup, replace=False, say=SILENT)

    def test_killed_in_the_middle_it_leaves_what_was_there(self, backup: Path, empty: str) -> None:
        restore(path=backup, replace=False, say=SILENT)
        User.objects.create_user("late@demo.example", name="Late", role=User.Role.OPS)
        connection.close()
        command = [sys.executable, "manage.py", "restore", str(backup), "--replace", "--yes"]
        environment = stack.environment(stack.address_of(empty), DJANGO_SETTINGS_MODULE="config.settings")
        running = subprocess.Popen(
            command,
            cwd=stack.ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert running.stderr is not None
        while "read" not in (line := running.stderr.readline()):
            assert line, "it ended before it could be killed"
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert f"{empty}_restoring" in databases(empty)
        assert User.objects.filter(email="late@demo.example").exists()
        restore(path=backup, replace=True, say=SILENT)
        assert not User.objects.filter(email="late@demo.example").exists()
        assert f"{empty}_restoring" not in databases(empty)


class TestRefusals:
    def test_a_damaged_file(self, backup: Path, empty: str) -> None:
        content = bytearray(backup.read_bytes())
        content[len(content) // 2] ^= 255
        backup.write_bytes(content)
        with pytest.raises(BackupError, match=r"no whole backup|damaged"):
            restore(path=backup, replace=False, say=SILENT)
        assert rows(empty) == {}

    @pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 half"])
    def test_what_is_no_backup(self, content: bytes, empty: str, tmp_path: Path) -> None:
        path = tmp_path / "x.backup"
        path.write_bytes(content)
        with pytest.raises(BackupError, match="no whole backup"):
            restore(path=path, replace=False, say=SILENT)

    @pytest.mark.slow
    def test_a_backup_cut_short(self, backup: Path, empty: str) -> None:
        backup.write_bytes(backup.read_bytes()[:-5000])
        with pytest.raises(BackupError, match="no whole backup"):
            restore(path=backup, replace=False, say=SILENT)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"migrations": {"routing": ["9999_of_the_future"]}}, "made by a newer version"),
            ({"server_major": 99}, "must not be older"),
            ({"format": 2}, "has format 2"),
            ({"rows": {"reps_user": 7}}, "Not all rows came back"),
        ],
    )
    def test_a_manifest_that_does_not_fit(
        self, change: dict[str, object], words: str, backup: Path, empty: str
    ) -> None:
        other = backup.with_name("other.backup")
        with zipfile.ZipFile(backup) as old, zipfile.ZipFile(other, "w") as new:
            manifest = json.loads(old.read(files.MANIFEST)) | change
            new.writestr(files.DUMP, old.read(files.DUMP))
            new.writestr(files.MANIFEST, json.dumps(manifest))
        with pytest.raises(BackupError, match=words):
            restore(path=other, replace=False, say=SILENT)
        assert rows(empty) == {}
        assert f"{empty}_restoring" not in databases(empty)

    @pytest.mark.slow
    def test_broken_guarantees_are_not_put_in_place(self, at_source: str, empty: str, tmp_path: Path) -> None:
        broken = f"{at_source}_broken"
        with looking_at("postgres"), stack.scratch_database(broken, at_source), looking_at(broken):
            with connection.cursor() as cursor:
                cursor.execute("UPDATE reps_rep SET load = load + 1")
            made = make_backup(target=tmp_path / "broken.backup", at=NOW, say=SILENT)
        with pytest.raises(BackupError, match="breaks 60 guarantees"):
            restore(path=made.path, replace=False, say=SILENT)
        assert rows(empty) == {}


class TestMaking:
    def test_is_private_and_never_half_there(self, backup: Path) -> None:
        assert backup.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in backup.parent.iterdir()] == ["one.backup"]
        with pytest.raises(BackupError, match="exists already"):
            make_backup(target=backup, at=NOW, say=SILENT)

    @pytest.mark.slow
    def test_a_full_disk_leaves_nothing_behind(self, at_source: str, tmp_path: Path) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            with pytest.raises(BackupError, match="could not be written"):
                make_backup(target=tmp_path, at=NOW, say=SILENT)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(tmp_path.iterdir()) == []

    def test_the_secret_key_is_not_in_it(self, backup: Path) -> None:
        assert given.SECRET_KEY.encode() not in backup.read_bytes()

    def test_without_a_program_that_fits(
        self, at_source: str, tmp_path: Path, settings: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.POSTGRES_PROGRAMS = ""
        old = tmp_path / "pg_dump"
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
        old.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BackupError, match=r"No pg_dump of PostgreSQL 1\d or newer .* 9\.6\.1"):
            make_backup(target=tmp_path / "one.backup", at=NOW, say=SILENT)


class TestRegularly:
    def test_each_is_noted_and_old_ones_go(
        self, at_source: str, tmp_path: Path, settings: SimpleNamespace
    ) -> None:
        settings.BACKUP_DIRECTORY, settings.BACKUP_KEEP_DAILY, settings.BACKUP_KEEP_WEEKLY = (
            str(tmp_path),
            1,
            0,
        )
        (tmp_path / "routing-20260303T050607Z.backup").touch()
        (tmp_path / "somebody-elses.backup").touch()
        noted = back_up(at=NOW, say=SILENT)
        assert noted is not None
        assert (noted.error, noted.size_bytes > 10_000) == ("", True)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"routing-20260304T050607Z.backup", "somebody-elses.backup"}
        noted.delete()

    def test_a_failure_is_noted(self, at_source: str, tmp_path: Path, settings: SimpleNamespace) -> None:
        settings.BACKUP_DIRECTORY = str(tmp_path / "file")
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="File exists"):
            back_up(at=NOW, say=SILENT)
        assert "File exists" in Backup.objects.get().error
        Backup.objects.all().delete()

    def test_nothing_is_made_where_nobody_asks(self, at_source: str, settings: SimpleNamespace) -> None:
        settings.BACKUP_DIRECTORY = ""
        assert back_up(at=NOW, say=SILENT) is None

    def test_what_a_killed_one_left_goes_and_what_is_written_stays(self, tmp_path: Path) -> None:
        killed = tmp_path / ".routing-20260101T000000Z.backup.999999999.part"
        fresh = tmp_path / ".routing-20260102T000000Z.backup.999999999.part"
        killed.touch()
        fresh.touch()
        os.utime(killed, (0, 0))
        assert remove_old(tmp_path) == [killed]
        assert fresh.exists()
