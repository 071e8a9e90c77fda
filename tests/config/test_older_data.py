"""A database that an earlier state of the product filled is one of this version after migrating."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from benchmarks.realtime import stack
from crm.models import Assignment, Opportunity
from operations.services.backups.restoring import looking_at
from reps.models import Rep
from routing.queries.invariants import check_invariants
from routing.services.decisions import route


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_was_filled_before_is_whole_and_goes_on() -> None:
    name = f"{connection.settings_dict['NAME']}_older"
    with stack.scratch_database(name), looking_at(name):
        executor = MigrationExecutor(connection)
        targets = [
            key for key in executor.loader.graph.nodes if key[0] == "analytics" and key[1].startswith("0006")
        ]
        then = executor.migrate(targets).apps
        fill(then)
        call_command("migrate", interactive=False, verbosity=0)
        assert Opportunity.objects.count() == 20
        assert Rep.objects.get(name="Ana").load == 15
        assert check_invariants().violations == []
        waiting = Opportunity.objects.filter(owner=None).first()
        assert waiting is not None
        route(opportunity_id=waiting.pk)
        assert check_invariants().violations == []
        assert Assignment.objects.count() >= 15


def fill(then) -> None:
    """With the tables as they were."""
    model, now = then.get_model, timezone.now()
    user = model("reps", "User").objects.create(
        email="ana@example.com", name="Ana", role="rep", is_active=True
    )
    team = model("reps", "Team").objects.create(name="East")
    template = model("reps", "RoleTemplate").objects.order_by("pk").first()
    template = template or model("reps", "RoleTemplate").objects.create(name="Rep", is_default=True)
    rep = model("reps", "Rep").objects.create(
        user=user, name="Ana", team=team, role_template=template, load=15
    )
    account = model("crm", "Account").objects.create(name="Northwind")
    for number in range(20):
        owner = rep if number < 15 else None
        one = model("crm", "Opportunity").objects.create(
            name=f"Deal {number}", account=account, opened_at=now, accepted_at=now, owner=owner,
            routing="assigned" if owner else "waiting", assigned_at=now if owner else None,
        )  # fmt: skip
        if owner:
            model("crm", "Assignment").objects.create(
                opportunity=one, rep=rep, source="person", assigned_by=user, assigned_at=now
            )
