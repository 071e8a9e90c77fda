"""Repeats of open opportunities: found as they come in, sent to the owner, held, confirmed and declined by people."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from crm.models import Account, Contact, DuplicateLink, Opportunity
from crm.queries.duplicates import candidates_of_each, load_candidates
from crm.services.duplicates import link_all_repeats
from crm.services.waiting import locks
from reps.models import Absence, Rep, User
from routing.engine.ladder import decide
from routing.engine.trace import digest
from routing.models import Decision, Notification, OutboxMessage, Policy, QueueItem
from routing.queries.inputs import stored_inputs
from routing.queries.invariants import check_invariants
from routing.services import duplicates, outbox, overrides, queue, sweep
from routing.services.intake import take_in
from routing.services.outcomes import record_outcome
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
JO = {"name": "Jo Doe", "email": "jo@acme.example", "phone": "+1 404 715 2600"}
HOUR = datetime.timedelta(hours=1)
TakeIn = Callable[..., Opportunity]


@pytest.fixture
def ask(omar: User) -> TakeIn:
    """An opportunity that comes in, and what became of it."""

    def asked(name: str, *, person: dict[str, str] | None = JO, days: int = 0, **values: Any) -> Opportunity:
        opened = NOW + datetime.timedelta(days=days)
        whole = {"name": name, "person": person, "opened_at": opened} | values
        return Opportunity.objects.get(
            pk=take_in(values=whole, body=whole, by=omar, at=opened).opportunity.pk
        )

    return asked


@pytest.fixture
def owned(ask: TakeIn, ana: Rep, bo: Rep, omar: User) -> Opportunity:
    """What Bo works on, though it would rather be Ana's."""
    first = ask("Acme, analytics", industry="Healthcare")
    overrides.reassign(opportunity_ids=[first.pk], rep_id=bo.pk, by=omar, at=NOW)
    OutboxMessage.objects.all().delete()
    return Opportunity.objects.get(pk=first.pk)


def fresh(opportunity: Opportunity) -> Opportunity:
    return Opportunity.objects.get(pk=opportunity.pk)


def newest(opportunity: Opportunity) -> Decision:
    return Decision.objects.filter(opportunity=opportunity).order_by("-id")[0]


def the_link(opportunity: Opportunity) -> DuplicateLink:
    return DuplicateLink.objects.get(opportunity=opportunity)


def told() -> list[tuple[str, str]]:
    outbox.deliver_due(at=NOW + datetime.timedelta(days=900))
    return sorted(Notification.objects.values_list("user__name", "text"))


def sound() -> None:
    assert check_invariants().violations == []
    assert [d.pk for d in Decision.objects.all() if digest(decide(stored_inputs(d))) != d.result_digest] == []


