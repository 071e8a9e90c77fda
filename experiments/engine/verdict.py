"""What an experiment has shown, in a few sentences that claim no more than that.

Nothing is said where the sample ratio blocks. An effect is named with its repeated interval, never with a plain p,
and not at all as a size where the design cannot measure one: a lead split (which finds winners where there are none),
and a slot split outside 40 to 60 %, where the small arm gets a thin slice of every good rep. What it does not do:
advise.
"""

from dataclasses import dataclass
from enum import StrEnum

from experiments.engine.allocation import Design
from experiments.engine.interference import Shift
from experiments.engine.sample_ratio import Balance, SampleRatio
from experiments.engine.sequential import Decision, Look
from reps.engine.unavailable import Unavailable

SIZED_FROM, SIZED_TO = 0.4, 0.6  # splits at which a slot split measures a size


class Metric(StrEnum):
    WIN_RATE = "win_rate"
    FIRST_TOUCH = "first_touch"
    VELOCITY = "velocity"


class Status(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"  # by a person, before the end
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Result:
    """`look` the last one, or why there is none · `standing` of all looks together · `matured` of the `units` are older
    than the horizon · `shift` of control's rep skill · a hold-out has no planned information."""

    status: Status
    metric: Metric
    design: Design
    split: float
    look: Look | Unavailable
    standing: Decision
    ratio: SampleRatio | Unavailable
    shift: Shift | Unavailable
    matured: int
    units: int
    is_hold_out: bool = False


WORDS = {
    Metric.WIN_RATE: ("more leads are won", "fewer leads are won", "points of the win rate"),
    Metric.FIRST_TOUCH: (
        "leads are touched sooner",
        "leads are touched later",
        "points of the share touched in time",
    ),
    Metric.VELOCITY: ("deals are won sooner", "deals are won later", "days gained per lead"),
}


def unit_of(metric: Metric) -> tuple[int, str]:
    """By what an effect is multiplied to be shown, and in what it is then."""
    return 1 if metric is Metric.VELOCITY else 100, WORDS[metric][2]


def verdict(result: Result) -> tuple[str, ...]:
    """Sentences in order of weight."""
    if isinstance(result.ratio, SampleRatio) and result.ratio.balance is Balance.BLOCK:
        return (
            "No result is shown: the units did not fall to the arms in the shares that were asked for "
            f"(chance alone would do that once in {1 / max(result.ratio.p, 1e-9):,.0f} times).",
            "Leads were lost or misplaced in one arm; that has to be understood first.",
        )
    said = [*_ending(result), *_finding(result), *_size(result), *_doubts(result)]
    if isinstance(result.look, Look):
        said.append("The lift at 100 % may differ.")
    return tuple(said)


def measures_size(design: Design, split: float) -> bool:
    """Whether a size of the effect may be named at all."""
    if design is Design.LEAD_SPLIT:
        return False
    return design is not Design.SLOT_SPLIT or SIZED_FROM <= split <= SIZED_TO


def _ending(result: Result) -> list[str]:
    if result.status is Status.ROLLED_BACK:
        return ["The experiment was rolled back; control has all leads again."]
    if result.status is Status.STOPPED:
        return ["The experiment was stopped before its planned end."]
    return []


def _finding(result: Result) -> list[str]:
    if isinstance(result.look, Unavailable):
        return [f"Nothing can be said yet: {result.look.reason}."]
    better, worse, _ = WORDS[result.metric]
    if result.standing is Decision.UPWARD and result.design is Design.LEAD_SPLIT:
        return [
            f"With treatment {better}, but that is no proof: a lead split is biased upward, since both arms draw on "
            "the same reps, and it finds such a difference also where there is none."
        ]
    if result.standing is Decision.UPWARD:
        return [f"With treatment {better} than with control; the difference is significant."]
    if result.standing is Decision.DOWNWARD:
        return [f"With treatment {worse} than with control; the difference is significant."]
    if result.standing is Decision.NO_DIFFERENCE:
        return ["No difference was detected, and the planned information is used up: control stays."]
    if result.is_hold_out:
        return ["No difference has been shown so far; the hold-out goes on."]
    return [f"No difference has been shown so far; {result.look.time:.0%} of the planned information is in."]


def _size(result: Result) -> list[str]:
    if isinstance(result.look, Unavailable):
        return []
    if not measures_size(result.design, result.split):
        if result.design is Design.LEAD_SPLIT:
            return ["How large a difference is cannot be told from a lead split."]
        return [f"How large a difference is cannot be told at a split of {result.split:.0%}."]
    scale, unit = unit_of(result.metric)
    low, estimate, high = (
        scale * value for value in (result.look.low, result.look.estimate, result.look.high)
    )
    return [
        f"The estimate is {estimate:+.1f} {unit}, and {low:+.1f} to {high:+.1f} holds however often one has looked."
    ]


def _doubts(result: Result) -> list[str]:
    said = []
    if isinstance(result.look, Look) and result.matured < result.units:
        said.append(
            f"{result.matured:,} of {result.units:,} leads are old enough; what the others bring may change it."
        )
    if isinstance(result.ratio, SampleRatio) and result.ratio.balance is Balance.WARN:
        said.append(
            "The units did not quite fall to the arms in the shares that were asked for; it should be checked."
        )
    if isinstance(result.shift, Shift) and result.shift.is_flagged:
        said.append(
            "Control's leads go to weaker reps than before, so the arms interfere: part of the difference is taken "
            "from control."
        )
    return said
