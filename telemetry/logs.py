"""The form of the log: text for a terminal, one JSON object a line for what collects logs. Every line says what it
belongs to (`telemetry.context`).

People's addresses and secrets have no place in a log. What is written here names ids; what databases and libraries put
into their errors (the row that was refused, the address that was asked) is taken out.
"""

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict

from telemetry.traces import trace_ids

EMAIL = re.compile(r"[^\s@'\"<>()=,;:]+@[^\s@'\"<>()=,;]+\.[A-Za-z]{2,}")
SECRET = re.compile(r"(?i)\b(bearer|token|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
SIGNED_IN = re.compile(r"://[^/\s]*@[^/\s]*")  # an address with a name and a password in it
# PostgreSQL names the row that it refused, and what of a COPY it could not read.
ROW = re.compile(r"(?m)^(DETAIL|CONTEXT):.*$")
OPAQUE = re.compile(r"(?<=/)[^/]{25,}(?=/|$)")  # of an address: a key, a token, a signed link


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


def scrub(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if event.get("logger") == "django.request":  # it names the path
        event["event"] = OPAQUE.sub("…", event["event"])
    for name in ("event", "exception", "stack"):
        if isinstance(event.get(name), str):
            event[name] = without_people(event[name])
    return event


def add_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event.update(trace_ids())
    return event


def as_text(_logger: Any, _method: str, event: EventDict) -> str:
    """`2026-03-02 12:00:00 INFO requests GET /queue/ 200 …`; what it belongs to follows in brackets."""
    head = [event.pop(name, "") for name in ("timestamp", "level", "logger", "event")]
    trouble = [event.pop(name, None) for name in ("exception", "stack")]
    rest = " ".join(f"{name}={value}" for name, value in event.items())
    line = f"{head[0]} {str(head[1]).upper()} {head[2]} {head[3]}" + (f" [{rest}]" if rest else "")
    return "\n".join([line, *(str(one) for one in trouble if one)])


def as_json(_logger: Any, _method: str, event: EventDict) -> str:
    return json.dumps(event, default=str, ensure_ascii=False, separators=(",", ":"))


def formatter(form: str) -> logging.Formatter:
    """`text` or `json`. All libraries' lines go through it as well."""
    is_json = form == "json"
    before: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.processors.TimeStamper(fmt="iso" if is_json else "%Y-%m-%d %H:%M:%S", utc=True),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _drop_noise,
            structlog.processors.format_exc_info,
            scrub,
            as_json if is_json else as_text,
        ],
    )


def _drop_noise(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Django gives its lines the whole request, and uvicorn a coloured copy of them, which are no part of a line."""
    for name in ("request", "color_message", "server_time", "message", "asctime"):
        event.pop(name, None)
    return event


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
        "formatters": {"line": {"()": "telemetry.logs.formatter", "form": form}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": dict(quiet),
    }
