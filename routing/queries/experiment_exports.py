"""An experiment as tables for a spreadsheet: its exposures, its looks, the curves of the newest look."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import F

from crm.queries.opportunities import opportunities_visible_to
from experiments.models import Experiment, Exposure, Look
from reps.engine.tables import BYTE_ORDER_MARK, shielded
from reps.models import User
from routing.queries.experiment_results import looks_without_bulk

EXPOSURES = (
    "opportunity", "external_id", "name", "unit", "arm", "stage", "moment", "counted", "decided_apart", "rep", "load",
    "maximum", "eligible", "score", "fallback", "configuration", "model", "outcome", "closed",
)  # fmt: skip
LOOKS = (
    "day", "moment", "information", "share_of_planned", "estimate", "standard_error", "boundary", "low", "high",
    "crossed", "final", "sample_ratio", "unavailable",
)  # fmt: skip
CURVES = ("arm", "days", "share", "low", "high")


def exposures_csv(experiment: Experiment, user: User) -> str:
    """One row for each decision; of opportunities that the user may see."""
    rows = (
        Exposure.objects.filter(experiment=experiment, opportunity__in=opportunities_visible_to(user))
        .annotate(
            external=F("opportunity__external_id"), name=F("opportunity__name"), rep_name=F("rep__name")
        )
        .annotate(outcome=F("opportunity__stage"), closed=F("opportunity__closed_at"))
        .order_by("exposed_at", "id")
    )
    return _written(EXPOSURES, (_exposure(one) for one in rows.iterator()))


def _exposure(one: Any) -> list[Any]:
    return [
        one.opportunity_id, one.external or "", one.name, one.unit, one.arm, one.stage, one.exposed_at.isoformat(),
        _yes(one.is_counted), one.apart, one.rep_name or "", one.load, one.max_open, one.eligible, one.score,
        one.fallback, one.configuration_number, one.model_number, one.outcome,
        one.closed.isoformat() if one.closed else "",
    ]  # fmt: skip


def looks_csv(experiment: Experiment) -> str:
    """Without the effect of looks whose sample ratio was too skewed to show it; of none where the newest one's is."""
    looks = list(looks_without_bulk().filter(experiment=experiment))
    is_blocked = bool(looks) and looks[-1].balance == "block"  # type: ignore[attr-defined]  # annotated
    return _written(LOOKS, (_look(look, is_blocked) for look in looks))


def _look(look: Any, is_blocked: bool) -> list[Any]:
    effect: Sequence[Any] = (look.estimate, look.se, look.bound, look.low, look.high, look.crossed)
    if is_blocked or look.balance == "block":
        effect = ("",) * len(effect)
    return [
        look.day.isoformat(), look.looked_at.isoformat(), look.information, look.fraction, *effect,
        _yes(look.is_final), look.balance or "", look.unavailable,
    ]  # fmt: skip


def curves_csv(experiment: Experiment) -> str:
    newest = Look.objects.filter(experiment=experiment).order_by("looked_at", "pk").last()
    found = {} if newest is None else newest.found
    is_blocked = found.get("ratio", {}).get("balance") == "block"
    curves = {} if is_blocked else found.get("curves", {})
    return _written(
        CURVES,
        (
            [arm, *values]
            for arm, curve in curves.items()
            if "days" in curve
            for values in zip(*(curve[name] for name in CURVES[1:]), strict=True)
        ),
    )


def _written(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Texts are shielded; numbers are not, or a negative one would be a text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([shielded([cell])[0] if isinstance(cell, str) else cell for cell in row])
    return BYTE_ORDER_MARK + out.getvalue()


def _yes(value: bool) -> str:
    return "yes" if value else "no"
