"""Routing in real time, through the whole stack: web process with its pool, worker, durable commits, real HTTP.

`vs_bare_insert` is the median of a routed POST over that of a bare one (same authentication, permission, serializer,
pool and commit, one INSERT), one at a time and in turn. `bulk_vs_single` holds rows a second of bulk requests against
single requests one after the other. Everything runs in a database of its own, which is dropped afterwards.
"""

from benchmarks.realtime.command import run

__all__ = ["run"]
