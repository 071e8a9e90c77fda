"""A contact who went through the whole product is erased: nothing of it stands anywhere, every number is the same."""

from typing import Any

import pytest
from django.db.models import Count, Sum

from analytics.models import DaySum, Fact
from crm.models import Assignment, Contact, Opportunity
from privacy.models import Erasure
from privacy.services.erasing import erase
from reps.models import Rep, User
from reps.services.audit import seal
from routing.management.commands.replay_decision import is_identical
from routing.models import Decision
from routing.queries.invariants import check_invariants
from tests.conftest import NOW
from tests.privacy.conftest import CONTACT_MARKERS
from tests.privacy.searching import where_is

pytestmark = pytest.mark.django_db


def numbers() -> list[Any]:
    return [
        list(
            Opportunity.objects.order_by("pk").values_list(
                "pk", "stage", "value_base", "industry", "owner", "routing"
            )
        ),
        list(Decision.objects.order_by("pk").values_list("pk", "outcome", "via", "rep", "score", "columns")),
        list(Assignment.objects.order_by("pk").values_list("pk", "rep", "source")),
        Fact.objects.aggregate(Count("pk"), Sum("value")),
        DaySum.objects.aggregate(Count("pk"), Sum("count"), Sum("value_sum")),
        list(Rep.objects.order_by("pk").values_list("pk", "load", "pending", "pipeline_value")),
    ]


def broken() -> list[str]:
    return [f"{one.guarantee}: {one.detail}" for one in check_invariants().violations]


def test_nothing_is_left_and_every_number_is(zorvexa: Contact, ada: User) -> None:
    seal()
    before, found = numbers(), where_is(*CONTACT_MARKERS)
    assert len(found) > 12, found
    assert all(is_identical(one) for one in Decision.objects.all())
    (erasure,) = erase(people=[("contact", zorvexa.pk)], by=ada, at=NOW, reason="asked by letter")
    seal()
    assert where_is(*CONTACT_MARKERS) == []
    assert numbers() == before
    assert [one.pk for one in Decision.objects.all() if not is_identical(one)] == []
    assert broken() == []
    zorvexa.refresh_from_db()
    assert (zorvexa.name, zorvexa.email) == (f"Erased contact {zorvexa.pk}", "")
    assert (erasure.kind, erasure.person_id, erasure.made_by) == ("contact", zorvexa.pk, ada)
    assert Erasure.objects.get().counts["routing.Decision"] == 2
