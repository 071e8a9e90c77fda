"""Cells → values: numbers, moments, choices, and columns that can be read in two ways."""

import datetime
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.engine.imports import values
from crm.engine.imports.columns import CustomColumn, Options, read_columns
from crm.engine.imports.fields import FIELDS, custom_key, propose_columns, propose_target
from crm.engine.imports.reading import read_table
from crm.engine.imports.spellings import propose
from crm.engine.imports.values import ASK, Manner, Wrong
from crm.engine.words import Vocabulary

UTC = Manner(datetime.UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1,234.56", "1234.56"), ("1.234,56", "1234.56"), ("$1,200", "1200"), ("€ 1.200,50", "1200.50"),
        ("1200 CHF", "1200"),
        ("1'234.50", "1234.50"), ("1 234", "1234"), ("(1,200)", "-1200"), ("1,00,000", "100000"), ("1e3", "1000"),
        ("12,5", "12.5"), ("US$ 5", "5"), ("-5", "-5"), ("NaN", None), ("n/a", None), ("-", None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, wanted: str | None) -> None:
    manner = Manner(datetime.UTC, decimal=values.decimal_mark([text], delimiter=","))
    found = values.number(text, manner)
    assert found == (Decimal(wanted) if wanted else None)


@pytest.mark.parametrize(
    "text", ["abc", "=1+1", "1.2.3", "inf", "-Infinity", "12 apples", "1,2,3", "--5", "1-2"]
)
def test_what_is_no_number_is_said(text: str) -> None:
    with pytest.raises(Wrong, match=r"not a (finite )?number"):
        values.number(text, UTC)


def test_amounts_are_bounded() -> None:
    with pytest.raises(Wrong, match="negative"):
        values.amount("-1", UTC)
    with pytest.raises(Wrong, match="too large"):
        values.amount("1e15", UTC)
    assert values.amount("99999999999999.99", UTC) == Decimal("99999999999999.99")


def test_the_decimal_mark_is_that_of_the_column() -> None:
    assert values.decimal_mark(["1.500", "2,75"], delimiter=";") == ","
    assert values.decimal_mark(["1.500", "2.75"], delimiter=";") == "."
    assert values.decimal_mark(["1.500", "2.750"], delimiter=";") == ASK
    assert values.decimal_mark(["1,500", "2,750"], delimiter=",") == "."  # quoted among commas: thousands
    assert values.decimal_mark(["1500"], delimiter=";") == "."


def test_currencies_are_read_from_amounts() -> None:
    assert [values.currency_in(text) for text in ("€5", "5 CHF", "$5", "5")] == ["EUR", "CHF", "USD", ""]


@pytest.mark.parametrize(
    ("text", "order", "wanted"),
    [
        ("2025-03-31", "", "2025-03-31T00:00"), ("2025-03-31 14:30", "", "2025-03-31T14:30"),
        ("2025-03-31T14:30:00+02:00", "", "2025-03-31T12:30"),
        ("2025-03-31T14:30:05.123Z", "", "2025-03-31T14:30:05.123"),
        ("20250331", "", "2025-03-31T00:00"), ("31/03/2025", "dmy", "2025-03-31T00:00"),
        ("3/31/25", "mdy", "2025-03-31T00:00"),
        ("31.3.2025 9:05", "dmy", "2025-03-31T09:05"), ("3/31/2025 2:05 PM", "mdy", "2025-03-31T14:05"),
        ("31 Mar 2025", "", "2025-03-31T00:00"), ("March 31, 2025", "", "2025-03-31T00:00"),
        ("31-Mar-25", "", "2025-03-31T00:00"),
    ],
)  # fmt: skip
def test_moments_as_systems_write_them(text: str, order: str, wanted: str) -> None:
    found = values.moment(text, Manner(datetime.UTC, order=order))
    assert found == datetime.datetime.fromisoformat(wanted).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "text", ["2025-02-30", "soon", "45000", "2025-03-31 25:00", "1800-01-01", "31/31/2025"]
)
def test_what_is_no_moment_is_said(text: str) -> None:
    with pytest.raises(Wrong):
        values.moment(text, UTC)


