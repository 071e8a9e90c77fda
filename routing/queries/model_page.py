"""The model page: who decides, what a model was made of, how good it is, what it promises. Sentences before numbers.

Everything comes from the report that the training stored; nothing is computed anew. Names of reps are those that the
reader may see, so a manager reads of the own teams only.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import IntegerField, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from crm.models import CustomField
from reps.charts import Chart
from reps.models import User
from reps.queries import reps_visible_to
from routing.engine.levels import CATEGORIES, CUSTOM
from routing.models import ModelEvent, ModelVersion
from routing.queries import model_beliefs as beliefs
from routing.queries.model_quality import Measure, calibration_chart, measures, score_chart
from routing.queries.model_words import Words, counted, day, listed, number, points, share, words_of
from routing.queries.models import Readiness, model_versions

ACTIVE_KINDS = (ModelEvent.Kind.PROMOTED, ModelEvent.Kind.ROLLED_BACK)


@dataclass(frozen=True)
class Standing:
    """Who decides, or what became of this model: headline, since when, what it means. `missing` deals while rules
    decide for want of them."""

    headline: str
    since: datetime.datetime
    meaning: tuple[str, ...]
    state: str
    tone: str
    missing: int = 0


@dataclass(frozen=True)
class Apart:
    """Whether reps can be told apart, and which kinds of leads suit whom."""

    distinguishable: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Forecast:
    """What following the first choice wins, in points of win probability: a range whose lower end is promised."""

    low: str
    high: str
    sentence: str


@dataclass(frozen=True)
class Trial:
    verdict: str
    tone: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ModelPage:
    """All of one model's page. Lists are empty and parts None where its report does not have them."""

    version: ModelVersion
    standing: Standing
    made_of: tuple[tuple[str, str], ...]
    measures: tuple[Measure, ...]
    calibration: Chart | None
    scores: Chart | None
    apart: Apart | None
    trial: Trial | None
    forecast: Forecast | None
    drift: beliefs.Drift | None
    pairs: beliefs.Beliefs
    leads: tuple[beliefs.Belief, ...]
    reps: beliefs.Beliefs
    little_history: tuple[tuple[int, str, str], ...]
    disqualifiers: tuple[beliefs.Flagged, ...]

    @property
    def is_learned(self) -> bool:
        return self.version.kind == ModelVersion.Kind.LEARNED


def rep_names(user: User) -> dict[int, str]:
    """Whom the reader may see, by id."""
    return dict(reps_visible_to(user).order_by().values_list("pk", "name"))


def words_for(version: ModelVersion) -> Words:
    return words_of(version.artifact, dict(CustomField.objects.values_list("key", "label")))


def events_about(version: ModelVersion) -> list[ModelEvent]:
    """What happened to it, and what replaced it; the newest first."""
    about = ModelEvent.objects.filter(Q(model=version) | Q(champion_before=version))
    without = ("champion_before__artifact", "champion_before__report")
    return list(about.select_related("champion_before").defer(*without))


def load_model_page(version: ModelVersion, *, user: User, ready: Readiness, months: int) -> ModelPage:
    """In three queries: names, own fields, events."""
    report, names, words = version.report, rep_names(user), words_for(version)
    events = events_about(version)
    own = [event for event in events if event.model_id == version.pk]
    quality = report.get("quality")
    learned, declared = beliefs.effects(report, words, "pair"), beliefs.declared(version.artifact, words)
    return ModelPage(
        version=version,
        standing=standing(version, events, ready, months),
        made_of=tuple(made_of(report["trained_on"], words)) if "trained_on" in report else (),
        measures=tuple(measures(quality)) if quality else (),
        calibration=calibration_chart(quality["reliability"]) if quality else None,
        scores=score_chart(report.get("scores", {})),
        apart=told_apart(report["reps_apart"], words) if "reps_apart" in report else None,
        trial=tried(report["trial"], own) if "trial" in report else None,
        forecast=forecast(report["forecast"]) if "forecast" in report else None,
        drift=beliefs.drift(report, names),
        pairs=beliefs.of_pairs(learned) if learned else beliefs.Beliefs("", tuple(declared), ()),
        leads=tuple(beliefs.effects(report, words, "lead")),
        reps=beliefs.of_reps(
            beliefs.rep_levels(report, names),
            distinguishable=report.get("reps_apart", {}).get("distinguishable", False),
        ),
        little_history=tuple(beliefs.little_history(report, names)),
        disqualifiers=tuple(beliefs.disqualifiers(report, names)),
    )


