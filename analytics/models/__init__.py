"""What analytics keeps: a table that ops import, and rows that are made from others and can be made again."""

from analytics.models.credit import CreditCheck, CreditTable, QuotaCredit
from analytics.models.gaps import FallThrough, ReadUpTo

__all__ = ["CreditCheck", "CreditTable", "FallThrough", "QuotaCredit", "ReadUpTo"]
