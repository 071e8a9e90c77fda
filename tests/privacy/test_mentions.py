"""Every column that may name anybody, filled with a name by force, forgets it; a row of each table is made for that."""

import datetime
import json
from typing import Any

import pytest
from django.db import connection
from django.db.models import Field, Model

from crm.models import Contact
from privacy.queries.catalogue import TABLES, Table
from privacy.services.erasing import erase
from reps.models import User
from tests.conftest import NOW
from tests.privacy.searching import where_is

pytestmark = pytest.mark.django_db
NAME = "Odalys Perrinvex"
SAID = "perrinvex"


def value_for(column: "Field[Any, Any]", says: bool) -> Any:
    """Something that the column takes; a name in it where it says one."""
    kind = column.get_internal_type()
    if says:
        if kind == "JSONField":
            return json.dumps({"said": [f"by {NAME}!"], NAME: 1})
        if kind == "ArrayField":
            return [f"{NAME} Ltd"]
        return f"{NAME} said {column.name}"[: column.max_length or 200]
    if column.null and not column.unique:
        return None
    if column.is_relation:
        return 1
    if column.choices:
        return column.choices[0][0]
    simple = {
        "JSONField": "{}", "ArrayField": [], "BooleanField": False, "DateField": NOW.date(), "DateTimeField": NOW,
        "BinaryField": b"", "TimeField": datetime.time(8), "UUIDField": "0b6b7c3e-0000-4000-8000-000000000001",
    }  # fmt: skip
    if kind in simple:
        return simple[kind]
    return "x" if kind in ("CharField", "TextField", "EmailField", "URLField") else 77


def put(one: Table) -> None:
    """A row of the table, whatever triggers and references say."""
    model: type[Model] = one.rows_model
    says = {*one.named, *({one.dropped} - {""})}
    columns = [
        c
        for c in model._meta.concrete_fields
        if not (c.primary_key and c.get_internal_type().endswith("AutoField"))
    ]
    names = ", ".join(f'"{c.column}"' for c in columns)
    marks = ", ".join("%s" for _ in columns)
    values = [value_for(c, c.name in says) for c in columns]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({marks})", values)


def drop_checks(cursor: Any) -> None:
    cursor.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype IN ('c', 'f') "
        "AND connamespace = current_schema()::regnamespace AND conparentid = 0"
    )
    for table, name in cursor.fetchall():
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}" CASCADE')


NAMED = [one for one in TABLES if one.named or one.dropped]


def test_whatever_may_name_somebody_forgets_the_name(ada: User) -> None:
    contact = Contact.objects.create(name=NAME, email="o.perrinvex@example.org")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        drop_checks(cursor)  # rolled back with the test
        cursor.execute("SET LOCAL session_replication_role = replica")
    for one in NAMED:
        put(one)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = origin")
    expected = {
        f"{one.rows_model._meta.db_table}.{one.rows_model._meta.get_field(name).column}"
        for one in NAMED
        for name in (*one.named, *({one.dropped} - {""}))
    }
    assert expected - set(where_is(SAID)) == set()
    erase(people=[("contact", contact.pk)], by=ada, at=NOW)
    assert where_is(SAID) == []
