"""A contact with a marker in every field, who went through the whole product."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.models import Contact, CustomField, Opportunity
from crm.services.activities import log_activity
from crm.services.imports.runs import import_files
from reps.models import Rep, User
from routing.models import OverrideReason, Policy, QueueItem
from routing.services import outbox, queue
from tests.conftest import NOW

NAME, EMAIL, PHONE = "Quilla Zorvexa", "q.zorvexa@kestrel-mail.example", "+49 30 8675309 42"
CONTACT_MARKERS = ("zorvexa", "8675309")
LEAD: dict[str, Any] = {
    "name": "Zorvexa wants a demo",
    "external_id": "web-1",
    "company": {"name": "Kestrel Works", "domain": "kestrel.example", "country": "DE"},
    "person": {"name": NAME, "email": EMAIL, "phone": PHONE, "title": "Head of Zorvexa Affairs"},
    "industry": "Healthcare",
    "value": "50000",
    "currency": "USD",
    "urgency": "now",
    "custom": {"nickname": "zorvexa the urgent", "seats": 40},
}
URL = "/api/v1/opportunities/"


@pytest.fixture
def own_fields(db: None) -> None:
    CustomField.objects.create(key="nickname", label="Nickname", type="text")
    CustomField.objects.create(key="seats", label="Seats", type="number", is_model_input=True)


@pytest.fixture
def zorvexa(
    own_fields: None, publish: Callable[[], int], ana: Rep, bo: Rep, ben: User, omar: User,
    api: Callable[[User], APIClient],
) -> Contact:  # fmt: skip
    """The contact, with two leads: one overridden with a note, one that repeats it and is held back by a text."""
    urgent = {"field": "custom.nickname", "op": "contains", "value": "urgent"}
    Policy.objects.update(position=100 + Policy.objects.count())
    Policy.objects.filter(condition={}).update(position=99)
    Policy.objects.create(name="Urgent words", position=1, condition={"all": [urgent]}, threshold=0)
    Policy.objects.exclude(name="Urgent words").exclude(condition={}).delete()
    publish()
    client = api(omar)
    first = client.post(URL, LEAD, format="json", headers={"Idempotency-Key": "zorvexa-1"})
    assert first.status_code == 201, first.content
    item = QueueItem.objects.get(opportunity=first.json()["id"], state="pending")
    reason = OverrideReason.objects.create(label="Knows the customer")
    queue.give_to(item_id=item.pk, rep_id=bo.pk, by=ben, at=NOW, reason=reason, note="zorvexa asked for Bo")
    outbox.deliver_due(at=NOW)
    log_activity(
        opportunity_id=first.json()["id"],
        kind="call",
        rep=bo,
        happened_at=NOW,
        note="Called zorvexa at home",
        by=ben,
    )
    again = client.post(URL, LEAD | {"external_id": "web-2"}, format="json")
    assert again.status_code == 201, again.content
    table = f"Name;Email;Phone;Job title\n{NAME};{EMAIL};{PHONE};Zorvexa officer\nOther Person;o@p.example;;Buyer\n"
    import_files(
        files=[("contacts.csv", table.encode())], by=omar, accept_good=True, at=NOW,
        options={"create_accounts": True, "accept_aliases": True},
    )  # fmt: skip
    return Opportunity.objects.get(pk=first.json()["id"]).contact  # type: ignore[return-value]
