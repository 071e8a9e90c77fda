"""Alarms as pages and reports tell them: what it rests on in a sentence, and what could be behind it, as far as the
reader may see whom it names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from analytics.models import Alarm
from reps.models import User
from reps.queries.people import reps_visible_to

PAST_SHOWN = 50


def open_alarms() -> QuerySet[Alarm]:
    return Alarm.objects.filter(ended_at__isnull=True).select_related("acknowledged_by")


def past_alarms() -> QuerySet[Alarm]:
    return Alarm.objects.filter(ended_at__isnull=False).select_related("acknowledged_by")[:PAST_SHOWN]


def said_of(alarm: Alarm) -> str:
    return str(alarm.evidence["said"])


@dataclass(frozen=True)
class Person:
    name: str
    text: str
    url: str


@dataclass(frozen=True)
class Candidate:
    """What could be behind it; `speaks`: whether something speaks for it."""

    title: str
    text: str
    speaks: bool
    url: str
    action: str
    people: Sequence[Person] = ()


@dataclass(frozen=True)
class ShownAlarm:
    alarm: Alarm
    said: str
    candidates: Sequence[Candidate]

    @property
    def speaking(self) -> list[Candidate]:
        return [one for one in self.candidates if one.speaks]


def shown(alarms: Iterable[Alarm], user: User) -> list[ShownAlarm]:
    """Two queries at most, whatever their number."""
    alarms = list(alarms)
    named = {row["rep"] for alarm in alarms for one in _candidates(alarm) for row in one["people"]}
    names = dict(reps_visible_to(user).filter(pk__in=named).values_list("pk", "name")) if named else {}
    return [
        ShownAlarm(alarm, said_of(alarm), [_candidate(one, names) for one in _candidates(alarm)])
        for alarm in alarms
    ]


def _candidates(alarm: Alarm) -> list[dict[str, Any]]:
    return list(alarm.evidence.get("candidates", ()))


def _candidate(row: dict[str, Any], names: dict[int, str]) -> Candidate:
    people = [
        Person(names[one["rep"]], one["text"], reverse("rep", args=[one["rep"]]))
        for one in row["people"]
        if one["rep"] in names
    ]
    return Candidate(row["title"], row["text"], row["speaks"], row["url"], row["action"], people)
