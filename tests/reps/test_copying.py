"""Rows that are copied in are those that `save()` writes."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from crm.models import Account, Contact, Opportunity, StageChange
from reps.services.copying import copy_in
from routing.models import OutboxMessage
from tests.reps.test_inserts import NOW, opportunity, stored

pytestmark = pytest.mark.django_db


def test_writes_what_save_writes() -> None:
    saved, copied = opportunity(), opportunity()
    saved.save()
    copy_in([copied])
    assert stored(copied) == stored(saved)
    assert copied.updated_at == Opportunity.objects.get(pk=copied.pk).updated_at


def test_text_that_the_format_could_mistake_for_its_own() -> None:
    odd = ["tab\tnew\nline", "\\N", "\\", "quo\"te'", "", "ünï 漢 🙂", "{a,b}", "NULL"]
    rows = [opportunity(name=text or "-", city=text, postal_code=text[:20]) for text in odd]
    for row in rows:
        row.competitors = [text for text in odd if text]
        row.custom = {"text": odd}
    copy_in(rows)
    found = Opportunity.objects.order_by("pk")
    assert [one.city for one in found] == odd
    assert all(one.competitors == rows[0].competitors and one.custom == {"text": odd} for one in found)


def test_gives_ids_to_those_that_others_refer_to() -> None:
    account = Account(name="Acme")
    contact = Contact(account=account, name="Kim")
    leads = [opportunity(f"Lead {n}", account=account, contact=contact) for n in range(3)]
    changes = [StageChange(opportunity=lead, to_stage="open", changed_at=NOW) for lead in leads]
    copy_in([*changes, *leads, contact, account])  # in whatever order
    assert [change.opportunity_id for change in changes] == [lead.pk for lead in leads]
    assert set(Opportunity.objects.values_list("account__name", "contact__account__name")) == {
        ("Acme", "Acme")
    }
    assert not leads[0]._state.adding


def test_a_json_text_is_no_bare_text() -> None:
    moment = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
    message = OutboxMessage(topic="x", payload="plain", created_at=moment, next_attempt_at=moment)
    copy_in([message])
    assert OutboxMessage.objects.get().payload == "plain"


def test_one_that_has_its_id_keeps_it() -> None:
    account = Account(pk=4711, name="Acme")
    copy_in([account, Account(name="Other")])
    assert Account.objects.get(pk=4711).name == "Acme"


def test_what_is_taken_stops_all_of_it() -> None:
    opportunity(external_id="taken").save()
    with pytest.raises(IntegrityError, match="external_id"), transaction.atomic():
        copy_in([opportunity(), opportunity(external_id="taken")])
    assert Opportunity.objects.count() == 1


def test_nothing() -> None:
    copy_in([])
