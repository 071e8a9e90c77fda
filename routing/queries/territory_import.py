"""A table of territories held against those there are: what it would add, change and switch off, and what is wrong.

Nothing is written here. A row is the territory with its id, else the one with its name, else a new one. A column that
the file does not have changes nothing; territories that it does not name stay as they are, unless asked otherwise.
"""

import datetime
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm.engine.conditions import ConditionError
from crm.engine.imports.reading import Problem, Table, Unreadable, read_table
from crm.engine.spoken import Say, describe, say_plainly
from crm.engine.words import Vocabulary
from crm.queries.condition_words import say_for
from crm.queries.conditions import to_q
from crm.queries.vocabulary import load_vocabulary
from reps.engine.tables import FORMULA
from reps.models import Rep, Team
from routing.engine.territory_file import (
    COLUMNS,
    PLACES,
    CellError,
    CoverText,
    places_condition,
    read_active,
    read_coverage,
)
from routing.queries.territories import Draft, is_circular, load_draft
from territories.models import Coverage, Territory

MOST_ROWS = 2_000
ALL_COLUMNS = (*COLUMNS, *PLACES)

Key = int | str  # the id of a territory, or "row 7" for one that is new
Cover = tuple[int | None, int | None, datetime.date | None, datetime.date | None]  # team, rep, from, until


@dataclass(frozen=True)
class Planned:
    """A territory as the file would leave it. `changes` in words; none for a new one."""

    key: Key
    row: int
    name: str
    parent: Key | None
    condition: Mapping[str, Any]
    is_active: bool
    coverage: tuple[Cover, ...]
    said: str = ""
    changes: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        return isinstance(self.key, str)


@dataclass(frozen=True)
class Plan:
    """What an import would do; with `problems` it does nothing. `missing` would be switched off as the file does not
    name them. Equal digests do the same."""

    added: tuple[Planned, ...]
    changed: tuple[Planned, ...]
    switched_off: tuple[str, ...]
    missing: tuple[int, ...]
    unchanged: int
    problems: tuple[Problem, ...]
    digest: str

    @property
    def does_anything(self) -> bool:
        return bool(self.added or self.changed or self.missing)


def plan_import(content: bytes, *, switch_off_missing: bool) -> Plan:
    """Reads and checks the whole file; nine queries. Raises Unreadable for what is no such table."""
    table = read_table(content)
    if len(table.rows) > MOST_ROWS:
        raise Unreadable(
            f"The file has {len(table.rows):,} rows; at most {MOST_ROWS:,} territories are imported."
        )
    names = [name.casefold() for name in table.layout.header]
    unknown = [
        name for name, plain in zip(table.layout.header, names, strict=True) if plain not in ALL_COLUMNS
    ]
    if unknown:
        raise Unreadable(f"There is no column “{unknown[0]}”; columns are {', '.join(ALL_COLUMNS)}.")
    if "name" not in names and "id" not in names:
        raise Unreadable("The file has neither a column “name” nor a column “id”.")
    return _Reader(table, names).plan(switch_off_missing)


def _cell(text: str) -> str:
    """Without the apostrophe with which an export shields what a spreadsheet would take for a formula."""
    return (text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text).strip()


