"""The order of the queue: points that anybody can add up."""

import pytest

from routing.engine.facts import OpportunityFacts
from routing.engine.order import order_points, points_in_words


@pytest.mark.parametrize(
    ("facts", "points", "words"),
    [
        (OpportunityFacts(1), 50, "50 no lead score"),
        (OpportunityFacts(1, lead_score=0), 0, "0 lead score"),
        (OpportunityFacts(1, lead_score=72, urgency="now", value=63e3), 120, "72 lead score + 30 urgency + 18 value"),
        (OpportunityFacts(1, lead_score=10, urgency="quarter", value=1e9), 65, "10 lead score + 15 urgency + 40 value"),
        (OpportunityFacts(1, lead_score=10, urgency="exploring", value=1_000.0), 10, "10 lead score"),
    ],
)  # fmt: skip
def test_points(facts: OpportunityFacts, points: float, words: str) -> None:
    assert order_points(facts) == pytest.approx(points, abs=0.1)
    assert points_in_words(facts) == words
