"""The ledger's two pictures: what came against the fair share, and what was won against the forecast."""

from collections.abc import Sequence
from typing import Any

from analytics.queries.ledger import Ledger, Slice
from analytics.queries.words import percent
from reps.charts import Chart
from reps.engine.money import short_money

Bounds = Sequence[tuple[float, float, float]]


def ledger_charts(ledger: Ledger, *, currency: str, csv: str) -> list[Chart]:
    if ledger.is_empty:
        return []
    return [_received(ledger, currency, csv), _won(ledger, csv)]


def _received(ledger: Ledger, currency: str, csv: str) -> Chart:
    months, share = ledger.months, ledger.whole.share
    return Chart(
        key="ledger-received",
        title="Received against the fair share",
        said=f"{ledger.whole.count:,} received; by availability {share.expected:.0f} ({share.low:g} to {share.high:g}) "
        f"would have been the share.",
        what="Bars are what was received in a month, without imports. The points are the share by availability: each "
        "of the team’s opportunities could have gone to whoever was there that day, by the room each has. The lines "
        "hold what luck alone would make of it 19 times of 20.",
        data=_figure(
            months,
            [float(month.count) for month in months],
            [(month.share.expected, month.share.low, month.share.high) for month in months],
            "%{y} received in %{x}",
            "share %{y:.1f} in %{x}",
        ),
        head=("Month", "Received", "Fair share", "By luck", "Average rep’s chance", "Value"),
        rows=[
            (
                _name(month), f"{month.count:,}", f"{month.share.expected:.1f}",
                f"{month.share.low:g} to {month.share.high:g}", percent(month.ease),
                short_money(month.value.got, currency),
            )
            for month in months
        ],
        layout=LAYOUT,
        csv=csv,
    )  # fmt: skip


def _won(ledger: Ledger, csv: str) -> Chart:
    months, won = ledger.months, ledger.whole.wins
    return Chart(
        key="ledger-won",
        title="Won against the forecast",
        said=f"{won.won:,} won of {won.closed:,} that closed; {won.expected:.1f} forecast ({won.low} to {won.high} by "
        f"luck alone).",
        what="Bars are the wins of a month, by the day they closed. The points are the chances forecast for this rep "
        "on the day of the assignment, added up; the lines hold what luck alone would make of them 19 times of 20.",
        data=_figure(
            months,
            [float(month.wins.won) for month in months],
            [(month.wins.expected, month.wins.low, month.wins.high) for month in months],
            "%{y} won in %{x}",
            "%{y:.1f} forecast for %{x}",
        ),
        head=("Month", "Closed", "Won", "Forecast", "By luck"),
        rows=[
            (
                _name(month), f"{month.wins.closed:,}", f"{month.wins.won:,}", f"{month.wins.expected:.1f}",
                f"{month.wins.low} to {month.wins.high}",
            )
            for month in months
        ],
        layout=LAYOUT,
        csv=csv,
    )  # fmt: skip


LAYOUT: dict[str, Any] = {
    "yaxis": {"rangemode": "tozero"},
    "xaxis": {"type": "category"},
    "showlegend": False,
}


def _name(month: Slice) -> str:
    return f"{month.first:%b %Y}"


def _figure(
    months: Sequence[Slice], bars: Sequence[float], points: Bounds, bar_words: str, point_words: str
) -> list[dict[str, Any]]:
    names = [_name(month) for month in months]
    return [
        {
            "type": "bar", "x": names, "y": list(bars), "marker": {"color": "--accent/45"},
            "hovertemplate": f"{bar_words}<extra></extra>",
        },
        {
            "type": "scatter", "mode": "markers", "x": names, "y": [round(middle, 2) for middle, *_ in points],
            "marker": {"color": "--ink-3", "size": 8, "symbol": "diamond"},
            "error_y": {
                "type": "data", "symmetric": False, "color": "--ink-3", "thickness": 1, "width": 4,
                "array": [round(high - middle, 2) for middle, _, high in points],
                "arrayminus": [round(middle - low, 2) for middle, low, _ in points],
            },
            "hovertemplate": f"{point_words}<extra></extra>",
        },
    ]  # fmt: skip
