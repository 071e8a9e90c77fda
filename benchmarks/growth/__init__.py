"""What a routed lead costs after 10,000, 100,000 and 1,000,000 past decisions: does the product get slower with age?

Three databases with the same organisation (that of `benchmark realtime`) and two years of a different past each, in
partitions by month; a web process on each, the same leads sent to all three in turn, so that a busy machine is busy
for all. `ratio` is the median of the longest past over that of the shortest; `follow_ratio` the same of what the worker
does afterwards. Past leads are copies of such as the product really routed, closed by now.
"""

from benchmarks.growth.command import run

__all__ = ["run"]