class TestFound:
    def test_by_email_however_it_is_written(self, owned: Opportunity, ask: TakeIn) -> None:
        link = the_link(ask("Acme again", person={"email": "Jo@ACME.example"}))
        assert (link.original, link.state, link.confidence) == (owned, "linked", 0.97)
        assert link.why == "The same email address."

    @pytest.mark.parametrize("phone", ["404-715-2600", "+1 (404) 715 2600 ext 12", "4047152600"])
    def test_by_phone_however_it_is_written(self, phone: str, owned: Opportunity, ask: TakeIn) -> None:
        again = ask("Acme again", person={"name": "J. Doe", "phone": phone}, country="US")
        assert (the_link(again).state, the_link(again).confidence) == ("linked", 0.92)

    def test_numbers_that_only_end_alike_are_two_people(self, owned: Opportunity, ask: TakeIn) -> None:
        ask("Other", person={"name": "J. Doe", "phone": "+44 20 4715 2600"})
        assert not DuplicateLink.objects.exists()

    def test_by_contacts_of_the_same_address(self, owned: Opportunity, ask: TakeIn) -> None:
        """An import may have brought the same person twice."""
        twin = Contact.objects.create(name="Jo Doe", email="JO@acme.example")
        again = ask("Acme again", person=None)
        Opportunity.objects.filter(pk=again.pk).update(contact=twin)
        link_all_repeats(opportunity_ids=[again.pk], at=NOW)
        assert the_link(again).original == owned

    def test_the_same_account_and_product_is_offered_within_thirty_days(self, ask: TakeIn, ana: Rep) -> None:
        acme = {"company": {"name": "Acme"}, "product": "Analytics"}
        first = ask("First", person=None, **acme)
        assert not DuplicateLink.objects.exists()
        soon = ask("Soon", person={"email": "kim@acme.example"}, days=30, **acme)
        assert [(link.original, link.state) for link in DuplicateLink.objects.filter(opportunity=soon)] == [
            (first, "offered")
        ]
        late = ask("Late", person=None, days=61, **acme)
        assert not DuplicateLink.objects.filter(opportunity=late).exists()
        assert the_link(soon).why == "The same account and product within 30 days."

    def test_another_product_of_the_same_person_is_offered(self, ask: TakeIn, ana: Rep) -> None:
        first = ask("First", product="Analytics")
        second = ask("Second", product="Support")
        assert (the_link(second).original, the_link(second).state) == (first, "offered")
        assert the_link(second).confidence == 0.6

    def test_what_is_closed_is_not_repeated(self, owned: Opportunity, ask: TakeIn) -> None:
        record_outcome(opportunity_id=owned.pk, stage="won", at=NOW, by=None)
        ask("Acme again")
        assert not DuplicateLink.objects.exists()

    def test_a_chain_leads_to_the_first_that_is_open(self, owned: Opportunity, ask: TakeIn) -> None:
        second, third = ask("Second", days=1), ask("Third", days=2)
        assert the_link(third).original == owned
        record_outcome(opportunity_id=owned.pk, stage="lost", at=NOW, by=None)
        assert the_link(ask("Fourth", days=3)).original == second

    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_do_not_grow(
        self, count: int, ask: TakeIn, ana: Rep, django_assert_num_queries: Any
    ) -> None:
        people = [{"email": JO["email"]}, {"phone": JO["phone"], "name": "J"}, None]
        for number in range(count):
            ask(f"Lead {number}", person=people[number % 3], company={"name": "Acme"}, product="Analytics")
        Opportunity.objects.update(routing="none")
        last = ask("Last", company={"name": "Acme"}, product="Analytics")
        DuplicateLink.objects.filter(opportunity=last).delete()
        with django_assert_num_queries(3):
            link_all_repeats(opportunity_ids=[last.pk], at=NOW)

    def test_a_repeated_request_is_no_duplicate(self, ask: TakeIn, ana: Rep) -> None:
        first = ask("Acme", external_id="A-1")
        assert ask("Acme", external_id="A-1") == first
        assert not DuplicateLink.objects.exists()


