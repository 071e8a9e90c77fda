"""What analytics keeps: rows that are made from others, and can be made again."""

from analytics.models.gaps import FallThrough, ReadUpTo

__all__ = ["FallThrough", "ReadUpTo"]