def test_day_and_month_are_told_by_the_column_or_asked() -> None:
    assert values.date_order(["01/02/2025", "31/12/2025"]) == "dmy"
    assert values.date_order(["01/02/2025", "12/31/2025"]) == "mdy"
    assert values.date_order(["01/02/2025", "03/04/2025"]) == ASK
    assert values.date_order(["01.02.2025"]) == "dmy"
    assert values.date_order(["2025-01-02"]) == ""


@given(st.integers(-2_000_000_000, 7_000_000_000))
def test_iso_moments_are_read_back(seconds: int) -> None:
    when = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=seconds)
    assert values.moment(when.isoformat(), UTC) == when


@given(st.decimals(0, 10**13, places=2), st.sampled_from([(".", ","), (",", "."), (",", " ")]))
def test_grouped_amounts_are_read_back(value: Decimal, marks: tuple[str, str]) -> None:
    decimal, grouping = marks
    text = f"{value:,.2f}".translate({ord(","): grouping, ord("."): decimal})
    assert values.amount(text, Manner(datetime.UTC, decimal=decimal)) == value


@given(st.text(max_size=40), st.sampled_from(sorted(values.PARSERS)))
def test_any_text_is_read_or_refused(text: str, kind: str) -> None:
    with suppress(Wrong):
        values.PARSERS[kind](values.tidy(text), UTC)


def test_choices_know_common_spellings() -> None:
    stages = {"Won": "won", "Closed Won": "won", "closedlost": "lost", "Prospecting": "open", "Engaging": "open",
              "Disqualified": "disqualified", "Closed - Not Converted": "disqualified"}  # fmt: skip
    for text, stage in stages.items():
        assert values.read(FIELDS["opportunities"]["stage"], text, UTC) == stage
    with pytest.raises(Wrong, match="not a stage"):
        values.read(FIELDS["opportunities"]["stage"], "Sleeping", UTC)
    assert [values.band(text, UTC) for text in ("1–49", "250", "1,000 to 4,999", "5000+")] == [
        "1-49", "200-999", "1000-4999", "5000+",
    ]  # fmt: skip


def test_types_of_custom_fields_are_inferred() -> None:
    assert values.infer_type(["Yes", "No", "", "yes"], zone=datetime.UTC) == "boolean"
    assert values.infer_type(["Yes", "No", "Unknown"] * 3, zone=datetime.UTC) == "choice"
    assert values.infer_type(["1", "2.5"], zone=datetime.UTC) == "number"
    assert values.infer_type(["007", "008"], zone=datetime.UTC) == "text"
    assert values.infer_type(["2025-01-01", "2025-02-01"], zone=datetime.UTC) == "date"
    assert values.infer_type([f"note {n}" for n in range(40)], zone=datetime.UTC) == "text"


# --- columns --------------------------------------------------------------------------------------------------------


def test_columns_of_known_exports_are_recognised() -> None:
    pipeline = (
        "opportunity_id",
        "sales_agent",
        "product",
        "account",
        "deal_stage",
        "engage_date",
        "close_date",
        "close_value",
    )
    assert propose_target("sales_pipeline.csv", pipeline) == "opportunities"
    assert list(propose_columns(pipeline, "opportunities", samples={}).values()) == [
        "external_id", "owner", "product", "account", "stage", "opened_at", "closed_at", "value",
    ]  # fmt: skip
    accounts = (
        "account",
        "sector",
        "year_established",
        "revenue",
        "employees",
        "office_location",
        "subsidiary_of",
    )
    assert propose_target("accounts.csv", accounts) == "accounts"
    assert propose_target("products.csv", ("product", "series", "sales_price")) == "products"
    assert propose_target("sales_teams.csv", ("sales_agent", "manager", "regional_office")) == "reps"
    assert propose_target("data_dictionary.csv", ("Table", "Field", "Description")) == "ignored"


