"""The figures that a look stored, in words: arms, stages, guardrails, secondaries, and what speaks against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.engine.verdict import Metric, unit_of
from experiments.models import Experiment, Look, Stage
from reps.engine.money import NBSP, short_money
from routing.queries.experiment_results import Standing, names_a_size
from routing.queries.experiment_words import GUARDRAILS, SECONDARIES, apart_words, split_words

SHORT = {"win_rate": "points", "first_touch": "points", "velocity": "days gained"}
RATIO_WORDS = {
    "ok": ("as asked for", "good"),
    "warn": ("not quite as asked for", "warn"),
    "block": ("off: results are hidden", "bad"),
}


@dataclass(frozen=True)
class ArmLine:
    name: str
    count: int
    units: int
    won: int
    lost: int
    rate: str
    median: str
    touch: str
    never: str


@dataclass(frozen=True)
class StageLine:
    """Of a stage of the split: how many units fell to each arm, how many were asked for, and the effect there."""

    number: int
    split: str
    treatment: int
    control: int
    expected: str
    effect: str


@dataclass(frozen=True)
class GuardrailLine:
    name: str
    word: str
    tone: str
    treatment: str
    control: str
    excess: str


@dataclass(frozen=True)
class SecondaryLine:
    name: str
    treatment: str
    control: str
    difference: str
    p: str
    missing: str


@dataclass(frozen=True)
class Blocks:
    """The parts of the results page. `effect` is empty where a size must not be named; `is_shown` is false where the
    sample ratio hides all results."""

    is_shown: bool
    effect: str
    share: str
    counted: int
    matured: int
    ratio: tuple[str, str, str]
    arms: Sequence[ArmLine]
    stages: Sequence[StageLine]
    guardrails: Sequence[GuardrailLine]
    secondaries: Sequence[SecondaryLine]
    secondaries_wait: bool
    shift: tuple[str, str]
    rank: str
    apart: Sequence[tuple[str, int]]
    unit: str


def blocks_of(experiment: Experiment, standing: Standing, stages: Sequence[Stage], currency: str) -> Blocks:
    found, is_shown = standing.found, not standing.is_blocked
    look = standing.said
    size = is_shown and look is not None and names_a_size(experiment, experiment.split)
    return Blocks(
        is_shown=is_shown,
        effect=effect_words(experiment, look) if size and look else "",
        share="" if look is None or look.fraction is None else _share(look.fraction),
        counted=found.get("count", 0),
        matured=found.get("matured", 0),
        ratio=_ratio(found.get("ratio")),
        arms=_arms(found) if is_shown else (),
        stages=[_stage(experiment, line, stages, is_shown) for line in found.get("stages", [])],
        guardrails=[
            _guardrail(name, found.get("guardrails", {}).get(name)) for name in experiment.guardrails
        ],
        secondaries=[_secondary(one, currency) for one in found.get("secondaries", [])] if is_shown else (),
        secondaries_wait=bool(experiment.secondaries) and not found.get("secondaries"),
        shift=_shift(found.get("shift")),
        rank=_rank(found.get("touch", {}).get("rank")) if is_shown else "",
        apart=[(apart_words(name), count) for name, count in sorted(found.get("apart", {}).items())],
        unit=unit_of(Metric(experiment.metric))[1],
    )


def effect_words(experiment: Experiment, look: Look) -> str:
    """ "+3.1 points (−0.4 to +6.6)"."""
    scale, _ = unit_of(Metric(experiment.metric))
    estimate, low, high = (_signed(scale * (one or 0.0)) for one in (look.estimate, look.low, look.high))
    return f"{estimate} {SHORT[experiment.metric]} ({low} to {high})"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}{NBSP}%"


def _ratio(found: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """A word, its tone, and a sentence."""
    if not found or "p" not in found:
        reason = (found or {}).get("unavailable", "nothing was counted yet")
        return "cannot be told yet", "", f"{reason[:1].upper()}{reason[1:]}."
    word, tone = RATIO_WORDS[found["balance"]]
    return (
        word,
        tone,
        f"Chance alone parts units at least so unevenly in {_chance(found['p'])} of experiments.",
    )


def _chance(p: float) -> str:
    return f"{100 * p:.0f}{NBSP}%" if p >= 0.01 else f"less than {1 if p >= 0.001 else 0.1:g}{NBSP}%"


def _arms(found: Mapping[str, Any]) -> list[ArmLine]:
    touch = found.get("touch", {})
    return [
        _arm(label, found["arms"][key], touch.get(key, {}), touch.get("never", {}).get(key, {}))
        for key, label in (("treatment", "Treatment"), ("control", "Control"))
        if key in found.get("arms", {})
    ]


def _arm(name: str, one: Mapping[str, Any], touch: Mapping[str, Any], never: Mapping[str, Any]) -> ArmLine:
    rate, median = one["rate"], one["median_days_to_win"]
    return ArmLine(
        name=name,
        count=one["count"],
        units=one["units"],
        won=one["won"],
        lost=one["lost"],
        rate=rate.get("unavailable")
        or f"{_share(rate['value'])} ± {100 * 1.96 * rate['standard_error']:.1f}",
        median="–" if median is None else f"{median:.0f} days",
        touch=_minutes(touch),
        never=_share(never["never"] / never["over"]) if never.get("over") else "–",
    )


def _minutes(found: Mapping[str, Any]) -> str:
    """ "32 min (28 to 40)", hours where they are many."""
    value = found.get("minutes")
    if value is None:
        return "–"
    unit, size = ("min", 1) if value < 120 else ("h", 60) if value < 2880 else ("days", 1440)
    low, high = found.get("low"), found.get("high")
    if low is None or high is None:
        return f"{value / size:.0f}{NBSP}{unit}"
    return f"{value / size:.0f}{NBSP}{unit} ({low / size:.0f} to {high / size:.0f})"


def _stage(
    experiment: Experiment, line: Mapping[str, Any], stages: Sequence[Stage], is_shown: bool
) -> StageLine:
    split = next((one.split for one in stages if one.number == line["stage"]), experiment.split)
    both = line["treatment"] + line["control"]
    return StageLine(
        number=line["stage"],
        split=split_words(split),
        treatment=line["treatment"],
        control=line["control"],
        expected=f"{both * split:.0f} and {both * (1 - split):.0f}",
        effect=_stage_effect(experiment, line["effect"], split) if is_shown else "hidden",
    )


def _stage_effect(experiment: Experiment, found: Mapping[str, Any], split: float) -> str:
    if "unavailable" in found:
        return str(found["unavailable"])
    if not names_a_size(experiment, split):
        return "no size can be told at this split"
    scale, _ = unit_of(Metric(experiment.metric))
    error = 1.96 * scale * found["standard_error"]
    return f"{_signed(scale * found['value'])} ± {error:.1f} {SHORT[experiment.metric]}"


def _guardrail(name: str, found: Mapping[str, Any] | None) -> GuardrailLine:
    label = GUARDRAILS.get(name, name)
    if not found or "excess" not in found:
        reason = (found or {}).get("unavailable", "not looked at yet")
        return GuardrailLine(label, "too early", "", "–", "–", reason)
    word, tone = ("breached", "bad") if found["is_breached"] else ("no breach", "good")
    excess = f"{_signed(100 * found['excess'])} points; surely at least {_signed(100 * found['least'])}"
    return GuardrailLine(
        label, word, tone, _share(found["treated_share"]), _share(found["control_share"]), excess
    )


def _secondary(found: Mapping[str, Any], currency: str) -> SecondaryLine:
    name = found["name"]

    def shown(value: float) -> str:
        return short_money(value, currency) if name == "deal_size" else f"{value:.2f}"

    missing = f"{_share(found['treatment_missing'])} and {_share(found['control_missing'])}"
    label = SECONDARIES.get(name, name)
    if "unavailable" in found:
        return SecondaryLine(label, "–", "–", found["unavailable"], "–", missing)
    interval = found["interval"]
    return SecondaryLine(
        name=label,
        treatment=shown(found["treatment"]),
        control=shown(found["control"]),
        difference=f"{shown(found['difference'])} ({shown(interval['low'])} to {shown(interval['high'])})",
        p=f"{found['p_adjusted']:.3f}",
        missing=missing,
    )


def _shift(found: Mapping[str, Any] | None) -> tuple[str, str]:
    """A sentence and its tone."""
    if not found or "difference" not in found:
        reason = (found or {}).get("unavailable", "nothing was looked at yet")
        return f"It cannot be told yet: {reason}.", ""
    said = (
        f"Control’s leads go to reps who won {_share(found['during'])} of their deals before; until the start it was "
        f"{_share(found['before'])}."
    )
    if found["is_flagged"]:
        return (
            f"{said} Treatment takes the better reps from control, so part of the difference is taken from it.",
            "warn",
        )
    return f"{said} That is within chance.", ""


def _rank(found: Mapping[str, Any] | None) -> str:
    if not found or "p" not in found:
        return ""
    return f"By a rank test the waits differ with p = {found['p']:.3f}; it is not part of the decision."
