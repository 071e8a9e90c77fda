"""What a person is called, and how it is found and replaced in texts, JSON and lists. Pure.

A word is found as a whole, without regard to case: “Ann” is not in “Hanna”. A phone number is found by its digits,
however they are parted. What this does not do: guess. A first name alone, or a nickname, is not found.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from anyascii import anyascii

LEAST_DIGITS = 7  # fewer are no phone number
LEAST_LETTERS = 3
NATIONAL_DIGITS = 9  # what is left of a number without its country


@dataclass(frozen=True)
class Identity:
    """`everywhere`: whatever text of the database says one of these means this person. `beside`: said only in texts
    that belong to the person's own records, since others have the same name. `label`: what stands there afterwards."""

    label: str
    everywhere: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> "re.Pattern[str] | None":
        return _compiled(patterns_of(self.everywhere, self.phones))

    @cached_property
    def pattern_beside(self) -> "re.Pattern[str] | None":
        return _compiled(patterns_of((*self.everywhere, *self.beside), self.phones))

    @cached_property
    def pattern_in_files(self) -> "re.Pattern[str] | None":
        """First and last name may stand in columns of their own, in either order."""
        cells = [_in_cells(word) for word in self.everywhere if " " in word and "@" not in word]
        return _compiled(patterns_of(self.everywhere, self.phones) + cells)


def _in_cells(name: str) -> str:
    parts = [re.escape(part) for part in name.split()]
    between = r"[^\w\n]{1,5}"
    return rf"(?<!\w)(?:{between.join(parts)}|{between.join(reversed(parts))})(?!\w)"


def patterns_of(words: Iterable[str], phones: Iterable[str] = ()) -> list[str]:
    """Regular expressions that Python and PostgreSQL read alike, longest first, so that a part does not win."""
    spelled = sorted({way for word in words for way in spellings(word)}, key=lambda one: (-len(one), one))
    found = [rf"(?<!\w)(?:{'|'.join(map(re.escape, spelled))})(?!\w)"] if spelled else []
    return found + [pattern for phone in phones for pattern in phone_patterns(phone)]


def spellings(word: str) -> set[str]:
    """As it is, in letters of ASCII, turned around (“Ruiz, Ana”), and as addresses and JSON write it."""
    word = " ".join(word.split())
    if len(word) < LEAST_LETTERS:
        return set()
    parts = word.split(" ")
    ways = {word, anyascii(word).strip() or word}
    if 1 < len(parts) <= 3 and "@" not in word:
        ways.add(f"{parts[-1]}, {' '.join(parts[:-1])}")
    return {
        spelled
        for way in ways
        for spelled in (way, quote(way), quote_plus(way), quote(way, safe="@"), json.dumps(way)[1:-1])
        if len(spelled) >= LEAST_LETTERS
    }


def phone_patterns(phone: str) -> list[str]:
    """The digits with anything but letters and digits between; with its country and without."""
    digits = re.sub(r"\D", "", re.sub(r"(?i)(x|ext|#).*$", "", phone))
    if len(digits) < LEAST_DIGITS:
        return []
    ways = dict.fromkeys((digits, digits[-NATIONAL_DIGITS:]))
    return [
        r"(?<!\d)\(?\+?(?:\d{0,3}[^0-9A-Za-z]{0,3})" + r"[^0-9A-Za-z]{0,3}".join(way) + r"(?!\d)"
        for way in ways
    ]


def _compiled(patterns: list[str]) -> "re.Pattern[str] | None":
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


def scrubbed(value: Any, pattern: "re.Pattern[str] | None", label: str) -> Any:
    """The value with every mention replaced, in keys too; the same value where there is none."""
    if pattern is None:
        return value
    if isinstance(value, str):
        return pattern.sub(lambda _: label, value)
    if isinstance(value, dict):
        return {scrubbed(key, pattern, label): scrubbed(one, pattern, label) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(scrubbed(one, pattern, label) for one in value)
    return value


def mentions(value: Any, pattern: "re.Pattern[str] | None") -> bool:
    """Whether the text, or a text within the JSON, says one of the words."""
    if pattern is None:
        return False
    if isinstance(value, str):
        return pattern.search(value) is not None
    if isinstance(value, dict):
        return any(mentions(key, pattern) or mentions(one, pattern) for key, one in value.items())
    return isinstance(value, list | tuple) and any(mentions(one, pattern) for one in value)


def in_bytes(content: bytes, pattern: "re.Pattern[str] | None") -> bool:
    """Whether a file's plain text says one of the words, in whatever of the usual encodings."""
    if pattern is None:
        return False
    return any(
        pattern.search(content.decode(way, errors="ignore")) for way in ("utf-8", "latin-1", "utf-16-le")
    )


@dataclass(frozen=True)
class Crowd:
    """Several people who are looked for together, so that a table is read once."""

    people: tuple[Identity, ...] = field(default=())

    @cached_property
    def query(self) -> str:
        """For PostgreSQL's ~*; empty: nobody can be looked for."""
        words = [word for who in self.people for word in who.everywhere]
        return "|".join(patterns_of(words, [phone for who in self.people for phone in who.phones]))

    def scrubbed(self, value: Any) -> Any:
        for who in self.people:
            value = scrubbed(value, who.pattern, who.label)
        return value

    def is_in(self, value: Any) -> bool:
        return any(mentions(value, who.pattern) for who in self.people)
