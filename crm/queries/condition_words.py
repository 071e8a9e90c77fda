"""What the condition builder offers to choose from: the organisation's words, products, places and accounts."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pycountry

from crm.engine.conditions import BUILT_IN, GROUPS, ConditionError, compile_condition, condition_fields
from crm.engine.spoken import Say, describe, say_plainly
from crm.models import Account, Opportunity, Product, Term
from crm.models.words import WordKind
from crm.queries.records import accounts_visible_to
from crm.queries.words import own_fields
from reps.engine.money import money
from reps.models import User
from reps.queries import organisation

NUMBERED = re.compile(r"#(\d+)\s*$")  # “Northwind Health #12” names one of several accounts of that name
Choice = tuple[str, str]  # what is stored, what is read
# Fields whose values are closed by the model; all others take any word, the known ones are offered.
CLOSED: dict[str, Callable[[], list[Choice]]] = {
    "kind": lambda: list(Opportunity.Kind.choices),
    "urgency": lambda: list(Opportunity.Urgency.choices),
    "size_band": lambda: [(str(v), str(label)) for v, label in _choices_of("size_band")],
}
KINDS_OF_WORDS = {
    "source": WordKind.SOURCE,
    "industry": WordKind.INDUSTRY,
    "language": WordKind.LANGUAGE,
    "competitors": WordKind.COMPETITOR,
    "region": WordKind.REGION,
    "currency": WordKind.CURRENCY,
}


@dataclass(frozen=True)
class Offered:
    """`closed` by field: nothing else can be chosen. `open` by field: offered while somebody types."""

    closed: Mapping[str, list[Choice]]
    open: Mapping[str, list[Choice]]


def _choices_of(name: str) -> Iterable[Choice]:
    return Opportunity._meta.get_field(name).choices or ()  # type: ignore[union-attr,return-value]


def words_for_conditions() -> Offered:
    """Two queries, however many fields the condition tests."""
    names: dict[str, list[str]] = {}
    for kind, name in Term.objects.filter(is_known=True).order_by("name").values_list("kind", "name"):
        names.setdefault(kind, []).append(name)
    offered = {field: [(name, "") for name in names.get(kind, [])] for field, kind in KINDS_OF_WORDS.items()}
    products = Product.objects.filter(is_active=True).order_by("name").values_list("name", flat=True)
    offered["product"] = [(name, "") for name in products]
    offered["country"] = [(country.alpha_2, country.name) for country in pycountry.countries]
    return Offered({name: choices() for name, choices in CLOSED.items()}, offered)


def accounts_in(node: Any) -> list[int]:
    """The ids of the accounts that a condition names."""
    if not isinstance(node, Mapping):
        return []
    found = [one for group in GROUPS for member in node.get(group) or () for one in accounts_in(member)]
    known = BUILT_IN.get(str(node.get("field")))
    if known is None or known.type != "reference":
        return found
    value: Any = node.get("value")
    return found + [one for one in (value if isinstance(value, list | tuple) else [value]) if is_id(one)]


def is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def say_for(conditions: Iterable[Any]) -> Say:
    """How the values of these conditions are said: money, choices by their words, accounts by name; two queries for
    all of them (one where none names an account)."""
    ids = {pk for condition in conditions for pk in accounts_in(condition)}
    names = dict(Account.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    currency = organisation().base_currency
    words = {name: {str(value): label for value, label in choices()} for name, choices in CLOSED.items()}

    def say(name: str, value: Any) -> str:
        if name == "value" and is_number(value):
            return money(value, currency)
        if name in BUILT_IN and BUILT_IN[name].type == "reference":
            return names.get(value, f"account #{value}")
        found = words.get(name, {}).get(str(value))
        return say_plainly(name, value) if found is None else found.lower()

    return say


def condition_words(condition: Mapping[str, Any] | None) -> str:
    """ "value is over $100,000 and industry is Healthcare"; "" and no query for none."""
    if not condition:
        return ""
    return describe(condition, condition_fields(own_fields()), say=say_for([condition]))


def condition_problem(condition: Mapping[str, Any] | None) -> str:
    """Why the condition cannot be, with the fields that there are; "" where it can."""
    try:
        compile_condition(condition or {}, condition_fields(own_fields()))
    except ConditionError as error:
        return error.message
    return ""


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def account_labels(ids: Iterable[int]) -> dict[int, str]:
    """ "Northwind Health #12" by id; one query, none where there are no ids."""
    wanted = [one for one in set(ids) if abs(one) < 2**63]
    if not wanted:
        return {}
    return {
        pk: f"{name} #{pk}" for pk, name in Account.objects.filter(pk__in=wanted).values_list("pk", "name")
    }


def accounts_named(user: User, names: Iterable[str]) -> dict[str, list[int]]:
    """The accounts of each name, case-folded; several may have the same."""
    found: dict[str, list[int]] = {}
    for name in sorted({name.casefold() for name in names})[:200]:
        found[name] = list(
            accounts_visible_to(user)
            .filter(name__iexact=name)
            .order_by("pk")
            .values_list("pk", flat=True)[:4]
        )
    return found
