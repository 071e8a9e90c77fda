"""Statements of the path that every lead takes, prepared once for each connection.

Django's own cursors bind on the client's side, so that the server parses and plans every statement anew; for the few
that run with each lead that takes longer than running them. These go through Django's connection all the same: its
transaction, its wrappers, its log of queries.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from telemetry.traces import NOTHING, is_traced, statement_span

Parameters = Sequence[Any] | Mapping[str, Any]
PLACE = re.compile(r"%(?:s|\((\w+)\)s)")


class Companion(Protocol):
    """What somebody else asks along with his own."""

    @property
    def locks(self) -> Sequence[str]:
        """SQL expressions, to be waited for before it is asked, and after all other locks."""

    @property
    def asked(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Statements of one row each, for `side_by_side`."""

    def answered(self, values: Sequence[Any]) -> None:
        """Takes the answers, and keeps them for later: whoever asks for it must not fail with it."""


class _PreparedCursor(psycopg.RawCursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> "_PreparedCursor":
        super().execute(query, params, **{**options, "prepare": True})
        return self

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """What the statement returned; none where it returns nothing. `description` would tell that too, but makes a
        column for each."""
        return self.fetchall() if self.pgresult is not None and self.pgresult.nfields else []


def ask(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """The rows of a statement with `%s` or `%(name)s` where parameters go; none where it returns nothing."""
    native, parameters = _bound(statement, parameters)
    database = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up again for every attribute
    database.ensure_connection()
    cursor: Any = _PreparedCursor(database.connection)
    if database.queries_logged or database.execute_wrappers:
        make = database.make_debug_cursor if database.queries_logged else database.make_cursor
        make(cursor).execute(native, parameters)
    else:
        with statement_span(native), database.wrap_database_errors:
            cursor.execute(native, parameters)
    rows: list[tuple[Any, ...]] = cursor.rows
    return rows


def ask_all(
    *asked: tuple[str, Parameters], meanwhile: Callable[[], None] = lambda: None
) -> list[list[tuple[Any, ...]]]:
    """The rows of several statements that do not depend on each other's answers, sent together. Each sees what was
    committed when its turn came, as if it had been sent alone. `meanwhile` is done while the database is at it."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.queries_logged or database.execute_wrappers:
        meanwhile()
        return [ask(*one) for one in asked]
    database.ensure_connection()
    sent = [(_PreparedCursor(database.connection), *_bound(*one)) for one in asked]
    together = statement_span("; ".join(native for _, native, _ in sent)) if is_traced() else NOTHING
    with together, database.wrap_database_errors, database.connection.pipeline():
        for cursor, native, parameters in sent:
            cursor.execute(native, parameters)
        meanwhile()
    return [cursor.rows for cursor, _, _ in sent]


def side_by_side(*asked: tuple[str, Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Several statements of one row each as one, whose row is theirs one after the other: a statement takes longer to
    send and to begin than most take to run. All see the same moment. Raises ValueError where two parameters have the
    same name."""
    parameters = {name: value for _, given in asked for name, value in given.items()}
    if len(parameters) < sum(len(given) for _, given in asked):
        raise ValueError("Statements that are asked side by side share a parameter's name.")
    return _joined(tuple(statement for statement, _ in asked)), parameters


@lru_cache(maxsize=64)
def _joined(statements: tuple[str, ...]) -> str:
    return f"SELECT * FROM {', '.join(f'({one}) AS row_{place}' for place, one in enumerate(statements))}"


def ask_one(statement: str, parameters: Parameters = ()) -> tuple[Any, ...]:
    """The only row of a statement that always has one."""
    return ask(statement, parameters)[0]


def _bound(statement: str, parameters: Parameters) -> tuple[str, Sequence[Any]]:
    native, names = _native(statement)
    return native, [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters


@lru_cache(maxsize=512)
def _native(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with PostgreSQL's own `$1`, which psycopg need not look for every time, and the names in order."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        name = found.group(1) or f"#{len(names)}"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PLACE.sub(place, statement), tuple(names)
