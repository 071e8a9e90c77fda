"""What erasing refuses, what it leaves alone, and that nobody else rewrites history by its way."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction
from rest_framework.test import APIClient

from crm.models import Account, Contact, CustomField, ImportFile, ImportRun, Opportunity
from crm.services.imports.files import open_run
from privacy.models import Erasure
from privacy.queries.catalogue import TABLES
from privacy.queries.people import load_subject, only_this_person
from privacy.services import erasing
from privacy.services.erasing import EraseRefused, erase
from reps.models import AuditEntry, AuditRedaction, Rep, Skill, User
from reps.services.audit import note, seal
from routing.management.commands.replay_decision import is_identical
from routing.models import Decision, Notification, Policy, RosterSnapshot, Rule, WebForm
from routing.queries.invariants import check_invariants
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]


def wipe(*people: tuple[str, int], by: User | None = None) -> list[Erasure]:
    return erase(people=people, by=by, at=NOW)


class TestRefused:
    def test_only_an_admin(self, omar: User) -> None:
        contact = Contact.objects.create(name="Jo Doe")
        with pytest.raises(EraseRefused, match="Only an admin"):
            wipe(("contact", contact.pk), by=omar)
        assert Contact.objects.get().name == "Jo Doe"

    def test_a_rep_who_works_here(self, ana: Rep, ada: User) -> None:
        with pytest.raises(EraseRefused, match="Let the rep leave first"):
            wipe(("rep", ana.pk), by=ada)
        with pytest.raises(EraseRefused, match="Let the rep leave first"):
            wipe(("user", ana.user_id or 0), by=ada)

    def test_oneself_and_the_last_admin(self, ada: User) -> None:
        with pytest.raises(EraseRefused, match="You cannot erase yourself"):
            wipe(("user", ada.pk), by=ada)
        with pytest.raises(EraseRefused, match="last active admin"):
            wipe(("user", ada.pk))

    def test_whoever_a_web_form_acts_as(self, omar: User, ada: User) -> None:
        WebForm.objects.create(name="Contact us", key="k", acts_as=omar, mapping={})
        with pytest.raises(EraseRefused, match="Web forms act as this user: Contact us"):
            wipe(("user", omar.pk), by=ada)

    def test_whoever_stands_in_an_import_that_is_not_over(self, omar: User, ada: User) -> None:
        contact = Contact.objects.create(name="Jo Doe", email="jo@doe.example")
        run = open_run(files=[("people.csv", b"First,Last\nJo,Doe\n")], by=omar, options={})
        with pytest.raises(EraseRefused, match=f"import {run.pk}"):
            wipe(("contact", contact.pk), by=ada)
        ImportRun.objects.update(state="abandoned")
        wipe(("contact", contact.pk), by=ada)
        assert bytes(ImportFile.objects.get().content) == b""

    def test_nobody_twice_and_nobody_who_is_not_there(self, ada: User) -> None:
        contact = Contact.objects.create(name="Jo Doe")
        wipe(("contact", contact.pk), by=ada)
        for pk in (contact.pk, 999):
            with pytest.raises(EraseRefused, match="nobody to erase"):
                wipe(("contact", pk), by=ada)
        assert Erasure.objects.count() == 1


class TestOthers:
    def test_whoever_has_the_same_name_keeps_it(self, make_opportunity: Make, ada: User, omar: User) -> None:
        one = Contact.objects.create(name="Jo Doe", email="one@doe.example")
        other = Contact.objects.create(name="Jo Doe", email="other@doe.example")
        mine, others = (make_opportunity(f"Lead of {c.email}", contact=c) for c in (one, other))
        for lead in (mine, others):
            Notification.objects.create(key="0" * 32, user=omar, opportunity=lead, text="Jo Doe asks again")
            omar = user_of(f"U{lead.pk}", "ops")
        wipe(("contact", one.pk), by=ada)
        other.refresh_from_db()
        assert (other.name, other.email) == ("Jo Doe", "other@doe.example")
        texts = dict(Notification.objects.values_list("opportunity", "text"))
        assert texts == {mine.pk: "About an erased contact.", others.pk: "Jo Doe asks again"}

    def test_a_part_of_another_word_is_left_alone(self, make_opportunity: Make, ada: User) -> None:
        contact = Contact.objects.create(name="Ann Lee", email="ann@lee.example")
        lead = make_opportunity("Joann Leeds and Ann Lee, ann lee")
        wipe(("contact", contact.pk), by=ada)
        lead.refresh_from_db()
        assert lead.name == f"Joann Leeds and Erased contact {contact.pk}, Erased contact {contact.pk}"

    def test_what_many_say_is_a_category_and_stays(self, make_opportunity: Make, ada: User) -> None:
        CustomField.objects.create(key="plan", label="Plan", type="text")
        contact = Contact.objects.create(name="Jo Doe")
        for _ in range(5):
            make_opportunity(custom={"plan": "gold"})
        kept = make_opportunity(contact=contact, custom={"plan": "gold"})
        lost = make_opportunity(contact=contact, custom={"plan": "silver, for my daughter"})
        wipe(("contact", contact.pk), by=ada)
        found = dict(Opportunity.objects.filter(contact=contact).values_list("pk", "custom"))
        assert found == {kept.pk: {"plan": "gold"}, lost.pk: {}}

    def test_an_account_that_is_only_this_person_goes_along_where_asked(
        self, make_opportunity: Make, ada: User
    ) -> None:
        account = Account.objects.create(name="Doe, Jo – Consulting", domain="jodoe.example", city="Bonn")
        contact = Contact.objects.create(name="Jo Doe", account=account)
        subject = load_subject("contact", contact.pk)
        assert subject is not None
        assert only_this_person(subject) == account
        lead = make_opportunity("Doe, Jo – Consulting", contact=contact, account=account)
        erase(people=[("contact", contact.pk)], by=ada, at=NOW, with_account=True)
        account.refresh_from_db()
        lead.refresh_from_db()
        assert (account.name, account.domain, account.city) == (f"Erased account {account.pk}", "", "")
        assert lead.name == f"Opportunity {lead.pk}"
        big = Account.objects.create(name="Jo Doe Ltd")
        for name in ("Jo Doe", "Al Bee"):
            other = Contact.objects.create(name=name, account=big)
        found = load_subject("contact", other.pk)
        assert found is not None
        assert only_this_person(found) is None


class TestReplays:
    @pytest.mark.parametrize(
        ("test", "text"),
        [
            ({"op": "contains", "value": "urgent"}, "my son says it is URGENT, call home"),
            ({"op": "is", "value": "call me at night"}, "Call me at night"),
            ({"op": "starts_with", "value": "dear"}, "Dear friends of mine"),
            ({"op": "is_not_empty"}, "whatever"),
            ({"op": "is_not", "value": "none of it"}, "whatever"),
            ({"op": "not_in", "value": ["a", "b"]}, "whatever"),
            ({"op": "between", "value": ["m", "p"]}, "nobody knows"),
        ],
    )
    def test_a_condition_on_an_erased_text_stays_true(
        self, test: dict[str, object], text: str, ana: Rep, bo: Rep, make_opportunity: Make, ada: User
    ) -> None:
        CustomField.objects.create(key="words", label="Words", type="text")
        Rule.objects.create(
            name="By words",
            position=1,
            action="route_to_rep",
            rep=bo,
            condition={"field": "custom.words"} | test,
        )
        publish_configuration(by=None, at=NOW)
        contact = Contact.objects.create(name="Jo Doe")
        lead = make_opportunity(contact=contact, custom={"words": text})
        route(opportunity_id=lead.pk, at=NOW)
        decision = Decision.objects.get()
        assert (decision.rep, decision.via, is_identical(decision)) == (bo, "rule", True)
        digest = decision.result_digest
        wipe(("contact", contact.pk), by=ada)
        decision.refresh_from_db()
        assert decision.facts.get("custom", {}).get("words") != text or text.casefold() == test.get("value")
        assert (decision.result_digest, is_identical(decision)) == (digest, True)
        assert "decisions that replay otherwise" not in Erasure.objects.get().counts


class TestHistory:
    """Rewritten only by an erasure in the same transaction, and only what may be personal."""

    @pytest.fixture
    def decision(self, ana: Rep, make_opportunity: Make, publish: Callable[[], int]) -> Decision:
        publish()
        route(opportunity_id=make_opportunity().pk, at=NOW)
        return Decision.objects.get()

    def refused(self, sql: str) -> None:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)

    def test_not_without_an_erasure_nor_by_another_ones_number(self, decision: Decision) -> None:
        self.refused("UPDATE routing_decision SET facts = '{}'")
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('routing.erases', '1', true)")
        self.refused("UPDATE routing_decision SET facts = '{}'")
        self.refused("UPDATE reps_auditentry SET user_name = 'x'")
        self.refused("SELECT redact_audit(ARRAY[1])")
        self.refused("INSERT INTO reps_auditredaction (entry_id, erasure_id, digest) VALUES (1, 1, '')")

    def test_nothing_but_what_may_be_personal(self, decision: Decision) -> None:
        with erasing.erasing(Erasure.objects.create(kind="contact", person_id=1)):
            for change in (
                "score = 1",
                "outcome = 'hold'",
                "columns = ''",
                "made_at = now()",
                "rep_id = NULL",
            ):
                self.refused(f"UPDATE routing_decision SET {change}")
            self.refused("DELETE FROM routing_decision")
            self.refused("UPDATE routing_rostersnapshot SET content = ''")
            self.refused("UPDATE routing_configurationversion SET number = number + 100")
            self.refused("UPDATE routing_modelversion SET artifact = '{}'")
            self.refused("UPDATE reps_auditentry SET at = now()")
            self.refused("UPDATE reps_auditentry SET action = 'deleted'")
            self.refused("DELETE FROM reps_auditentry")
            seal()
            self.refused("UPDATE reps_auditseal SET digest = ''")
        assert RosterSnapshot.objects.count() == 1

    def test_an_erasure_is_never_taken_away_or_changed(self) -> None:
        Erasure.objects.create(kind="contact", person_id=1)
        self.refused("DELETE FROM privacy_erasure")
        self.refused("UPDATE privacy_erasure SET person_id = 2")
        self.refused("UPDATE privacy_erasure SET transaction = 7")

    def test_a_redacted_entry_can_say_nothing_else(self, ada: User, omar: User) -> None:
        entry = note(action=AuditEntry.Action.CHANGED, kind="user", record_id=omar.pk, record_name="Omar")
        seal()
        wipe(("user", omar.pk), by=ada)
        seal()
        entry.refresh_from_db()
        assert entry.record_name == f"Former user {omar.pk}"
        assert AuditRedaction.objects.filter(entry_id=entry.pk).count() == 1
        assert check_invariants().violations == []
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE reps_auditentry SET record_name = 'Somebody' WHERE id = %s", [entry.pk])
        assert [one.guarantee for one in check_invariants().violations] == ["audit_log_is_whole"]

    def test_the_log_says_that_somebody_was_erased_and_not_who(self, ada: User, omar: User) -> None:
        wipe(("user", omar.pk), by=ada)
        entry = AuditEntry.objects.filter(kind="erasure").get()
        assert entry.changes["person_id"] == [None, omar.pk]
        assert "Omar" not in str(list(AuditEntry.objects.values()))


def test_a_new_lead_of_the_same_person_is_a_new_contact(
    ana: Rep, ada: User, omar: User, publish: Callable[[], int], api: Callable[[User], APIClient]
) -> None:
    publish()
    contact = Contact.objects.create(name="Jo Doe", email="jo@doe.example")
    wipe(("contact", contact.pk), by=ada)
    lead = {"name": "Again", "person": {"name": "Jo Doe", "email": "jo@doe.example"}}
    assert api(omar).post("/api/v1/opportunities/", lead, format="json").status_code == 201
    found = Contact.objects.exclude(pk=contact.pk).get()
    assert (found.name, found.email) == ("Jo Doe", "jo@doe.example")


def test_a_reps_skills_and_tables_are_left(ana: Rep, ada: User) -> None:
    Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
    wipe(("rep", ana.pk), by=ada)
    assert Skill.objects.filter(rep=ana).count() == 1
    assert Policy.objects.count() > 0
    assert len(TABLES) > 90
