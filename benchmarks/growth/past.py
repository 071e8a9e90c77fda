"""The past of a database, made by the database: `python -m benchmarks.growth.past originals|fill N|check|follow`.

`originals` routes leads through the API, which `fill` copies as often as asked, closed and spread over two years. Their
partitions are those of the two years that come, since what an upgraded database had before is one partition; it makes
no difference to the database which months they are called by. Triggers are off meanwhile (`session_replication_role`).
"""

import datetime
import json
import os
import sys
import time
from typing import Any

import django
import numpy as np

ORIGINALS, MONTHS, DAYS, RECENT = 120, 24, 730, 15
ACTIVITIES = 3
BEFORE = (
    10_000_000  # so far below the ids of what is there lie those of the past, in tables without partitions
)
# {when}: of a past lead, the later the higher its number; {last} is how many there are.
WHEN = f"now() - interval '{RECENT} days' - (1 - p.n::float / {{last}}) * interval '{DAYS} days'"
PAST = """
CREATE TEMP TABLE p AS
SELECT n, o.ids[1 + n %% array_length(o.ids, 1)] AS original, {id} AS id, {when} AS at
FROM generate_series(%(first)s, %(until)s) AS p (n),
     (SELECT array_agg(opportunity_id ORDER BY opportunity_id) AS ids FROM routing_decision
      WHERE assignment_id IS NOT NULL AND id < %(originals_below)s) o;
CREATE UNIQUE INDEX ON p (n)
"""


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    what = sys.argv[1]
    if what == "originals":
        route_originals()
    elif what == "fill":
        print(json.dumps(fill(int(sys.argv[2]))))
    elif what == "check":
        print(json.dumps({"violations": violations()}))
    else:
        follow_when_asked()
    return 0


def route_originals() -> None:
    from rest_framework.test import APIClient

    from benchmarks.realtime import world
    from reps.models import User

    rng, client = np.random.default_rng(11), APIClient()
    client.force_authenticate(User.objects.get(email="form@benchmark.example"))
    for number in range(ORIGINALS):
        lead = world.lead(10**8 + number, rng)
        answer = client.post("/api/v1/opportunities/", lead, format="json", HTTP_HOST="localhost")
        if answer.status_code != 201:
            raise AssertionError(answer.content)
    follow()


# What a past lead has of its own; everything else is its original's. By table: how its original is found, and values.
COPIED: dict[str, tuple[str, dict[str, str]]] = {
    "crm_contact": (
        "JOIN crm_opportunity o ON o.id = p.original JOIN crm_contact t ON t.id = o.contact_id",
        {"id": "p.id", "name": "'Past visitor ' || p.n", "email": "'past' || p.n || '@past.example'",
         "external_id": "NULL", "created_at": "p.at", "updated_at": "p.at"},
    ),
    "crm_opportunity": (
        "JOIN crm_opportunity t ON t.id = p.original",
        {"id": "p.id", "contact_id": "p.id", "external_id": "'past-' || p.n", "name": "'Past lead ' || p.n",
         "stage": "(ARRAY['won', 'lost', 'lost', 'disqualified'])[1 + p.n % 4]", "opened_at": "p.at",
         "accepted_at": "p.at", "assigned_at": "p.at", "routing_since": "p.at", "updated_at": "p.at",
         "first_touch_at": "p.at + interval '1 hour'", "closed_at": "p.at + interval '10 days'"},
    ),
    "crm_assignment": (
        "JOIN crm_assignment t ON t.opportunity_id = p.original",
        {"id": "p.id", "opportunity_id": "p.id", "assigned_at": "p.at"},
    ),
    "routing_decision": (
        "JOIN routing_decision t ON t.opportunity_id = p.original",
        {"id": "{month} + p.n", "opportunity_id": "p.id", "assignment_id": "p.id", "made_at": "p.at"},
    ),
    "routing_change": (
        "JOIN routing_change t ON t.opportunity_id = p.original",
        {"id": "{month} + p.n", "number": "{numbered} + p.n", "opportunity_id": "p.id", "assignment_id": "p.id",
         "at": "p.at"},
    ),
    "routing_intakereceipt": (
        "JOIN routing_intakereceipt t ON t.opportunity_id = p.original",
        {"id": "p.id", "opportunity_id": "p.id", "created_at": "p.at"},
    ),
    "crm_accountmatch": (
        "JOIN crm_accountmatch t ON t.opportunity_id = p.original",
        {"id": "p.id", "opportunity_id": "p.id", "created_at": "p.at"},
    ),
}  # fmt: skip
MADE = """
INSERT INTO crm_activity (id, opportunity_id, rep_id, kind, happened_at, note, created_at)
SELECT {month} + p.n * {activities} + k, p.id, o.owner_id, (ARRAY['call', 'email', 'meeting'])[1 + k %% 3],
       p.at + interval '1 hour' + k * interval '2 days', '', p.at + interval '1 hour' + k * interval '2 days'
FROM p JOIN crm_opportunity o ON o.id = p.original CROSS JOIN generate_series(0, {activities} - 1) k;

INSERT INTO crm_stagechange (opportunity_id, from_stage, to_stage, reason, changed_at)
SELECT p.id, 'open', (ARRAY['won', 'lost', 'lost', 'disqualified'])[1 + p.n %% 4], '', p.at + interval '10 days' FROM p
"""


