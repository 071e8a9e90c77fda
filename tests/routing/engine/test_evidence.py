"""What is said of a pairing: only what the data carries."""

import pytest

from routing.engine.evidence import Evidence, Known, evidence_of
from routing.engine.explain import Names, headline, parts
from routing.engine.facts import OpportunityFacts
from routing.engine.levels import Levels
from routing.engine.model import Learned
from routing.engine.phrases import helps, hinders, record_at_length
from routing.engine.roster import RepFacts, Roster

ANA, BO, CHEN = 1, 2, 3
ROSTER = Roster((RepFacts(ANA, 7), RepFacts(BO, 7), RepFacts(CHEN, 8)))
FACTS = OpportunityFacts(1, industry="Healthcare", source="Web")
NAMES = Names(teams={7: "East"})
AHEAD = Evidence("Healthcare", 9, 14, 7, 4, 14, 12)
BEHIND = Evidence("Healthcare", 1, 14, 7, 4, 14, 12)
LEARNED = Learned(
    levels=Levels({"industry": ("healthcare",)}, {}, {"industry": {"healthcare": "Healthcare"}}),
    lead={},
    rep={},
    cross={},
    tallies={
        "rep": {"": {ANA: (20, 50), BO: (10, 40), CHEN: (9, 9)}},
        "industry": {"healthcare": {ANA: (9, 14), BO: (4, 14), CHEN: (5, 5)}},
    },
)


def test_evidence_counts_the_rest_of_the_own_team() -> None:
    found = evidence_of(LEARNED, FACTS, ROSTER, 0)
    assert found["rep_industry"] == AHEAD
    assert found["rep"] == Evidence("", 20, 50, 7, 10, 40, 12)
    assert evidence_of(LEARNED, OpportunityFacts(1, industry="Opera"), ROSTER, 0).keys() == {"rep"}


def test_a_record_is_said_with_the_teams_beside_it() -> None:
    assert record_at_length("rep_industry", AHEAD, NAMES) == (
        "won 9 of 14 Healthcare deals in 12 months (the rest of East 4 of 14)"
    )
    alone = Evidence("Healthcare", 5, 5, 8, 0, 0, 12)
    assert record_at_length("rep_industry", alone, NAMES) == "won 5 of 5 Healthcare deals in 12 months"
    later = record_at_length("rep_industry", AHEAD, NAMES, is_first=False)
    assert later == "won 9 of 14 Healthcare deals (they 4 of 14)"


def test_a_few_deals_are_no_record() -> None:
    few = Known(evidence={"rep_industry": Evidence("Healthcare", 3, 3, 7, 4, 14, 12)})
    assert helps("rep_industry", few, FACTS) == ""


@pytest.mark.parametrize(
    ("evidence", "positive", "negative"),
    [
        (AHEAD, "won 9 of 14 Healthcare deals", ""),
        (BEHIND, "", "won 1 of 14 Healthcare deals"),
        (None, "", ""),
    ],
)
def test_no_record_is_said_that_the_counts_do_not_show(
    evidence: Evidence | None, positive: str, negative: str
) -> None:
    known = Known(evidence={} if evidence is None else {"rep_industry": evidence})
    assert helps("rep_industry", known, FACTS) == positive
    assert hinders("rep_industry", known, FACTS) == negative


def test_a_tag_is_said_only_of_who_has_it() -> None:
    has, lacks = Known(has=frozenset({"industry_tag"})), Known()
    assert helps("industry_tag", has, FACTS) == "knows Healthcare"
    assert helps("industry_tag", lacks, FACTS) == ""
    assert hinders("industry_tag", lacks, FACTS) == "has no Healthcare tag"
    assert hinders("industry_tag", has, FACTS) == "industry expertise has not shown in wins here"


def test_the_headline_names_the_strongest_first_and_at_most_three() -> None:
    known = Known(
        {
            "industry_tag": 0.1,
            "rep_industry": 0.3,
            "covers_territory": 0.05,
            "load_above_80": 0.01,
            "rep": 0.2,
        },
        frozenset({"industry_tag", "covers_territory"}),
        {"rep_industry": AHEAD, "rep": BEHIND},
    )
    trace = {"steps": [], **known.to_trace()}
    assert headline(FACTS, "prediction", trace, NAMES) == (
        "won 9 of 14 Healthcare deals, knows Healthcare and covers this territory"
    )
    assert Known.from_trace(trace) == known


def test_an_explored_choice_says_so() -> None:
    step = {"name": "prediction", "found": {"explored": {"among": 4, "within": 5.0}}}
    said = headline(FACTS, "prediction", {"steps": [step], "effects": {}, "has": []}, NAMES)
    assert said.endswith("(chosen at random among 4 who come close)")


def test_traces_from_before_anything_was_learned_still_speak() -> None:
    old = {"steps": [], "effects": {"industry_tag": 0.1, "speaks_language": -0.1}}
    assert headline(FACTS, "prediction", old, NAMES) == "knows Healthcare"


def test_parts_say_when_no_deals_are_in_them_and_when_only_the_leads_differed() -> None:
    rules = parts(FACTS, [0.1, 0, 0, 0, 0], Known({"industry_tag": 0.1}), NAMES, has_history=False)
    assert rules[3].sentence == "nothing learned from past deals has entered this score"
    silent = parts(
        FACTS, [0, 0, 0, 0.2, 0], Known({"rep": 0.2}, evidence={"rep": BEHIND}), NAMES, has_history=True
    )
    assert silent[3].sentence == "from past deals, given how easy or hard their leads were"
