"""Statements of the path that every lead takes: several at once, and what is done meanwhile."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reps.queries.prepared import ask, ask_all, side_by_side

pytestmark = pytest.mark.django_db


def test_rows_come_in_the_order_of_the_statements_with_or_without_a_log() -> None:
    asked = (("SELECT %s::int", [1]), ("SELECT unnest(%(these)s::int[])", {"these": [2, 3]}))
    done: list[str] = []
    assert ask_all(*asked, meanwhile=lambda: done.append("sent together")) == [[(1,)], [(2,), (3,)]]
    with CaptureQueriesContext(connection) as queries:
        assert ask_all(*asked, meanwhile=lambda: done.append("logged")) == [[(1,)], [(2,), (3,)]]
    assert (done, len(queries)) == (["sent together", "logged"], 2)


def test_what_fails_meanwhile_leaves_the_connection_usable() -> None:
    def fail() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        ask_all(("SELECT 1", ()), meanwhile=fail)
    assert ask("SELECT 2") == [(2,)]


def test_one_row_each_side_by_side() -> None:
    statement, parameters = side_by_side(
        ("WITH a AS (SELECT %(first)s::int AS x) SELECT x, x + 1 FROM a", {"first": 1}),
        ("SELECT 3, 3", {}),
        ("SELECT %(second)s::text", {"second": "four"}),
    )
    assert ask(statement, parameters) == [(1, 2, 3, 3, "four")]


def test_parameters_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="share a parameter's name"):
        side_by_side(("SELECT %(a)s::int", {"a": 1}), ("SELECT %(a)s::int", {"a": 2}))