def fill(count: int) -> dict[str, Any]:
    """Sizes: database_gb, bytes_per_decision (with its indexes), months (partitions of decisions)."""
    from django.db import connection

    months = _months()
    with connection.cursor() as cursor:
        cursor.execute("SELECT history_cut(%s)", [months[0]])
        below = cursor.fetchone()[0] + ORIGINALS + 1
        cursor.execute("SELECT max(number) FROM routing_change")
        numbered = cursor.fetchone()[0]
        cursor.execute("SET session_replication_role = replica")
        edges = np.linspace(0, count, MONTHS + 1).astype(int)
        for place, month in enumerate(months):
            names = {"first": int(edges[place]) + 1, "until": int(edges[place + 1]), "originals_below": below}
            _fill_month(cursor, month, count, numbered, names)
        cursor.execute("SET session_replication_role = origin")
        _number_on(cursor, count)
    _close(months)
    return _sizes(count)


def _months() -> list[datetime.date]:
    """The months that the past's ids lie in, their partitions made."""
    from django.db import connection

    from operations.services.history.months import keep_months

    today = datetime.datetime.now(datetime.UTC)
    first = today.year * 12 + today.month - 1
    found = [datetime.date((first + n) // 12, (first + n) % 12 + 1, 1) for n in range(MONTHS)]
    for month in found:
        keep_months(at=datetime.datetime.combine(month, datetime.time(12), datetime.UTC))
    connection.close()  # with what it prepared for fewer partitions
    return found


def _fill_month(cursor: Any, month: datetime.date, count: int, numbered: int, names: dict[str, int]) -> None:
    cursor.execute("SELECT history_cut(%s)", [month])
    # Beside the originals, which stand in the first of these months.
    values = {"month": cursor.fetchone()[0] + 1_000_000, "numbered": numbered, "activities": ACTIVITIES}
    cursor.execute("DROP TABLE IF EXISTS p")
    cursor.execute(PAST.format(id=f"n - {BEFORE}", when=WHEN.format(last=count)), names)
    for table, (joined, own) in COPIED.items():
        columns = _columns(cursor, table)
        given = [own[name].format(**values) if name in own else f't."{name}"' for name in columns]
        listed = ", ".join(f'"{name}"' for name in columns)
        cursor.execute(f"INSERT INTO {table} ({listed}) SELECT {', '.join(given)} FROM p {joined}")
    cursor.execute(MADE.format(**values), [])


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    return [name for (name,) in cursor.fetchall()]


def _number_on(cursor: Any, count: int) -> None:
    """Sequences and the counter of changes go on behind the past."""
    for table in (*COPIED, "crm_activity"):
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) + 1 FROM {table}))"
        )
    cursor.execute("UPDATE routing_changecounter SET last = last + %s", [count])


def _close(months: list[datetime.date]) -> None:
    from operations.services.history.months import close_months

    close_months(at=datetime.datetime.combine(months[-1], datetime.time(12), datetime.UTC))


def _sizes(count: int) -> dict[str, Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()), sum(pg_total_relation_size(inhrelid)), count(*)"
            " FROM pg_inherits WHERE inhparent = 'routing_decision'::regclass"
        )
        whole, decisions, months = cursor.fetchone()
    return {
        "database_gb": round(whole / 1e9, 2),
        "bytes_per_decision": round(int(decisions) / count),
        "months": months,
    }


def violations() -> list[str]:
    from routing.queries.invariants import check_invariants

    return [f"{one.guarantee}: {one.detail}" for one in check_invariants().violations[:20]]


def follow() -> None:
    """What workers do with new leads: their messages and changes go out, what waits is looked at."""
    from django.utils import timezone

    from routing.services import changes, outbox, sweep

    at = timezone.now()
    changes.number_all()
    while outbox.deliver_due(at=at):
        pass
    sweep.route_waiting(at=at)
    sweep.drain_held()
    sweep.reroute_missed(at=at)


def follow_when_asked() -> None:
    for _ in sys.stdin:
        started = time.perf_counter()
        follow()
        print(time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())