# --- who decides ----------------------------------------------------------------------------------------------------


def standing(version: ModelVersion, events: list[ModelEvent], ready: Readiness, months: int) -> Standing:
    """`events` about the model, the newest first."""
    active = [event for event in events if event.kind in ACTIVE_KINDS]
    since = next((event.at for event in active if event.model_id == version.pk), version.created_at)
    if version.state == ModelVersion.State.CHAMPION:
        is_learned = version.kind == ModelVersion.Kind.LEARNED
        name = f"Model {version.number} decides" if is_learned else "Rules decide"
        meaning = _what_learned_means(version.report) if is_learned else _what_rules_mean(ready, months)
        return Standing(name, since, meaning, "decides now", "good", 0 if is_learned else ready.missing)
    if version.state == ModelVersion.State.REJECTED:
        why = next((event.note for event in events if event.kind == ModelEvent.Kind.REJECTED), "")
        meaning = (*([why] if why else []), "It has never decided anything.")
        return Standing(
            f"Model {version.number} was rejected", version.created_at, meaning, "rejected", "warn"
        )
    until = next((event.at for event in active if event.champion_before_id == version.pk), None)
    ended = f" until {day(timezone.localdate(until))}" if until else ""
    what = f"Model {version.number}" if version.kind == ModelVersion.Kind.LEARNED else "The rules"
    return Standing(
        f"{what} decided{ended}", since, ("They can decide again." if what == "The rules" else "It can decide again.",),
        "retired", "",
    )  # fmt: skip


def _what_rules_mean(ready: Readiness, months: int) -> tuple[str, ...]:
    how = "Declared skills, territory and load say who fits best; no deal has been learned from."
    if ready.missing:
        return (
            f"{counted(ready.closed, 'won and lost deal')} in {months} months; {ready.missing:,} more "
            f"{'is' if ready.missing == 1 else 'are'} needed before a model can be learned.",
            how,
        )
    return (
        f"{counted(ready.closed, 'won and lost deal')} in {months} months are enough to learn from: train "
        "a model, "
        "and it decides if it does no worse than the rules.",
        how,
    )


def _what_learned_means(report: Mapping[str, Any]) -> tuple[str, ...]:
    made, expected = report.get("trained_on"), report.get("forecast")
    meaning = []
    if made:
        meaning.append(
            f"It has learned from {counted(made['deals'], 'won and lost deal')} who wins what, and offers "
            "every lead first "
            "to the rep whose odds of winning it are best."
        )
    if expected:
        meaning.append(forecast(expected).sentence)
    return tuple(meaning)


# --- what it was made of --------------------------------------------------------------------------------------------


