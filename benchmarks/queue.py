"""The Routing Queue with 100,000 items against the same page with 100: first and 50th page, in every order.

In a database of its own, which is dropped afterwards, the queue is filled by SQL and its page asked for as a browser
does: by operations, who see all; by the manager of seven of twelve teams; and by the manager of a team for whom three
items wait among all others, for whom an order's index is of no use. `ratio` is the same page's median over that with
100 items, where the 50th page is the last one.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import django

DATABASE = "benchmark_queue"
FEW, MANY, MANY_SHORT = 100, 100_000, 10_000
PAGE, FAR = 50, 50
TEAMS, LED, REPS_A_TEAM, DECISIONS = 12, 7, 5, 500
REPETITIONS = 9

FILL = """
INSERT INTO crm_opportunity (name, kind, stage, source, industry, size_band, country, region, city, postal_code,
    language, urgency, competitors, currency, value, value_base, lead_score, custom, flags, opened_at, accepted_at,
    dates_known, routing, routing_since, is_locked, lock_reason, not_again, updated_at)
SELECT 'Lead ' || n, 'lead', 'open', 'Web', 'Energy', '', 'AT', '', '', '', '',
    (ARRAY['', 'now', 'quarter'])[1 + n %% 3],
    '{}', 'USD', (n * 7919 %% 1000000)::numeric, (n * 7919 %% 1000000)::numeric, n * 31 %% 101, '{}', '[]',
    now() - n * interval '1 second', now() - n * interval '1 second', true,
    CASE WHEN n %% 20 = 0 THEN 'held' WHEN n %% 20 = 1 THEN 'manager' ELSE 'suggested' END,
    now() - n * interval '1 second', false, '', '{}', now()
FROM generate_series(%(first)s, %(last)s) n;

INSERT INTO routing_queueitem (opportunity_id, decision_id, kind, rep_id, team_id, state, waiting_since, order_points,
    score, value, lead_score, created_at, note, touch_due_at, checked_configuration_id, checked_model_id, is_exempt,
    is_of_batch, taken_back_because, renewed_because)
SELECT o.id, d.ids[1 + o.id %% array_length(d.ids, 1)], k.kind, CASE WHEN k.kind = 'suggestion' THEN r.id END,
    r.team_id, 'pending', o.routing_since, routing_order_points(o.lead_score, o.urgency, o.value_base),
    CASE WHEN k.kind = 'suggestion' THEN 30 + o.id * 17 %% 600 / 10.0 ELSE 0 END, o.value_base, o.lead_score, now(), '',
    CASE WHEN o.id %% 3 = 0 THEN o.routing_since + interval '4 hours' END, d.configuration_id, d.model_id, false, false,
    '', ''
FROM crm_opportunity o
CROSS JOIN LATERAL (SELECT CASE o.routing WHEN 'suggested' THEN 'suggestion' ELSE o.routing END AS kind) k
CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids, max(configuration_id) AS configuration_id,
                max(model_id) AS model_id FROM routing_decision) d
CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM reps_rep WHERE name LIKE 'Rep %%') a
JOIN reps_rep r ON r.id = a.ids[1 + o.id %% array_length(a.ids, 1)]
WHERE o.routing IN ('suggested', 'held', 'manager')
  AND NOT EXISTS (SELECT FROM routing_queueitem q WHERE q.opportunity_id = o.id);

UPDATE reps_rep SET pending = (
    SELECT count(*) FROM routing_queueitem q WHERE q.rep_id = reps_rep.id AND q.state = 'pending'
);
"""
FEW_OF_A_TEAM = """
UPDATE routing_queueitem SET team_id = %(team)s, rep_id = NULL
WHERE id IN (SELECT id FROM routing_queueitem WHERE kind = 'manager' ORDER BY waiting_since LIMIT 3)
"""


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: orders (who, order and page → at_100_ms, at_100000_ms, ratio), worst_ratio, many."""
    from benchmarks.realtime import stack

    many = MANY_SHORT if short else MANY
    say(f"{FEW:,} and {many:,} items that wait")
    with stack.scratch_database(DATABASE) as database:
        command = [sys.executable, "-m", "benchmarks.queue", str(many)]
        done = subprocess.run(
            command,
            cwd=stack.ROOT,
            env=stack.environment(database),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"The queue could not be measured:\n{done.stderr[-3000:]}")
    at_few, at_many = json.loads(done.stdout.strip().splitlines()[-1])
    orders = {
        name: {
            "at_100_ms": round(at_few[name], 1),
            "at_100000_ms": round(ms, 1),
            "ratio": round(ms / at_few[name], 2),
        }
        for name, ms in at_many.items()
    }
    return {"orders": orders, "worst_ratio": max(row["ratio"] for row in orders.values()), "many": many}


