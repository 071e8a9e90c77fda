"""Checks on an organisation's own history as the page tells them: sentences, a table, a chart."""

import datetime
from dataclasses import dataclass
from typing import Any

from reps.charts import Chart
from reps.models import Job
from reps.services.jobs import is_stopped
from routing.models import HistoryCheck
from routing.queries.model_quality import calibration_chart

LISTED = 20
MODEL_WORDS = {
    "product": "The model",
    "without_reps": "The same without reps",
    "base_rate": "The share that was won",
}


@dataclass(frozen=True)
class ListedCheck:
    """A check with its state in a word."""

    check: HistoryCheck
    word: str
    tone: str


@dataclass(frozen=True)
class CheckPage:
    """`verdict` what an ops leader should know, `rows` a line for each model, `notes` what was noticed."""

    verdict: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    chart: Chart | None
    is_distinguishable: bool


def newest_checks(now: datetime.datetime) -> list[ListedCheck]:
    """In one query, without the files."""
    checks = HistoryCheck.objects.select_related("job", "requested_by").defer("content")[:LISTED]
    return [ListedCheck(check, *_state(check.job, now)) for check in checks]


def _state(job: Job, now: datetime.datetime) -> tuple[str, str]:
    if is_stopped(job, at=now):
        return "stopped", "bad"
    return {
        Job.State.DONE: ("done", "good"),
        Job.State.FAILED: ("not possible", "warn"),
        Job.State.CANCELLED: ("cancelled", "warn"),
        Job.State.RUNNING: ("under way", "accent"),
        Job.State.QUEUED: ("waiting", ""),
    }[Job.State(job.state)]


def check_page(check: HistoryCheck) -> CheckPage | None:
    """None until there are figures."""
    found: dict[str, Any] = check.job.result
    if check.job.state != Job.State.DONE or not found:
        return None
    return CheckPage(
        verdict=tuple(_verdict(found)),
        rows=tuple(_row(name, found["models"][name]) for name in MODEL_WORDS),
        notes=(*(row["why"] for row in found["left_out"]), *found["warnings"]),
        chart=calibration_chart(found["reliability"]),
        is_distinguishable=found["distinguishable"],
    )


def _verdict(found: dict[str, Any]) -> list[str]:
    said = [
        f"Learned from {found['trained_on']:,} deals, tried on {found['scored']:,} that came later "
        f"({found['scored_won']:,} won).",
        _against(found["better_than_base"], "knowing only the share that was won"),
        _against(found["better_than_without_reps"], "looking at the lead only, whoever has it"),
    ]
    fit = found["concordance"]
    if "unavailable" in fit:
        said.append(f"Whether the better-fitting rep won cannot be told: {fit['unavailable']}.")
    else:
        said.append(
            f"Of two leads with like prospects, one won and one lost, the won one had the better-fitting rep in "
            f"{100 * fit['value']:.0f} % ({100 * fit['low']:.0f} to {100 * fit['high']:.0f} %); chance is 50."
        )
    return said


def _against(gain: dict[str, float], what: str) -> str:
    """ "Predicts better than …", "worse", or that it cannot be told."""
    if gain["low"] > 0:
        return f"It predicts better than {what}."
    if gain["high"] < 0:
        return f"It predicts worse than {what}: do not switch it on with this data."
    return f"Whether it predicts better than {what} cannot be told with this data."


def _row(name: str, measures: dict[str, Any]) -> tuple[str, ...]:
    slope, error = measures["calibration_slope"], measures.get("calibration_slope_error")
    return (
        MODEL_WORDS[name],
        f"{measures['log_loss']:.4f}",
        "–" if measures["auc"] is None else f"{measures['auc']:.3f}",
        "–" if slope is None else f"{slope:.2f} ± {error:.2f}",
        f"{100 * measures['calibration_error']:.1f} points",
    )
