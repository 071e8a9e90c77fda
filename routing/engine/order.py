"""In which order a queue is worked: lead score, urgency and value, as points that anybody can add up.

    points = lead score (0 to 100; 50 where unknown)
             + 30 for "now", 15 for "this quarter"
             + 10 for each tenfold of the value from 1,000 on, 40 at most

Nothing learned enters: who works the queue must be able to check the order. Ties go to whoever waits longest.
"""

import math

from routing.engine.facts import OpportunityFacts

UNKNOWN_LEAD_SCORE = 50
URGENCY_POINTS = {"now": 30.0, "quarter": 15.0}
VALUE_FROM, VALUE_POINTS, MOST_VALUE_POINTS = 1_000.0, 10.0, 40.0

IN_WORDS = (
    "Lead score (50 where there is none), plus 30 for urgency “now” or 15 for “this quarter”, plus 10 for each "
    "tenfold of the value above 1,000, 40 at most. Equal points: who waits longest comes first."
)


def order_points(facts: OpportunityFacts) -> float:
    """The points, to one decimal."""
    return points(facts.lead_score, facts.urgency, facts.value)


def points(lead_score: int | None, urgency: str, value: float | None) -> float:
    """The same; the database counts alike when a lead changes (migration 0023)."""
    score = UNKNOWN_LEAD_SCORE if lead_score is None else lead_score
    return round(score + URGENCY_POINTS.get(urgency, 0.0) + value_points(value), 1)


def value_points(value: float | None) -> float:
    if value is None or value <= VALUE_FROM:
        return 0.0
    return min(VALUE_POINTS * math.log10(value / VALUE_FROM), MOST_VALUE_POINTS)


def points_in_words(facts: OpportunityFacts) -> str:
    """ "72 lead score + 30 urgency + 18 value"."""
    score = "50 no lead score" if facts.lead_score is None else f"{facts.lead_score} lead score"
    urgency = URGENCY_POINTS.get(facts.urgency, 0.0)
    value = value_points(facts.value)
    more = [f"{urgency:.0f} urgency" if urgency else "", f"{value:.0f} value" if value >= 0.5 else ""]
    return " + ".join(part for part in (score, *more) if part)
