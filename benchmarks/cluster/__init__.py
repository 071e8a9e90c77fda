"""Three web and three worker processes, each a host of its own in a network namespace, against one PostgreSQL and one
Redis. Under load one of each is cut off and one of each killed, and all come back: nothing is lost, nothing twice.

Needs root and `ip netns` (Linux). The hosts share a machine, so throughput grows with webs only as far as its cores do.
"""

from benchmarks.cluster.command import run

__all__ = ["run"]
