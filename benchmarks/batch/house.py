"""A batch that falls into parts, through the product itself: territories with a team each, and leads of a list that
wait for their batch. `python -m benchmarks.batch.house fill LEADS REPS`, then `… run`, which asks for the batch, waits
for whoever works on it, and prints what it took."""

import json
import os
import sys
import time
from typing import Any

import django
import numpy as np

POLICY, LIST = "Lists", "List"
TERRITORIES, DEALS = 10, 3000
LOOKS_EVERY = 0.1  # seconds


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(run()))
    return 0


def fill(leads: int, reps: int) -> None:
    from django.core.management import call_command

    from benchmarks.realtime import world

    call_command("migrate", interactive=False, verbosity=0)
    size = world.Size(
        reps=reps, teams=TERRITORIES, rules=0, territories=0, accounts=0, deals=DEALS, max_open=40
    )
    rng = np.random.default_rng(5)
    world.words()
    world.people(size, rng)
    _territories()
    world.model(size.deals)
    _leads(leads, rng)


def _territories() -> None:
    from django.utils import timezone

    from benchmarks.realtime.world import COUNTRIES
    from reps.models import Team
    from routing.models import Policy
    from routing.services.configuration import publish_configuration
    from territories.models import Coverage, Territory

    teams = Team.objects.exclude(is_default=True).order_by("pk")
    for country, team in zip(COUNTRIES, teams, strict=True):
        condition = {"field": "country", "op": "is", "value": country}
        Coverage.objects.create(
            territory=Territory.objects.create(name=country, condition=condition), team=team
        )
    Policy.objects.all().delete()
    Policy.objects.create(
        name=POLICY, position=1, mode="batch", batch_cadence="daily", batch_times=["09:00"], fallback=["hold"],
        threshold=0, condition={"field": "source", "op": "is", "value": LIST},
    )  # fmt: skip
    Policy.objects.create(name="Others", position=2, fallback=["hold"])
    publish_configuration(by=None, at=timezone.now(), note="Benchmark")


def _leads(count: int, rng: np.random.Generator) -> None:
    """A list, as an import leaves it."""
    import datetime
    from decimal import Decimal

    from django.utils import timezone

    from benchmarks.realtime.world import COUNTRIES
    from crm.models import Opportunity
    from routing.engine.worlds import COMPETITORS, INDUSTRIES, LANGUAGES
    from routing.models import BatchWait
    from routing.queries.configuration import live_version

    now, version = timezone.now(), live_version()
    made = Opportunity.objects.bulk_create(
        Opportunity(
            name=f"Lead {n}", kind="lead", stage="open", source=LIST, routing=Opportunity.Routing.BATCH,
            industry=str(rng.choice(INDUSTRIES)), country=COUNTRIES[int(rng.integers(len(COUNTRIES)))],
            language=str(rng.choice(LANGUAGES)), competitors=[str(rng.choice(COMPETITORS))],
            complexity=int(rng.integers(1, 6)), value=Decimal(int(rng.lognormal(10, 1))), currency="USD",
            value_base=Decimal(int(rng.lognormal(10, 1))), opened_at=now, accepted_at=now, routing_since=now,
        )
        for n in range(count)
    )  # fmt: skip
    due_at = now + datetime.timedelta(days=1)  # nobody asks for it but the benchmark
    BatchWait.objects.bulk_create(
        BatchWait(
            opportunity=one, policy_name=POLICY, configuration=version, due_at=due_at, waiting_since=now
        )
        for one in made
    )


def run() -> dict[str, Any]:
    from django.utils import timezone

    from reps.models import Job
    from reps.services.jobs import ACTIVE
    from routing.queries.invariants import check_invariants
    from routing.services.batch_runs.asking import request_batch

    batch = request_batch(policy_name=POLICY, by=None, at=timezone.now())
    while (job := Job.objects.get(pk=batch.job_id or 0)).state in ACTIVE:
        time.sleep(LOOKS_EVERY)
    batch.refresh_from_db()
    if job.state != Job.State.DONE or job.started_at is None or job.finished_at is None:
        raise RuntimeError(job.error or job.state)
    violations = check_invariants().violations
    if violations:
        raise RuntimeError(str(violations[0]))
    return {
        "seconds": (job.finished_at - job.started_at).total_seconds(),
        "parts": batch.found["parts"],
        "published": job.result["published"],
        "objective": batch.found["objective"],
        "gap": batch.found["gap"],
        "verified": batch.found["verified"],
    }


if __name__ == "__main__":
    sys.exit(main())
