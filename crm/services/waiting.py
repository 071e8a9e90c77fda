"""Taking turns: transactions that look for the same thing before they add it do so one after the other."""

from collections.abc import Sequence

from reps.queries.prepared import ask

# By one row for each name and in the order given: whoever waits for several waits in the same order as everybody.
LOCKS = """
SELECT pg_advisory_xact_lock(hashtext(kind), hashtext(name))
FROM unnest(%s::text[], %s::text[]) AS wanted (kind, name)
"""


def one_at_a_time(*wanted: tuple[str, str]) -> None:
    """Waits until no other transaction is looking for the same (kind, name), and holds each until this one ends."""
    if wanted:
        ask(*locks(wanted))


def locks(wanted: Sequence[tuple[str, str]], *, then: Sequence[str] = ()) -> tuple[str, list[list[str]]]:
    """The statement that waits for them, and its parameters. `then`: locks of other kinds (SQL expressions), for which
    it waits last."""
    statement = " UNION ALL SELECT ".join([LOCKS, *then])
    return statement, [[kind for kind, _ in wanted], [name.lower() for _, name in wanted]]
