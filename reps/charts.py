"""A chart as every page shows it: a sentence, the picture, and the same numbers as a table one click away.

The figure is Plotly's, as plain data. Colours in it are names of tokens ("--accent", "--accent/25" at 25 per cent);
static/js/charts.js puts in what the reader's theme has, and draws again when that changes. Without scripts the table is
there. See templates/components/chart.html; a page that shows one loads templates/components/chart_scripts.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chart:
    """`key` becomes the DOM id · `said` what it shows, in a sentence · `what` is it, in two · `data`, `layout` of the
    figure, without colours of their own · `head` and `rows` the table; all but its first column are numbers ·
    `csv` the address of the same as a file · `links` by row to what is behind it, "" where there is nothing to open. A
    bar or point that has an address as `customdata` opens it when clicked."""

    key: str
    title: str
    said: str
    what: str
    data: Sequence[Mapping[str, Any]]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    csv: str = ""
    links: Sequence[str] = ()

    @property
    def figure_id(self) -> str:
        return f"{self.key}-figure"

    @property
    def linked_rows(self) -> list[tuple[Sequence[str], str]]:
        links = self.links or [""] * len(self.rows)
        return list(zip(self.rows, links, strict=True))

    @property
    def figure(self) -> dict[str, Any]:
        return {"data": list(self.data), "layout": dict(self.layout)}


def label(x: float, y: float, text: str, **more: Any) -> dict[str, Any]:
    """A direct label inside the figure, instead of a legend."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "xanchor": "left", **more}
