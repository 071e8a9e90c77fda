"""When a ramp may take its next step, and when it goes back.

    10 → 50 %     14 days, 50 treated, no guardrail breached: 10 % is for safety only
    50 → 90 %     4 weeks, 200 in each arm, of which only those older than the horizon count, boundary crossed upward
    90 → 100 %    14 days without a breach
    back          a guardrail breached, significantly worse, routing errors, or a rep above 100 %
    stays         full information without a crossing: no difference detected, control stays

An experiment that is no ramp goes from its own split to 100 % as from 50 to 90 %. A lead split never passes that gate:
both arms draw on the same reps, and it finds winners where there are none. A sample ratio that is off
holds every step up. What it does not do: act. Earlier steps are a person's, with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.engine.allocation import Design
from experiments.engine.guardrails import Guardrail
from experiments.engine.incidence import age_words
from experiments.engine.sample_ratio import Balance
from experiments.engine.sequential import Decision

SAFETY, HALVES, MOST, ALL = 10, 50, 90, 100  # percent of treatment
SAFETY_DAYS, SAFETY_TREATED = 14, 50
PROOF_DAYS, PROOF_PER_ARM = 28, 200
CLEAN_DAYS = 14

WORDS = {
    Guardrail.FIRST_TOUCH_MISSED: "missed first-touch targets",
    Guardrail.NEVER_TOUCHED: "leads never touched",
    Guardrail.UNASSIGNED: "leads unassigned",
    Guardrail.OVERLOAD: "overloaded reps",
}


@dataclass(frozen=True)
class Progress:
    """Of a running experiment. `stage_pct` of treatment · `days` in this stage · `clean_days` without a breach or an
    error · `treated` leads in it · `old_treated`, `old_control` those of both arms that are older than the horizon ·
    `standing` of all looks together · `errors` of routing in treatment · `reps_over` their maximum by automation."""

    stage_pct: int
    is_ramp: bool
    days: float
    clean_days: float
    treated: int
    old_treated: int
    old_control: int
    horizon_days: float
    standing: Decision
    balance: Balance | None
    breaches: Sequence[Guardrail] = ()
    errors: int = 0
    reps_over: int = 0
    design: Design = Design.SLOT_SPLIT


@dataclass(frozen=True)
class Gate:
    """`missing`: what still has to come, as sentences without the full stop."""

    next_pct: int
    may: bool
    missing: tuple[str, ...]


@dataclass(frozen=True)
class RollBack:
    """Treatment gets nothing any more."""

    reason: str


@dataclass(frozen=True)
class ControlStays:
    """Over, without a result to act on."""

    reason: str


def judge(progress: Progress) -> Gate | RollBack | ControlStays:
    """What follows from where the experiment stands."""
    if (reason := _reason_to_go_back(progress)) is not None:
        return RollBack(reason)
    if progress.standing is Decision.NO_DIFFERENCE:
        return ControlStays("no difference detected at full information")
    return gate(progress)


def gate(progress: Progress) -> Gate:
    """Of the next step up."""
    if progress.stage_pct >= ALL:
        return Gate(ALL, False, ("treatment has everything already",))
    if progress.is_ramp and progress.stage_pct <= SAFETY:
        following, missing = HALVES, _missing_for_halves(progress)
    elif progress.is_ramp and progress.stage_pct >= MOST:
        following, missing = ALL, _missing_for_all(progress)
    else:
        following, missing = MOST if progress.is_ramp else ALL, _missing_for_proof(progress)
    if progress.balance is Balance.BLOCK:
        missing.append("the units did not fall to the arms as asked")
    return Gate(following, not missing, tuple(missing))


def _reason_to_go_back(progress: Progress) -> str | None:
    if progress.errors:
        return f"routing failed for {_counted(progress.errors, 'lead')} of treatment"
    if progress.reps_over:
        return f"{_counted(progress.reps_over, 'rep')} above 100 % of their maximum"
    if progress.breaches:
        return "guardrail breached: " + ", ".join(WORDS[one] for one in progress.breaches)
    if progress.standing is Decision.DOWNWARD:
        return "treatment is significantly worse"
    return None


def _missing_for_halves(progress: Progress) -> list[str]:
    return [
        *_days(progress.days, SAFETY_DAYS, "days in this stage"),
        *_units(progress.treated, SAFETY_TREATED, "treated"),
    ]


def _missing_for_proof(progress: Progress) -> list[str]:
    old = f"older than {age_words(progress.horizon_days)}"
    missing = [
        *_days(progress.days, PROOF_DAYS, "days in this stage"),
        *_units(progress.old_treated, PROOF_PER_ARM, f"leads in treatment {old}"),
        *_units(progress.old_control, PROOF_PER_ARM, f"leads in control {old}"),
    ]
    if progress.design is Design.LEAD_SPLIT:
        missing.append("a lead split is biased upward, so what it finds is no proof")
    if progress.standing is not Decision.UPWARD:
        missing.append("the boundary has not been crossed upward")
    return missing


def _missing_for_all(progress: Progress) -> list[str]:
    return _days(progress.clean_days, CLEAN_DAYS, "days without a breach")


def _days(have: float, need: int, what: str) -> list[str]:
    return [] if have >= need else [f"{int(have)} of {need} {what}"]


def _units(have: int, need: int, what: str) -> list[str]:
    return [] if have >= need else [f"{have} of {need} {what}"]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
