"""The numbers behind each chart of Analytics › Routing as a table for a spreadsheet: counts, not words."""

from collections.abc import Callable

import pandas as pd

from analytics.queries.filters import names_of
from analytics.queries.routing_page import Counted
from reps.engine.tables import BYTE_ORDER_MARK, shielded


def _now(rows: pd.DataFrame, event: str = "") -> pd.DataFrame:
    kept = rows[rows.is_now]
    return kept[kept.event == event] if event else kept


def _scores(found: Counted) -> pd.DataFrame:
    rows = _now(found.events, "assigned")
    return rows.groupby("bin", as_index=False)["count"].sum().assign(score_from=lambda t: 10 * t.pop("bin"))


def _wins(found: Counted) -> pd.DataFrame:
    rows = _now(found.events, "closed").groupby("bin", as_index=False)[["hits", "known"]].sum()
    return rows.assign(bin=10 * rows.bin).rename(
        columns={"bin": "score_from", "hits": "won", "known": "closed"}
    )


def _rep_tiers(found: Counted) -> pd.DataFrame:
    rows = found.closed_by_rep[["rep", "bin", "hits", "known"]]
    names = names_of({int(rep) for rep in rows.rep.unique()})
    told = rows.assign(rep=shielded([names.get(int(rep), "") for rep in rows.rep]), bin=10 * rows.bin)
    return told.rename(columns={"bin": "score_from", "hits": "won", "known": "closed"})


def _lift(found: Counted) -> pd.DataFrame:
    rows = _now(found.events, "closed").groupby(["start", "path"], as_index=False)[["hits", "known"]].sum()
    return rows.rename(columns={"hits": "won", "known": "closed"})


def _first_touch(found: Counted) -> pd.DataFrame:
    rows = _now(found.touches)
    steps = rows[rows.start.notna()][["start", "mode", "median", "count"]]
    return steps.rename(columns={"median": "median_seconds", "count": "touched"})


def _coverage(found: Counted) -> pd.DataFrame:
    rows = _now(found.events, "routed").groupby(["start", "path"], as_index=False)
    return (
        rows[["count", "known", "hits"]]
        .sum()
        .rename(columns={"known": "to_be_chosen", "hits": "by_model_or_rule"})
    )


def _overrides(found: Counted) -> pd.DataFrame:
    rows = _now(found.events, "judged").groupby("start", as_index=False)[["hits", "known"]].sum()
    return rows.rename(columns={"hits": "changed", "known": "decided"})


def _capacity(found: Counted) -> pd.DataFrame:
    return _now(found.loads)[["start", "load"]].rename(columns={"load": "load_pct"})


def _workload(found: Counted) -> pd.DataFrame:
    names = shielded([rep.name for rep in found.reps])
    rows = [
        (name, rep.load, rep.max_open, round(rep.load_pct, 1))
        for name, rep in zip(names, found.reps, strict=True)
    ]
    return pd.DataFrame(rows, columns=["rep", "open", "maximum", "load_pct"])


EXPORTS: dict[str, Callable[[Counted], pd.DataFrame]] = {
    "scores": _scores,
    "wins-by-score": _wins,
    "rep-tiers": _rep_tiers,
    "lift": _lift,
    "first-touch": _first_touch,
    "coverage": _coverage,
    "overrides": _overrides,
    "capacity": _capacity,
    "workload": _workload,
}


def as_csv(key: str, found: Counted) -> str:
    """Raises KeyError for a chart that is not one of these."""
    text: str = EXPORTS[key](found).to_csv(index=False, float_format="%.10g")
    return BYTE_ORDER_MARK + text
