"""Facts and sums for the dashboards; what is to be worked out again."""

from analytics.models.facts import ChosenMatch, DaySum, Fact, RepDay, RepMonthSum, TouchSum
from analytics.models.marks import Mark, Refreshed, StaleDay

__all__ = [
    "ChosenMatch",
    "DaySum",
    "Fact",
    "Mark",
    "Refreshed",
    "RepDay",
    "RepMonthSum",
    "StaleDay",
    "TouchSum",
]
