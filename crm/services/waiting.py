"""Taking turns: transactions that look for the same thing before they add it do so one after the other."""

from django.db import connection


def one_at_a_time(kind: str, name: str) -> None:
    """Waits until no other transaction is looking for the same name, and holds it until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [kind, name.lower()])
