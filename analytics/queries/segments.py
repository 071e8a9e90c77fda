"""The segments that coaching and graded overrides speak of: a level of one column of the opportunity, and its words."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q

from crm.models.accounts import SizeBand
from reps.models import Skill


@dataclass(frozen=True)
class Dimension:
    """`field` of the opportunity that holds the level · `phrase` what follows “opportunities” · `tag` the kind of
    expertise that says the same of a rep, "" where there is none."""

    label: str
    field: str
    phrase: str
    tag: str = ""


DIMENSIONS: dict[str, Dimension] = {
    "industry": Dimension("Industry", "industry", "in {}", Skill.Kind.INDUSTRY),
    "product": Dimension("Product", "product__name", "for {}", Skill.Kind.PRODUCT),
    "competitor": Dimension("Competitor", "competitors__0", "against {}", Skill.Kind.COMPETITOR),
    "language": Dimension("Language", "language", "in the language {}", Skill.Kind.LANGUAGE),
    "source": Dimension("Source", "source", "from {}"),
    "size": Dimension("Company size", "size_band", "at companies of {}"),
    "complexity": Dimension("Complexity", "complexity", "of complexity {}"),
}
SIZES = {str(band.value): str(band.label) for band in SizeBand}


def level_columns(prefix: str = "opportunity__") -> dict[str, Any]:
    """Annotations that give each dimension's level, for rows that lead to an opportunity."""
    return {f"level_{name}": F(f"{prefix}{one.field}") for name, one in DIMENSIONS.items()}


def in_segment(dimension: str, level: str, prefix: str = "opportunity__") -> Q:
    """A condition on rows that lead to an opportunity; an unknown dimension narrows nothing."""
    if dimension not in DIMENSIONS:
        return Q()
    field = f"{prefix}{DIMENSIONS[dimension].field}"
    if dimension == "complexity":
        return (
            Q(**{field: int(level)}) if level.isascii() and level.isdigit() and len(level) < 5 else Q(pk=None)
        )
    return Q(**{field: level})


def level_name(dimension: str, level: str) -> str:
    if dimension == "complexity":
        return f"{level} of 5"
    return f"{SIZES.get(level, level)} employees" if dimension == "size" else level


def phrase(dimension: str, level: str) -> str:
    """`in Healthcare`, `from Partners`; "" for all."""
    if dimension not in DIMENSIONS:
        return ""
    return DIMENSIONS[dimension].phrase.format(level_name(dimension, level))


def tag_kind(dimension: str) -> str:
    """The kind of expertise that a level of it can be, "" where there is none."""
    found = DIMENSIONS.get(dimension)
    return "" if found is None else str(found.tag)
