"""What bin/start, bin/manage and bin/test run inside .venv: `python -m config.launch start|manage|test [ARGS]`."""

import os
import signal
import sys

import psycopg

from config import postgres, start, upgrade, verify
from config.surroundings import ROOT, VAR, database, hand_over

# These work without tables, or are about making them; every other command finds an empty database migrated first.
WORK_WITHOUT_TABLES = {
    "check",
    "collectstatic",
    "compilemessages",
    "dbshell",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "makemigrations",
    "migrate",
    "restore",
    "showmigrations",
    "spectacular",
    "sqlmigrate",
    "squashmigrations",
    "version",
}


def main() -> int:
    commands = {"start": start.main, "manage": manage, "test": verify.main}
    command, *arguments = sys.argv[1:]
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # of the caller's other project
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that `with` blocks end
    try:
        return commands[command](arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except postgres.PostgresError as error:
        print(f"bin/{command}: {error}", file=sys.stderr)
    except PermissionError as error:
        print(f"bin/{command}: {error}. Run as the owner of {VAR}, or set ROUTING_VAR.", file=sys.stderr)
    return 1


def manage(arguments: list[str]) -> int:
    if arguments[:1] == ["upgrade_postgres"]:  # for which the server need not start
        return upgrade.main(arguments[1:])
    with database(VAR):
        if wants_tables(arguments) and is_empty():
            print("bin/manage: the database is empty; migrating it first.", file=sys.stderr)
            migrate = [sys.executable, "-m", "config.prepare", "--migrate-only"]
            if failed := hand_over(migrate, stdout=sys.stderr.fileno()):
                return failed
        return hand_over([sys.executable, str(ROOT / "manage.py"), *arguments])


def database_url() -> str:
    return os.environ.get("DATABASE_URL") or postgres.url(VAR / "postgres")


def wants_tables(arguments: list[str]) -> bool:
    asks_for_help = not arguments or "--help" in arguments or "-h" in arguments
    return not asks_for_help and arguments[0] not in WORK_WITHOUT_TABLES


def is_empty() -> bool:
    """Whether nobody has migrated yet. A server that does not answer is left for Django to report."""
    try:
        with psycopg.connect(database_url(), connect_timeout=10) as connection:
            found = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
    except psycopg.Error:
        return False
    return found == (None,)


if __name__ == "__main__":
    sys.exit(main())
