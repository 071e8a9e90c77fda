"""Who writes, told to the database with each statement that writes.

The triggers of the audit log read a comment before the statement: the person or token, the address, the request. A
comment costs no statement and holds for its own statement only, so that nothing stays on a connection for whoever gets
it next. Statements of the path of every lead go by prepared ones (`reps.queries.prepared`) and have none.
"""

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import Cursor
from django.http import HttpRequest
from structlog.contextvars import get_contextvars

from reps.addresses import client_address, is_address
from reps.engine.browsers import browser_words
from reps.models import ApiToken, AuditEntry, User

Way = AuditEntry.Way
WRITES = {"INSERT", "UPDATE", "DELETE"}


@dataclass(frozen=True)
class Actor:
    """`through`: the token's, command's or job's name."""

    way: str
    user: int | None = None
    through: str = ""
    address: str | None = None
    agent: str = ""
    request: str = ""


_acts: ContextVar[Actor | HttpRequest | None] = ContextVar("acts", default=None)


@contextmanager
def acting(actor: Actor | HttpRequest) -> Iterator[None]:
    """Whatever is written within is written by this actor, or by whoever sends this request."""
    before = _acts.set(actor)
    try:
        yield
    finally:
        _acts.reset(before)


def act(actor: Actor | None) -> None:
    """From here on, for what has no end to hold on to; None: nobody that is known."""
    _acts.set(actor)


def actor_now() -> Actor | None:
    acts = _acts.get()
    if isinstance(acts, HttpRequest):
        return actor_of(acts)
    return acts or command_of(tuple(sys.argv))


def actor_of(request: HttpRequest) -> Actor:
    """A person signs in and a token is looked up while a request is under way, so each time anew."""
    user, token = getattr(request, "user", None), getattr(request, "auth", None)
    through = token.name if isinstance(token, ApiToken) else ""
    way = Way.TOKEN if through else Way.PERSON if isinstance(user, User) else Way.VISITOR
    address = client_address(request)
    return Actor(
        way=way.value,
        user=user.pk if isinstance(user, User) else None,
        through=through,
        address=address if is_address(address) else None,
        agent=browser_words(request.headers.get("User-Agent", ""))[:80],
        request=str(get_contextvars().get("request_id", ""))[:64],
    )


@lru_cache(maxsize=8)
def command_of(arguments: tuple[str, ...]) -> Actor | None:
    """Which command runs, `prepare` before the start among them; what else has no actor is the database's own."""
    program = arguments[0].rpartition("/")[2] if arguments else ""
    if program == "manage.py" and len(arguments) > 1:
        return Actor(Way.COMMAND.value, through=arguments[1][:200])
    return Actor(Way.COMMAND.value, through="prepare") if program == "prepare.py" else None


@lru_cache(maxsize=256)
def mark(actor: Actor) -> str:
    told = {name: value for name, value in vars(actor).items() if value}
    return f"/* actor:{base64.b64encode(json.dumps(told).encode()).decode()} */ "


def attributed(query: Any) -> Any:
    """The statement with its actor, where it is one that writes."""
    if not isinstance(query, str):
        return query
    word = query.lstrip()[:6].upper()
    if word not in WRITES and not word.startswith("WITH"):
        return query
    actor = actor_now()
    return query if actor is None else mark(actor) + query


class AttributingCursor(Cursor):
    """Django's cursor, which tells who writes."""

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        return super().execute(attributed(query), *arguments, **options)  # type: ignore[misc]  # psycopg's

    def executemany(self, query: Any, *arguments: Any, **options: Any) -> Any:
        return super().executemany(attributed(query), *arguments, **options)  # type: ignore[misc]  # psycopg's


@lru_cache(maxsize=8)
def attributing(cursor: type[Any]) -> type[Any]:
    """The same class of cursors, telling who writes below whatever it does itself: a trace shows statements without."""
    bases = (AttributingCursor,) if cursor is Cursor else (cursor, AttributingCursor)
    return type("AttributingCursor", bases, {})


def attribute(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receives that a connection was opened, or taken from the pool."""
    opened = connection.connection
    if not getattr(opened, "is_attributed", False):
        opened.cursor_factory = attributing(opened.cursor_factory)
        opened.is_attributed = True
