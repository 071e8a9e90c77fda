"""A contact who went through the whole product is erased: nothing of it stands anywhere, every number is the same."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count, Sum
from django.test import Client
from rest_framework.test import APIClient

from analytics.models import DaySum, Fact
from analytics.services.refresh import refresh
from crm.models import Assignment, Contact, Opportunity
from privacy.models import Erasure
from privacy.services.erasing import erase
from reps.models import Rep, User
from reps.services.audit import seal
from routing.management.commands.replay_decision import is_identical
from routing.models import Decision, ModelVersion
from routing.queries.invariants import check_invariants
from tests.conftest import NOW
from tests.privacy.conftest import CONTACT_MARKERS
from tests.privacy.searching import says, where_is

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
    refresh()
    model = ModelVersion.objects.values_list("artifact", flat=True).get(state="champion")
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
    refresh()  # what changed is counted again, to the same
    assert numbers() == before
    assert ModelVersion.objects.values_list("artifact", flat=True).get(state="champion") == model


def test_pages_and_the_api_say_erased_contact(
    zorvexa: Contact, ada: User, as_user: Callable[[User], Client], api: Callable[[User], APIClient]
) -> None:
    lead = Opportunity.objects.filter(contact=zorvexa).order_by("pk")[0]
    erase(people=[("contact", zorvexa.pk)], by=ada, at=NOW)
    client, label = as_user(ada), f"Erased contact {zorvexa.pk}"
    pages = [
        f"/contacts/{zorvexa.pk}/",
        f"/opportunities/{lead.pk}/",
        "/contacts/",
        "/opportunities/",
        "/queue/",
    ]
    for address in (*pages, "/analytics/routing/", "/audit/", "/imports/", "/accounts/matches/", "/"):
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        assert not says(answer.content.decode(), CONTACT_MARKERS), address
    assert label in client.get("/contacts/").content.decode()
    for address in (
        f"/api/v1/opportunities/{lead.pk}/",
        f"/api/v1/contacts/{zorvexa.pk}/",
        "/api/v1/changes/",
    ):
        told = api(ada).get(address)
        assert told.status_code == 200, address
        assert not says(told.content.decode(), CONTACT_MARKERS), address
