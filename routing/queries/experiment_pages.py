"""The list of experiments, and the page of one: tables and sentences from its stored looks."""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from crm.queries.condition_words import condition_words
from experiments.models import Experiment, ExperimentChange, Look, Stage
from reps.charts import Chart
from reps.engine.money import NBSP
from reps.queries import organisation
from routing.queries.experiment_charts import boundary_chart, incidence_chart
from routing.queries.experiment_figures import (
    Blocks,
    blocks_of,
    effect_words,
)
from routing.queries.experiment_results import (
    NextStep,
    Standing,
    earliest_decision,
    looks_without_bulk,
    next_step,
    sentences,
    standing_of_looks,
)
from routing.queries.experiment_words import (
    DESIGN_WORDS,
    OUTCOME_TONES,
    STATE_TONES,
    DesignWords,
    split_words,
    strategy_words,
    version_numbers,
)

State = Experiment.State
ENDED_SHOWN = 50
SECTIONS = (
    (State.RUNNING, "Running"),
    (State.MATURING, "Waiting for outcomes"),
    (State.DRAFT, "Drafts"),
    (State.ENDED, "Ended"),
)


@dataclass(frozen=True)
class Line:
    """An experiment in the list; `said` the first sentence of its verdict."""

    experiment: Experiment
    compares: str
    split: str
    day: str
    said: str
    state: str
    tone: str


def experiment_sections(at: datetime.datetime) -> list[tuple[str, str, list[Line]]]:
    """(key, title, lines) of what there is; three queries however many."""
    alive = list(Experiment.objects.exclude(state=State.ENDED))
    ended = list(Experiment.objects.filter(state=State.ENDED).order_by("-ended_at", "-pk")[:ENDED_SHOWN])
    found = [*alive, *ended]
    standings, versions = _standings(found), version_numbers(found)
    lines: dict[str, list[Line]] = defaultdict(list)
    for one in found:
        lines[one.state].append(_line(one, standings[one.pk], versions, at))
    titles = dict(SECTIONS)
    if len(ended) == ENDED_SHOWN:
        titles[State.ENDED] = f"Ended, the newest {ENDED_SHOWN}"
    return [(str(state), titles[state], lines[state]) for state, _ in SECTIONS if lines[state]]


def _standings(experiments: Sequence[Experiment]) -> dict[int, Standing]:
    """Of each from its looks, with what the newest found apart from the curves; one query."""
    newest_first = Window(RowNumber(), partition_by="experiment_id", order_by=F("looked_at").desc())
    rows = Look.objects.filter(experiment__in=experiments).defer("found").annotate(nth=newest_first)
    for name in ("ratio", "shift", "matured", "count"):
        rows = rows.annotate(**{f"found_{name}": F(f"found__{name}")})
    looks: dict[int, list[Look]] = defaultdict(list)
    for look in rows.order_by("looked_at", "pk"):
        looks[look.experiment_id].append(look)
    return {one.pk: standing_of_looks(looks[one.pk], _newest(looks[one.pk])) for one in experiments}


def _newest(looks: Sequence[Look]) -> Look | None:
    if not looks:
        return None
    newest = looks[-1]
    newest.found = {
        name: getattr(newest, f"found_{name}")
        for name in ("ratio", "shift", "matured", "count")
        if getattr(newest, f"found_{name}") is not None
    }
    return newest


def _line(one: Experiment, standing: Standing, versions: Mapping[int, int], at: datetime.datetime) -> Line:
    is_draft = one.state == State.DRAFT
    return Line(
        experiment=one,
        compares=_compares(one, versions),
        split="" if is_draft and one.ramp else split_words(one.split),
        day=day_words(one, at),
        said="" if is_draft else sentences(one, standing)[0],
        state=state_words(one),
        tone=state_tone(one),
    )


def _compares(one: Experiment, versions: Mapping[int, int]) -> str:
    treatment = strategy_words(one.treatment, versions)
    return f"{treatment[:1].upper()}{treatment[1:]} against {strategy_words(one.control, versions).lower()}"


def state_words(one: Experiment) -> str:
    if one.state == State.ENDED and one.outcome:
        return one.get_outcome_display().lower()
    return one.get_state_display().lower()