def main() -> int:
    """In a process of its own, on the scratch database: fills and measures twice, and prints both as JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.core.management import call_command
    from django.test.utils import override_settings

    from benchmarks.team_page import PLAIN_FILES

    call_command("migrate", interactive=False, verbosity=0)
    with override_settings(STORAGES=PLAIN_FILES):
        print(json.dumps(measured_twice(int(sys.argv[1]))))
    return 0


def measured_twice(many: int) -> list[dict[str, float]]:
    people = _people()
    _decisions()
    found = []
    for first, last in ((1, FEW), (FEW + 1, many)):
        _fill(first, last, people["manager_of_few"].managed_teams.get().pk)
        found.append(_measured(people))
    return found


def _people() -> dict[str, Any]:
    """Reps in teams, and who looks at the queue."""
    from reps.models import Rep, RoleTemplate, Team, User

    template = RoleTemplate.objects.get(is_default=True)
    teams = [Team.objects.create(name=f"Team {n}") for n in range(TEAMS + 1)]
    Rep.objects.bulk_create(
        Rep(name=f"Rep {n:03}", team=teams[n // REPS_A_TEAM], role_template=template, own_max_open=MANY,
            own_max_new_per_week=MANY)
        for n in range(TEAMS * REPS_A_TEAM)
    )  # fmt: skip
    roles = (("ops", User.Role.OPS), ("manager", User.Role.MANAGER), ("manager_of_few", User.Role.MANAGER))
    people = {
        name: User.objects.create_user(f"{name}@benchmark.example", name=name, role=role)
        for name, role in roles
    }
    for team in teams[:LED]:
        team.managers.add(people["manager"])
    teams[-1].managers.add(people["manager_of_few"])
    return people


def _decisions() -> None:
    """Some that the product makes; they stand for all."""
    from django.utils import timezone

    from crm.services.opportunities import create_opportunity
    from routing.models import QueueItem
    from routing.services.decisions import route

    now = timezone.now()
    for number in range(DECISIONS):
        lead = create_opportunity(values={"name": f"First {number}", "value": 1000}, at=now, by=None)
        route(opportunity_id=lead.pk)
    QueueItem.objects.update(state=QueueItem.State.WITHDRAWN, resolved_at=now)


def _fill(first: int, last: int, team_of_few: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_opportunity SET routing = 'none' WHERE name LIKE 'First %'")
        for statement in FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, {"first": first, "last": last})
        cursor.execute(FEW_OF_A_TEAM, {"team": team_of_few})
        cursor.execute("VACUUM ANALYZE")  # as the server does by itself within minutes


def _measured(people: dict[str, Any]) -> dict[str, float]:
    """Median milliseconds by who looks, the order, and the page."""
    from django.test import Client

    from routing.queries.queue import ORDERS

    found = {}
    for name, user in people.items():
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        for order in ORDERS:
            for page, at in (("first", ""), ("50th", _cursor(user, order))):
                if page == "50th" and name == "manager_of_few":
                    continue  # there is but one
                found[f"{name}, {order or 'longest'}, {page} page"] = _median_ms(client, order, at)
    return found


def _cursor(user: Any, order: str) -> str:
    """Of the page after 49 others, or of the last where there are fewer."""
    from reps.queries.pages import page_of
    from routing.queries.queue import ORDERS, queue_visible_to

    _, key, descending = ORDERS[order]
    cursor = ""
    for _ in range(FAR - 1):
        page = page_of(queue_visible_to(user), key=key, descending=descending, cursor=cursor, size=PAGE)
        if not page.after:
            break
        cursor = page.after
    return cursor


def _median_ms(client: Any, order: str, at: str) -> float:
    from django.urls import reverse

    taken = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        answer = client.get(reverse("queue"), {"order": order, "at": at})
        taken.append(1000 * (time.perf_counter() - started))
        if answer.status_code != 200 or b"Lead " not in answer.content:
            raise AssertionError(f"The page of the order “{order}” shows no leads.")
    return statistics.median(taken[1:])


if __name__ == "__main__":
    sys.exit(main())
