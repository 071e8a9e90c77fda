"""Pair columns: one definition for one opportunity and for many."""

import numpy as np
import pytest

from routing.engine.columns import COLUMNS, columns, factored_columns
from routing.engine.facts import OpportunityFacts
from routing.engine.roster import RepFacts, Roster

ROSTER = Roster(
    (
        RepFacts(1, 1, seniority=1, skills={"industry": {"health": 2}, "language": {"german": 3}}),
        RepFacts(2, 1, seniority=4, technical_depth=4, selling_style="technical", deal_size_min=1_000),
        RepFacts(
            3, 2, seniority=2, skills={"competitor": {"zoho": 1}, "certification": {"analytics pro": 2}}
        ),
    )
)
LEADS = [
    OpportunityFacts(1, industry="Health", language="German", complexity=4, value=20_000.0),
    OpportunityFacts(2, kind="deal", product="Analytics", competitors=("Zoho", "SAP"), value=500.0),
    OpportunityFacts(3, language="English", complexity=2),
    OpportunityFacts(4, industry="HEALTH ", value=0.0),
]


def one(facts: OpportunityFacts) -> dict[str, np.ndarray]:
    nobody = np.zeros(3)
    return columns(facts, ROSTER, covers=nobody, load_share=nobody, default_language="English")


def test_worked_example() -> None:
    first = one(LEADS[0])
    np.testing.assert_array_equal(first["industry_tag"], [1, 0, 0])
    np.testing.assert_array_equal(first["speaks_language"], [1.25, 0, 0])
    np.testing.assert_array_equal(first["technical_depth_fits"], [0, 1, 0])
    np.testing.assert_array_equal(first["deal_size_fits"], [0, 1, 0])
    np.testing.assert_allclose(first["seniority_complexity"], 0.5 * (np.array([1, 4, 2]) - 2.3))
    second = one(LEADS[1])
    np.testing.assert_array_equal(second["competitor_displaced"], [0, 0, 0.5])
    np.testing.assert_array_equal(second["certification_fits"], [0, 0, 1])
    np.testing.assert_array_equal(second["style_technical_deal"], [0, 1, 0])
    assert "style_technical_lead" not in second


def test_who_declares_no_language_speaks_the_organisations() -> None:
    np.testing.assert_array_equal(one(LEADS[2])["speaks_language"], [0, 1, 1])


def test_many_at_once_are_what_each_is_alone() -> None:
    many = dict(factored_columns(LEADS, ROSTER, "English"))
    assert set(many) == set(COLUMNS) - {"covers_territory", "load_above_80"}
    for i, facts in enumerate(LEADS):
        alone = one(facts)
        for name, column in many.items():
            np.testing.assert_array_equal(column.all_pairs()[i], alone.get(name, np.zeros(3)), err_msg=name)


def test_own_takes_each_deals_rep_and_none_where_there_is_none() -> None:
    many = dict(factored_columns(LEADS, ROSTER, "English"))
    np.testing.assert_array_equal(many["industry_tag"].own(np.array([0, 0, -1, 0])), [1, 0, 0, 1])


def test_load_counts_above_four_fifths() -> None:
    found = columns(
        LEADS[0], ROSTER, covers=np.zeros(3), load_share=np.array([0.5, 0.8, 1.0]), default_language="English"
    )
    np.testing.assert_allclose(found["load_above_80"], [0, 0, 0.2])


@pytest.mark.parametrize("name", ["industry_tag", "product_tag"])
def test_tags_are_believed_before_any_deal(name: str) -> None:
    assert (COLUMNS[name].prior.mean, COLUMNS[name].prior.sd) == (0.2, 0.3)