def state_tone(one: Experiment) -> str:
    return OUTCOME_TONES.get(one.outcome, "") if one.state == State.ENDED else STATE_TONES[one.state]


def day_words(one: Experiment, at: datetime.datetime) -> str:
    """ "day 9 of 56"; a hold-out has no last day."""
    if one.starts_at is None or one.state == State.ENDED:
        return ""
    if one.state == State.MATURING:
        return f"{one.duration_weeks * 7} days allocated"
    day = (at - one.starts_at).days + 1
    return f"day {day:,}" if one.is_hold_out else f"day {day} of {one.duration_weeks * 7}"


# --- one experiment ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LookLine:
    """One look of the history; `effect` is empty where nothing is shown."""

    look: Look
    effect: str
    said: str


@dataclass(frozen=True)
class ExperimentPage:
    """`said` the verdict; `blocks` what the newest look found, but for what a skewed sample ratio forbids to show."""

    experiment: Experiment
    state: str
    tone: str
    control: str
    treatment: str
    design: DesignWords
    split: str
    kept: str
    part: str
    population: str
    day: str
    said: Sequence[str]
    standing: Standing
    blocks: Blocks
    charts: Sequence[Chart]
    step: NextStep | None
    earliest: datetime.date | None
    looks: Sequence[LookLine]
    stages: Sequence[Stage]
    changes: Sequence[ExperimentChange]
    is_live: bool
    is_winning: bool


def experiment_page(experiment: Experiment, at: datetime.datetime) -> ExperimentPage:
    """Everything but the calculator of a draft; always as many queries for one state."""
    looks = list(looks_without_bulk().filter(experiment=experiment))
    newest = Look.objects.get(pk=looks[-1].pk) if looks else None
    standing, stages = standing_of_looks(looks, newest), list(experiment.stages.all())
    versions = version_numbers([experiment])
    is_live = experiment.state in (State.RUNNING, State.MATURING)
    control, treatment = (strategy_words(arm, versions) for arm in (experiment.control, experiment.treatment))
    return ExperimentPage(
        experiment=experiment,
        state=state_words(experiment),
        tone=state_tone(experiment),
        control=control,
        treatment=treatment,
        design=DESIGN_WORDS[experiment.design],
        split=split_words(experiment.split),
        kept=_percent((experiment.layer_to - experiment.layer_from) * (1 - experiment.split)),
        part=f"{_percent(experiment.layer_from)} to {_percent(experiment.layer_to)}",
        population=condition_words(experiment.condition) if experiment.condition else "all opportunities",
        day=day_words(experiment, at),
        said=() if experiment.state == State.DRAFT else sentences(experiment, standing),
        standing=standing,
        blocks=blocks_of(experiment, standing, stages, organisation().base_currency),
        charts=_charts(experiment, standing),
        step=next_step(experiment, standing, at) if is_live else None,
        earliest=earliest_decision(experiment),
        looks=[_look_line(experiment, look, standing) for look in reversed(looks)],
        stages=stages,
        changes=list(experiment.changes.select_related("changed_by")),
        is_live=is_live,
        is_winning=standing.decision.value == "upward" and not standing.is_blocked,
    )


def _percent(share: float) -> str:
    return f"{100 * share:g}{NBSP}%"


def _charts(experiment: Experiment, standing: Standing) -> list[Chart]:
    if standing.is_blocked:
        return []
    found = boundary_chart(experiment, standing.looks), incidence_chart(experiment, standing.found)
    return [chart for chart in found if chart is not None]


def _look_line(experiment: Experiment, look: Any, standing: Standing) -> LookLine:
    """Nothing of the effect where the sample ratio was, or is, too skewed to show it."""
    if standing.is_blocked or look.balance == "block":
        return LookLine(look, "", "not shown: the sample ratio was off")
    if look.low is None:
        return LookLine(look, "", look.unavailable)
    crossed = {"up": "treatment is better", "down": "treatment is worse"}.get(
        look.crossed, "no difference shown"
    )
    return LookLine(look, effect_words(experiment, look), crossed)
