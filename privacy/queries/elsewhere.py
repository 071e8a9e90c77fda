"""Places that keep copies of what is in the tables: files of old months. Apps above this one have them, and the setting
PERSONAL_ELSEWHERE names them; erasing and exporting ask each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from privacy.engine.identity import Crowd
from privacy.models import Kind
from privacy.queries.people import NOTHING, Said, Subject


@dataclass(frozen=True)
class Erased:
    """Who is erased. `opportunities`: those of the contacts, with what they are called now. `keys`: the organisation's
    own text fields. `contents`: the conditions of the versions that decided, before their words were replaced.
    `invitations`: those of the users, gone by now. `is_again`: after a restore."""

    subjects: tuple[Subject, ...]
    crowd: Crowd
    opportunities: Mapping[int, str]
    keys: set[str]
    contents: Mapping[int, Any]
    invitations: tuple[int, ...] = ()
    is_again: bool = False

    @cached_property
    def opportunity_ids(self) -> list[int]:
        return sorted(self.opportunities)


@dataclass(frozen=True)
class Kept:
    """Rows of one kind that are kept elsewhere, as plain values. `why` as `Held` has it."""

    model: str
    label: str
    why: str
    rows: Sequence[dict[str, Any]]

    def lines(self) -> Iterator[dict[str, Any]]:
        yield from self.rows


class Place(Protocol):
    busy: str  # why nobody can be erased while somebody else is at it, as a sentence

    def hold(self) -> bool:
        """Nobody else changes anything there until the transaction's end. False: somebody is at it."""

    def said_of(self, members: Mapping[Kind, int]) -> Said: ...

    def erase(self, erased: Erased, counts: Counter[str]) -> None:
        """Within the transaction of the erasure. What cannot be undone waits for its commit. Raises EraseRefused."""

    def held_on(self, subject: Subject, *, for_oneself: bool) -> list[Kept]: ...


def elsewhere() -> list[Place]:
    return [import_string(name)() for name in settings.PERSONAL_ELSEWHERE]


def said_elsewhere(members: Mapping[Kind, int]) -> Said:
    """What the person was called, by what is kept elsewhere."""
    return sum((place.said_of(members) for place in elsewhere()), NOTHING)


def held_elsewhere(subject: Subject, *, for_oneself: bool = False) -> list[Kept]:
    return [one for place in elsewhere() for one in place.held_on(subject, for_oneself=for_oneself)]
