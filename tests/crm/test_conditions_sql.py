"""The two forms of the condition language agree: the predicate in Python and the one query in SQL."""

import datetime
import sys
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from crm.engine.conditions import (
    MANY_VALUES,
    NO_VALUE,
    OPERATORS,
    ConditionError,
    Field,
    compile_condition,
    condition_fields,
)
from crm.models import Account, Opportunity, Product
from crm.queries.conditions import counts, matching, patterns, to_q
from routing.queries.inputs import opportunity_facts

FIELDS = condition_fields(
    [
        {"key": "note", "label": "note", "type": "text"},
        {"key": "plan", "label": "plan", "type": "choice", "choices": ["Gold", "Silver"]},
        {"key": "seats", "label": "seats", "type": "number"},
        {"key": "trial", "label": "trial", "type": "boolean"},
        {"key": "renewal", "label": "renewal", "type": "date"},
    ]
)

# --- what is generated ----------------------------------------------------------------------------------------------

SPELLINGS = (
    "Healthcare", "HEALTHCARE ", "health", "Straße", "STRASSE", "strasse", "ẞ", "İzmir", "izmir", "IZMIR", "ısı",
    "ISI", "É", "é", "e\u0301", "E\u0301", "ﬁn", "FIN", "ΣΟΦΟΣ", "σοφος", "σοφοσ", "ŉ", "ʼn", "ǆ", "ǅ", "ꭰ", "Ꭰ",
    "\xa0A\u3000", "a", "\x1fa\x85", "a\u200b", "10115", "10999", "12", "2026-02-28", "2024-02-29", "𐐀", "𐐨",
    "%", "a_b", "'\\",
)  # fmt: skip
BLANKS = ("", " ", "\t\u2003", "\x1c")
DAYS = ("2026-02-28", "2024-02-29", "2026-03-01", "0999-12-31")
NO_DAYS = (
    "2026-02-30", "2025-02-29", "1900-02-29", "0000-01-01", "2026-W01-1", "20260228", "２０２６-02-28",
    "2026-02-28T10:00",
)  # fmt: skip
NUMBERS = (0, 1, -1, 3, 50, 100, 0.1, 0.30000000000000004, 99.99, 250_000, 10**15, -(10**15), 2.5e-7)

texts = st.sampled_from(SPELLINGS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6
)
written = st.sampled_from(SPELLINGS) | st.sampled_from(BLANKS) | texts
given_texts = texts.filter(lambda text: text.strip() != "")
floats = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
numbers = st.sampled_from(NUMBERS) | floats | st.integers(-(10**15), 10**15)
any_json = st.one_of(
    st.none(), written, st.sampled_from(DAYS + NO_DAYS), numbers, st.booleans(), st.sampled_from(NUMBERS),
    st.sampled_from([10**400, -(10**400), 2**53 + 1, 1e308, -1e308, [], [""], ["a"], [1, None], {}, {"a": 1}]),
)  # fmt: skip

CUSTOM: dict[str, st.SearchStrategy[Any]] = {
    "note": written,
    "plan": written,
    "seats": st.sampled_from(NUMBERS),
    "trial": st.booleans(),
    "renewal": st.sampled_from(DAYS),
}


def texts_up_to(length: int) -> st.SearchStrategy[str]:
    return written.map(lambda text: text[:length])


def records(products: list[Product], accounts: list[Account]) -> st.SearchStrategy[Opportunity]:
    """An opportunity that is not saved yet, with everything that a condition may test."""
    small = {"country": 60, "language": 60, "size_band": 12, "postal_code": 20, "urgency": 10, "currency": 3}
    return st.builds(
        Opportunity,
        name=st.just("Northwind"),
        kind=st.sampled_from(["lead", "deal"]),
        **{name: texts_up_to(80) for name in ("source", "industry", "region", "city")},
        **{name: texts_up_to(length) for name, length in small.items()},
        product=st.sampled_from([None, *products]),
        account=st.sampled_from([None, *accounts]),
        employees=st.none() | st.sampled_from([0, 1, 50, 250_000]),
        complexity=st.none() | st.integers(1, 5),
        lead_score=st.none() | st.integers(0, 100),
        value_base=st.none()
        | st.sampled_from([Decimal("0.10"), Decimal("99.99"), Decimal(250_000), Decimal("99999999999999.98")])
        | st.decimals(0, 10**14 - 1, places=2),
        competitors=st.lists(written, max_size=3),
        custom=st.fixed_dictionaries({}, optional={key: own | any_json for key, own in CUSTOM.items()}),
    )


