"""What the demo shows under Analytics."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from analytics.models import CreditCheck, FallThrough, QuotaCredit, Report
from reps.models import Rep, User
from routing.models import Decision
from territories.models import Coverage, Territory

pytestmark = pytest.mark.django_db


def test_the_demo_has_a_table_and_everything_is_read(
    one_policy: None,
    assign_at_once: None,
    make_rep: Callable[..., Rep],
    omar: User,
    decide: Callable[..., Decision],
) -> None:
    reps = [make_rep(f"Rep {number}") for number in range(1, 15)]
    east = Territory.objects.create(name="East", condition={})
    Territory.objects.create(name="West", condition={})
    Coverage.objects.create(territory=east, team=reps[0].team)
    for _ in range(3):
        decide()
    call_command("seed_demo_analytics")
    listed = set(QuotaCredit.objects.values_list("rep", flat=True))
    assert listed == {rep.pk for rep in reps} - {reps[12].pk}
    assert FallThrough.objects.count() == 3
    assert CreditCheck.objects.count() == 3
    assert [(report.user, report.kind) for report in Report.objects.all()] == [(omar, "weekly")]
