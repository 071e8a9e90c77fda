"""An entry of the audit log as a sentence: "Omar Haddad changed rep Ana: own max open from 40 to 50"."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SECRET = "secret"  # stored in place of a value that is not told
LONGEST = 80
# Fields by the names that people know them by; others by their own.
FIELDS = {
    "own_max_open": "maximum of open opportunities",
    "own_max_new_per_week": "maximum of new ones a week",
    "own_max_new_per_day": "maximum of new ones a day",
    "own_max_pipeline_value": "maximum of pipeline value",
    "max_open": "maximum of open opportunities",
    "max_new_per_week": "maximum of new ones a week",
    "max_new_per_day": "maximum of new ones a day",
    "max_pipeline_value": "maximum of pipeline value",
    "is_active": "switched on",
    "left_at": "left on",
    "sealed": "secret",
    "key": "key",
    "content_hash": "content",
}
# Records that are what happened, in one word.
ONE_TIME = {"model": "{} a model", "automation": "set the automation to {}"}
VERBS = {"created": "created", "changed": "changed", "deleted": "deleted", "emptied": "emptied"}
WAYS = {
    "visitor": "Somebody who was not signed in",
    "command": "The command",
    "job": "The job",
    "database": "The database’s account",
}


@dataclass(frozen=True)
class Told:
    """What a sentence is made of: an entry's columns of these names."""

    way: str
    user_name: str
    through: str
    action: str
    kind: str
    record_id: str
    record_name: str
    of_kind: str
    of_name: str
    changes: Mapping[str, Sequence[Any]]


def who(told: Told) -> str:
    if told.way == "token":
        return f"{told.user_name or 'Somebody'} (token “{told.through}”)"
    if told.way in ("command", "job", "database"):
        by = f", for {told.user_name}" if told.user_name else ""
        return f"{WAYS[told.way]} {told.through}{by}".rstrip()
    return told.user_name or WAYS["visitor"]


def what(told: Told) -> str:
    """The record, and whose it is."""
    name = told.record_name or told.record_id
    called = f"{told.kind} {name}" if name else told.kind
    if told.of_name and told.of_name != told.record_name:
        return f"{called} of {told.of_kind} {told.of_name}"
    return called


def sentence(told: Told) -> str:
    if told.action == "created" and told.kind in ONE_TIME:
        return f"{who(told)} {ONE_TIME[told.kind].format(told.record_name.replace('_', ' '))}"
    if told.action in VERBS:
        return f"{who(told)} {VERBS[told.action]} {what(told)}{_changed(told)}"
    others = {
        "signed_in": f"{who(told)} signed in",
        "signed_out": f"{who(told)} signed out",
        "sign_in_failed": f"A sign-in as {told.record_name} failed",
        "session_ended": f"{who(told)} ended {_count(told)} of {told.record_name}",
        "exported": f"{who(told)} downloaded “{told.record_name}”",
        "forgotten": f"{who(told)} deleted old entries of the audit log",
    }
    return others.get(told.action, f"{who(told)}: {told.action.replace('_', ' ')} {what(told)}")


def _count(told: Told) -> str:
    number = (told.changes.get("sessions") or [1])[0]
    return "a session" if number == 1 else f"{number} sessions"


def _changed(told: Told) -> str:
    if told.action != "changed":
        return ""
    if len(told.changes) > 1:
        return ": " + ", ".join(field_words(field) for field in told.changes)
    return "".join(f": {one}" for one in (_pair(field, pair) for field, pair in told.changes.items()))


def _pair(field: str, pair: Sequence[Any]) -> str:
    before, after = pair
    if SECRET in (before, after):
        return field_words(field)
    return f"{field_words(field)} from {value_words(before)} to {value_words(after)}"


def lines(changes: Mapping[str, Sequence[Any]]) -> list[tuple[str, str, str]]:
    """(field, before, after) in words, for a table."""
    return [
        (field_words(field), value_words(before, most=2000), value_words(after, most=2000))
        for field, (before, after) in sorted(changes.items())
    ]


def field_words(field: str) -> str:
    return FIELDS.get(field) or field.removesuffix("_id").removeprefix("is_").replace("_", " ")


def value_words(value: Any, *, most: int = LONGEST) -> str:
    """A value as people write it; long ones are cut."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and set(value) == {"id", "name"}:
        return str(value["name"])
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        text = ", ".join(map(str, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"
