"""What differs between two configurations, in words: what was, and what is instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from crm.engine.spoken import joined
from reps.models import Team, User
from routing.models import CapacitySettings, Policy
from routing.queries.configuration import live_version, working_content
from routing.queries.sentences import (
    Row,
    Sentence,
    Speaker,
    batch_words,
    clock_words,
    load_speaker,
    minutes_words,
)

Content = Mapping[str, Any]
PARTS = (("territories", "territory"), ("rules", "rule"), ("policies", "policy"))
PLURAL = {"territory": "territories", "rule": "rules", "policy": "policies"}
# What of a row its sentence does not say.
BESIDES: dict[str, tuple[str, ...]] = {
    "territory": (),
    "rule": ("starts_at", "ends_at"),
    "policy": (
        "language",
        "needs_working_now",
        "prefers_ready",
        "first_touch_target_minutes",
        "exploration_share",
        "exploration_within",
        "batch",
        "clock",
    ),
}
MOMENTS = ("starts_at", "ends_at")
LABELS = {
    "starts_at": "From",
    "ends_at": "Until",
    "default_language": "Default language",
    "batch": "Batches",
    "clock": "First-touch clock",
}


@dataclass(frozen=True)
class Detail:
    """One thing that was, and is instead."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """`before` and `after` are sentences where those differ. `part` and `key` say what it is about."""

    title: str
    part: str
    key: int | None = None
    before: Sentence = ()
    after: Sentence = ()
    details: tuple[Detail, ...] = ()

    def __str__(self) -> str:
        return self.title


def unpublished_changes() -> list[Change]:
    """What differs between the working configuration and the live one."""
    return changes_between(live_version().content, working_content())


def changes_between(live: Content, working: Content) -> list[Change]:
    """What differs between two contents, as seen from the first. No query where nothing does."""
    if live == working:
        return []
    rows = [row for content in (live, working) for part, _ in PARTS for row in content.get(part, ())]
    speaker = load_speaker(rows, list(working.get("custom_fields", ())))
    found: list[Change] = []
    for part, word in PARTS:
        found += _Compared(word, live.get(part, ()), working.get(part, ()), speaker).changes()
    return [*found, *_of_settings(live, working, speaker)]


class _Compared:
    """The rows of one kind, before and after."""

    def __init__(self, word: str, live: Sequence[Row], working: Sequence[Row], speaker: Speaker) -> None:
        self.word, self.speaker = word, speaker
        self.before = {row["id"]: row for row in live}
        self.after = {row["id"]: row for row in working}

    def changes(self) -> list[Change]:
        before, after = self.before, self.after
        found = [self._one(key, "added", (), self._said(after, key)) for key in after if key not in before]
        found += [
            self._one(key, "removed", self._said(before, key), ()) for key in before if key not in after
        ]
        found += [self._changed(key) for key in after if key in before and after[key] != before[key]]
        return found + ([] if self.word == "territory" else self._order())

    def _one(
        self, key: int, verb: str, before: Sentence, after: Sentence, details: tuple[Detail, ...] = ()
    ) -> Change:
        name = self.after.get(key, self.before.get(key, {}))["name"]
        return Change(f"{self.word.capitalize()} “{name}” {verb}", self.word, key, before, after, details)

    def _changed(self, key: int) -> Change:
        one, other = self.before[key], self.after[key]
        before, after = self._said(self.before, key), self._said(self.after, key)
        details = [
            Detail(
                _label(Policy, name),
                *(_detail(name, row.get(name)) for row in (one, other)),
            )
            for name in BESIDES[self.word]
            if one.get(name) != other.get(name)
        ]
        if one["name"] != other["name"]:
            details.insert(0, Detail("Name", one["name"], other["name"]))
        alike = joined(before) == joined(after)
        return self._one(key, "changed", *(((), ()) if alike else (before, after)), tuple(details))

    def _said(self, rows: Mapping[int, Row], key: int) -> Sentence:
        row = rows[key]
        if self.word == "territory":
            around = rows.get(row.get("parent_id") or 0)
            return self.speaker.territory(row, inside=around["name"] if around else "")
        return self.speaker.rule(row) if self.word == "rule" else self.speaker.policy(row)

    def _order(self) -> list[Change]:
        was = [key for key in self.before if key in self.after]
        now = [key for key in self.after if key in self.before]
        if was == now:
            return []
        details = tuple(
            Detail(self.after[key]["name"], f"number {was.index(key) + 1}", f"number {place}")
            for place, key in enumerate(now, 1)
            if was[place - 1] != key
        )
        return [Change(f"Order of the {PLURAL[self.word]} changed", self.word, details=details)]


def _of_settings(live: Content, working: Content, speaker: Speaker) -> list[Change]:
    found = []
    if (capacity := _capacity(live.get("capacity", {}), working.get("capacity", {}))).details:
        found.append(capacity)
    if live.get("default_team_id") != working.get("default_team_id"):
        teams = (
            speaker.team(content["default_team_id"]) if content.get("default_team_id") else "none"
            for content in (live, working)
        )
        found.append(Change("Default team changed", "setting", details=(Detail("Default team", *teams),)))
    if live.get("default_language") != working.get("default_language"):
        languages = (_shown(content.get("default_language")) for content in (live, working))
        detail = Detail("Default language", *languages)
        found.append(Change("Default language changed", "setting", details=(detail,)))
    if live.get("managers") != working.get("managers"):
        found.append(_managers(live.get("managers", {}), working.get("managers", {})))
    if live.get("custom_fields") != working.get("custom_fields"):
        found.append(_own_fields(live.get("custom_fields", ()), working.get("custom_fields", ())))
    return found


def _capacity(live: Row, working: Row) -> Change:
    details = tuple(
        Detail(_label(CapacitySettings, name), _shown(live.get(name)), _shown(working.get(name)))
        for name in working
        if live.get(name) != working.get(name)
    )
    return Change("Capacity settings changed", "capacity", details=details)


def _managers(live: Mapping[str, list[int]], working: Mapping[str, list[int]]) -> Change:
    teams = dict(Team.objects.values_list("pk", "name"))
    people = {one.pk: str(one) for one in User.objects.filter(managed_teams__isnull=False).distinct()}

    def named(ids: Sequence[int]) -> str:
        return ", ".join(people.get(pk, f"user {pk}") for pk in ids) or "nobody"

    details = tuple(
        Detail(
            teams.get(int(key), "a team that is gone"), named(live.get(key, [])), named(working.get(key, []))
        )
        for key in sorted(live.keys() | working.keys(), key=int)
        if live.get(key) != working.get(key)
    )
    return Change("Managers of teams changed", "setting", details=details)


def _own_fields(live: Sequence[Row], working: Sequence[Row]) -> Change:
    before, after = ({row["key"]: row for row in rows} for rows in (live, working))

    def said(row: Row | None) -> str:
        if row is None:
            return "not there"
        return f"{row['label']} ({', '.join([row['type'], *map(str, row.get('choices') or ())])})"

    details = tuple(
        Detail(key, said(before.get(key)), said(after.get(key)))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )
    return Change("Custom fields changed", "setting", details=details)


def _label(model: type[Policy] | type[CapacitySettings], name: str) -> str:
    if name in LABELS:
        return LABELS[name]
    label = str(model._meta.get_field(name).verbose_name).replace("pct", "(%)")  # type: ignore[union-attr]
    return label[:1].upper() + label[1:]


def _detail(name: str, value: Any) -> str:
    if name in MOMENTS:
        return _moment(value)
    if name == "batch":
        return _batch(value)
    if name == "clock":
        return ", ".join(clock_words(value)) or "none"
    return _shown(bool(value) if name == "prefers_ready" else value)


def _batch(batch: Row | None) -> str:
    if not batch:
        return "none"
    hours = batch["expiry_hours"]
    end = "are confirmed" if batch.get("confirms") else "expire"
    stays = f"unconfirmed ones {end} after {minutes_words(60 * hours)}" if hours else "unconfirmed ones stay"
    most = f"; the most {Policy.Objective(batch['objective']).label.lower()}" if "objective" in batch else ""
    return f"{batch_words(batch)} ({batch['zone']}){most}; {stays}"


def _moment(text: str | None) -> str:
    """In the reader's time zone."""
    found = parse_datetime(text or "")
    return "none" if found is None else date_format(timezone.localtime(found), "j M Y, H:i")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return f"{value:,.4g}"
    return str(value) if value else "none"
