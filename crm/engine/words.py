"""Words made canonical: aliases first, then what the world agrees on (ISO countries, languages, currencies).

A word that nothing knows is kept as it came and reported as unknown, never dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import pycountry

SIZE_BANDS = ((50, "1-49"), (200, "50-199"), (1000, "200-999"), (5000, "1000-4999"))
LARGEST_SIZE = "5000+"
_COUNTRY_NAMES = {"usa": "US", "u.s.": "US", "u.s.a.": "US", "uk": "GB", "great britain": "GB", "south korea": "KR",
                  "korea": "KR", "russia": "RU", "vietnam": "VN", "turkey": "TR"}  # fmt: skip


@dataclass(frozen=True)
class Vocabulary:
    """`aliases` (kind, spelling case-folded) → term; `terms` (kind, name case-folded) → (name, is known)."""

    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    terms: Mapping[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)

    def canonical(self, kind: str, text: str) -> tuple[str, bool]:
        """The word that the text means, and whether it is known. Empty text is known and stays empty."""
        text = " ".join(text.split())
        if not text:
            return "", True
        text = self.aliases.get((kind, text.casefold()), text)
        if kind in _STANDARDS:
            standard = _STANDARDS[kind](text)
            if standard:
                return standard, True
        return self.terms.get((kind, text.casefold()), (text, False))


@lru_cache(maxsize=2048)
def country_code(text: str) -> str:
    """ISO 3166 alpha-2 of a country's name or code, "" where it is none."""
    known = _COUNTRY_NAMES.get(text.casefold())
    if known:
        return known
    try:
        return str(pycountry.countries.lookup(text).alpha_2)
    except LookupError:
        return ""


@lru_cache(maxsize=2048)
def language_name(text: str) -> str:
    """The English name of a language from its name or ISO 639 code ("de", "deu", "German"), "" where it is none."""
    code = text.split("-")[0].split("_")[0] if len(text) in (2, 5) else text
    try:
        found = pycountry.languages.lookup(code)
    except LookupError:
        return ""
    return _SHORT_LANGUAGE.get(found.name, str(found.name))


_SHORT_LANGUAGE = {
    "Modern Greek (1453-)": "Greek",
    "Malay (macrolanguage)": "Malay",
    "Swahili (macrolanguage)": "Swahili",
}


@lru_cache(maxsize=512)
def currency_code(text: str) -> str:
    """ISO 4217 code, "" where the text is none."""
    symbol = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}.get(text)
    if symbol:
        return symbol
    found = pycountry.currencies.get(alpha_3=text.upper())
    return str(found.alpha_3) if found else ""


_STANDARDS = {"country": country_code, "language": language_name, "currency": currency_code}


def size_band(employees: int | None) -> str:
    """The company size band of a number of employees, "" where it is unknown."""
    if employees is None:
        return ""
    return next((band for bound, band in SIZE_BANDS if employees < bound), LARGEST_SIZE)
