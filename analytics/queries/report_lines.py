"""What a report is made of: lines with a sentence each, the page where one acts, and numbers to compare with later."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

TO_DO, FINE, INFO = "todo", "fine", "info"


@dataclass(frozen=True)
class Item:
    """One of those that a line is about; without a page where there is none."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class Line:
    """`title` a few words, `text` the sentences, `url` and `action` where one acts · `state`: something to do, or fine,
    or only told."""

    key: str
    title: str
    text: str
    url: str = ""
    action: str = ""
    state: str = FINE
    items: Sequence[Item] = ()


@dataclass(frozen=True)
class Content:
    """`said` all of it in a sentence · `figures` by name, which the next report compares with."""

    said: str
    lines: Sequence[Line]
    figures: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_work(self) -> bool:
        return any(line.state == TO_DO for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        return {"lines": [asdict(line) for line in self.lines], "figures": dict(self.figures)}


def lines_of(content: Mapping[str, Any]) -> list[Line]:
    """Of a stored report."""
    return [Line(**{**line, "items": [Item(**item) for item in line["items"]]}) for line in content["lines"]]


def as_text(lines: Sequence[Line], base: str) -> str:
    """As an email says it: what is to be done first."""
    ordered = sorted(lines, key=lambda line: line.state != TO_DO)
    return "\n\n".join(_told(line, base) for line in ordered if line.state != FINE)


def _told(line: Line, base: str) -> str:
    parts = [f"{line.title}: {line.text}", *(f"- {item.text}" for item in line.items)]
    if line.url:
        parts.append(f"{base}{line.url}")
    return "\n".join(parts)
