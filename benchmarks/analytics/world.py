"""Fills the benchmark's database: people, a few real decisions, two years of history by COPY, facts and sums."""

import datetime
import json
import sys
import time
from typing import Any

from benchmarks.analytics.command import set_up

REPS, TEAMS, TERRITORIES, REAL = 500, 20, 40, 200


def main() -> int:
    set_up()
    from django.core.management import call_command
    from django.utils import timezone

    from analytics.services.gaps import note_fall_throughs
    from analytics.services.loads import keep_loads
    from analytics.services.refresh import refresh
    from benchmarks.analytics import history, pages
    from crm.models import Activity, Opportunity
    from routing.queries.inputs import rules_model_id
    from routing.services.load_samples import keep_load_samples

    count, each = int(sys.argv[1]), int(sys.argv[2])
    call_command("migrate", interactive=False, verbosity=0)
    people = make_people()
    real = real_decisions()
    people |= {"model": rules_model_id(), "roster": real[0][4]}
    history.fill(count, count * each, people, real, print)
    started = time.perf_counter()
    refresh(say=lambda stage, done, total: print(f"{stage}: {done:,} of {total:,}"))
    keep_loads(today=timezone.now().date())
    keep_load_samples(at=timezone.now())
    print("Fall-throughs")
    note_fall_throughs(at=timezone.now())
    seconds = time.perf_counter() - started
    analyze()
    print(
        json.dumps(
            {
                "opportunities": Opportunity.objects.count(),
                "activities": Activity.objects.count(),
                "first_fill_s": round(seconds, 1),
                "pages": list(pages.UNFILTERED),
                "filtered": list(pages.FILTERED),
            }
        )
    )
    return 0


def analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as the server does by itself within minutes


def make_people() -> dict[str, Any]:
    from django.utils import timezone

    from benchmarks.analytics.history import INDUSTRIES, OPEN_CAP, WEEK_CAP
    from crm.models import ImportRun
    from reps.models import Rep, RoleTemplate, Skill, Team, User
    from routing.services.configuration import publish_configuration
    from territories.models import Territory

    template = RoleTemplate.objects.get(is_default=True)
    teams = [Team.objects.create(name=f"Team {n + 1:02}") for n in range(TEAMS)]
    Rep.objects.bulk_create(
        Rep(name=f"Rep {n + 1:03}", team=teams[n % TEAMS], role_template=template, own_max_open=OPEN_CAP,
            own_max_new_per_week=WEEK_CAP)
        for n in range(REPS)
    )  # fmt: skip
    reps = list(Rep.objects.order_by("pk"))
    Skill.objects.bulk_create(
        Skill(rep=rep, kind="industry", name=INDUSTRIES[n % len(INDUSTRIES)]) for n, rep in enumerate(reps)
    )
    ops = User.objects.create_user("ops@benchmark.example", name="Ops", role=User.Role.OPS)
    manager = User.objects.create_user("manager@benchmark.example", name="Manager", role=User.Role.MANAGER)
    teams[0].managers.add(manager)
    version, _ = publish_configuration(by=ops, at=timezone.now() - datetime.timedelta(days=800))
    # In the draft only: live, nobody would cover them.
    territories = [Territory.objects.create(name=f"Territory {n + 1:02}") for n in range(TERRITORIES)]
    return {
        "reps": [rep.pk for rep in reps],
        "teams": [rep.team_id for rep in reps],
        "territories": [one.pk for one in territories],
        "user": ops.pk,
        "run": ImportRun.objects.create().pk,
        "configuration": version.pk,
    }


def real_decisions() -> list[tuple[Any, ...]]:
    """Decisions that the product makes, and then takes away again: what is copied where a person overruled."""
    from django.db import connection
    from django.utils import timezone

    from benchmarks.analytics.history import INDUSTRIES
    from crm.services.opportunities import create_opportunity
    from routing.services.decisions import route

    for number in range(REAL):
        values = {"name": f"First {number}", "industry": INDUSTRIES[number % len(INDUSTRIES)], "value": 1000}
        lead = create_opportunity(values=values, at=timezone.now(), by=None)
        route(opportunity_id=lead.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT facts::text, state, columns, trace::text, roster_id, rep_id, score FROM routing_decision"
        )
        rows = [
            (f, bytes(s), bytes(c), t, r, rep, score)
            for f, s, c, t, r, rep, score in cursor.fetchall()
            if rep
        ]
        cursor.execute("SET session_replication_role = replica")
        for table in ("routing_queueitem", "routing_decision", "crm_assignment", "crm_stagechange", "routing_change",
                      "routing_outboxmessage", "analytics_mark", "crm_opportunity"):  # fmt: skip
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("UPDATE reps_rep SET pending = 0, pending_value = 0, load = 0")
        cursor.execute("SET session_replication_role = origin")
    return rows


if __name__ == "__main__":
    sys.exit(main())
