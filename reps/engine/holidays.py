"""Public holidays by country and, where the library has it, by state or region. A public holiday is no absence: it is
time that is not worked, which only policies that want somebody working now look at (docs/decisions/0010)."""

import datetime
from collections.abc import Iterable, Mapping
from functools import cache

import holidays
import pycountry

DAY = datetime.timedelta(days=1)


@cache
def countries() -> dict[str, str]:
    """Code → English name of every country whose holidays are known, by name."""
    named = {}
    for code in holidays.list_supported_countries():
        found = pycountry.countries.get(alpha_2=code)
        if found:
            named[code] = str(getattr(found, "common_name", found.name))
    return dict(sorted(named.items(), key=lambda pair: pair[1]))


@cache
def subdivisions(country: str) -> dict[str, str]:
    """Code → name of the parts of a country that have holidays of their own."""
    codes = holidays.list_supported_countries().get(country, ())
    named = {}
    for code in codes:
        found = pycountry.subdivisions.get(code=f"{country}-{code}")  # type: ignore[no-untyped-call]
        named[str(code)] = str(found.name) if found else str(code)
    return dict(sorted(named.items(), key=lambda pair: pair[1]))


def country_code(text: str) -> str:
    """The code that a text clearly means (a name, a code of two or three letters); empty where it is not clear."""
    wanted = text.strip()
    if wanted.upper() in countries():
        return wanted.upper()
    usual = {"uk": "GB", "great britain": "GB", "england": "GB", "usa": "US", "u.s.": "US", "u.s.a.": "US"}
    if wanted.casefold() in usual:
        return usual[wanted.casefold()]
    try:
        code = str(pycountry.countries.lookup(wanted).alpha_2)
    except LookupError:
        return ""
    return code if code in countries() else ""


@cache
def _of_year(country: str, subdivision: str, year: int) -> Mapping[datetime.date, str]:
    if country not in countries():
        return {}
    part = subdivision if subdivision in subdivisions(country) else None
    language = "en_US" if "en_US" in holidays.country_holidays(country).supported_languages else None
    return dict(holidays.country_holidays(country, subdiv=part, years=year, language=language).items())


def public_holidays(
    country: str, subdivision: str, first: datetime.date, last: datetime.date
) -> dict[datetime.date, str]:
    """Date → name, from the first to the last day, in order."""
    found: dict[datetime.date, str] = {}
    for year in range(first.year, last.year + 1):
        found |= {
            day: name for day, name in _of_year(country, subdivision, year).items() if first <= day <= last
        }
    return dict(sorted(found.items()))


def days_between(first: datetime.date, last: datetime.date) -> Iterable[datetime.date]:
    return (first + number * DAY for number in range((last - first).days + 1))
