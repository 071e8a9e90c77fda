"""Completeness worked by hand; and what counts as a gap."""

import datetime

import pytest

from reps.engine.completeness import FIELDS, Completeness, Profile, StatedTag, completeness
from reps.engine.skills_matrix import gap_words

TODAY = datetime.date(2026, 3, 2)


def looked_at(*tags: StatedTag, deal_size: bool = False, style: bool = False) -> Completeness:
    profile = Profile(tags, has_deal_size=deal_size, has_selling_style=style)
    return completeness(profile, today=TODAY, default_language="English")


def test_weights_make_a_hundred() -> None:
    assert sum(field.weight for field in FIELDS.values()) == 100


def test_of_nothing() -> None:
    found = looked_at()
    assert found.pct == 0
    assert [gap.field for gap in found.missing] == [
        "industry", "product", "language", "deal_size", "competitor", "certification", "selling_style",
    ]  # fmt: skip
    assert found.missing[2].sentence == "No language stated: counts as speaking English only."


def test_two_tags_of_a_kind_count_once() -> None:
    found = looked_at(
        StatedTag("industry", "Retail"), StatedTag("industry", "Energy"), StatedTag("language", "German"),
        deal_size=True,
    )  # fmt: skip
    assert found.pct == 20 + 20 + 15
    assert found.important is not None
    assert found.important.field == "product"


def test_what_is_small_is_not_important() -> None:
    found = looked_at(*(StatedTag(kind, "X") for kind in ("industry", "product", "language")), deal_size=True)
    assert (found.pct, found.important) == (75, None)


@pytest.mark.parametrize(("until", "pct"), [(TODAY, 10), (TODAY - datetime.timedelta(days=1), 0)])
def test_an_expired_certification_fills_nothing(until: datetime.date, pct: int) -> None:
    found = looked_at(StatedTag("certification", "MEDDIC", until))
    assert found.pct == pct
    assert [gap.sentence for gap in found.stale] == (
        [] if pct else ["MEDDIC expired on 1 March 2026 and does not count."]
    )


def test_tags_without_a_deal_for_a_year_are_questioned() -> None:
    old = datetime.date(2025, 3, 1)
    found = looked_at(
        StatedTag("industry", "Retail", stated_on=old),
        StatedTag("industry", "Energy", stated_on=old, deals=1),
        StatedTag("product", "GTX", stated_on=TODAY),
        StatedTag("certification", "MEDDIC", stated_on=old),
    )
    assert [gap.sentence for gap in found.stale] == [
        "Retail has been stated for a year without a closed deal behind it."
    ]


@pytest.mark.parametrize(
    ("asked", "able", "expected"),
    [
        (0, 0, ""), (1, 0, "nobody"), (4, 1, ""), (5, 1, "one rep only"), (14, 1, "one rep only"), (79, 2, ""),
        (80, 2, "few for the demand"),
    ],
)  # fmt: skip
def test_gaps(asked: int, able: int, expected: str) -> None:
    assert gap_words(asked=asked, able=able) == expected