class _Reader:
    """Reads row after row, collecting problems."""

    def __init__(self, table: Table, names: list[str]) -> None:
        self.rows = [
            (row, dict(zip(names, map(_cell, cells), strict=True)))
            for row, cells in zip(table.rows, table.frame.itertuples(index=False, name=None), strict=True)
        ]
        self.problems = list(table.problems)
        self.draft: Draft = load_draft()
        self.say: Say = say_plainly
        self.words: Vocabulary = load_vocabulary()
        self.by_name = {one.name: one for one in self.draft.territories.values()}
        teams, reps = (
            list(Team.objects.values_list("pk", "name")),
            Rep.objects.values_list("pk", "email", "name"),
        )
        self.teams = {name.casefold(): pk for pk, name in teams} | {f"#{pk}": pk for pk, _ in teams}
        self.team_names = dict(teams)
        people = list(reps)
        self.reps = {email.casefold(): pk for pk, email, _ in people if email}
        self.reps |= {f"#{pk}": pk for pk, _, _ in people}
        self.rep_names = {pk: name for pk, _, name in people}

    def bad(self, row: int, field: str, value: str, reason: str) -> None:
        self.problems.append(Problem(row, field, value[:200], reason))

    # --- the whole ------------------------------------------------------------------------------------------------

    def plan(self, switch_off_missing: bool) -> Plan:
        read = [(row, cells, self._territory(row, cells)) for row, cells in self.rows]
        self._each_once([(row, cells, before) for row, cells, before in read])
        planned = [self._planned(row, cells, before) for row, cells, before in read]
        finals = {pk: one.name for pk, one in self.draft.territories.items()} | {
            one.key: one.name for one in planned
        }
        parents = self._parents(planned, finals)
        self._names_once(planned, finals)
        self._no_circles(planned, parents)
        if not self.problems:
            conditions = [one.condition for one in planned]
            self.say = say_for([*conditions, *(one.condition for one in self.draft.territories.values())])
        done = [self._told(one, parents[one.key], finals) for one in planned]
        named = {one.key for one in done}
        active = [one for pk, one in self.draft.territories.items() if one.is_active and pk not in named]
        missing = [one for one in active if switch_off_missing]
        return self._result(done, missing)

    def _result(self, done: list[Planned], missing: list[Territory]) -> Plan:
        added = tuple(one for one in done if one.is_new)
        changed = tuple(one for one in done if one.changes)
        before = self.draft.territories
        off = [one.name for one in changed if before[int(one.key)].is_active and not one.is_active]
        problems = tuple(sorted(self.problems, key=lambda problem: problem.row))
        outcome = [[*map(str, (one.key, one.name, one.parent, one.coverage, one.changes)), one.is_active,
                    one.condition] for one in (*added, *changed)]  # fmt: skip
        gone = [one.pk for one in missing]
        digest = hashlib.sha256(json.dumps([outcome, gone], sort_keys=True, default=str).encode()).hexdigest()
        return Plan(
            added=added,
            changed=changed,
            switched_off=(*off, *(one.name for one in missing)),
            missing=tuple(gone),
            unchanged=len(done) - len(added) - len(changed),
            problems=problems,
            digest=digest,
        )

    def _each_once(self, read: list[tuple[int, dict[str, str], Territory | None]]) -> None:
        seen: dict[int, int] = {}
        for row, cells, before in read:
            if before is not None and before.pk in seen:
                self.bad(
                    row,
                    "id" if cells.get("id") else "name",
                    before.name,
                    f"row {seen[before.pk]} has it already",
                )
            elif before is not None:
                seen[before.pk] = row

    def _parents(self, planned: list[Planned], finals: Mapping[Key, str]) -> dict[Key, Key | None]:
        keys = {name: key for key, name in finals.items()}
        parents: dict[Key, Key | None] = {pk: one.parent_id for pk, one in self.draft.territories.items()}
        for one in planned:
            wanted = one.parent if isinstance(one.parent, str) else None
            if wanted is None:
                parents.setdefault(one.key, None)
                continue
            if wanted and wanted not in keys:
                self.bad(one.row, "parent", wanted, f"there is no territory “{wanted}”")
            parents[one.key] = keys.get(wanted)
        return parents

    def _names_once(self, planned: list[Planned], finals: Mapping[Key, str]) -> None:
        counts = Counter(finals.values())
        for one in planned:
            if one.name and counts[one.name] > 1:
                self.bad(one.row, "name", one.name, "another territory has this name")

    def _no_circles(self, planned: list[Planned], parents: Mapping[Key, Key | None]) -> None:
        for one in planned:
            if is_circular(one.key, parents):
                self.bad(one.row, "parent", one.name, "the territory would lie inside itself")

    # --- a row ----------------------------------------------------------------------------------------------------

    def _territory(self, row: int, cells: Mapping[str, str]) -> Territory | None:
        """The territory that the row means; None for a new one."""
        id_ = cells.get("id", "")
        if not id_:
            return self.by_name.get(cells.get("name", ""))
        found = (
            self.draft.territories.get(int(id_))
            if id_.isascii() and id_.isdigit() and len(id_) < 19
            else None
        )
        if found is None:
            self.bad(row, "id", id_, f"there is no territory with id “{id_}”; leave it empty for a new one")
        return found

    def _planned(self, row: int, cells: Mapping[str, str], before: Territory | None) -> Planned:
        """The row read; `parent` still the name in the cell, None where the file has no such column."""
        name = cells.get("name") or (before.name if before else "")
        if not name:
            self.bad(row, "name", "", "a new territory needs a name")
        if len(name) > 120:
            self.bad(row, "name", name, "at most 120 characters")
        return Planned(
            key=before.pk if before else f"row {row}",
            row=row,
            name=name,
            parent=cells.get("parent"),
            condition=self._condition(row, cells, before),
            is_active=self._active(row, cells, before),
            coverage=self._coverage(row, cells, before),
        )

    def _condition(self, row: int, cells: Mapping[str, str], before: Territory | None) -> Mapping[str, Any]:
        text, places = cells.get("condition", ""), self._places(row, cells)
        if places is None:
            return {}
        if not text and not places:
            if before is None or "condition" in cells:
                self.bad(row, "condition", "", "is empty; write {} where everything is meant")
            return before.condition if before else {}
        try:
            given = json.loads(text) if text else {}
            json.dumps(given, allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            self.bad(row, "condition", text, f"is no JSON: {error}")
            return {}
        tests = [*([given] if given else []), *places]
        condition = tests[0] if len(tests) == 1 else {"all": tests} if tests else given
        try:
            to_q(condition, self.draft.fields)
            if "\\u0000" in json.dumps(condition):
                raise ConditionError("", "it has a character that cannot be stored")
        except ConditionError as error:
            self.bad(row, "condition", text, str(error))
        return condition

    def _places(self, row: int, cells: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """The tests that the places stand for; None where they cannot be read."""
        meant = {column: cells.get(column, "") for column in PLACES}
        for column in ("country", "region"):
            words = [word.strip() for word in meant[column].split(";") if word.strip()]
            known = [self.words.canonical(column, word) for word in words]
            for word, (_, is_known) in zip(words, known, strict=True):
                if column == "country" and not is_known:
                    self.bad(row, column, word, f"there is no country “{word}”")
            meant[column] = ";".join(word for word, _ in known)
        try:
            return places_condition(meant)
        except CellError as error:
            self.bad(row, "postal", cells.get("postal", ""), str(error))
            return None

    def _active(self, row: int, cells: Mapping[str, str], before: Territory | None) -> bool:
        text = cells.get("active", "")
        try:
            return read_active(text) if text else before is None or before.is_active
        except CellError as error:
            self.bad(row, "active", text, str(error))
            return False

    def _coverage(self, row: int, cells: Mapping[str, str], before: Territory | None) -> tuple[Cover, ...]:
        if "coverage" not in cells:
            return covers_of(before)
        try:
            read = read_coverage(cells["coverage"])
        except CellError as error:
            self.bad(row, "coverage", cells["coverage"], str(error))
            return ()
        return tuple(dict.fromkeys(cover for one in read if (cover := self._cover(row, one)) is not None))

    def _cover(self, row: int, one: CoverText) -> Cover | None:
        found = (self.teams if one.kind == "team" else self.reps).get(one.who.casefold())
        if found is None:
            self.bad(row, "coverage", one.who, f"there is no {one.kind} “{one.who}”")
            return None
        team, rep = (found, None) if one.kind == "team" else (None, found)
        return team, rep, one.starts_on, one.ends_on

    # --- in words -------------------------------------------------------------------------------------------------

    def _told(self, one: Planned, parent: Key | None, finals: Mapping[Key, str]) -> Planned:
        """With its parent found, and what changes in words."""
        said = describe(one.condition, self.draft.fields, say=self.say) if not self.problems else ""
        before = None if one.is_new else self.draft.territories[int(one.key)]
        changes = [] if before is None else self._changes(one, before, parent, said, finals)
        if before is None:
            inside = f", inside {finals[parent]}" if parent is not None else ""
            said = f"{said}{inside} → {self._who(one.coverage)}{'' if one.is_active else ', off'}"
        return Planned(**{**one.__dict__, "parent": parent, "said": said, "changes": tuple(changes)})

    def _changes(
        self, one: Planned, before: Territory, parent: Key | None, said: str, finals: Mapping[Key, str]
    ) -> list[str]:
        found = []
        if one.name != before.name:
            found.append(f"name: {before.name} → {one.name}")
        if parent != before.parent_id:
            old = before.parent.name if before.parent else "none"
            found.append(f"parent: {old} → {finals[parent] if parent is not None else 'none'}")
        if one.condition != before.condition:
            was = describe(before.condition, self.draft.fields, say=self.say)
            found.append(f"condition: {was} → {said}")
        if one.is_active != before.is_active:
            found.append("switched on" if one.is_active else "switched off")
        if set(one.coverage) != set(covers_of(before)):
            found.append(f"coverage: {self._who(covers_of(before))} → {self._who(one.coverage)}")
        return found

    def _who(self, covers: tuple[Cover, ...]) -> str:
        return ", ".join(map(self._name, covers)) or "nobody"

    def _name(self, cover: Cover) -> str:
        team, rep, start, end = cover
        who = f"team {self.team_names[team]}" if team is not None else self.rep_names[rep or 0]
        days = (f" from {start}" if start else "") + (f" until {end}" if end else "")
        return who + days


def covers_of(territory: Territory | None) -> tuple[Cover, ...]:
    return () if territory is None else tuple(map(cover_of, territory.coverage.all()))


def cover_of(one: Coverage) -> Cover:
    return one.team_id, one.rep_id, one.starts_on, one.ends_on
