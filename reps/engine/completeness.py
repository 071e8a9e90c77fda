"""How complete a rep's profile is, what is missing in the order of what it would do, and what may be out of date.

    percentage = Σ weight of the filled fields, the weights of the seven fields adding up to 100

A field is filled by one tag that holds (a certification that has expired does not), by either end of the deal size
range, by a selling style. The weights follow what a field does without any deals: expertise in industry and product
moves the score most, a language can rule somebody out, the rest refines (`routing.engine.columns` has those priors).
It says nothing of whether what is stated is true: that is what a review is for.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

INDUSTRY, PRODUCT, LANGUAGE = "industry", "product", "language"
COMPETITOR, CERTIFICATION = "competitor", "certification"
DEAL_SIZE, SELLING_STYLE = "deal_size", "selling_style"
UNPROVEN_AFTER_DAYS = 365  # a tag without a closed deal for so long is worth a question
IMPORTANT = 15  # a missing field of this weight is worth a line to the rep


@dataclass(frozen=True)
class Field:
    """One of the seven: its share of the percentage, what it does for routing, and what its absence means."""

    label: str
    weight: int
    does: str
    missing: str


FIELDS: dict[str, Field] = {
    INDUSTRY: Field(
        "Industries",
        20,
        "Raises the score for opportunities of these industries. Rules can ask for one.",
        "No industry stated: no opportunity's industry speaks for this rep.",
    ),
    PRODUCT: Field(
        "Products",
        20,
        "Raises the score for opportunities about these products. Rules can ask for one.",
        "No product stated: no opportunity's product speaks for this rep.",
    ),
    LANGUAGE: Field(
        "Languages",
        20,
        "Where an opportunity needs a language, only those who speak it are asked; elsewhere it raises the score.",
        "No language stated: counts as speaking {default_language} only.",
    ),
    DEAL_SIZE: Field(
        "Deal size range",
        15,
        "Raises the score for opportunities whose value lies in it, both ends included.",
        "No deal size range stated: an opportunity's value never speaks for this rep.",
    ),
    COMPETITOR: Field(
        "Competitor experience",
        10,
        "Raises the score where one of these competitors is in play.",
        "No competitor stated: experience against a competitor is not counted.",
    ),
    CERTIFICATION: Field(
        "Certifications",
        10,
        "Raises the score where the name holds the opportunity's product or industry, and sets the technical depth.",
        "No valid certification: technical depth is 0, and no certificate speaks for this rep.",
    ),
    SELLING_STYLE: Field(
        "Selling style",
        5,
        "How this rep sells best; what it is worth with which opportunities is learned from deals.",
        "No selling style stated: the model learns nothing from it for this rep.",
    ),
}


@dataclass(frozen=True)
class StatedTag:
    """A tag of the profile. `deals` closed deals behind it; `stated_on` the day since which it is there."""

    kind: str
    name: str
    valid_until: datetime.date | None = None
    deals: int = 0
    stated_on: datetime.date | None = None

    def holds(self, today: datetime.date) -> bool:
        return self.valid_until is None or self.valid_until >= today


@dataclass(frozen=True)
class Profile:
    tags: Sequence[StatedTag] = ()
    has_deal_size: bool = False
    has_selling_style: bool = False


@dataclass(frozen=True)
class Gap:
    """A field that is empty, or something that may be out of date; `weight` in points of the percentage."""

    field: str
    sentence: str
    weight: int = 0


@dataclass(frozen=True)
class Completeness:
    """`pct` 0 to 100; `missing` the heaviest first; `stale` what may be out of date."""

    pct: int
    missing: tuple[Gap, ...]
    stale: tuple[Gap, ...]

    @property
    def important(self) -> Gap | None:
        """The first thing missing that is worth a line to the rep."""
        return next((gap for gap in self.missing if gap.weight >= IMPORTANT), None)


def completeness(profile: Profile, *, today: datetime.date, default_language: str) -> Completeness:
    """Pure; the same profile and day give the same answer."""
    filled = {tag.kind for tag in profile.tags if tag.holds(today)}
    filled |= {DEAL_SIZE} if profile.has_deal_size else set()
    filled |= {SELLING_STYLE} if profile.has_selling_style else set()
    missing = [
        Gap(name, field.missing.format(default_language=default_language), field.weight)
        for name, field in FIELDS.items()
        if name not in filled
    ]
    return Completeness(
        pct=100 - sum(gap.weight for gap in missing),
        missing=tuple(
            sorted(missing, key=lambda gap: -gap.weight)
        ),  # stable: equal ones as the profile has them
        stale=tuple(_stale(profile.tags, today)),
    )


def _stale(tags: Sequence[StatedTag], today: datetime.date) -> list[Gap]:
    found = [
        Gap(tag.kind, f"{tag.name} expired on {tag.valid_until:%-d %B %Y} and does not count.")
        for tag in tags
        if not tag.holds(today)
    ]
    unproven = [
        tag.name
        for tag in tags
        if tag.kind != CERTIFICATION
        and not tag.deals
        and tag.stated_on is not None
        and (today - tag.stated_on).days >= UNPROVEN_AFTER_DAYS
    ]
    if unproven:
        names = ", ".join(unproven[:3]) + (f" and {len(unproven) - 3} more" if len(unproven) > 3 else "")
        verb = "has" if len(unproven) == 1 else "have"
        found.append(Gap("", f"{names} {verb} been stated for a year without a closed deal behind it."))
    return found
