"""Which unknown word is probably a known one, misspelt (rapidfuzz). A proposal, never a replacement.

Two words are alike when they differ by little (Indel similarity of 88 of 100 and more, or one slip, ignoring case,
spaces and punctuation) and not in what tells names apart: numbers and single letters (`GTX 500` and `GTX 600`,
`Product A` and `Product B`).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

import pycountry
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

ALIKE = 88
MAYBE = 75  # alike all the same if one slip (two letters that changed places) makes the difference
LONG = 6
AT_MOST = 500  # words of a kind that are looked at, the most frequent; more are no vocabulary
SHORTEST = 4  # shorter words are too easily alike
MUCH_RARER = 3  # an unknown word may be a slip of another unknown one that is so many times as frequent
COMMON_INDUSTRIES = (
    "Agriculture", "Automotive", "Banking", "Biotechnology", "Chemicals", "Construction", "Consulting",
    "Education", "Employment", "Energy", "Engineering", "Entertainment", "Finance", "Financial services",
    "Food and beverage", "Government", "Healthcare", "Hospitality", "Insurance", "Legal", "Logistics",
    "Manufacturing", "Marketing", "Media", "Medical", "Mining", "Nonprofit", "Pharmaceuticals",
    "Professional services", "Public sector", "Real estate", "Retail", "Services", "Shipping", "Software",
    "Technology", "Telecommunications", "Transportation", "Travel", "Utilities",
)  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """`spelling`, found in `rows` rows, probably means `term`."""

    kind: str
    spelling: str
    term: str
    rows: int
    likeness: int


def propose(kind: str, unknown: Mapping[str, int], known: Collection[str]) -> list[Proposal]:
    """`unknown`: word → number of rows. The most frequent first."""
    by_key = {squeezed(word): word for word in sorted(known)}
    ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:AT_MOST]
    found = []
    for word, rows in ranked:
        frequent = {squeezed(other): other for other, count in ranked if count >= MUCH_RARER * rows}
        term, likeness = closest(word, {**frequent, **by_key})
        if term:
            found.append(Proposal(kind, word, as_written(term, word), rows, likeness))
    return found


def closest(word: str, known: Mapping[str, str]) -> tuple[str, int]:
    """The likeliest known word, "" where none is alike. `known` maps squeezed words to words."""
    key = squeezed(word)
    if key in known and known[key].casefold() != word.casefold():
        return known[key], 100
    if len(key) < SHORTEST:
        return "", 0
    likely = process.extract(key, list(known), scorer=fuzz.ratio, score_cutoff=MAYBE, limit=5)
    for match, likeness, _ in likely:
        alike = likeness >= ALIKE or (len(key) >= LONG and OSA.distance(key, match, score_cutoff=1) <= 1)
        if alike and marks(known[match]) == marks(word) and known[match].casefold() != word.casefold():
            return known[match], round(likeness)
    return "", 0


def as_written(term: str, word: str) -> str:
    """A shipped industry in the way that the file writes its own: all small where the word is."""
    return term.lower() if term in COMMON_INDUSTRIES and word == word.lower() else term


def squeezed(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())


def marks(word: str) -> list[str]:
    """What tells names apart: their numbers and single letters."""
    return sorted(re.findall(r"\d+|(?<![^\W_])[^\W\d_](?![^\W_])", word.casefold()))


@cache
def countries() -> tuple[str, ...]:
    return tuple(country.name for country in pycountry.countries)


@cache
def languages() -> tuple[str, ...]:
    return tuple(language.name for language in pycountry.languages if hasattr(language, "alpha_2"))
