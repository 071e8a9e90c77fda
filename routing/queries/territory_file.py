"""Territories as a table: one row each, parents before their children, as an import reads them again."""

import csv
import io
import json

from reps.engine.tables import shielded
from routing.engine.territory_file import COLUMNS, cover_as_text
from routing.queries.territories import in_order
from territories.models import Territory


def as_csv() -> str:
    found = Territory.objects.select_related("parent").prefetch_related("coverage__team", "coverage__rep")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for territory, _ in in_order({one.pk: one for one in found.order_by("pk")}):
        writer.writerow(shielded(row_of(territory)))
    return "\ufeff" + out.getvalue()


def row_of(territory: Territory) -> list[str]:
    return [
        str(territory.pk),
        territory.name,
        territory.parent.name if territory.parent else "",
        json.dumps(territory.condition, ensure_ascii=False),
        "yes" if territory.is_active else "no",
        coverage_text(territory),
    ]


def coverage_text(territory: Territory) -> str:
    """ "team:East; rep:ana@example.com 2026-01-01..2026-06-30"."""
    return "; ".join(
        cover_as_text(
            "team" if one.team else "rep",
            one.team.name if one.team else one.rep.email if one.rep else "",
            one.team_id or one.rep_id or 0,
            one.starts_on,
            one.ends_on,
        )
        for one in territory.coverage.all()
    )
