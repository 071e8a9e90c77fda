"""What analytics keeps: a table that ops import, rows that are made from others and can be made again, and what people
were told."""

from analytics.models.coaching import CoachingFinding, CoachingLook
from analytics.models.credit import CreditCheck, CreditTable, QuotaCredit
from analytics.models.facts import (
    ChosenMatch,
    DaySum,
    Fact,
    MonthSum,
    RepDay,
    RepMonthSum,
    TouchMonthSum,
    TouchSum,
)
from analytics.models.gaps import FallThrough, ReadUpTo
from analytics.models.marks import Mark, Refreshed, StaleDay
from analytics.models.reports import Alarm, Report

__all__ = [
    "Alarm",
    "ChosenMatch",
    "CoachingFinding",
    "CoachingLook",
    "CreditCheck",
    "CreditTable",
    "DaySum",
    "Fact",
    "FallThrough",
    "Mark",
    "MonthSum",
    "QuotaCredit",
    "ReadUpTo",
    "Refreshed",
    "RepDay",
    "RepMonthSum",
    "Report",
    "StaleDay",
    "TouchMonthSum",
    "TouchSum",
]
