"""Decisions read from a file of the archive (docs/growth.md), as they were stored."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from routing.models import Decision

JSON = ("facts", "trace")


def archived_decisions(path: Path, ids: Sequence[int]) -> Iterator[Decision]:
    """Those of these ids that the file has; without ids all, a piece at a time."""
    wanted = set(ids)
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            known = file.metadata.row_group(group).column(0).statistics
            if wanted and known is not None and not any(known.min <= one <= known.max for one in wanted):
                continue
            for row in file.read_row_group(group).to_pylist():
                if not wanted or row["id"] in wanted:
                    yield decision_of(row)


def decision_of(row: dict[str, Any]) -> Decision:
    """A row of such a file, as the model has it."""
    return Decision(**row | {name: json.loads(row[name]) for name in JSON})
