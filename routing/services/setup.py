"""What every organisation starts with. Runs after each migration and adds what is missing; it never overwrites."""

import datetime

from django.db import transaction
from django_q.models import Schedule

from reps.models import Organisation, RoleTemplate, Team
from routing.engine.model import MatchModel
from routing.models import CapacitySettings, ConfigurationVersion, ModelVersion, OverrideReason, Policy
from routing.services.configuration import publish_configuration
from routing.services.presets import shipped_policies

OVERRIDE_REASONS = (
    ("Wrong expertise", True),
    ("Knows the customer better", True),
    ("Overloaded", False),
    ("On leave or unreachable", False),
    ("Existing relationship", False),
    ("Territory or account change", False),
    ("Other", False),
)


@transaction.atomic
def prepare_organisation(*, at: datetime.datetime) -> None:
    """Organisation, default team and role, policies that suggest everything, the model without deals, version 1."""
    Organisation.objects.get_or_create(pk=1)
    CapacitySettings.objects.get_or_create(pk=1)
    if not Team.objects.exists():
        Team.objects.create(name="Sales", is_default=True)
    if not RoleTemplate.objects.exists():
        RoleTemplate.objects.create(name="Account executive", is_default=True)
    if not OverrideReason.objects.exists():
        OverrideReason.objects.bulk_create(
            OverrideReason(label=label, is_about_fit=fit, position=position)
            for position, (label, fit) in enumerate(OVERRIDE_REASONS)
        )
    if not ModelVersion.objects.exists():
        ModelVersion.objects.create(
            number=1,
            kind=ModelVersion.Kind.RULES,
            state=ModelVersion.State.CHAMPION,
            artifact=MatchModel.prior_artifact(),
            created_at=at,
        )
    Schedule.objects.get_or_create(
        name="Every minute",
        defaults={"func": "routing.jobs.every_minute", "schedule_type": Schedule.MINUTES, "minutes": 1},
    )
    Schedule.objects.get_or_create(
        name="Every few minutes",
        defaults={"func": "routing.jobs.every_few_minutes", "schedule_type": Schedule.MINUTES, "minutes": 3},
    )
    Schedule.objects.get_or_create(
        name="Every night", defaults={"func": "routing.jobs.every_night", "schedule_type": Schedule.DAILY}
    )
    Schedule.objects.get_or_create(
        name="Every week",
        defaults={
            "func": "routing.jobs.every_week",
            "schedule_type": Schedule.WEEKLY,
            "next_run": _next_sunday_night(at),
        },
    )
    if not ConfigurationVersion.objects.exists():
        if not Policy.objects.exists():
            Policy.objects.bulk_create(shipped_policies())
        publish_configuration(by=None, at=at, note="To start with")


def _next_sunday_night(at: datetime.datetime) -> datetime.datetime:
    """Sunday, 02:00: the week's deals are in, and nobody waits."""
    days = (6 - at.weekday()) % 7 or 7
    return (at + datetime.timedelta(days=days)).replace(hour=2, minute=0, second=0, microsecond=0)