class TestRouted:
    @pytest.mark.usefixtures("assign_at_once")
    def test_goes_to_the_owner_past_every_limit(self, ask: TakeIn, ana: Rep, bo: Rep, omar: User) -> None:
        first = ask("Acme", industry="Healthcare")
        overrides.reassign(opportunity_ids=[first.pk], rep_id=bo.pk, by=omar, at=NOW)
        Rep.objects.filter(pk=bo.pk).update(own_max_open=1, own_max_new_per_week=1)
        OutboxMessage.objects.all().delete()
        again = ask("Acme again", industry="Healthcare")
        assert (again.owner, newest(again).via) == (bo, "duplicate")
        assignment = again.assignments.get()
        assert (assignment.exempt, assignment.reason) == (
            True,
            "the owner of what it repeats, Suggest everything",
        )
        assert told() == [
            ("Bo", "Acme again is yours: repeats “Acme”, which Bo works on."),
            (
                "Omar",
                "Bo is over capacity with 2 of 1: Acme again repeats what Bo works on.",
            ),  # no manager there
        ]
        sound()

    def test_is_suggested_where_the_policy_suggests_and_the_owner_hears_of_it(
        self, owned: Opportunity, ask: TakeIn, bo: Rep
    ) -> None:
        again = ask("Acme again", industry="Healthcare")
        item = QueueItem.objects.get(opportunity=again, state="pending")
        assert (item.rep, item.kind) == (bo, "suggestion")
        assert told() == [("Bo", "Jo Doe asks again: Acme again.")]
        assert Notification.objects.get().opportunity == owned
        sound()

    def test_what_is_offered_is_routed_like_any_other(
        self, ask: TakeIn, ana: Rep, bo: Rep, omar: User
    ) -> None:
        first = ask("First", product="Analytics")
        overrides.reassign(opportunity_ids=[first.pk], rep_id=bo.pk, by=omar, at=NOW)
        second = ask("Second", product="Support", industry="Healthcare")
        assert newest(second).rep == ana
        assert newest(second).facts.get("duplicate_of_id") is None

    def test_a_locked_original_keeps_its_repeats(
        self, owned: Opportunity, ask: TakeIn, bo: Rep, omar: User
    ) -> None:
        overrides.lock(opportunity_id=owned.pk, by=omar)
        assert newest(ask("Acme again")).rep == bo

    def test_an_absent_owner_hears_of_what_the_covering_rep_gets(
        self, owned: Opportunity, ask: TakeIn, ana: Rep, bo: Rep
    ) -> None:
        Absence.objects.create(rep=bo, starts_at=NOW - HOUR, covering=ana)
        again = ask("Acme again")
        assert (newest(again).rep, newest(again).via) == (ana, "duplicate_cover")
        assert told() == [("Bo", "Jo Doe asks again: Acme again.")]
        sound()

    def test_an_owner_who_left_does_not_count(
        self, owned: Opportunity, ask: TakeIn, ana: Rep, bo: Rep
    ) -> None:
        Rep.objects.filter(pk=bo.pk).update(left_at=NOW)
        again = ask("Acme again", industry="Healthcare")
        assert (newest(again).rep, newest(again).via) == (ana, "prediction")
        assert told() == []

    def test_an_original_that_is_not_routed_here_does_not_hold_it(
        self, ask: TakeIn, make_opportunity: Callable[..., Opportunity], ana: Rep
    ) -> None:
        jo = Contact.objects.create(name="Jo", email=JO["email"])
        first = make_opportunity("Imported", contact=jo)
        Opportunity.objects.filter(pk=first.pk).update(routing="none")
        again = ask("Acme again")
        assert (the_link(again).original, newest(again).via) == (first, "prediction")


