"""New migrations leave the version before them able to serve (docs/deployment.md)."""

from collections.abc import Iterable, Iterator

import pytest
from django.db import models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddField,
    AlterField,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation

# Up to these, nobody has had a version before.
FIRST_VERSION = {
    "analytics": 7, "crm": 9, "experiments": 3, "operations": 1,
    "reps": 21, "routing": 31, "territories": 1,
}  # fmt: skip
# What a version before does not use any more: "app.migration", with the version that stopped using it.
CONTRACTS: dict[str, str] = {}


def breaks(operation: Operation) -> str:
    """What the version before would stumble over, or nothing."""
    if isinstance(operation, (RemoveField, RenameField, RenameModel, DeleteModel)):
        return f"{operation.describe()}: the version before still uses it"
    if isinstance(operation, AddField):
        field = operation.field
        if not (field.null or field.has_db_default() or field.many_to_many or field.generated):
            return f"{operation.describe()}: its INSERT does not name it (null=True or db_default)"
    return ""


def new_operations() -> Iterator[tuple[str, Operation]]:
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if app in FIRST_VERSION and int(name[:4]) > FIRST_VERSION[app] and f"{app}.{name}" not in CONTRACTS:
            for operation in in_the_database(migration.operations):
                yield f"{app}.{name}", operation


def in_the_database(operations: Iterable[Operation]) -> Iterator[Operation]:
    """What only changes what Django believes is left out."""
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from in_the_database(operation.database_operations)
        else:
            yield operation


def test_the_version_before_goes_on() -> None:
    assert [f"{name}: {words}" for name, operation in new_operations() if (words := breaks(operation))] == []


@pytest.mark.parametrize(
    "operation",
    [
        AddField("rep", "x", models.IntegerField(default=3)),
        RemoveField("rep", "x"),
        RenameField("rep", "x", "y"),
        RenameModel("rep", "person"),
        DeleteModel("rep"),
    ],
)
def test_what_would_break_it(operation: Operation) -> None:
    assert breaks(operation)


@pytest.mark.parametrize(
    "operation",
    [
        AddField("rep", "x", models.IntegerField(null=True)),
        AddField("rep", "x", models.IntegerField(default=3, db_default=3)),
        AlterField("rep", "x", models.IntegerField(default=4)),
    ],
)
def test_what_would_not(operation: Operation) -> None:
    assert not breaks(operation)
