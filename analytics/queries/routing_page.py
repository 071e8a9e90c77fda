"""Analytics › Routing: the key metrics and the charts of a period, from sums and facts."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from django.urls import reverse

from analytics.models import Fact, Mark, Refreshed
from analytics.queries import frames, score_charts, time_charts
from analytics.queries.addresses import Addresses
from analytics.queries.experiment_lift import experiment_lift
from analytics.queries.filters import Filters, names_of, reps_meant
from analytics.queries.metrics import Metric, key_metrics
from reps.charts import Chart
from reps.models import Rep
from reps.queries.people import organisation


@dataclass(frozen=True)
class Counted:
    """The frames that the page is made of."""

    events: pd.DataFrame
    touches: pd.DataFrame
    loads: pd.DataFrame
    closed_by_rep: pd.DataFrame
    strata: pd.DataFrame
    reps: Sequence[Rep]

    @property
    def is_empty(self) -> bool:
        return not len(self.events)


@dataclass(frozen=True)
class RoutingPage:
    """`as_of`: all that was committed before is in; None where nothing was counted yet. `behind`: how much waits."""

    metrics: Sequence[Metric]
    charts: Sequence[Chart]
    as_of: datetime.datetime | None
    behind: int
    is_empty: bool


def count(filters: Filters) -> Counted:
    """Seven queries."""
    return Counted(
        events=frames.counted(filters),
        touches=frames.touches(filters),
        loads=frames.utilisation(filters),
        closed_by_rep=frames.rep_tens(filters, Fact.Event.CLOSED),
        strata=frames.closed_by_stratum(filters),
        reps=list(Rep.objects.filter(reps_meant(filters)).select_related("role_template")),
    )


def routing_page(filters: Filters, to: Addresses) -> RoutingPage:
    """The whole page."""
    found = count(filters)
    state = Refreshed.objects.first()
    return RoutingPage(
        metrics=key_metrics(found.events, found.touches, found.loads),
        charts=[chart for chart in _charts(found, to) if chart is not None],
        as_of=state.at if state else None,
        behind=Mark.objects.all()[:1000].count(),
        is_empty=found.is_empty,
    )


def _charts(found: Counted, to: Addresses) -> list[Chart | None]:
    names = names_of({int(rep) for rep in found.closed_by_rep.rep.unique()})
    return [
        score_charts.score_histogram(found.events, to),
        score_charts.wins_by_score(found.events, to),
        experiment_lift(),
        time_charts.lift_over_time(found.events, found.strata, to),
        time_charts.first_touch_trend(found.touches, to),
        time_charts.coverage_over_time(found.events, to),
        time_charts.overrides_over_time(found.events, to),
        time_charts.capacity_over_time(found.loads, to),
        score_charts.rep_tiers(found.closed_by_rep, names, to),
        time_charts.workload(found.reps, organisation().band_bounds, _rep_address, to),
    ]


def _rep_address(rep: Rep) -> str:
    return reverse("rep", args=[rep.pk])
