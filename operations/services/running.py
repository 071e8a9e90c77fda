"""How jobs went: one row for each function, written by the worker that ran it."""

import datetime

from django.db import connection

from telemetry.logs import without_people

# One statement, since two workers may end runs of the same job at once. A failure keeps the last success, and a success
# ends a row of failures.
NOTE = """
INSERT INTO operations_jobrun
    (func, last_started_at, last_ended_at, last_worked_at, last_failed_at, last_error, failures)
VALUES (%(func)s, %(started)s, %(ended)s, %(worked)s, %(failed)s, %(error)s, %(one)s)
ON CONFLICT (func) DO UPDATE SET
    last_started_at = excluded.last_started_at,
    last_ended_at = excluded.last_ended_at,
    last_worked_at = coalesce(excluded.last_worked_at, operations_jobrun.last_worked_at),
    last_failed_at = coalesce(excluded.last_failed_at, operations_jobrun.last_failed_at),
    last_error = CASE WHEN excluded.failures = 0 THEN operations_jobrun.last_error ELSE excluded.last_error END,
    failures = CASE WHEN excluded.failures = 0 THEN 0 ELSE operations_jobrun.failures + 1 END
"""


def note_run(*, func: str, started: datetime.datetime, ended: datetime.datetime, error: str | None) -> None:
    """`error`: what it failed with; None where it worked."""
    worked = error is None
    with connection.cursor() as cursor:
        cursor.execute(
            NOTE,
            {
                "func": func[:200],
                "started": started,
                "ended": ended,
                "worked": ended if worked else None,
                "failed": None if worked else ended,
                "error": "" if error is None else first_line(error),
                "one": 0 if worked else 1,
            },
        )


def first_line(error: str) -> str:
    """Of a failure as django-q tells it: “what it says : Traceback …”."""
    said = error.split(" : Traceback", 1)[0].strip()
    return without_people(said.splitlines()[0] if said else "No words with it.")[:300]
