"""How far experiments can be trusted: `benchmark experiments`.

A package, so that the door to the benchmarks sees one name. `world` simulates organisations with the product's
allocation, `seen` makes of a run what the product sees and looks at it with the product's analysis, `pieces` are the
blocks of runs, `figures` puts them together, `command` runs them on two processes and goes on where it was.
"""

from benchmarks.experiments.command import run

__all__ = ["run"]