def test_a_fields_own_name_means_itself() -> None:
    for target, catalogue in FIELDS.items():
        proposed = propose_columns(tuple(catalogue), target, samples={})
        assert proposed == {name: name for name in catalogue}


def test_what_a_column_holds_has_the_last_word() -> None:
    header = ("Seller", "Competitors", "Status")
    proposed = propose_columns(header, "opportunities", samples={"Competitors": ["Yes", "No", "Unknown"]})
    assert proposed == {"Seller": "owner", "Competitors": "custom:competitors", "Status": "stage"}
    named = propose_columns(header, "opportunities", samples={"Competitors": ["Rival; Foe"]})
    assert named["Competitors"] == "competitors"


def test_keys_of_custom_fields_are_unique_and_plain() -> None:
    assert custom_key("Budgt alloc (%)", taken=set()) == "budgt_alloc"
    assert custom_key("2nd visit", taken=set()) == "field_2nd_visit"
    assert custom_key("Größe", taken={"custom:grosse"}) == "grosse_2"
    assert len(custom_key("x" * 90, taken=set())) == 40


def read(text: str, columns: dict[str, str], **options: Any):
    return read_columns(
        read_table(text.encode()), columns, "opportunities", options=Options(**options), vocabulary=Vocabulary(),
        custom={"tier": CustomColumn("tier", "choice", ("Gold", "Silver"))},
    )  # fmt: skip


def test_every_wrong_cell_is_named() -> None:
    found = read(
        "id,amount,tier\n1,5,gold\n2,-5,Tin\n",
        {"id": "external_id", "amount": "value", "tier": "custom:tier"},
    )
    assert [(one.row, one.field, one.value, one.reason) for one in found.problems] == [
        (3, "value", "-5", "is negative"),
        (3, "custom:tier", "Tin", "is none of Gold, Silver"),
    ]
    assert found.good.tolist() == [True, False]
    assert found.frame["custom:tier"].tolist() == ["Gold", None]


def test_texts_that_do_not_fit_are_named_and_control_characters_go() -> None:
    found = read(
        f"id,name\n1,{'x' * 201}\n2,a\x07b\n3,'=1+1\n4,=1+1\n", {"id": "external_id", "name": "name"}
    )
    assert found.problems[0].reason == "is too long: 201 characters, at most 200 fit"
    assert found.frame["name"].tolist()[1:] == ["a b", "=1+1", "=1+1"]


def test_columns_that_can_be_read_in_two_ways_are_asked() -> None:
    text = "id;created;amount\n1;03/04/2025;1.500\n"
    columns = {"id": "external_id", "created": "opened_at", "amount": "value"}
    assert [(one.kind, one.column, one.sample) for one in read(text, columns).questions] == [
        ("date_order", "created", "03/04/2025"),
        ("decimal", "amount", "1.500"),
    ]
    said = read(text, columns, date_order="dmy", decimal=",")
    assert said.questions == []
    assert said.frame["value"][0] == Decimal("1500.00")
    assert said.frame["opened_at"][0].date() == datetime.date(2025, 4, 3)


# --- spellings ------------------------------------------------------------------------------------------------------


def test_spellings_are_proposed_and_names_told_apart() -> None:
    found = propose(
        "product", {"GTXPro": 1480, "GTX 600": 3, "Product B": 9}, {"GTX Pro", "GTX 500", "Product A"}
    )
    assert [(one.spelling, one.term, one.rows) for one in found] == [("GTXPro", "GTX Pro", 1480)]
    industries = propose("industry", {"technolgy": 12, "medical": 12}, {"Technology", "Medical"})
    assert [(one.spelling, one.term) for one in industries] == [("technolgy", "technology")]


def test_a_rare_word_may_be_a_slip_of_a_frequent_one() -> None:
    found = propose("source", {"Webinar": 90, "Webniar": 2, "Referral": 80}, set())
    assert [(one.spelling, one.term) for one in found] == [("Webniar", "Webinar")]