def scalars(field: Field, accounts: list[Account]) -> st.SearchStrategy[Any]:
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "text": given_texts,
        "list": given_texts,
        "number": numbers,
        "boolean": st.booleans(),
        "date": st.sampled_from(DAYS) | st.dates().map(datetime.date.isoformat),
        "reference": st.sampled_from([accounts[0].pk, accounts[1].pk, 0, -1, 2**63, -(2**70)]),
    }
    return by_type[field.type]


@st.composite
def single_tests(draw: st.DrawFn, accounts: list[Account]) -> dict[str, Any]:
    field = draw(st.sampled_from(list(FIELDS.values())))
    op = draw(st.sampled_from(list(OPERATORS[field.type])))
    test = {"field": field.name, "op": op}
    one = scalars(field, accounts)
    if op in NO_VALUE:
        return test
    if op in MANY_VALUES:
        return test | {"value": draw(st.lists(one, min_size=1, max_size=4))}
    if op == "between":
        bounds = draw(st.tuples(one, one))
        key = {"text": lambda text: text.strip().casefold(), "date": datetime.date.fromisoformat}
        return test | {"value": sorted(bounds, key=key.get(field.type, float))}
    return test | {"value": draw(one)}


def conditions(accounts: list[Account]) -> st.SearchStrategy[dict[str, Any]]:
    """Groups nest three deep and more; the empty condition is one of them."""
    return st.just({}) | st.recursive(
        single_tests(accounts),
        lambda inner: st.builds(
            lambda group, members: {group: members},
            st.sampled_from(["all", "any", "none"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=8,
    ).filter(lambda condition: depth(condition) <= 6)


def depth(node: dict[str, Any]) -> int:
    return max((1 + depth(m) for group in ("all", "any", "none") for m in node.get(group, ())), default=0)


# --- the property ---------------------------------------------------------------------------------------------------


@pytest.fixture
def products(db: None) -> list[Product]:
    return [Product.objects.create(name=name) for name in ("Straße Pro", " İzmir ", "Healthcare")]


@pytest.fixture
def accounts(db: None) -> list[Account]:
    return [Account.objects.create(name=name) for name in ("Acme", "Northwind")]


def test_python_and_sql_agree_on_every_condition_and_record(
    products: list[Product], accounts: list[Account]
) -> None:
    batches = st.lists(records(products, accounts), min_size=1, max_size=12)
    several = st.lists(conditions(accounts), min_size=1, max_size=12)

    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # making an example small takes minutes; the message names the condition
        suppress_health_check=list(HealthCheck),
    )
    @given(batch=batches, asked=several)
    def agree(batch: list[Opportunity], asked: list[dict[str, Any]]) -> None:
        with transaction.atomic():
            Opportunity.objects.bulk_create(batch)
            stored = list(Opportunity.objects.select_related("account", "product"))
            facts = {opportunity.pk: opportunity_facts(opportunity).tests for opportunity in stored}
            expected = [
                {pk for pk, values in facts.items() if compile_condition(condition, FIELDS)(values)}
                for condition in asked
            ]
            for condition, pks in zip(asked, expected, strict=True):
                found = set(matching(condition, FIELDS).values_list("pk", flat=True))
                assert found == pks, (condition, [facts[pk] for pk in found ^ pks])
            assert counts(asked, FIELDS) == [len(pks) for pks in expected]
            transaction.set_rollback(True)
            for opportunity in batch:
                opportunity.pk = None

    agree()


def test_text_folds_in_sql_as_in_python_for_every_character(db: None) -> None:
    """Blocks of 256 characters, with a letter on either side so that nothing is trimmed; then the spaces."""
    codes = [code for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    blocks = ["x" + "".join(map(chr, codes[i : i + 256])) + "x" for i in range(0, len(codes), 256)]
    spaces = [f"{chr(code)}É{chr(code)}" for code in codes if chr(code).isspace() or code in (0x180E, 0x200B)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT crm_folded(item) FROM unnest(%s::text[]) AS item", [blocks + spaces])
        found = [row[0] for row in cursor.fetchall()]
    assert found == [text.strip().casefold() for text in blocks + spaces]


# --- worked examples ------------------------------------------------------------------------------------------------


@pytest.fixture
def cast(products: list[Product], accounts: list[Account]) -> None:
    """Three opportunities by name: full, odd (spellings, types that are not the field's), and empty."""
    Opportunity.objects.create(
        name="full",
        kind="deal",
        industry="Healthcare",
        product=products[0],
        account=accounts[0],
        postal_code="10115",
        employees=100,
        value_base=Decimal("99999999999999.99"),
        competitors=["Globex", "Straße AG"],
        custom={"note": "2026-02-28", "plan": "Gold", "seats": 5, "trial": False, "renewal": "2026-02-28"},
    )
    Opportunity.objects.create(
        name="odd",
        industry="\xa0HEALTHCARE",
        product=products[1],
        postal_code=" 10999 ",
        employees=0,
        value_base=Decimal(0),
        competitors=[" "],
        custom={"note": 12, "plan": "", "seats": "5", "trial": 1, "renewal": "2026-02-30"},
    )
    Opportunity.objects.create(name="empty", custom={"note": None, "plan": [], "seats": {}})


def found_by(condition: dict[str, Any]) -> str:
    return " ".join(matching(condition, FIELDS).order_by("pk").values_list("name", flat=True))


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("industry", "is", " healthCARE", "full odd"),
        ("industry", "is_not", "Healthcare", "empty"),
        ("industry", "not_in", ["Retail"], "full odd empty"),
        ("industry", "is_empty", None, "empty"),
        ("product", "starts_with", "STRASSE", "full"),
        ("product", "contains", "i\u0307Z", "odd"),
        ("product", "is_empty", None, "empty"),
        ("postal_code", "between", ["10100", "10500"], "full"),
        ("postal_code", "between", ["10", "11"], "full odd"),
        ("employees", "under", 100, "odd"),
        ("employees", "is_not", 0, "full empty"),
        ("employees", "at_least", 0, "full odd"),
        ("value", "is", 99999999999999.98, "full"),
        ("competitors", "includes", "strasse ag", "full"),
        ("competitors", "excludes", "globex", "odd empty"),
        ("competitors", "is_empty", None, "empty"),
        ("custom.note", "is", "2026-02-28", "full"),
        ("custom.note", "is", "12", ""),
        ("custom.note", "is_not_empty", None, "full odd"),
        ("custom.plan", "in", ["GOLD", "Silver"], "full"),
        ("custom.plan", "is_empty", None, "odd empty"),
        ("custom.seats", "over", 4.5, "full"),
        ("custom.seats", "is_empty", None, "empty"),
        ("custom.trial", "is", True, ""),
        ("custom.trial", "is", False, "full"),
        ("custom.renewal", "before", "2026-03-01", "full"),
        ("custom.renewal", "before", "2026-02-28", ""),
        ("custom.renewal", "after", "2026-02-27", "full"),
        ("custom.renewal", "after", "2026-02-28", ""),
        ("custom.renewal", "between", ["2026-02-28", "2026-02-28"], "full"),
        ("employees", "over", 100, ""),
        ("employees", "at_most", 100, "full odd"),
        ("custom.renewal", "is_empty", None, "empty"),
        ("account_id", "not_in", [-1, 2**70], "full odd empty"),
    ],
)
def test_worked_example(cast: None, field: str, op: str, value: Any, expected: str) -> None:
    test = {"field": field, "op": op} | ({} if value is None else {"value": value})
    assert found_by(test) == expected
    everyone = {"full", "odd", "empty"}
    assert set(found_by({"none": [test]}).split()) == everyone - set(expected.split())


def test_groups_and_the_empty_condition(cast: None) -> None:
    deal = {"field": "kind", "op": "is", "value": "deal"}
    many = {"field": "employees", "op": "over", "value": 1000}
    assert found_by({}) == "full odd empty"
    assert found_by({"any": [many, {"none": [deal, {"field": "industry", "op": "is_empty"}]}]}) == "odd"
    assert found_by({"none": [{"all": [deal, {"none": [many]}]}]}) == "odd empty"


def test_one_query_whatever_the_nesting(
    cast: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    tests = [{"field": name, "op": "is_not_empty"} for name in FIELDS]
    nested = {"none": [{"all": tests}, {"any": [{"all": tests}, {"none": tests}]}]}
    with django_assert_num_queries(1):
        found = matching(nested, FIELDS, Opportunity.objects.filter(kind="lead"))
        assert {opportunity.name for opportunity in found} == {"odd", "empty"}
    with django_assert_num_queries(1):
        assert counts([{}, nested, {"none": [nested]}], FIELDS) == [3, 3, 0]


def test_counts_within_a_base_and_beyond_one_query(
    cast: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    leads = Opportunity.objects.filter(kind="lead")
    with django_assert_num_queries(2):
        found = counts(
            [{"field": "employees", "op": "at_most", "value": i} for i in range(501)], FIELDS, leads
        )
    assert found == [1] * 501
    assert counts([], FIELDS) == []


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "horoscope", "op": "is", "value": "lion"},
        {"all": [{"field": "value", "op": "contains", "value": "1"}]},
        {"any": []},
        {"all": [{}], "any": [{}]},
        {"field": "industry", "op": "is", "value": "a\x00b"},
        {"field": "industry", "op": "in", "value": ["\ud800"]},
        {"none": [{"field": "custom.renewal", "op": "before", "value": "2026-02-30"}]},
    ],
)
def test_what_python_refuses_sql_refuses_with_the_same_words(condition: dict[str, Any]) -> None:
    with pytest.raises(ConditionError) as in_python:
        compile_condition(condition, FIELDS)
    with pytest.raises(ConditionError) as in_sql:
        to_q(condition, FIELDS)
    assert (str(in_sql.value), in_sql.value.path) == (str(in_python.value), in_python.value.path)


def test_field_that_opportunities_do_not_have_is_refused() -> None:
    fields = {"mood": Field("mood", "mood", "text")}
    with pytest.raises(ConditionError, match="have no text “mood”"):
        to_q({"field": "mood", "op": "is_empty"}, fields)


@pytest.mark.django_db
def test_patterns_say_which_conditions_hold_together(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    us = {"field": "country", "op": "is", "value": "US"}
    health = {"none": [{"field": "industry", "op": "is", "value": "Energy"}]}
    for country, industry in (("US", "Energy"), ("us", "Health"), ("US", "Health"), ("FR", "Energy")):
        Opportunity.objects.create(name="X", country=country, industry=industry)
    shown = Opportunity.objects.filter(country="us")
    with django_assert_num_queries(1):
        found = patterns([us, health, {}], FIELDS, by=("industry",), shown=shown)
    assert {(one.matched, one.values, one.count, one.example) for one in found} == {
        ((0, 2), ("Energy",), 1, None),
        ((0, 1, 2), ("Health",), 2, shown.get().pk),
        ((2,), ("Energy",), 1, None),
    }
    assert sorted(counts([us, health, {}], FIELDS)) == [2, 3, 4]
    with django_assert_num_queries(1):
        assert [(one.matched, one.count) for one in patterns([])] == [((), 4)]
