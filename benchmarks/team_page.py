"""The team's board: how many database queries its page takes with few reps and with many.

The page is asked for as a browser does, signed in as operations, in a transaction that is rolled back.
"""

import datetime
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse
from django.utils import timezone

from reps.models import Absence, Rep, RoleTemplate, Team, User

REPS = (5, 500)
REPS_A_TEAM = 12
PLAIN_FILES = {  # no collected static files are needed to count queries
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Key: team_page_queries, by number of reps."""
    say("the team's page")
    return {"team_page_queries": {str(reps): queries(reps) for reps in REPS}}


def queries(reps: int) -> int:
    """Of one visit with so many reps; the visit before it fills what a process keeps between requests."""
    with override_settings(STORAGES=PLAIN_FILES), transaction.atomic():
        _leave_only(reps)
        omar = User.objects.create_user("board@benchmark.example", name="Omar", role=User.Role.OPS)
        client = Client()
        client.force_login(omar)
        _visit(client, reps)
        with CaptureQueriesContext(connection) as asked:
            _visit(client, reps)
        transaction.set_rollback(True)
    return len(asked)


def _leave_only(reps: int) -> None:
    """Whoever is there has left; so many new ones, every fifth of them away."""
    now = timezone.now()
    Rep.objects.filter(left_at=None).update(left_at=now)
    template = RoleTemplate.objects.get(is_default=True)
    teams = [Team.objects.create(name=f"Benchmark {n}") for n in range(-(-reps // REPS_A_TEAM))]
    made = Rep.objects.bulk_create(
        Rep(name=f"Rep {n:03}", team=teams[n // REPS_A_TEAM], role_template=template, load=n % 12)
        for n in range(reps)
    )
    day = datetime.timedelta(days=1)
    Absence.objects.bulk_create(
        Absence(rep=rep, starts_at=now - day, ends_at=now + day, covering=made[-1]) for rep in made[::5]
    )


def _visit(client: Client, reps: int) -> None:
    page = client.get(reverse("board"), HTTP_HOST="localhost")
    if page.status_code != 200 or page.content.decode().count("Rep 0") < min(reps, 50):
        raise AssertionError(f"The page did not show {reps} reps.")
