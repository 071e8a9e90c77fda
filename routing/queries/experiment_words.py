"""What experiments, their designs and strategies are called and what is said of them on pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.models import Experiment
from reps.engine.money import NBSP
from routing.models import ConfigurationVersion, Decision

Design = Experiment.Design

GUARDRAILS = {
    "first_touch_missed": "First-touch target missed",
    "never_touched": "Never touched within 7 days",
    "unassigned": "Without an owner after a day",
    "overload": "Given beyond 90 % of a rep’s maximum",
}
SECONDARIES = {"deal_size": "Revenue per lead", "satisfaction": "Customer satisfaction"}
STATE_TONES = {"running": "accent", "maturing": "warn", "draft": "", "ended": ""}
OUTCOME_TONES = {"promoted": "good", "rolled_back": "bad", "stopped": "warn"}


@dataclass(frozen=True)
class DesignWords:
    """How a design keeps the arms apart and when it fits, in two sentences, and what it is known to be off by."""

    key: str
    label: str
    how: str
    bias: str


DESIGNS = (
    DesignWords(
        Design.SLOT_SPLIT,
        "Slot split",
        "Both strategies use all reps, and each rep’s slots are divided between them by the split, so that neither "
        "takes the other’s. It fits where reps are at least half full.",
        "At 40, 70 or 90 % load it overstates a full roll-out by about 55, 30 or 7 % (split 50/50). With 20 % in "
        "treatment it is off by +64, +25 or −36 %, with 10 % by +54, −1 or −69 %: no size is claimed outside 40 to "
        "60 %.",
    ),
    DesignWords(
        Design.REP_PARTITION,
        "Rep partition",
        "Reps of like skill are paired, and one of each pair works for each strategy. It fits from 20 reps on, where "
        "they are not full.",
        "At 40, 70 or 90 % load it understates by about 5, 5 or 17 %.",
    ),
    DesignWords(
        Design.SWITCHBACK,
        "Switchback",
        "Everybody works by one strategy for 14 days, then by the other; the first 7 days of each period are not "
        "counted. It fits a small team.",
        "At 40, 70 or 90 % load it overstates by about 20, 12 or 7 %.",
    ),
    DesignWords(
        Design.LEAD_SPLIT,
        "Lead split (biased upward)",
        "Each lead is drawn by itself, and both strategies take any slot of any rep. It measures who grabs the good "
        "reps first, so it proves no winner.",
        "At 40, 70 or 90 % load it overstates by about 66, 111 or 191 %, and finds a winner in 59 % of comparisons of "
        "equals.",
    ),
)
DESIGN_WORDS = {one.key: one for one in DESIGNS}


def strategy_words(strategy: Mapping[str, Any], versions: Mapping[int, int]) -> str:
    """ "Round-robin"; "version 7". `versions`: id → number."""
    version = strategy.get("version")
    if strategy.get("kind") == Experiment.Strategy.VERSION and version is not None:
        number = versions.get(version)
        return f"version {number}" if number else "a version that is gone"
    return str(Experiment.Strategy(strategy["kind"]).label)


def version_numbers(experiments: list[Experiment]) -> dict[int, int]:
    """Id → number of the versions that their strategies name; one query."""
    ids = [
        arm["version"] for one in experiments for arm in (one.control, one.treatment) if arm.get("version")
    ]
    found: dict[int, int] = dict(ConfigurationVersion.objects.filter(pk__in=ids).values_list("pk", "number"))
    return found


def split_words(split: float) -> str:
    """ "80 / 20": control first, then treatment."""
    treated = round(100 * split)
    return f"{100 - treated}{NBSP}/{NBSP}{treated}"


def apart_words(key: str) -> str:
    """What decided where it would have been the same in both arms."""
    return str(Decision.Via(key).label) if key in Decision.Via.values else key
