"""Lets every process know that the experiments which routing must know have changed."""

from django.db import connection

STAMPED = """
INSERT INTO experiments_experimentstamp (id, version) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET version = experiments_experimentstamp.version + 1
"""


def stamp() -> None:
    """In the transaction of the change."""
    with connection.cursor() as cursor:
        cursor.execute(STAMPED)
