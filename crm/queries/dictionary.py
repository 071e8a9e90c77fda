"""What an intake looks things up in: the organisation's words, the languages of places, exchange rates, products."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache

from django.db import connection

from crm.engine.words import Vocabulary
from crm.models import Product
from crm.queries.vocabulary import load_languages, load_rates, load_vocabulary
from reps.queries import organisation
from reps.queries.prepared import ask, ask_one


@dataclass(frozen=True)
class Dictionary:
    """Loaded once for many. `products` by case-folded name; whoever adds one to the organisation adds it here. `met`:
    how unconfirmed words are written that came up since. `noted`: unknown words that were stored with it."""

    vocabulary: Vocabulary
    languages: Mapping[tuple[str, str], str]
    rates: Mapping[str, list[tuple[datetime.date, Decimal]]]
    base_currency: str
    products: dict[str, Product] = field(default_factory=dict)
    met: dict[tuple[str, str], str] = field(default_factory=dict)
    noted: set[tuple[str, str]] = field(default_factory=set)


def load_dictionary() -> Dictionary:
    """As it is in the database, in six queries."""
    base = organisation().base_currency
    return Dictionary(
        vocabulary=load_vocabulary(),
        languages=load_languages(),
        rates=load_rates(base),
        base_currency=base,
        products={product.name.casefold(): product for product in Product.objects.all()},
    )


STAMP = "SELECT (SELECT version FROM crm_dictionarystamp WHERE id = 1)"


def current_dictionary() -> Dictionary:
    """The same from what the process has kept, after one query for its stamp. Unconfirmed words may be missing."""
    return dictionary_of(ask_one(STAMP)[0])


def dictionary_of(stamp: int | None) -> Dictionary:
    """The dictionary of the present stamp."""
    kept = _dictionary(connection.settings_dict["NAME"], stamp)
    return replace(kept, products=dict(kept.products), noted=set())


@lru_cache(maxsize=2)
def _dictionary(database: str, stamp: int | None) -> Dictionary:
    return load_dictionary()


def spelled(words: Dictionary, kind: str, word: str) -> str:
    """An unconfirmed word as it was written first. One that the dictionary has not met is looked up and kept."""
    key = (kind, word.casefold())
    if key in words.vocabulary.terms:
        return words.vocabulary.terms[key][0]
    if key not in words.met:
        rows = ask("SELECT name FROM crm_term WHERE kind = %s AND lower(name) = lower(%s)", [kind, word])
        words.met[key] = rows[0][0] if rows else word
    return words.met[key]
