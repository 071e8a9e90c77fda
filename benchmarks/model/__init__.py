"""The learned model against known truth, against baselines, and on public data: `benchmark model`.

A package, so that the door to the benchmarks sees one name. `command` runs the `pieces`, `cases` makes worlds into
arrays, `product` and `baselines` score them, `measures` and `cells` say how well, `public_data` and `mutation` are the
checks on real data and on spoilt data, `kept` remembers what is finished.
"""

from benchmarks.model.command import run

__all__ = ["run"]