class TestHeld:
    @pytest.fixture
    def pair(self, ask: TakeIn, ana: Rep, bo: Rep) -> tuple[Opportunity, Opportunity]:
        """A suggestion that nobody approved yet, and its repeat."""
        return ask("Acme", industry="Healthcare"), ask("Acme again", industry="Healthcare")

    def test_until_the_original_has_an_owner(
        self, pair: tuple[Opportunity, Opportunity], bo: Rep, omar: User
    ) -> None:
        first, again = pair
        assert (again.routing, newest(again).via) == ("held", "duplicate")
        assert sweep.drain_held(now=NOW) == 0
        assert Decision.objects.filter(opportunity=again).count() == 1
        item = QueueItem.objects.get(opportunity=first, state="pending")
        OutboxMessage.objects.all().delete()
        queue.give_to(item_id=item.pk, rep_id=bo.pk, by=omar, at=NOW)
        assert OutboxMessage.objects.filter(topic="capacity.freed").exists()
        assert sweep.drain_held(now=NOW) == 1
        waiting = QueueItem.objects.get(opportunity=again, state="pending")
        assert (waiting.rep, waiting.decision.via) == (bo, "duplicate")
        sound()

    def test_approving_the_original_wakes_it_at_once(
        self, pair: tuple[Opportunity, Opportunity], omar: User
    ) -> None:
        OutboxMessage.objects.all().delete()
        queue.approve(item_id=QueueItem.objects.get(opportunity=pair[0]).pk, by=omar, at=NOW)
        assert OutboxMessage.objects.filter(topic="capacity.freed").exists()

    @pytest.mark.parametrize("stage", ["won", "lost", "disqualified"])
    def test_goes_on_when_the_original_closes_unowned(
        self, stage: str, pair: tuple[Opportunity, Opportunity], ana: Rep, omar: User
    ) -> None:
        first, again = pair
        record_outcome(opportunity_id=first.pk, stage=stage, at=NOW, by=omar)
        assert sweep.drain_held(now=NOW) == 1
        assert (newest(again).rep, newest(again).via) == (ana, "prediction")
        sound()

    def test_is_held_for_another_reason_then_and_says_so(
        self, pair: tuple[Opportunity, Opportunity], omar: User
    ) -> None:
        for rep in Rep.objects.all():
            Absence.objects.create(rep=rep, starts_at=NOW - HOUR)
        record_outcome(opportunity_id=pair[0].pk, stage="lost", at=NOW, by=omar)
        assert sweep.drain_held(now=NOW) == 1
        assert (fresh(pair[1]).routing, newest(pair[1]).via) == ("held", "hold")
        assert sweep.drain_held(now=NOW) == 0
        sound()

    def test_goes_on_when_the_original_is_deleted(
        self, ask: TakeIn, make_opportunity: Callable[..., Opportunity], ana: Rep
    ) -> None:
        jo = Contact.objects.create(name="Jo", email=JO["email"])
        first, again = make_opportunity("Undecided", contact=jo), ask("Acme again")
        assert again.routing == "held"
        first.delete()
        assert sweep.drain_held(now=NOW) == 1
        assert newest(again).rep == ana


