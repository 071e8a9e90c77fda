"""Models as a training leaves them, small enough to read: for the tests of the model page."""

import copy
import datetime
from collections.abc import Iterable
from typing import Any

from reps.models import Rep
from routing.models import ModelEvent, ModelVersion

AS_OF = datetime.date(2026, 3, 2)
AT = datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC)
LEVELS = {
    "kept": {"industry": ["healthcare", "retail"], "source": ["event"]},
    "edges": {},
    "labels": {"industry": {"healthcare": "Healthcare", "retail": "Retail"}, "source": {"event": "Event"}},
}
TRAINED_ON = {
    "as_of": "2026-03-02", "months": 12, "deals": 420, "won": 140, "disqualified": 33, "undated": 7, "reps": 2,
    "effective_deals": 260.4, "has_season": False, "feedback": {"Wrong expertise": 3, "Knows the customer better": 1},
    "feedback_weight": 1.0, "categories": {"industry": 2, "source": 1, "custom.budget": 3},
}  # fmt: skip
QUALITY = {
    "log_loss": {"model": 0.59621, "without_reps": 0.60436, "base_rate": 0.66684},
    "better_than_base": {"mean": 0.0706, "standard_error": 0.0056, "low": 0.0597, "high": 0.0816},
    "better_than_without_reps": {"mean": 0.0082, "standard_error": 0.005, "low": -0.0016, "high": 0.018},
    "auc": {"value": 0.713, "standard_error": 0.008, "low": 0.697, "high": 0.73},
    "calibration": {"intercept": 0.03, "slope": 0.7, "slope_error": 0.05},
    "calibration_error": 0.0171,
    "reliability": [
        {"predicted": 0.12, "observed": 0.13, "count": 210, "low": 0.1, "high": 0.17},
        {"predicted": 0.71, "observed": 0.74, "count": 210, "low": 0.7, "high": 0.78},
    ],
    "concordance": {
        "unavailable": "30 pairs of a won and a lost deal with prospects alike are needed; found 12"
    },
    "shown_calibration": {"intercept": 0, "slope": 1},
    "scales": {"lead": 1, "rep": 0.2, "cross": 0.1},
}
EFFECTS = [
    {"name": "covers_territory", "kind": "pair", "effect": 0.5223, "sd": 0.16, "prior": 0.15, "deals": 188},
    {"name": "load_above_80", "kind": "pair", "effect": -0.4, "sd": 0.9, "prior": -0.3, "deals": 12},
    {"name": "industry=healthcare", "kind": "lead", "effect": 0.7, "sd": 0.1, "prior": 0.0, "deals": None},
]
SCORES = {"leads": 80, "reps": 2, "all": [0] * 9 + [80, 80] + [0] * 9, "best": [0] * 10 + [80] + [0] * 9,
          "p5": 46.0, "p95": 55.0, "best_mean": 53.0}  # fmt: skip
TRIAL = {
    "how": "held_out", "champion_judged": "rules", "deals": 63, "challenger_loss": 0.586, "champion_loss": 0.65,
    "worse_by": -0.064, "standard_error": 0.015, "slope": 0.98, "is_promoted": True,
    "why": "On the newest deals its log loss is 0.0640 lower than the champion's (± 0.0150).",
}  # fmt: skip
REPORT: dict[str, Any] = {
    "trained_on": TRAINED_ON,
    "quality": QUALITY,
    "reps_apart": {"p_value": 0.31, "distinguishable": False, "affinity": False, "deals": 420, "deals_needed": 2600,
                   "crossed": {"industry": 0.2, "source": 0.6}},
    "trial": TRIAL,
    "forecast": {"gain": 0.0884, "gain_low": 0.0629, "ratio": 0.71},
    "dropped": [],
    "effects": EFFECTS,
    "scores": SCORES,
    "segments": {},
    "rep_effects": {},
    "little_history": [],
}  # fmt: skip


def learned(reps: Iterable[Rep], *, state: str = "champion", number: int = 2, **changes: Any) -> ModelVersion:
    """A learned model whose report names these reps, with its event; as champion it retires the one before."""
    report = copy.deepcopy(REPORT) | changes
    for place, rep in enumerate(reps):
        report["rep_effects"][str(rep.pk)] = [0.3 - 0.1 * place, 0.1]
        report["segments"].setdefault("rep", []).append([rep.pk, "", 30, 12, 0.38, 41.0, 3.5])
        report["segments"].setdefault("industry", []).append([rep.pk, "healthcare", 14, 9, 0.5, None, None])
        report["little_history"].append([rep.pk, 4])
        report["dropped"].append({"rep_id": rep.pk, "deals": 40, "observed": 14, "expected": 6.2, "variance": 5.0,
                                  "p_value": 0.001, "is_flagged": True})  # fmt: skip
    before = ModelVersion.objects.get(state="champion")
    if state == "champion":
        ModelVersion.objects.filter(pk=before.pk).update(state="retired")
    version = ModelVersion.objects.create(
        number=number, kind="learned", state=state, as_of=AS_OF, created_at=AT, report=report,
        artifact={"format": 2, "levels": LEVELS},
    )  # fmt: skip
    kind = ModelEvent.Kind.REJECTED if state == "rejected" else ModelEvent.Kind.PROMOTED
    ModelEvent.objects.create(
        kind=kind, model=version, champion_before=before, at=AT, note=report["trial"]["why"]
    )
    return version
