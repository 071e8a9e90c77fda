"""Analytics with a million opportunities and ten million activities: its pages, and how soon sums follow."""

from benchmarks.analytics.command import run

__all__ = ["run"]