class TestSaid:
    @pytest.fixture
    def doubtful(self, ask: TakeIn, ana: Rep, bo: Rep, omar: User) -> Opportunity:
        """Suggested to Ana; it may repeat what Bo works on."""
        first = ask("First", product="Analytics")
        overrides.reassign(opportunity_ids=[first.pk], rep_id=bo.pk, by=omar, at=NOW)
        OutboxMessage.objects.all().delete()
        return ask("Second", product="Support", industry="Healthcare")

    def test_confirming_takes_the_suggestion_back_and_decides_anew(
        self, doubtful: Opportunity, ana: Rep, bo: Rep, omar: User
    ) -> None:
        duplicates.confirm(link_id=the_link(doubtful).pk, by=omar, at=NOW, now=NOW)
        link = the_link(doubtful)
        assert (link.state, link.confirmed_by, link.confirmed_at) == ("confirmed", omar, NOW)
        item = QueueItem.objects.get(opportunity=doubtful, state="pending")
        assert (item.rep, item.decision.via) == (bo, "duplicate")
        assert QueueItem.objects.get(opportunity=doubtful, state="withdrawn").note == "It repeats First"
        ana.refresh_from_db()
        assert ana.pending == 0
        assert told() == [("Bo", "Jo Doe asks again: Second.")]
        sound()

    def test_confirming_decides_anew_what_waits_for_the_manager(
        self, doubtful: Opportunity, bo: Rep, omar: User
    ) -> None:
        queue.reject(item_id=QueueItem.objects.get(opportunity=doubtful).pk, by=omar, at=NOW)
        duplicates.confirm(link_id=the_link(doubtful).pk, by=omar, at=NOW, now=NOW)
        assert QueueItem.objects.get(opportunity=doubtful, state="pending").rep == bo
        sound()

    def test_confirming_moves_nothing_that_has_an_owner(
        self, doubtful: Opportunity, ana: Rep, omar: User
    ) -> None:
        queue.approve(item_id=QueueItem.objects.get(opportunity=doubtful).pk, by=omar, at=NOW)
        OutboxMessage.objects.all().delete()
        duplicates.confirm(link_id=the_link(doubtful).pk, by=omar, at=NOW, now=NOW)
        assert fresh(doubtful).owner == ana
        assert told() == [("Bo", "Jo Doe asks again: Second.")]
        sound()

    def test_declining_an_offer_changes_nothing_else(
        self, doubtful: Opportunity, ana: Rep, omar: User
    ) -> None:
        item = QueueItem.objects.get(opportunity=doubtful)
        duplicates.decline(link_id=the_link(doubtful).pk, by=omar, at=NOW, now=NOW)
        assert (the_link(doubtful).state, the_link(doubtful).declined_by) == ("declined", omar)
        assert QueueItem.objects.get(opportunity=doubtful, state="pending") == item

    def test_the_second_is_told(self, doubtful: Opportunity, omar: User, ben: User) -> None:
        pk = the_link(doubtful).pk
        duplicates.decline(link_id=pk, by=ben, at=NOW, now=NOW)
        for act in (duplicates.confirm, duplicates.decline):
            with pytest.raises(
                duplicates.AlreadySaid, match=r"Ben said already that it does not repeat First\."
            ):
                act(link_id=pk, by=omar, at=NOW, now=NOW)
        assert the_link(doubtful).declined_by == ben

    def test_unlinking_decides_anew_what_nobody_owns(
        self, owned: Opportunity, ask: TakeIn, ana: Rep, bo: Rep, omar: User
    ) -> None:
        again = ask("Acme again", industry="Healthcare")
        assert newest(again).rep == bo
        duplicates.decline(link_id=the_link(again).pk, by=omar, at=NOW, now=NOW)
        assert (newest(again).rep, newest(again).via) == (ana, "prediction")
        sound()

    @pytest.mark.usefixtures("assign_at_once")
    def test_unlinking_leaves_it_with_its_owner(
        self, owned: Opportunity, ask: TakeIn, bo: Rep, omar: User
    ) -> None:
        again = ask("Acme again", industry="Healthcare")
        duplicates.decline(link_id=the_link(again).pk, by=omar, at=NOW, now=NOW)
        assert (fresh(again).owner, the_link(again).state) == (bo, "declined")

    def test_marking_by_hand_and_after_a_refusal(
        self, owned: Opportunity, ask: TakeIn, bo: Rep, omar: User, ben: User
    ) -> None:
        other = ask("Unrelated", person=None, industry="Healthcare")
        link = duplicates.mark(opportunity_id=other.pk, original_id=owned.pk, by=omar, at=NOW, now=NOW)
        assert (link.state, link.confidence, newest(other).rep) == ("confirmed", None, bo)
        duplicates.decline(link_id=link.pk, by=ben, at=NOW, now=NOW)
        duplicates.mark(opportunity_id=other.pk, original_id=owned.pk, by=ben, at=NOW, now=NOW)
        said = DuplicateLink.objects.filter(opportunity=other).order_by("pk")
        assert [(one.state, one.confirmed_by) for one in said] == [("declined", omar), ("confirmed", ben)]
        sound()

    def test_marking_confirms_what_was_offered(self, doubtful: Opportunity, omar: User) -> None:
        original = the_link(doubtful).original_id
        duplicates.mark(opportunity_id=doubtful.pk, original_id=original, by=omar, at=NOW, now=NOW)
        assert (the_link(doubtful).state, the_link(doubtful).confidence) == ("confirmed", 0.6)

    def test_what_cannot_be_is_refused_in_words(self, owned: Opportunity, ask: TakeIn, omar: User) -> None:
        again, other = ask("Acme again"), ask("Unrelated", person=None)
        closed = ask("Closed", person=None)
        record_outcome(opportunity_id=closed.pk, stage="won", at=NOW, by=omar)
        for one, original, words in (
            (again.pk, again.pk, "It cannot repeat itself."),
            (owned.pk, again.pk, "Acme again repeats this one."),
            (other.pk, closed.pk, "Closed is won; only an open one can be repeated."),
            (again.pk, other.pk, "It repeats Acme, analytics already. Say first that it does not."),
        ):
            with pytest.raises(duplicates.NoRepeat) as refusal:
                duplicates.mark(opportunity_id=one, original_id=original, by=omar, at=NOW, now=NOW)
            assert str(refusal.value) == words
        assert DuplicateLink.objects.count() == 1

    def test_no_circle_through_a_third_that_is_closed(
        self, owned: Opportunity, ask: TakeIn, omar: User
    ) -> None:
        second, third = ask("Second", person=None), ask("Third", person=None)
        duplicates.mark(opportunity_id=third.pk, original_id=second.pk, by=omar, at=NOW, now=NOW)
        duplicates.mark(opportunity_id=second.pk, original_id=owned.pk, by=omar, at=NOW, now=NOW)
        record_outcome(opportunity_id=second.pk, stage="lost", at=NOW, by=omar)
        with pytest.raises(duplicates.NoRepeat, match="Third repeats this one"):
            duplicates.mark(opportunity_id=owned.pk, original_id=third.pk, by=omar, at=NOW, now=NOW)
        sound()

    def test_a_chain_made_by_hand_follows_to_the_first_open_one(
        self, owned: Opportunity, ask: TakeIn, bo: Rep, omar: User
    ) -> None:
        second = ask("Second", person=None)
        third = ask("Third", person=None)
        duplicates.mark(opportunity_id=third.pk, original_id=second.pk, by=omar, at=NOW, now=NOW)
        assert fresh(third).routing == "held"
        duplicates.mark(opportunity_id=second.pk, original_id=owned.pk, by=omar, at=NOW, now=NOW)
        sweep.drain_held(now=NOW)
        assert newest(third).facts["duplicate_of_id"] == owned.pk
        assert newest(third).rep == bo


