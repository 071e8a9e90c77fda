"""Django's flush, which empties the database after a test with real transactions, without its half second each time.

Truncating a hundred tables gives each of them new files; nearly all are empty. And content types and permissions
need not be made again: they are those of the code, and no test changes them.
"""

from typing import Any

from django.core.management.commands import flush
from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import DeadlockDetected

from analytics.apps import prepare as prepare_analytics
from operations.apps import prepare as prepare_operations
from privacy.apps import prepare as prepare_privacy
from routing.apps import prepare

TRIES = 5
OF_THE_CODE = {"django_content_type", "auth_permission"}


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        # A given server's account may not be allowed to set triggers aside.
        if is_superuser(connection):
            empty_at_last(connection)
            prepare()
            prepare_analytics()
            prepare_operations()
            prepare_privacy()
        else:
            set_triggers(connection, "DISABLE")  # the audit log refuses to be emptied
            super().handle(**options)
            set_triggers(connection, "ENABLE")


def is_superuser(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        return bool(cursor.fetchone()[0])


def set_triggers(connection: BaseDatabaseWrapper, word: str) -> None:
    """Of the tables with an owner's own triggers on emptying them: those of the audit log and what it watches."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT format('ALTER TABLE %s {word} TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgtype & 32 > 0"  # 32: on TRUNCATE
        )
        cursor.execute("; ".join(one for (one,) in cursor.fetchall()) or "SELECT")


def empty_at_last(connection: BaseDatabaseWrapper) -> None:
    """A page that a test has left may still ask the server for something, whose locks come in another order."""
    for _ in range(TRIES - 1):
        try:
            empty(connection)
            return
        except OperationalError as failed:
            if not isinstance(failed.__cause__, DeadlockDetected):
                raise
    empty(connection)


def empty(connection: BaseDatabaseWrapper) -> None:
    """Waits for whoever still writes, as TRUNCATE does, and leaves every table empty but those of the code."""
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = sorted(set(found) - OF_THE_CODE)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        # Rows that may never be deleted, keys to rows deleted before: no trigger asks.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(" UNION ALL ".join(f"(SELECT '{one}' FROM {one} LIMIT 1)" for one in tables))
        filled = [name for (name,) in cursor.fetchall()]
        cursor.execute("; ".join(f"DELETE FROM {one}" for one in filled) or "SELECT")