def made_of(made: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """Facts of the deals, label and words."""
    as_of = datetime.date.fromisoformat(made["as_of"])
    lost = made["deals"] - made["won"]
    return [
        ("Deals", f"{made['deals']:,} won and lost, of {counted(made['reps'], 'rep')}"),
        ("Won", f"{made['won']:,} ({share(made['won'] / max(made['deals'], 1))})"),
        ("Lost", f"{lost:,}"),
        ("Disqualified", f"{made['disqualified']:,}; they are neither won nor lost, and left out"),
        (
            "Window",
            f"{counted(made['months'], 'month')} before {day(as_of)}. Newer deals count more: together "
            "they weigh as much "
            f"as {made['effective_deals']:,.0f} that closed that day",
        ),
        ("Without dates", _undated(made["undated"])),
        (
            "Season",
            "learned from earlier years" if made["has_season"] else "too little history for seasons",
        ),
        ("Rejected suggestions", _feedback(made["feedback"], made["feedback_weight"])),
        ("Own fields", _own_fields(made["categories"], words)),
        ("Not among the inputs", _missing(made, words)),
    ]


def _undated(undated: int) -> str:
    if not undated:
        return "none; every deal says when it closed"
    return f"{counted(undated, 'deal')}; they count in full, however old they may be"


def _feedback(by_reason: Mapping[str, int], weight: float) -> str:
    if not by_reason:
        return "none about fit whose outcome is still open"
    reasons = listed([f"{reason} {count:,}" for reason, count in by_reason.items()])
    return (
        f"{reasons}. Together they weigh as much as {counted_weight(weight)}, until their outcomes are known"
    )


def counted_weight(weight: float) -> str:
    return "1 lost deal" if weight == 1 else f"{weight:.2f}".rstrip("0").rstrip(".") + " lost deals"


def _own_fields(categories: Mapping[str, int], words: Words) -> str:
    own = [words.category(name) for name in categories if name.startswith(CUSTOM)]
    return listed(own) if own else "none is marked as an input"


def _missing(made: Mapping[str, Any], words: Words) -> str:
    left_out = made.get("left_out", [])
    empty = [name for name in CATEGORIES if name not in made["categories"] and name not in left_out]
    said = (
        [f"{listed([words.category(name) for name in left_out])}: left out in the settings"]
        if left_out
        else []
    )
    said += [f"{listed([words.category(name) for name in empty])}: empty everywhere"] if empty else []
    return "; ".join(said) or "nothing"


# --- verdicts -------------------------------------------------------------------------------------------------------


def told_apart(found: Mapping[str, Any], words: Words) -> Apart:
    deals, needed = found["deals"], found["deals_needed"]
    crossed = found["crossed"]
    clear = [name for name, p in crossed.items() if p * len(crossed) < 0.05]
    suits = (
        f"Who suits which leads can be told as well: by {listed([words.category(n).lower() for n in clear])}."
        if clear
        else "Whether some reps suit some kinds of leads better cannot be told yet."
    )
    if found["distinguishable"]:
        said = (
            f"Reps can be told apart: in {counted(deals, 'deal')} their results differ by more than their leads "
            f"explain, and {_p_words(found['p_value'])}."
        )
        return Apart(True, (said, suits))
    reach = (
        f"It would take about {needed:,} deals to see a difference of the size that these hint at."
        if needed
        else "No difference shows at all, so nobody can say how many deals it would take."
    )
    return Apart(
        False,
        (
            f"Reps cannot be told apart with this data yet. In {counted(deals, 'deal')} their results "
            "differ no more than "
            f"chance makes them differ. {reach}",
            "The small differences that it does see stay in use, held close to zero.",
            suits,
        ),
    )


def _p_words(p_value: float) -> str:
    return (
        "chance alone would do this less than once in 1,000 times"
        if p_value < 0.001
        else (f"chance alone would do this {max(round(100 * p_value), 1)} in 100 times")
    )


def forecast(found: Mapping[str, float]) -> Forecast:
    low, high = found["gain_low"], max(found["gain"], found["gain_low"])
    if low <= 0:
        sentence = (
            "Following its first choice promises nothing yet: the gain over the average rep may be as high "
            "as "
            f"{points(high)} points of win probability, and may be nothing."
        )
    else:
        sentence = (
            f"Following its first choice, expect at least {points(low)} more wins in 100 leads than with "
            "the average rep "
            f"who could have them; {points(high)} if everything is as the model believes."
        )
    return Forecast(points(max(low, 0.0)), points(max(high, 0.0)), sentence)


JUDGED = {
    "as_it_was": "the champion as it was",
    "refitted": "the champion's recipe, fitted anew on the same older deals, because it had seen the "
    "tested ones",
    "rules": "the rules",
}


def tried(found: Mapping[str, Any], events: list[ModelEvent]) -> Trial:
    """The trial in words; the first event says against whom."""
    how = (
        f"It was tried on the newest {counted(found['deals'], 'deal')}, which it had not seen"
        if found["how"] == "held_out"
        else f"Too few new deals could be held out, so it was tried on all {found['deals']:,} by turns, "
        "never on those it "
        "had just seen"
    )
    before = events[-1].champion_before if events else None
    against = f"model {before.number}, " if before and found["champion_judged"] != "rules" else ""
    losses = (
        f"Its log loss was {number(found['challenger_loss'])}; that of "
        f"{against}{JUDGED[found['champion_judged']]}, was "
        f"{number(found['champion_loss'])}. Lower is better; differences up to ± "
        f"{number(found['standard_error'], 4)} are "
        "chance."
    ).replace(f"{JUDGED['rules']}, was", f"{JUDGED['rules']} was")
    verdict = "passed" if found["is_promoted"] else "failed"
    return Trial(verdict, "good" if found["is_promoted"] else "warn", (found["why"], f"{how}.", losses))


# --- all models -----------------------------------------------------------------------------------------------------


def listed_versions() -> QuerySet[ModelVersion]:
    """All models with the deals and the verdict of their reports, without the bulk; the newest first."""
    return model_versions().annotate(
        deals_number=Cast(KT("report__trained_on__deals"), IntegerField()),
        why=Cast(KT("report__trial__why"), TextField()),
    )
