"""Rows written in one statement are those that `save()` writes; statements sent together see what is committed."""

import datetime
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from crm.models import Account, Contact, Opportunity, StageChange
from reps.models import Rep, Team
from reps.queries.prepared import ask, ask_all, ask_one
from reps.services.copying import copy_in
from reps.services.inserts import Beside, insert

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)


def opportunity(name: str = "Lead", **values: object) -> Opportunity:
    values = {"custom": {"seats": 3, "plan": 'quoted "gold"', "none": None}} | values
    return Opportunity(
        name=name,
        source="Web",
        competitors=["Zoho", "SAP"],
        flags=["rate"],
        value=Decimal("1234.50"),
        value_base=Decimal("1234.50"),
        currency="USD",
        urgency=Opportunity.Urgency.NOW,
        lead_score=0,
        opened_at=NOW,
        accepted_at=NOW,
        routing_since=NOW,
        **values,
    )


def stored(row: Opportunity) -> dict[str, object]:
    fresh = Opportunity.objects.get(pk=row.pk)
    values = {field.attname: getattr(fresh, field.attname) for field in Opportunity._meta.concrete_fields}
    return {name: value for name, value in values.items() if name not in ("id", "updated_at")}


@pytest.mark.django_db
class TestInsert:
    def test_writes_what_save_writes(self) -> None:
        saved, inserted = opportunity(), opportunity()
        saved.save()
        insert(inserted)
        assert stored(inserted) == stored(saved)
        assert inserted.updated_at == Opportunity.objects.get(pk=inserted.pk).updated_at

    @pytest.mark.parametrize(
        "value",
        [
            NOW + datetime.timedelta(microseconds=123_456),
            datetime.date(2026, 3, 2),
            Decimal("10.250"),
            uuid.UUID(int=7),
            2**80,
            {3: "three", "nested": [{"a": (1, 2.5)}]},
            'Zoë \u2028 \U0001f600 \\ "',
            1e16,
            0.1 + 0.2,
            True,
        ],
        ids=repr,
    )
    def test_writes_json_as_save_does(self, value: object) -> None:
        saved, inserted, copied = (opportunity(custom={"value": value}) for _ in range(3))
        saved.save()
        insert(inserted)
        copy_in([copied])
        found = Opportunity.objects.filter(pk__in=[saved.pk, inserted.pk, copied.pk])
        one, *others = found.annotate(written=Cast("custom", TextField())).values_list("written", flat=True)
        assert others == [one, one]

    def test_refuses_json_that_save_refuses(self) -> None:
        with pytest.raises(TypeError, match="not JSON serializable"):
            insert(opportunity(custom={"value": object()}))

    def test_gives_ids_to_those_that_others_refer_to(self) -> None:
        account = Account(name="Acme")
        contact = Contact(account=account, name="Kim")
        lead = opportunity(account=account, contact=contact)
        change = StageChange(opportunity=lead, to_stage="open", changed_at=NOW)
        with CaptureQueriesContext(connection) as asked:
            insert(account, contact, lead, change)
        assert len(asked) == 1
        assert (contact.account_id, lead.account_id, lead.contact_id) == (account.pk, account.pk, contact.pk)
        assert change.opportunity_id == lead.pk
        fresh = StageChange.objects.select_related("opportunity__contact__account").get()
        assert fresh.opportunity.contact is not None
        assert fresh.opportunity.contact.account == account
        assert model_to_dict(fresh) == model_to_dict(change)

    def test_keeps_an_id_that_was_given(self) -> None:
        lead = opportunity()
        lead.pk = 10_000_000
        insert(lead, StageChange(opportunity=lead, to_stage="open", changed_at=NOW))
        assert StageChange.objects.get().opportunity_id == 10_000_000

    def test_what_was_inserted_can_be_saved_again(self) -> None:
        lead = opportunity()
        insert(lead)
        lead.name = "Renamed"
        lead.save()
        assert Opportunity.objects.get().name == "Renamed"

    def test_changes_beside_it(self, ana: Rep) -> None:
        raised = Beside(("raised AS (UPDATE reps_rep SET load = load + %s WHERE id = %s)",), (2, ana.pk))
        insert(opportunity("One"), opportunity("Two"), beside=raised)
        assert Rep.objects.get(pk=ana.pk).load == 2

    def test_all_of_it_or_nothing(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            insert(Account(name="Acme"), opportunity("", external_id="x"))
        assert not Account.objects.exists()


@pytest.mark.django_db
class TestAsk:
    def test_takes_names_and_places(self) -> None:
        assert ask("SELECT %(a)s::int + %(b)s::int + %(a)s::int", {"a": 1, "b": 10}) == [(12,)]
        assert ask_one("SELECT %s::text, %s::int[]", ["it's", [1, 2]]) == ("it's", [1, 2])
        assert ask("UPDATE reps_team SET name = name WHERE false") == []

    def test_several_at_once_give_each_their_rows(self) -> None:
        found = ask_all(
            ("SELECT 1", ()), ("SELECT generate_series(1, %s::int)", [2]), ("SELECT 2 WHERE false", ())
        )
        assert found == [[(1,)], [(1,), (2,)], []]

    def test_errors_are_djangos_and_the_transaction_can_be_rolled_back(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            ask_all(("SELECT 1", ()), ("INSERT INTO reps_team (name, is_default, turn_clock, updated_at) "
                                       "SELECT name, false, 0, now() FROM reps_team LIMIT 1", ()))  # fmt: skip
        assert Team.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_sees_what_was_committed_while_the_first_waited(
    ana: Rep, make_rep: Callable[..., Rep]
) -> None:
    """A rep's row is waited for, and what is counted afterwards counts whoever held it."""
    locked, go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Rep.objects.filter(pk=ana.pk).update(load=1)
                locked.set()
                assert go.wait(30)
                Team.objects.create(name="Made meanwhile")
        finally:
            connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert locked.wait(30)
    threading.Timer(0.3, go.set).start()
    with transaction.atomic():
        rows = ask_all(
            ("SELECT load FROM reps_rep WHERE id = %s FOR NO KEY UPDATE", [ana.pk]),
            ("SELECT count(*) FROM reps_team WHERE name = 'Made meanwhile'", ()),
        )
    other.join()
    assert rows == [[(1,)], [(1,)]]
