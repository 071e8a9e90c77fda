"""A database that an earlier state of the product filled is one of this version after migrating."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from benchmarks.realtime import stack
from crm.models import Activity, ActivityKey, Assignment, Opportunity
from crm.services.activities import log_activity
from operations.queries.histories import HISTORIES, months_of
from operations.services.backups.restoring import looking_at
from reps.models import Rep
from routing.engine.model import MatchModel
from routing.models import Policy, QueueItem
from routing.queries.invariants import check_invariants
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.presets import shipped_policies


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
        history_stands_in_months()
        Policy.objects.bulk_create(shipped_policies())
        publish_configuration(by=None, at=timezone.now(), note="After the upgrade")
        assert check_invariants().violations == []
        waiting = Opportunity.objects.filter(owner=None).first()
        assert waiting is not None
        route(opportunity_id=waiting.pk)
        assert check_invariants().violations == []
        assert Assignment.objects.count() >= 15


def history_stands_in_months() -> None:
    """What was there is the first partition, with what referred to it; what comes new is of this month."""
    for history in HISTORIES:
        months = months_of(history)
        assert months[0].month is None
        assert months[1].month == timezone.now().date().replace(day=1)
    assert in_part("routing_decision_before") == in_part("crm_activity_before") == 20
    assert in_part("routing_change_before") == 20
    assert ActivityKey.objects.count() == 20
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated")
        assert cursor.fetchone()[0] == 0
    item = QueueItem.objects.latest("pk")
    assert item.decision.opportunity_id == item.opportunity_id
    with pytest.raises(IntegrityError, match="foreign key"):  # which is asked at the commit
        QueueItem.objects.filter(pk=item.pk).update(decision_id=10**9)
    known, is_new = log_activity(
        opportunity_id=item.opportunity_id,
        kind="call",
        rep=None,
        happened_at=timezone.now(),
        external_id="call-3",
    )
    assert (known.external_id, is_new) == ("call-3", False)
    newer = Activity.objects.create(opportunity_id=item.opportunity_id, kind="call")
    assert in_part(f"crm_activity_{timezone.now():%Y%m}") == 1
    newer.delete()


def in_part(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


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
    version = model("routing", "ConfigurationVersion").objects.create(
        number=1, content={}, content_hash="", published_at=now
    )
    champion = model("routing", "ModelVersion").objects.create(
        number=1, kind="rules", state="champion", artifact=MatchModel.prior_artifact(), created_at=now
    )
    roster = model("routing", "RosterSnapshot").objects.create(digest="d" * 64, content=b"")
    account = model("crm", "Account").objects.create(name="Northwind")
    for number in range(20):
        owner = rep if number < 15 else None
        one = model("crm", "Opportunity").objects.create(
            name=f"Deal {number}", account=account, opened_at=now, accepted_at=now, owner=owner,
            routing="assigned" if owner else "waiting", assigned_at=now if owner else None,
        )  # fmt: skip
        decision = model("routing", "Decision").objects.create(
            opportunity=one, made_at=now, seed=1, configuration=version, model=champion, roster=roster, facts={},
            state=b"", outcome="suggest", via="hold", trace={"steps": []}, columns=b"", result_digest="",
        )  # fmt: skip
        if number == 19:
            model("routing", "QueueItem").objects.create(
                opportunity=one, decision=decision, kind="held", state="expired", waiting_since=now, created_at=now,
                resolved_at=now, order_points=0, score=0, value=0,
            )  # fmt: skip
        model("routing", "Change").objects.create(event="opportunity.held", opportunity=one, at=now)
        model("crm", "Activity").objects.create(opportunity=one, kind="call", external_id=f"call-{number}")
        if owner:
            model("crm", "Assignment").objects.create(
                opportunity=one, rep=rep, source="person", assigned_by=user, assigned_at=now
            )
