"""A restored database forgets again whom it had forgotten, before anybody sees it."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from benchmarks.realtime import stack, world
from crm.models import Contact
from operations.services.backups import make_backup, restore
from operations.services.backups.restoring import looking_at
from privacy.models import Erasure
from privacy.services.again import erase_again
from privacy.services.erasing import erase
from privacy.services.journal import Line, journal_path, read_journal, write_journal
from reps.models import Rep, User
from tests.conftest import NOW, forget_what_is_cached
from tests.privacy.searching import where_is

HOUR = datetime.timedelta(hours=1)
SILENT = lambda text: None  # noqa: E731


@pytest.fixture(autouse=True)
def beside(settings: Any, tmp_path: Path) -> None:
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")


@pytest.mark.django_db
def test_has_ids_and_no_names_each_once(ada: User) -> None:
    people = [Contact.objects.create(name=name) for name in ("Jo Doe", "Al Bee")]
    for one in people:
        erase(people=[("contact", one.pk)], by=ada, at=NOW)
    assert write_journal() == 2
    assert write_journal() == 0
    lines = [json.loads(line) for line in journal_path().read_text().splitlines()]
    assert [(line["kind"], line["id"]) for line in lines] == [("contact", one.pk) for one in people]
    assert set(lines[0]) == {"at", "kind", "id", "account"}
    assert journal_path().stat().st_mode & 0o077 == 0


@pytest.mark.django_db
def test_a_half_written_line_is_written_again(ada: User) -> None:
    erase(people=[("contact", Contact.objects.create(name="Jo Doe").pk)], by=ada, at=NOW)
    write_journal()
    whole = journal_path().read_text()
    journal_path().write_text(whole[:20])
    assert read_journal(journal_path()) == []
    assert write_journal() == 1
    assert len(read_journal(journal_path())) == 1


@pytest.mark.django_db
def test_only_whoever_was_erased_after_the_backup(ada: User, ana: Rep) -> None:
    before, after = (Contact.objects.create(name=name) for name in ("Before Bee", "After Bee"))
    made = datetime.datetime.now(datetime.UTC)
    lines = [
        Line(made - 5 * HOUR, "contact", before.pk, False),
        Line(made + HOUR, "contact", after.pk, False),
        Line(made + HOUR, "contact", 999, False),
        Line(made + HOUR, "rep", ana.pk, False),
    ]
    assert erase_again(lines=lines, made_at=made, at=NOW) == 2
    assert Contact.objects.get(pk=before.pk).name == "Before Bee"
    assert Contact.objects.get(pk=after.pk).name == f"Erased contact {after.pk}"
    ana.refresh_from_db()
    assert (ana.name, ana.left_at is None) == (f"Former rep {ana.pk}", False)
    assert erase_again(lines=lines, made_at=made, at=NOW) == 0


@pytest.fixture
def place(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A filled database of its own."""
    with django_db_blocker.unblock():
        template = str(connection.settings_dict["NAME"])
        with (
            connection.cursor() as cursor
        ):  # a template must not be in use, by a test's server of before either
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()
        with stack.scratch_database(f"{template}_privacy", template):
            with looking_at(f"{template}_privacy"):
                forget_what_is_cached()
                world.fill(world.SMALL)
                yield f"{template}_privacy"
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_restored_backup_has_forgotten(place: str, tmp_path: Path) -> None:
    contact = Contact.objects.create(name="Quilla Zorvexa", email="q@zorvexa.example")
    file = tmp_path / "copies" / "one.backup"
    file.parent.mkdir()
    make_backup(target=file, at=timezone.now(), say=SILENT)
    erase(people=[("contact", contact.pk)], by=None, at=NOW, reason="asked")
    journal_path().unlink(
        missing_ok=True
    )  # the disk that it was on is gone: the database to be replaced still knows
    done = restore(path=file, replace=True, say=SILENT)
    assert done.erased == 1
    assert where_is("zorvexa") == []
    assert Contact.objects.get(pk=contact.pk).name == f"Erased contact {contact.pk}"
    assert [one.reason for one in Erasure.objects.all()] == ["Erased before; the backup was older"]
