"""How many statements a routed POST takes with ten reps and with all: `python -m benchmarks.realtime.queries`."""

import json
import os
import subprocess
import sys

import django

from benchmarks.realtime import stack, world

FEW = 10


def queries_per_route(database: str) -> dict[str, int]:
    """By number of reps; counted in a process of its own, in a transaction that is rolled back."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.realtime.queries"],
        cwd=stack.ROOT, env=stack.environment(database), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    counted: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    return counted


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps({str(reps): count(reps) for reps in (world.LARGE.reps, FEW)}))
    return 0


def count(reps: int) -> int:
    """The statements of the second of two leads with so many reps."""
    import numpy as np
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone
    from rest_framework.test import APIClient

    from reps.models import Rep, User

    rng = np.random.default_rng(5)
    client = APIClient()
    with transaction.atomic():
        Rep.objects.filter(pk__gt=reps).update(left_at=timezone.now())
        client.force_authenticate(User.objects.get(email="form@benchmark.example"))
        for number in (10**6, 10**6 + 1):
            lead = world.lead(number, rng)
            with CaptureQueriesContext(connection) as asked:
                answer = client.post("/api/v1/opportunities/", lead, format="json", HTTP_HOST="localhost")
            if answer.status_code != 201:
                raise AssertionError(answer.content)
        transaction.set_rollback(True)
    return len(asked)


if __name__ == "__main__":
    sys.exit(main())
