"""Connections that wait for PostgreSQL's notifications: of their own, outside Django's pool."""

from typing import Any

from django.db import connection

WANTED = ("dbname", "user", "password", "host", "port", "sslmode")


def address() -> dict[str, Any]:
    """How Django connects, as psycopg's `connect` takes it, with commits of their own."""
    known = connection.get_connection_params()
    return {"autocommit": True, **{name: known[name] for name in WANTED if name in known}}
