"""Lets every process know that the experiments which routing must know have changed."""

from django.db import connection

# Drawn, not counted: a number must never come again, also not after a transaction that was rolled back.
STAMPED = """
INSERT INTO experiments_experimentstamp (id, version) VALUES (1, (random() * 9e15)::bigint)
ON CONFLICT (id) DO UPDATE SET version = excluded.version
"""


def stamp() -> None:
    """In the transaction of the change."""
    with connection.cursor() as cursor:
        cursor.execute(STAMPED)
