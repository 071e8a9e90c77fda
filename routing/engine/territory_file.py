"""The cells of a table of territories: coverage and places as text, and back.

Coverage is "team:East; rep:ana@example.com 2026-01-01..2026-06-30": team by name or rep by email, from and until
(either may be missing), both inclusive. Who has no email, or a name that this could not be read from again, is written
by id ("rep:#12"). Places are shortcuts of the condition language: countries, regions and postal codes separated by
semicolons; a postal code may be a range ("10000-19999", compared as text and with all that begins like its upper bound)
or a beginning ("2*").
What it does not do: look up who exists.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COLUMNS = ("id", "name", "parent", "condition", "active", "coverage")
PLACES = {"country": "country", "region": "region", "postal": "postal_code"}
YES, NO = frozenset({"yes", "true", "1", "on", "active"}), frozenset({"no", "false", "0", "off"})

_COVER = re.compile(r"(team|rep)\s*:\s*(.+?)(?:\s+(\S*\.\.\S*))?", re.IGNORECASE | re.DOTALL)


class CellError(ValueError):
    """A cell that cannot be read; the message says why."""


@dataclass(frozen=True)
class CoverText:
    """Who covers, as written: `kind` team or rep, `who` a name, an email or "#id"."""

    kind: str
    who: str
    starts_on: datetime.date | None = None
    ends_on: datetime.date | None = None


def cover_as_text(
    kind: str, who: str, id_: int, starts_on: datetime.date | None, ends_on: datetime.date | None
) -> str:
    named = f"{kind}:{who}"
    is_clear = bool(who) and not who.startswith("#") and ";" not in who and who == who.strip()
    read = _COVER.fullmatch(named) if is_clear else None
    text = named if read is not None and read[2] == who else f"{kind}:#{id_}"
    if starts_on is None and ends_on is None:
        return text
    days = (day.isoformat() if day else "" for day in (starts_on, ends_on))
    return f"{text} {'..'.join(days)}"


def read_coverage(cell: str) -> tuple[CoverText, ...]:
    """Raises CellError naming the part that cannot be read."""
    return tuple(_cover(part.strip()) for part in cell.split(";") if part.strip())


def _cover(part: str) -> CoverText:
    found = _COVER.fullmatch(part)
    if found is None:
        raise CellError(f"“{part}” is neither “team:name” nor “rep:email”")
    starts_on, ends_on = _days(found[3]) if found[3] else (None, None)
    if starts_on and ends_on and starts_on > ends_on:
        raise CellError(f"“{part}” ends before it starts")
    return CoverText(found[1].lower(), found[2].strip(), starts_on, ends_on)


def _days(text: str) -> tuple[datetime.date | None, datetime.date | None]:
    start, _, end = text.partition("..")
    return _day(start), _day(end)


def _day(text: str) -> datetime.date | None:
    if not text:
        return None
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    raise CellError(f"“{text}” is not a day (write 2026-01-31)")


def read_active(cell: str) -> bool:
    word = cell.casefold()
    if word in YES or word in NO:
        return word in YES
    raise CellError(f"“{cell}” is neither yes nor no")


def places_condition(cells: Mapping[str, str]) -> list[dict[str, Any]]:
    """The tests that the places' cells stand for, all of which must hold; none where they are empty."""
    tests: list[dict[str, Any]] = []
    for column in ("country", "region"):
        words = [word.strip() for word in cells.get(column, "").split(";") if word.strip()]
        if words:
            tests.append({"field": PLACES[column], "op": "in", "value": words})
    codes = [_postal(code.strip()) for code in cells.get("postal", "").split(";") if code.strip()]
    members = [test for tests_of in codes for test in tests_of]
    if members:
        tests.append(members[0] if len(members) == 1 else {"any": members})
    return tests


def _postal(code: str) -> list[dict[str, Any]]:
    if code.endswith("*"):
        start = code[:-1].strip()
        if not start or "*" in start:
            raise CellError(f"“{code}”: write the beginning, then one asterisk, as in “2*”")
        return [{"field": "postal_code", "op": "starts_with", "value": start}]
    if "*" in code:
        raise CellError(f"“{code}”: the asterisk stands at the end, as in “2*”")
    low, dash, high = (part.strip() for part in code.partition("-"))
    if not dash:
        return [{"field": "postal_code", "op": "is", "value": code}]
    if not low or len(low) != len(high) or low.casefold() > high.casefold():
        raise CellError(
            f"“{code}” is no range such as 10000-19999; codes with a hyphen need the condition column"
        )
    upper = {"field": "postal_code", "op": "starts_with", "value": high}  # also 19999-1234
    return [{"field": "postal_code", "op": "between", "value": [low, high]}, upper]
