"""Repeats on the pages and in the API's answers, for the roles that see and say something of them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm.models import DuplicateLink, Opportunity
from reps.models import Rep, Team, User
from routing.models import QueueItem
from routing.services import overrides, queue
from routing.services.intake import take_in
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
URL = "/api/v1/opportunities/"
JO = {"name": "Jo Doe", "email": "jo@acme.example"}


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def bring(omar: User, name: str, **values: Any) -> Opportunity:
    whole = {"name": name, "person": JO} | values
    return take_in(values=whole, body=whole, by=omar, at=NOW).opportunity


@pytest.fixture
def original(ana: Rep, bo: Rep, omar: User) -> Opportunity:
    """What Bo works on."""
    found = bring(omar, "Acme, analytics", product="Analytics")
    overrides.reassign(opportunity_ids=[found.pk], rep_id=bo.pk, by=omar, at=NOW)
    return Opportunity.objects.get(pk=found.pk)


@pytest.fixture
def repeat(original: Opportunity, omar: User) -> Opportunity:
    """Suggested to Bo for that."""
    return bring(omar, "Acme once more", product="Analytics")


@pytest.fixture
def doubtful(original: Opportunity, omar: User) -> Opportunity:
    """Suggested to Ana; the same person asks for something else."""
    return bring(omar, "Acme, support", product="Support", industry="Healthcare")


def page(client: Client, opportunity: Opportunity) -> str:
    return text(client.get(reverse("opportunity", args=[opportunity.pk])))


def answer(client: Client, opportunity: Opportunity, says: str) -> Any:
    link = DuplicateLink.objects.get(opportunity=opportunity)
    address = reverse("duplicate_answer", args=[opportunity.pk, link.pk])
    return client.post(address, {"repeats": says}, follow=True)


def mark(client: Client, opportunity: Opportunity, **values: Any) -> Any:
    data = {f"duplicate-{name}": value for name, value in values.items()}
    return client.post(reverse("duplicate_mark", args=[opportunity.pk]), data, follow=True)


class TestOpportunityPage:
    def test_says_what_it_repeats_and_why(
        self, original: Opportunity, repeat: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        shown = page(as_user(omar), repeat)
        assert f'Repeats <a class="link" href="/opportunities/{original.pk}/">Acme, analytics</a>' in shown
        assert ", which Bo works on." in shown
        assert '<span class="tag">sure</span>' in shown
        assert "The same email address." in shown
        assert "Repeats “Acme, analytics”, which Bo works on." in shown  # why Bo
        assert "goes there whatever the load" in shown
        assert "Not a duplicate" in shown
        assert "Mark as duplicate of" not in shown

    def test_of_the_original_names_its_repeats(
        self, original: Opportunity, repeat: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        shown = page(as_user(omar), original)
        assert f'Repeated by <a class="link" href="/opportunities/{repeat.pk}/">Acme once more</a>' in shown

    def test_why_not_another(self, repeat: Opportunity, ana: Rep, omar: User, as_user: SignIn) -> None:
        address = reverse("opportunity", args=[repeat.pk])
        assert "does not work on what it repeats" in text(as_user(omar).get(address, {"rep": ana.pk}))

    def test_offers_what_is_doubtful_and_takes_a_yes(
        self, doubtful: Opportunity, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        shown = page(client, doubtful)
        assert "This may repeat" in shown
        assert "the same email address, another product." in shown
        assert '<span class="tag">perhaps</span>' in shown
        said = text(answer(client, doubtful, "yes"))
        assert "Acme, support repeats Acme, analytics. Bo is suggested." in said
        assert "Omar said so" in said
        assert "Omar said that it repeats “Acme, analytics”" in said
        assert QueueItem.objects.get(opportunity=doubtful, state="pending").rep == bo

    def test_takes_a_no_and_offers_it_no_more(
        self, doubtful: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        said = text(answer(as_user(omar), doubtful, "no"))
        assert "Acme, support does not repeat Acme, analytics. Ana is suggested." in said
        assert "This may repeat" not in said

    def test_the_second_person_is_told(
        self, doubtful: Opportunity, ben: User, omar: User, as_user: SignIn
    ) -> None:
        answer(as_user(ben), doubtful, "no")
        said = text(answer(as_user(omar), doubtful, "yes"))
        assert "Ben said already that it does not repeat Acme, analytics." in said
        assert DuplicateLink.objects.get().state == "declined"

    def test_what_has_an_owner_stays_and_the_page_says_so(
        self, doubtful: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        queue.approve(item_id=QueueItem.objects.get(opportunity=doubtful).pk, by=omar, at=NOW)
        said = text(answer(as_user(omar), doubtful, "yes"))
        assert "It stays with Ana until somebody reassigns it." in said

    def test_a_rep_says_it_of_the_own_and_sees_no_link_to_anothers(
        self, doubtful: Opportunity, ana: Rep, omar: User, as_user: SignIn
    ) -> None:
        queue.approve(item_id=QueueItem.objects.get(opportunity=doubtful).pk, by=omar, at=NOW)
        assert ana.user is not None
        client = as_user(ana.user)
        assert "This may repeat “Acme, analytics”, which Bo works on" in page(client, doubtful)
        assert "Acme, support does not repeat" in text(answer(client, doubtful, "no"))
        other = DuplicateLink.objects.get().original
        assert client.post(reverse("duplicate_mark", args=[other.pk])).status_code == 404

    def test_a_rep_does_not_see_who_else_asks_again(
        self, original: Opportunity, repeat: Opportunity, bo: Rep, as_user: SignIn
    ) -> None:
        assert bo.user is not None
        shown = page(as_user(bo.user), original)
        assert "Repeated by 1 that you do not see." in shown
        assert "Acme once more" not in shown

    def test_an_analyst_reads(self, doubtful: Opportunity, nia: User, as_user: SignIn) -> None:
        client = as_user(nia)
        shown = page(client, doubtful)
        assert "This may repeat" in shown
        assert "It repeats it" not in shown
        assert "Mark as duplicate" not in shown
        link = DuplicateLink.objects.get()
        assert client.post(reverse("duplicate_answer", args=[doubtful.pk, link.pk])).status_code == 403
        assert client.post(reverse("duplicate_mark", args=[doubtful.pk])).status_code == 403

    def test_a_manager_elsewhere_says_nothing_of_it(
        self, doubtful: Opportunity, omar: User, west: Team, as_user: SignIn
    ) -> None:
        queue.approve(item_id=QueueItem.objects.get(opportunity=doubtful).pk, by=omar, at=NOW)
        stranger = user_of("Stranger", "manager")
        west.managers.add(stranger)
        assert answer(as_user(stranger), doubtful, "yes").status_code == 404

    def test_a_link_of_another_opportunity_and_nonsense_are_not_found(
        self, original: Opportunity, doubtful: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        client, link = as_user(omar), DuplicateLink.objects.get()
        assert client.post(reverse("duplicate_answer", args=[original.pk, link.pk])).status_code == 404
        assert answer(client, doubtful, "perhaps").status_code == 404

    def test_marking_from_those_of_the_account(
        self, original: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        other = bring(omar, "Same desk", person=None)
        Opportunity.objects.filter(pk=other.pk).update(contact=original.contact)
        client = as_user(omar)
        assert f'<option value="{original.pk}">Acme, analytics (Bo)</option>' in page(client, other)
        said = text(mark(client, other, original=original.pk))
        assert "Same desk repeats Acme, analytics. Bo is suggested." in said
        assert '<span class="tag">confirmed</span>' in said

    @pytest.mark.parametrize(
        ("number", "words"),
        [
            ("999999", "There is no opportunity of this number that you can see."),
            ("", "Choose what it repeats, or give its number."),
            ("abc", "Its number: Enter a whole number."),
            ("99999999999999999999999", "Its number: Ensure this value is less than or equal to"),
            ("itself", "It cannot repeat itself."),
        ],
    )
    def test_marking_refuses_in_words(
        self, number: str, words: str, original: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        other = bring(omar, "Unrelated", person=None)
        value = str(other.pk) if number == "itself" else number
        assert words in text(mark(as_user(omar), other, number=value))
        assert not DuplicateLink.objects.exists()

    def test_marking_what_one_does_not_see_is_refused(
        self, original: Opportunity, ana: Rep, omar: User, as_user: SignIn
    ) -> None:
        other = bring(omar, "Unrelated", person=None)
        overrides.reassign(opportunity_ids=[other.pk], rep_id=ana.pk, by=omar, at=NOW)
        assert ana.user is not None
        said = text(mark(as_user(ana.user), other, number=original.pk))
        assert "There is no opportunity of this number that you can see." in said


class TestElsewhere:
    def test_the_queue_says_it_of_a_suggestion_and_of_what_is_held(
        self, repeat: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        first = bring(omar, "New one", person={"email": "kim@acme.example"})
        held = bring(omar, "New one again", person={"email": "kim@acme.example"})
        shown = text(as_user(omar).get(reverse("queue")))
        assert "Bo: repeats “Acme, analytics”, which Bo works on" in shown
        assert f"repeats “{first.name}”, which is not decided yet: goes to whoever gets that one" in shown
        item = QueueItem.objects.get(opportunity=held)
        detail = text(as_user(omar).get(reverse("queue_item", args=[item.pk])))
        assert ", which nobody owns yet." in detail

    def test_the_list_is_filtered_by_it(
        self, repeat: Opportunity, doubtful: Opportunity, omar: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        names = {"Acme, analytics", "Acme once more", "Acme, support"}
        for value, expected in (("yes", {"Acme once more"}), ("offered", {"Acme, support"}), ("", names)):
            shown = text(client.get(reverse("opportunities"), {"repeats": value}))
            assert {name for name in names if f"data-item>{name}<" in shown} == expected
        assert client.get(reverse("opportunities"), {"repeats": "x\x00"}).status_code == 200

    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_of_the_pages_do_not_grow(
        self,
        count: int,
        original: Opportunity,
        omar: User,
        as_user: SignIn,
        django_assert_num_queries: Any,
    ) -> None:
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        for number in range(count):
            bring(omar, f"Again {number}", product="Analytics")
        client = as_user(omar)
        for address, queries in (
            (reverse("queue"), REPEATS_IN_QUEUE),
            (reverse("opportunities") + "?repeats=yes", REPEATS_IN_LIST),
            (reverse("opportunity", args=[original.pk]), PAGE_OF_ORIGINAL),
        ):
            client.get(address)
            with django_assert_num_queries(queries):
                client.get(address)


REPEATS_IN_QUEUE, REPEATS_IN_LIST, PAGE_OF_ORIGINAL = 31, 7, 29


class TestApi:
    def test_answers_and_lists_what_it_repeats(self, original: Opportunity, omar: User, api: Api) -> None:
        client = api(omar)
        posted = client.post(URL, {"name": "Acme again", "person": JO, "product": "Analytics"}, format="json")
        expected = {
            "id": original.pk,
            "name": "Acme, analytics",
            "confidence": 0.97,
            "why": "The same email address.",
        }
        body = posted.json()
        assert body["duplicate_of"] == expected
        assert body["decision"]["via"] == "duplicate"
        assert body["decision"]["reason"] == "repeats “Acme, analytics”, which Bo works on"
        assert body["decision"]["steps"] == [
            "Duplicate: repeats “Acme, analytics”, which Bo works on: goes there whatever the load"
        ]
        assert client.get(f"{URL}{body['id']}/").json()["duplicate_of"] == expected
        assert client.get(f"{URL}{original.pk}/").json()["duplicate_of"] is None
        listed = client.get(URL).json()["results"]
        assert [one["duplicate_of"] and one["duplicate_of"]["id"] for one in listed] == [original.pk, None]

    def test_what_is_only_offered_repeats_nothing(self, doubtful: Opportunity, omar: User, api: Api) -> None:
        assert api(omar).get(f"{URL}{doubtful.pk}/").json()["duplicate_of"] is None

    def test_said_by_a_person_has_no_confidence(
        self, original: Opportunity, omar: User, api: Api, as_user: SignIn
    ) -> None:
        other = bring(omar, "Unrelated", person=None)
        mark(as_user(omar), other, number=original.pk)
        found = api(omar).get(f"{URL}{other.pk}/").json()["duplicate_of"]
        assert (found["confidence"], found["why"]) == (None, "A person said so.")

    def test_a_repeated_key_gets_the_first_answer(self, original: Opportunity, omar: User, api: Api) -> None:
        client, body = api(omar), {"name": "Acme again", "person": JO}
        first = client.post(URL, body, format="json", headers={"Idempotency-Key": "k"})
        second = client.post(URL, body, format="json", headers={"Idempotency-Key": "k"})
        assert (second.status_code, second.json()) == (200, first.json())
        assert DuplicateLink.objects.count() == 1

    def test_the_schema_says_so(self, omar: User, api: Api) -> None:
        schema = api(omar).get("/api/v1/schema/?format=json").json()["components"]["schemas"]
        answered = schema["OpportunityAnswer"]
        assert "duplicate_of" in answered["required"]
        assert set(schema["DuplicateOutput"]["properties"]) == {"id", "name", "confidence", "why"}
        assert "duplicate" in str(schema["DecisionOutput"]["properties"]["via"]) + str(schema.get("ViaEnum"))