def test_an_import_links_what_it_brings_to_be_routed(
    owned: Opportunity, make_opportunity: Callable[..., Opportunity]
) -> None:
    contact = Contact.objects.get()
    rows = [make_opportunity(f"Row {n}", contact=contact).pk for n in range(3)]
    link_all_repeats(opportunity_ids=rows, at=NOW)
    assert dict(DuplicateLink.objects.values_list("opportunity", "original")) == dict.fromkeys(rows, owned.pk)


def test_policies_see_nothing_of_it(owned: Opportunity, ask: TakeIn) -> None:
    assert Policy.objects.exists()
    facts = stored_inputs(newest(ask("Acme again"))).facts
    assert facts.duplicate_of_id == owned.pk
    assert not {"duplicate_of_id", "duplicate_owner_id"} & set(facts.tests)


def test_accounts_of_one_name_are_one(ask: TakeIn, ana: Rep) -> None:
    ask("First", person=None, company={"name": "Acme"}, product="Analytics")
    ask("Second", person=None, company={"name": "acme"}, product="analytics")
    assert (Account.objects.count(), DuplicateLink.objects.get().state) == (1, "offered")


class TestOneAndMany:
    """The search for one new opportunity finds what the search for many finds."""

    def test_agree(self, ask: TakeIn, ana: Rep) -> None:
        found = [
            ask("By both", product="Analytics", company={"name": "Acme"}),
            ask("Same address", person={"name": "J", "email": "JO@acme.example"}),
            ask(
                "Same number",
                person={"name": "K", "email": "k@else.example", "phone": "(404) 715-2600 ext 4"},
            ),
            ask("Same company", person=None, product="Analytics", company={"name": "Acme"}),
            ask("Long after", person=None, product="Analytics", company={"name": "Acme"}, days=60),
            ask("Nobody", person=None),
            ask("Stranger", person={"name": "Z", "email": "z@z.example"}, company={"name": "Zeta"}),
        ]
        both = []
        for one in Opportunity.objects.filter(pk__in=[one.pk for one in found]):
            alone = candidates_of_each([one], within_days=30, after=locks([]))
            both.append((alone, load_candidates([one.pk], within_days=30)))
        assert [alone for alone, _ in both] == [many for _, many in both]
        assert sum(len(others) for alone, _ in both for _, others in alone) >= 8
