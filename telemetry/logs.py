"""The form of the log: text for a terminal, one JSON object a line for what collects logs. Every line says what it
belongs to (`telemetry.context`).

People's addresses and secrets have no place in a log. What is written here names ids; what databases and libraries put
into their errors (the row that was refused, the address that was asked) is taken out.
"""

import datetime
import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from structlog.contextvars import get_contextvars

from telemetry.traces import trace_ids

EMAIL = re.compile(r"[^\s@'\"<>()=,;:]+@[^\s@'\"<>()=,;]+\.[A-Za-z]{2,}")
SECRET = re.compile(r"(?i)\b(bearer|token|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
SIGNED_IN = re.compile(r"://[^/\s]*@[^/\s]*")  # an address with a name and a password in it
# PostgreSQL names the row that it refused, and what of a COPY it could not read.
ROW = re.compile(r"(?m)^(DETAIL|CONTEXT):.*$")
OPAQUE = re.compile(r"(?<=/)[^/]{25,}(?=/|$)")  # of an address: a key, a token, a signed link

OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"} | {
    "request", "server_time", "color_message",
}  # fmt: skip
ENCODE = json.JSONEncoder(default=str, ensure_ascii=False, separators=(",", ":")).encode


def without_people(text: str) -> str:
    """The text without addresses, tokens and rows."""
    if "@" in text:
        text = EMAIL.sub("…@…", SIGNED_IN.sub("://…", text))
    if "DETAIL:" in text or "CONTEXT:" in text:
        text = ROW.sub(r"\1: left out", text)
    return SECRET.sub(r"\1 …", text)


def shown_path(path: str) -> str:
    """A request's path as it may be logged: no query, nothing that opens a door, of bounded length."""
    return without_people(OPAQUE.sub("…", path[:300]))


class Line(logging.Formatter):
    """One line of the log. `form` is `text` or `json`. All libraries' lines go through it as well.

    Made by hand, since a request waits for its own: a chain of processors takes several times as long.
    """

    def __init__(self, form: str) -> None:
        super().__init__()
        self.is_json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        said = without_people(record.getMessage())
        if record.name == "django.request":  # it names the path
            said = OPAQUE.sub("…", said)
        trouble = without_people(self.trouble(record))
        of = {**extra_of(record), **get_contextvars(), **trace_ids()}
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        return (
            self.as_json(record, at, said, of, trouble)
            if self.is_json
            else self.as_text(record, at, said, of, trouble)
        )

    def trouble(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[0]:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return "\n".join(parts)

    def as_text(
        self, record: logging.LogRecord, at: datetime.datetime, said: str, of: Mapping[str, Any], trouble: str
    ) -> str:
        """`2026-03-02 12:00:00 INFO requests GET /queue/ [status=200 …]`"""
        rest = " ".join(f"{name}={value}" for name, value in of.items())
        line = f"{at:%Y-%m-%d %H:%M:%S} {record.levelname} {record.name} {said}" + (
            f" [{rest}]" if rest else ""
        )
        return f"{line}\n{trouble}" if trouble else line

    def as_json(
        self, record: logging.LogRecord, at: datetime.datetime, said: str, of: Mapping[str, Any], trouble: str
    ) -> str:
        line: dict[str, Any] = {
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": said,
            **of,
        }
        if trouble:
            line["exception"] = trouble
        return ENCODE(line)


def extra_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a line was given besides its words. Django gives its lines the whole request, and uvicorn a coloured copy of
    them, which are no part of a line."""
    return {name: value for name, value in record.__dict__.items() if name not in OF_EVERY_RECORD}


def logging_settings(form: str, level: str) -> Mapping[str, Any]:
    """For Django's LOGGING. uvicorn's and django-q's own handlers give way to the one that writes everything."""
    quiet: MutableMapping[str, Any] = {
        "django-q": {"level": "WARNING"},  # it tells every task it enqueues
        "django.request": {"level": "ERROR"},  # what was refused is in the request's own line
        # At DEBUG these two would write chat addresses, which are secrets.
        "apprise": {"level": "WARNING"},
        "urllib3": {"level": "INFO"},
    }
    for name in ("uvicorn", "uvicorn.error"):
        quiet[name] = {"handlers": [], "propagate": True, "level": "INFO"}
    # It would tell each request a second time, with its query.
    quiet["uvicorn.access"] = {"handlers": [], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "telemetry.logs.Line", "form": form}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": dict(quiet),
    }
