"""What the demo shows under Analytics at once: facts, sums, a small crediting table, reports, everything read once."""

import datetime

from analytics.engine.credit import CreditRow
from analytics.models import Report
from analytics.services import reports
from analytics.services.alarms import check_alarms
from analytics.services.coaching import look_for_coaching
from analytics.services.credit_checks import check_assignments
from analytics.services.credit_table import replace_table
from analytics.services.gaps import note_fall_throughs
from analytics.services.loads import keep_loads
from analytics.services.refresh import refresh
from reps.models import Rep, Team, User
from territories.models import Territory

A_WEEK = datetime.timedelta(weeks=1)
MOVED, SPLIT, SMALL, UNLISTED = 4, 11, 3, 13  # every so-manieth rep


def fill_demo(*, at: datetime.datetime) -> tuple[int, int]:
    """How many decisions and assignments were read."""
    by = User.objects.filter(role=User.Role.OPS).order_by("pk").first()
    refresh()
    keep_loads(today=at.date())
    look_for_coaching(today=at.date(), at=at)
    replace_table(rows=_rows(), file_name="credit 2026.csv", by=by, at=at)
    counts = note_fall_throughs(at=at), check_assignments(at=at)
    check_alarms(at=at, today=at.date())
    reports.make_due(at=at, latest=dict.fromkeys(Report.Kind, A_WEEK))  # whatever the hour
    return counts


def _rows() -> list[CreditRow]:
    """Most get credit for their team's territory. Some have moved and are still paid for another one, some share it,
    some are paid for smaller companies only, and a few nobody has put into the table."""
    names = Team.objects.values("name")
    territories = dict(Territory.objects.filter(name__in=names).order_by("pk").values_list("name", "pk"))
    rows: list[CreditRow] = []
    reps = Rep.objects.filter(left_at__isnull=True, team__name__in=territories).order_by("pk")
    for number, (rep_id, team) in enumerate(reps.values_list("pk", "team__name"), 1):
        own = territories[team]
        if number % UNLISTED == 0:
            continue
        if number % MOVED == 0:
            rows.append(CreditRow(rep_id, next((pk for pk in territories.values() if pk != own), own)))
        elif number % SPLIT == 0:
            rows.append(CreditRow(rep_id, own, share=50.0))
        elif number % SMALL == 0:
            rows += [CreditRow(rep_id, own, size_band=band) for band in ("1-49", "50-199")]
        else:
            rows.append(CreditRow(rep_id, own))
    return rows
