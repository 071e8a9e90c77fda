"""The lift that an experiment on win rate shows, where there is one: the only comparison free of who chose."""

from django.urls import reverse

from analytics.queries.words import more_or_less, points
from experiments.models import Experiment, Look
from reps.charts import Chart
from reps.engine.money import NBSP
from routing.queries.experiment_results import looks_without_bulk

PREDICTIVE = (Experiment.Strategy.PREDICTIVE, Experiment.Strategy.EXPLORING)


def experiment_lift() -> Chart | None:
    """Of the newest experiment on win rate whose treatment is prediction and that has looks to show."""
    about = Experiment.objects.filter(metric=Experiment.Metric.WIN_RATE, treatment__kind__in=PREDICTIVE)
    for one in about.exclude(state=Experiment.State.DRAFT).order_by("-starts_at", "-pk")[:10]:
        looks = [look for look in looks_without_bulk().filter(experiment=one) if _is_shown(look)]
        if looks:
            return _chart(one, looks)
    return None


def _is_shown(look: Look) -> bool:
    is_whole = look.estimate is not None and look.low is not None and look.high is not None
    return is_whole and look.balance != "block"  # type: ignore[attr-defined]  # annotated


def _chart(experiment: Experiment, looks: list[Look]) -> Chart:
    days = [f"{look.day}" for look in looks]
    low, mid, high = (
        [100 * (getattr(look, name) or 0) for look in looks] for name in ("low", "estimate", "high")
    )
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": days, "line": {"width": 0}}
    address = reverse("experiment", args=[experiment.pk])
    return Chart(
        key="experiment-lift",
        title="Win-rate lift, measured",
        said=f"Prediction wins {more_or_less(mid[-1] / 100, low[-1] / 100, high[-1] / 100)} than the control.",
        what="From an experiment that gave leads to prediction or to the control by chance, so that nothing but the "
        "routing differs. The band holds at every look together, however often one looks.",
        note=f"from experiment “{experiment.name}”",
        data=[
            edge | {"y": low},
            edge | {"y": high, "fill": "tonexty", "fillcolor": "--accent/10"},
            {"type": "scatter", "mode": "lines+markers", "x": days, "y": mid, "customdata": [address] * len(days),
             "line": {"color": "--accent", "width": 2}, "marker": {"color": "--accent", "size": 5},
             "hovertemplate": "%{y:+.1f} points<extra></extra>"},
        ],
        layout={
            "xaxis": {"type": "date", "tickformat": "%-d %b"},
            "yaxis": {"title": {"text": "points of win rate"}, "zeroline": True, "zerolinecolor": "--ink-3"},
        },
        head=("Look", "Lift", "Interval"),
        rows=[
            (f"{look.day:%-d %b %Y}".replace(" ", NBSP), points(one / 100), f"{a:+.1f} to {b:+.1f}".replace("-", "−"))
            for look, a, one, b in zip(looks, low, mid, high, strict=True)
        ],
        links=[address] * len(looks),
        csv=reverse("experiment_looks_csv", args=[experiment.pk]),
    )  # fmt: skip
