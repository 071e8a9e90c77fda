"""No text of the database is without an answer to: whose may it be, and what becomes of it."""

from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from privacy.models import Kind
from privacy.queries.catalogue import TABLES, WITHOUT_MODEL, Gone, Table
from privacy.queries.catalogue.tables import is_text
from privacy.queries.catalogue.words import HEAD, catalogue_lines

ROOT = Path(__file__).resolve().parents[2]
BY_MODEL = {one.model: one for one in TABLES}
MODELS = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]


def said_of(one: Table) -> list[str]:
    return [*one.none, *one.named, *one.special, *({one.dropped} - {""})]


def test_every_text_is_classified() -> None:
    forgotten = {}
    for model in MODELS:
        one = BY_MODEL.get(model._meta.label)
        texts = {column.name for column in model._meta.concrete_fields if is_text(column)}
        said = set(said_of(one)) | one.linked_columns if one else set()
        if texts - said:
            forgotten[model._meta.label] = sorted(texts - said)
    assert forgotten == {}


def test_a_column_that_nobody_classified_is_noticed() -> None:
    contact = BY_MODEL["crm.Contact"]
    assert "phone" not in said_of(contact)
    assert "phone" in contact.linked_columns


def test_it_names_no_column_that_is_none_and_none_twice() -> None:
    wrong = {}
    for one in TABLES:
        names = said_of(one)
        columns = {column.name for column in one.rows_model._meta.concrete_fields}
        twice = {name for name in names if names.count(name) > 1}
        found = (set(names) | one.linked_columns) - columns | twice | (set(one.none) & one.linked_columns)
        if found:
            wrong[one.model] = sorted(found)
    assert wrong == {}
    assert len(BY_MODEL) == len(TABLES)


@pytest.mark.django_db
def test_every_table_has_a_model_or_is_named() -> None:
    known = {model._meta.db_table for model in MODELS} | set(WITHOUT_MODEL)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = "
            "current_schema()::regnamespace"
        )
        assert {name for (name,) in cursor.fetchall()} - known == set()


def test_the_document_is_the_catalogue() -> None:
    """`bin/manage privacy catalogue` prints what belongs there."""
    text = (ROOT / "docs" / "privacy.md").read_text()
    start = text.index(HEAD[0])
    assert text[start:].strip().splitlines() == list(catalogue_lines())


@pytest.mark.django_db
def test_every_path_is_one() -> None:
    for one in TABLES:
        for kind, links in one.of.items():
            assert kind in Kind.values
            for link in links:
                assert one.rows_model._base_manager.filter(**{link.path: 0}).count() == 0
                assert isinstance(link, Gone) or link.path
