"""Who gets quota credit for what, by the rows of a table."""

import datetime

import pytest

from analytics.engine.credit import Credit, CreditRow, Why, could_credit, credit_of, fixed_by

DAY = datetime.date(2026, 3, 2)
EARLIER, LATER = DAY - datetime.timedelta(days=1), DAY + datetime.timedelta(days=1)
LINEAGE = (3, 2, 1)  # the territory, then those around it
SEGMENT = {
    "industry": "Healthcare",
    "size_band": "50-199",
    "product": "Core",
    "kind": "lead",
    "source": "Chat",
}


def of(*rows: CreditRow) -> Credit:
    return credit_of(rows, lineage=LINEAGE, segment=SEGMENT, day=DAY)


def test_whoever_has_no_row_is_not_in_the_table() -> None:
    assert of() == Credit(None, Why.NOT_LISTED)


@pytest.mark.parametrize("territory", [None, 3, 2, 1])
def test_a_territory_stands_for_those_inside_it(territory: int | None) -> None:
    assert of(CreditRow(1, territory)) == Credit(100, Why.FULL)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (CreditRow(1, 9), Why.TERRITORY),
        (CreditRow(1, 3, industry="Energy"), Why.SEGMENT),
        (CreditRow(1, size_band="5000+"), Why.SEGMENT),
        (CreditRow(1, product="Other"), Why.SEGMENT),
        (CreditRow(1, kind="deal"), Why.SEGMENT),
        (CreditRow(1, source="Event"), Why.SEGMENT),
        (CreditRow(1, valid_until=EARLIER), Why.DATES),
        (CreditRow(1, valid_from=LATER), Why.DATES),
        (CreditRow(1, share=0), Why.NIL),
    ],
)
def test_no_credit_says_what_came_closest(row: CreditRow, why: Why) -> None:
    assert of(row) == Credit(0, why)


def test_the_best_share_of_those_that_hold_counts() -> None:
    rows = [CreditRow(1, share=30), CreditRow(1, 3, share=60), CreditRow(1, share=100, valid_until=EARLIER)]
    assert of(*rows) == Credit(60, Why.PART)
    assert of(*reversed(rows)) == Credit(60, Why.PART)


def test_days_are_inclusive_and_case_does_not_matter() -> None:
    assert of(CreditRow(1, industry="healthcare", valid_from=DAY, valid_until=DAY)).why == Why.FULL


def test_what_a_condition_leaves() -> None:
    condition = {
        "all": [
            {"field": "industry", "op": "in", "value": ["Healthcare", "Energy"]},
            {"field": "industry", "op": "is", "value": "energy"},
            {"field": "value", "op": "over", "value": 5},
            {"any": [{"field": "source", "op": "is", "value": "Chat"}]},
        ]
    }
    assert fixed_by(condition) == {"industry": frozenset({"energy"})}
    assert fixed_by({}) == {}
    assert fixed_by({"field": "industry", "op": "is_not", "value": "Energy"}) == {}


def test_a_row_counts_for_a_condition_unless_it_surely_cannot() -> None:
    fixed = {"industry": frozenset({"energy"})}
    assert could_credit(CreditRow(1, industry="Energy"), fixed, DAY)
    assert could_credit(CreditRow(1, source="Chat"), fixed, DAY)
    assert not could_credit(CreditRow(1, industry="Retail"), fixed, DAY)
    assert not could_credit(CreditRow(1, share=0), fixed, DAY)
    assert not could_credit(CreditRow(1, valid_until=EARLIER), fixed, DAY)
