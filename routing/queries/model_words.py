"""How the model page writes numbers and names: the reader's words, no more digits than the number knows."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm.models import Opportunity
from crm.models.accounts import SizeBand
from routing.engine.columns import COLUMNS
from routing.engine.levels import CUSTOM, POOLED, Levels

NBSP = "\N{NO-BREAK SPACE}"
CATEGORY_WORDS = {
    "rep": "All deals",
    "industry": "Industry",
    "size": "Company size",
    "source": "Source",
    "product": "Product",
    "region": "Region",
    "language": "Language",
    "urgency": "Urgency",
    "competitor": "Competitor",
    "complexity": "Complexity",
    "value": "Value",
    "source_product": "Source and product",
}
# Levels that have a name of their own.
NAMED: dict[str, dict[str, str]] = {
    "urgency": {str(value): str(name) for value, name in Opportunity.Urgency.choices},
    "size": {str(value): str(name) for value, name in SizeBand.choices},
    "competitor": {"none": "no competitor"},
}
# A step of these effects in words, and how much of the column it is.
STEPS = {
    "load_above_80": ("Each 10 points of load above 80 %", 0.1),
    "seniority": ("Each level of seniority", 1.0),
    "seniority_complexity": ("Each level of seniority, with the most complex deals", 1.0),
    "seniority_value": ("Each level of seniority, with deals 7 times the usual value", 1.0),
    "log_value": ("A value 7 times as large", 1.0),
    "log_value_squared": ("A value far from the usual one", 1.0),
    "season": ("The season, as earlier years had it", 1.0),
    "industry_tag": ("Industry tag fits", 1.0),
    "product_tag": ("Product tag fits", 1.0),
    "speaks_language": ("Speaks the language", 1.0),
    "competitor_displaced": ("Has won against the competitor", 1.0),
    "certification_fits": ("A certification fits", 1.0),
    "technical_depth_fits": ("Technical enough for the complexity", 1.0),
    "deal_size_fits": ("Deal size within the declared range", 1.0),
    "covers_territory": ("Covers the territory personally", 1.0),
}


@dataclass(frozen=True)
class Words:
    """Names of one model: levels as people write them, labels of the organisation's own fields."""

    levels: Levels
    own_fields: Mapping[str, str]

    def category(self, name: str) -> str:
        key = name.removeprefix(CUSTOM)
        return self.own_fields.get(key, key) if name.startswith(CUSTOM) else CATEGORY_WORDS.get(name, name)

    def level(self, category: str, level: str) -> str:
        if category == "source_product":
            source, _, product = level.partition("|")
            return f"{self.level('source', source)}, {self.level('product', product)}"
        if level in NAMED.get(category, {}):
            return NAMED[category][level]
        return "other, rarer ones" if level == POOLED else self.levels.label(category, level) or level

    def effect(self, name: str) -> tuple[str, float]:
        """What an effect is called, and by how much to multiply it for one step."""
        if name in STEPS:
            return STEPS[name]
        category, equals, level = name.partition("=")
        if equals:
            return f"{self.category(category)}: {self.level(category, level)}", 1.0
        text = COLUMNS[name].label if name in COLUMNS else name.replace("_", " ")
        return text[:1].upper() + text[1:], 1.0


def words_of(artifact: Mapping[str, Any], own_fields: Mapping[str, str]) -> Words:
    content = artifact.get("levels", {"kept": {}, "edges": {}, "labels": {}})
    return Words(Levels.from_json(content), own_fields)


def number(value: float, digits: int = 3) -> str:
    """`0.596`, with a minus that is one."""
    return f"{value:.{digits}f}".replace("-", "−")


def share(value: float) -> str:
    return f"{round(100 * value)}{NBSP}%"


def points(value: float) -> str:
    """A difference of shares in points: `6.3`."""
    return number(100 * value, 1)


def signed(value: float, digits: int = 2) -> str:
    return f"{'+' if value >= 0 else '−'}{abs(value):.{digits}f}"


def counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def day(date: datetime.date) -> str:
    return f"{date.day} {date:%b %Y}"


def listed(parts: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
