"""How the model did: followed against chance, calibration, forecast, drift, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.engine.shares import ENOUGH, Share
from analytics.models import Fact
from analytics.queries.filters import Filters
from analytics.queries.frames import closed_by_path
from analytics.queries.words import of_cases, percent
from reps.charts import Chart
from reps.models import User
from routing.models import ModelVersion
from routing.queries import model_beliefs
from routing.queries.model_page import forecast, rep_names
from routing.queries.model_quality import calibration_chart, measures
from routing.queries.models import champion_version

SHOWN = ("Calibration slope", "Calibration error", "Concordance")


@dataclass(frozen=True)
class Told:
    """One measure: its name, the figure, a sentence, and what it is."""

    name: str
    value: str
    sentence: str
    what: str


@dataclass(frozen=True)
class ModelMetrics:
    headline: str
    told: Sequence[Told]
    calibration: Chart | None


def model_metrics(filters: Filters, user: User) -> ModelMetrics:
    """Of the champion; the accuracy of the period. Three queries."""
    champion = champion_version()
    report, quality = champion.report, champion.report.get("quality")
    told = [_accuracy(filters, champion)]
    if quality:
        told += [
            Told(one.name, one.value, one.sentence, one.what)
            for one in measures(quality)
            if one.name in SHOWN
        ]
    drift = model_beliefs.drift(report, rep_names(user))
    if drift:
        told.append(
            Told(
                "Drift",
                "",
                drift.sentence,
                "How differently this model and the one before judge the same leads.",
            )
        )
    is_learned = champion.kind == ModelVersion.Kind.LEARNED
    return ModelMetrics(
        headline=f"Model {champion.number} decides."
        if is_learned
        else "Rules decide: no model has learned from deals yet.",
        told=told,
        calibration=calibration_chart(quality["reliability"]) if quality else None,
    )


def _accuracy(filters: Filters, champion: ModelVersion) -> Told:
    """Won where the first choice was followed, and where an experiment's control gave leads in turn."""
    shares = closed_by_path(filters)
    followed, chance = (shares.get(path, Share(0, 0)) for path in (Fact.Path.MODEL, Fact.Path.STRATEGY))
    return Told(
        name="Accuracy",
        value=percent(followed.value),
        sentence=f"Won where the first choice was followed: {of_cases(followed)}. {_by_chance(chance, champion)}",
        what="How often the model’s first choice won, beside leads that reps got in turn in an experiment’s control, "
        "which is as good as by chance. Followed against overridden would be no measure: people override for reasons.",
    )


def _by_chance(chance: Share, champion: ModelVersion) -> str:
    if chance.known >= ENOUGH:
        return f"In turn: {of_cases(chance)}."
    if "forecast" in champion.report:
        range_ = forecast(champion.report["forecast"])
        return (
            "Nobody got leads by chance in this period; the model itself estimates that an average rep would win "
            f"{range_.low} to {range_.high} points less."
        )
    return "Nobody got leads by chance in this period, and there is no learned model to estimate it."
