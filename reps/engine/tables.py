"""Tables to download: lines of CSV one by one, and cells that a spreadsheet would run as a formula as text."""

import csv
from collections.abc import Iterable, Iterator, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"  # a spreadsheet takes the file for UTF-8 by it


def shielded(cells: Sequence[str]) -> list[str]:
    """With an apostrophe before what begins like a formula."""
    return [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]


class _Echo:
    """What `csv.writer` writes to; hands each line on."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The rows as CSV, shielded."""
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK
    for row in rows:
        yield writer.writerow(shielded(row))
