"""What kind of lead it is: the categories that the model knows, and the level of each for one opportunity.

Text is compared case-folded and trimmed. Rare levels are pooled, so that a free-text source with a thousand spellings
does not become a thousand columns; numbers that a user marks as inputs are cut into bands. Training fixes both
(`Levels.learned_from`); a level that training did not see counts as pooled where something was pooled, else as nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from routing.engine.facts import OpportunityFacts

CATEGORIES = (
    "industry",
    "size",
    "source",
    "product",
    "region",
    "language",
    "urgency",
    "competitor",
    "complexity",
)
CROSSED = ("industry", "product", "source", "size", "competitor")
NO_COMPETITOR = "none"
POOLED = "(other)"
LEAST_DEALS = 5  # a level with fewer deals is pooled
MOST_LEVELS = 40
BANDS = 5  # of a number marked as an input: fifths
CUSTOM = "custom."


def raw_levels(facts: OpportunityFacts) -> dict[str, str]:
    """Category → text as it is written, "" where unknown."""
    return {
        "industry": facts.industry,
        "size": facts.size_band,
        "source": facts.source,
        "product": facts.product,
        "region": facts.region or facts.country,
        "language": facts.language,
        "urgency": facts.urgency,
        "competitor": facts.competitors[0] if facts.competitors else NO_COMPETITOR,
        "complexity": "" if facts.complexity is None else str(facts.complexity),
    }


def _folded(text: Any) -> str:
    return str(text).strip().casefold()


@dataclass(frozen=True)
class Levels:
    """`kept` category → levels with a column of their own (POOLED among them where some were pooled) · `edges` own
    number fields → the inner bounds of their bands · `labels` category → level → how people write it."""

    kept: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def learned_from(cls, deals: Sequence[OpportunityFacts], inputs: Sequence[str] = ()) -> "Levels":
        """`inputs`: keys of the own fields that are inputs. Categories without any value are left out."""
        edges = {key: _edges(deals, key) for key in inputs if _is_number(deals, key)}
        draft = cls({}, edges)
        kept: dict[str, tuple[str, ...]] = {}
        labels: dict[str, dict[str, str]] = {}
        names = [*CATEGORIES, *(f"{CUSTOM}{key}" for key in inputs)]
        written = [draft.written(facts, names) for facts in deals]
        for name in names:
            spellings = Counter(row[name] for row in written if row[name])
            counts: Counter[str] = Counter()
            for text, count in spellings.items():
                counts[_folded(text)] += count
            if not set(counts) - ({NO_COMPETITOR} if name == "competitor" else set()):
                continue
            kept[name] = _kept(counts)
            labels[name] = {_folded(text): text for text, _ in reversed(spellings.most_common())}
            labels[name][POOLED] = "other"
        return cls(kept, edges, {name: dict(sorted(found.items())) for name, found in labels.items()})

    def written(self, facts: OpportunityFacts, names: Sequence[str]) -> dict[str, str]:
        """Category → the level as it is written, bands of numbers included."""
        raw = raw_levels(facts)
        for name in names:
            if name.startswith(CUSTOM):
                raw[name] = self._own_field(facts, name.removeprefix(CUSTOM))
        return raw

    def _own_field(self, facts: OpportunityFacts, key: str) -> str:
        value = facts.custom.get(key)
        if value is None or value == "":
            return ""
        if key in self.edges:
            return _band(value, self.edges[key])
        if isinstance(value, bool):
            return "yes" if value else "no"
        return str(value)

    def of(self, facts: OpportunityFacts) -> dict[str, str]:
        """Category → level, "" where unknown or new."""
        written = self.written(facts, list(self.kept))
        return {name: self._level(name, written[name]) for name in self.kept}

    def _level(self, name: str, text: str) -> str:
        level = _folded(text)
        if not level or level in self.kept[name]:
            return level
        return POOLED if POOLED in self.kept[name] else ""

    def label(self, name: str, level: str) -> str:
        """How people write the level."""
        return self.labels.get(name, {}).get(level, level)

    def to_json(self) -> dict[str, Any]:
        return {
            "kept": {name: list(levels) for name, levels in self.kept.items()},
            "edges": {name: list(edges) for name, edges in self.edges.items()},
            "labels": {name: dict(found) for name, found in self.labels.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Levels":
        return cls(
            {name: tuple(levels) for name, levels in content["kept"].items()},
            {name: tuple(edges) for name, edges in content["edges"].items()},
            content["labels"],
        )


def _kept(counts: Counter[str]) -> tuple[str, ...]:
    """The levels with enough deals, the most frequent MOST_LEVELS at most, in order of name."""
    frequent = [level for level, count in counts.most_common(MOST_LEVELS) if count >= LEAST_DEALS]
    pooled = len(frequent) < len(counts)
    return (*sorted(frequent), *([POOLED] if pooled else []))


def _is_number(deals: Sequence[OpportunityFacts], key: str) -> bool:
    values = [facts.custom.get(key) for facts in deals]
    known = [value for value in values if value not in (None, "")]
    return bool(known) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in known)


def _edges(deals: Sequence[OpportunityFacts], key: str) -> tuple[float, ...]:
    values = np.array([v for facts in deals if (v := facts.custom.get(key)) not in (None, "")], dtype=float)
    inner = np.quantile(values, np.arange(1, BANDS) / BANDS)
    return tuple(sorted({float(edge) for edge in inner}))


def _band(value: Any, edges: tuple[float, ...]) -> str:
    """ "up to 10", "over 10 to 20", "over 20"; "" for what is no number."""
    try:
        place = int(np.searchsorted(edges, float(value), side="left"))
    except (TypeError, ValueError):
        return ""
    if place == 0:
        return f"up to {edges[0]:g}"
    return f"over {edges[-1]:g}" if place == len(edges) else f"over {edges[place - 1]:g} to {edges[place]:g}"
