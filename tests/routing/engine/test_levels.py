"""Categories of leads: spellings, rare levels, numbers in bands."""

import json

from routing.engine.facts import OpportunityFacts
from routing.engine.levels import MOST_LEVELS, POOLED, Levels


def leads(*industries: str) -> list[OpportunityFacts]:
    return [OpportunityFacts(i, industry=name) for i, name in enumerate(industries)]


def test_spellings_are_one_level_and_the_commonest_is_its_label() -> None:
    levels = Levels.learned_from(leads(*["SaaS"] * 6, *["saas "] * 3, *["Energy"] * 5))
    assert levels.kept["industry"] == ("energy", "saas")
    assert levels.label("industry", "saas") == "SaaS"
    assert levels.of(OpportunityFacts(99, industry=" SAAS"))["industry"] == "saas"


def test_rare_levels_are_pooled_and_new_ones_with_them() -> None:
    levels = Levels.learned_from(leads(*["Energy"] * 5, "Fishing", "Opera"))
    assert levels.kept["industry"] == ("energy", POOLED)
    assert levels.of(OpportunityFacts(99, industry="Fishing"))["industry"] == POOLED
    assert levels.of(OpportunityFacts(99, industry="Never seen"))["industry"] == POOLED
    assert levels.of(OpportunityFacts(99))["industry"] == ""


def test_new_levels_are_nothing_where_nothing_was_pooled() -> None:
    levels = Levels.learned_from(leads(*["Energy"] * 5))
    assert levels.of(OpportunityFacts(99, industry="Opera"))["industry"] == ""


def test_a_thousand_sources_do_not_become_a_thousand_columns() -> None:
    many = [OpportunityFacts(i, source=f"form {i % 200}") for i in range(2000)]
    assert len(Levels.learned_from(many).kept["source"]) == MOST_LEVELS + 1


def test_categories_without_values_are_left_out() -> None:
    assert Levels.learned_from([OpportunityFacts(i) for i in range(10)]).kept == {}


def test_own_numbers_are_cut_into_fifths() -> None:
    facts = [OpportunityFacts(i, custom={"seats": i}) for i in range(1, 101)]
    levels = Levels.learned_from(facts, ["seats"])
    assert len(levels.kept["custom.seats"]) == 5
    assert levels.of(OpportunityFacts(0, custom={"seats": 5}))["custom.seats"] == "up to 20.8"
    assert levels.of(OpportunityFacts(0, custom={"seats": 1e9}))["custom.seats"] == "over 80.2"
    assert levels.of(OpportunityFacts(0, custom={"seats": "many"}))["custom.seats"] == ""


def test_own_yes_and_no_are_levels() -> None:
    facts = [OpportunityFacts(i, custom={"pilot": i % 2 == 0}) for i in range(20)]
    assert Levels.learned_from(facts, ["pilot"]).kept["custom.pilot"] == ("no", "yes")


def test_plain_data_and_back() -> None:
    levels = Levels.learned_from(
        [OpportunityFacts(i, industry="A", custom={"n": i}) for i in range(9)], ["n"]
    )
    assert Levels.from_json(json.loads(json.dumps(levels.to_json()))) == levels
