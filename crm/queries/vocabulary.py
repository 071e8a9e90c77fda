"""The organisation's words, rates and languages of places, as the writing services need them."""

import datetime
from collections.abc import Mapping
from decimal import Decimal

from crm.engine.words import Vocabulary
from crm.models import Alias, ExchangeRate, RegionLanguage, Term


def load_vocabulary() -> Vocabulary:
    """Every alias and term; two queries."""
    return Vocabulary(
        aliases={
            (kind, spelling.casefold()): term
            for kind, spelling, term in Alias.objects.values_list("kind", "spelling", "term")
        },
        terms={
            (kind, name.casefold()): (name, known)
            for kind, name, known in Term.objects.values_list("kind", "name", "is_known")
        },
    )


def load_languages() -> dict[tuple[str, str], str]:
    """(country, region), case-folded, → language; region "" is the whole country."""
    return {
        (country.casefold(), region.casefold()): language
        for country, region, language in RegionLanguage.objects.values_list("country", "region", "language")
    }


def language_of_place(languages: Mapping[tuple[str, str], str], country: str, region: str) -> str:
    """What is spoken there: the region's language, else the country's, else ""."""
    place = country.casefold()
    return languages.get((place, region.casefold())) or languages.get((place, ""), "")


def load_rates(base_currency: str) -> dict[str, list[tuple[datetime.date, Decimal]]]:
    """Currency → (valid from, rate), newest first. The base currency is worth 1."""
    rates: dict[str, list[tuple[datetime.date, Decimal]]] = {base_currency: [(datetime.date.min, Decimal(1))]}
    for currency, valid_from, rate in ExchangeRate.objects.order_by("-valid_from").values_list(
        "currency", "valid_from", "rate"
    ):
        if currency != base_currency:
            rates.setdefault(currency, []).append((valid_from, rate))
    return rates


def in_base_currency(
    rates: Mapping[str, list[tuple[datetime.date, Decimal]]],
    value: Decimal | None,
    currency: str,
    on: datetime.date,
) -> Decimal | None:
    """The value at the rate of the day (the oldest rate for days before it); None where no rate is known."""
    known = rates.get(currency)
    if value is None or not known:
        return None
    rate = next((rate for valid_from, rate in known if valid_from <= on), known[-1][1])
    return (value * rate).quantize(Decimal("0.01"))
