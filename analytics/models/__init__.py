"""What analytics keeps: a table that ops import, and rows that are made from others and can be made again."""

from analytics.models.credit import CreditCheck, CreditTable, QuotaCredit
from analytics.models.facts import ChosenMatch, DaySum, Fact, RepDay, RepMonthSum, TouchSum
from analytics.models.gaps import FallThrough, ReadUpTo
from analytics.models.marks import Mark, Refreshed, StaleDay

__all__ = [
    "ChosenMatch",
    "CreditCheck",
    "CreditTable",
    "DaySum",
    "Fact",
    "FallThrough",
    "Mark",
    "QuotaCredit",
    "ReadUpTo",
    "Refreshed",
    "RepDay",
    "RepMonthSum",
    "StaleDay",
    "TouchSum",
]
