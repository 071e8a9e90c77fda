"""Rows whose texts name somebody."""

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from privacy.engine.identity import Crowd
from privacy.queries.catalogue.tables import Table

ESCAPE = r"\\(?:[bfnrt]|u[0-9a-f]{4})"  # in JSON, for Python and for PostgreSQL


def as_said(column: str) -> Func:
    """The text of a JSON column to look for words in: a line break before a name is written \\n there, and would read
    as a letter of it."""
    text = Cast(column, TextField())
    return Func(
        text, Value(ESCAPE), Value(" "), Value("g"), function="regexp_replace", output_field=TextField()
    )


def saying(one: Table, columns: Iterable[str], crowd: Crowd) -> "QuerySet[Any]":
    """The rows with a mention."""
    said, rows = Q(), one.rows_model._base_manager.all()
    for name in columns:
        if isinstance(one.rows_model._meta.get_field(name), CharField | TextField):
            said |= Q(**{f"{name}__iregex": crowd.query})
        else:
            rows = rows.alias(**{f"said_{name}": as_said(name)})
            said |= Q(**{f"said_{name}__iregex": crowd.query})
    return rows.filter(said)
