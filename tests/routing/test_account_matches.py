"""Matching accounts over the API and on pages: what is answered, who may say which account it is, what follows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm.models import Account, AccountMatch, Contact, Opportunity
from reps.models import Rep, Team, User
from routing.models import Decision, Policy, QueueItem
from routing.services.account_matches import choose_account, undo_choice
from routing.services.overrides import reassign
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Make = Callable[..., Opportunity]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def kranich(db: None) -> Account:
    return Account.objects.create(
        name="Kranichfeld Elektronik GmbH", domain="kranichfeld.de", country="DE", city="Jena"
    )


@pytest.fixture
def post(api: Api, omar: User) -> Callable[..., dict[str, Any]]:
    """What the API answers to a lead."""

    def send(**body: Any) -> dict[str, Any]:
        response = api(omar).post("/api/v1/opportunities/", body, format="json")
        assert response.status_code == 201, response.content
        answer: dict[str, Any] = response.json()
        return answer

    return send


@pytest.fixture
def offered(kranich: Account, ana: Rep, post: Callable[..., dict[str, Any]]) -> AccountMatch:
    """A lead that was suggested to Ana without an account."""
    post(company={"name": "Kranichfeld Elektronik", "country": "BR"}, name="Sensors")
    return AccountMatch.objects.select_related("opportunity").get()


def text(response: Any) -> str:
    return str(response.content.decode())


def choose(client: Client, match: AccountMatch, **data: Any) -> Any:
    return client.post(
        reverse("account_match_choose", args=[match.pk]), {"seen": match.seen, **data}, follow=True
    )


# --- the API -------------------------------------------------------------------------------------------------------


class TestApi:
    def test_the_answer_says_what_happened(self, kranich: Account, post: Callable[..., Any]) -> None:
        account = post(company={"name": "KRANICHFELD Elektronik", "country": "DE"})["account"]
        assert account == {
            "id": kranich.pk,
            "name": "Kranichfeld Elektronik GmbH",
            "match": "attached",
            "confidence": 0.993,
            "why": "Same name, same country.",
        }

    def test_offered_created_given_and_nothing(self, kranich: Account, post: Callable[..., Any]) -> None:
        offered = post(company={"name": "Kranichfeld Elektronik", "country": "BR"})["account"]
        assert (offered["id"], offered["name"], offered["match"]) == (None, None, "offered")
        assert (offered["confidence"], offered["why"]) == (0.881, "Same name, another country.")
        created = post(company={"name": "Bellerive SA"})["account"]
        assert (created["name"], created["match"], created["confidence"]) == ("Bellerive SA", "created", None)
        given = post(account=str(kranich.pk))["account"]
        assert (given["id"], given["match"], given["why"]) == (kranich.pk, "given", "")
        assert post(name="Somebody", person={"email": "jo@gmail.com"})["account"] is None

    def test_a_lead_without_a_company_is_matched_by_its_address(
        self, kranich: Account, post: Callable[..., Any]
    ) -> None:
        account = post(name="Web form", person={"email": "max@kranichfeld.de"})["account"]
        assert (account["id"], account["why"]) == (kranich.pk, "Kranichfeld.de is its domain.")

    def test_get_says_it_as_well_and_after_a_choice(
        self, kranich: Account, offered: AccountMatch, api: Api, omar: User
    ) -> None:
        client = api(omar)
        path = f"/api/v1/opportunities/{offered.opportunity_id}/"
        assert client.get(path).json()["account"]["match"] == "offered"
        choose_account(
            match_id=offered.pk, account=kranich, by=omar, at=NOW, seen=offered.seen,
            together=AccountMatch.objects.none(),
        )  # fmt: skip
        assert client.get(path).json()["account"]["match"] == "confirmed"
        client.patch(path, {"account": str(Account.objects.create(name="Other").pk)}, format="json")
        assert client.get(path).json()["account"]["match"] == "given"
        assert client.get("/api/v1/opportunities/").json()["results"][0]["account"]["name"] == "Other"

    def test_the_schema_names_it(self, api: Api, omar: User) -> None:
        from drf_spectacular.generators import SchemaGenerator

        schema = SchemaGenerator().get_schema(request=None, public=True)
        assert set(schema["components"]["schemas"]["AccountAnswer"]["properties"]) == {
            "id", "name", "match", "confidence", "why",
        }  # fmt: skip

    @pytest.mark.parametrize("day", ["20260228", "2026-W05-1", "2026-2-28", "2026-02-30", "28.02.2026"])
    def test_a_custom_date_is_written_one_way(self, day: str, api: Api, omar: User) -> None:
        from crm.models import CustomField

        CustomField.objects.create(key="renewal", label="Renewal", type="date")
        client = api(omar)
        body = {"name": "N", "custom": {"renewal": day}}
        response = client.post("/api/v1/opportunities/", body, format="json")
        assert response.status_code == 400
        assert response.json()["fields"]["custom"]["renewal"] == ["A date as YYYY-MM-DD is expected."]
        body["custom"] = {"renewal": "2026-02-28"}
        assert client.post("/api/v1/opportunities/", body, format="json").status_code == 201


# --- what routing makes of a choice --------------------------------------------------------------------------------


def decide(match: AccountMatch, account: Account, by: User) -> Opportunity:
    choose_account(
        match_id=match.pk, account=account, by=by, at=NOW, seen=match.seen,
        together=AccountMatch.objects.all(),
    )  # fmt: skip
    return Opportunity.objects.get(pk=match.opportunity_id)


def test_a_suggestion_of_somebody_else_goes_to_the_owner(
    kranich: Account, offered: AccountMatch, bo: Rep, omar: User
) -> None:
    kranich.owner = bo
    kranich.save()
    suggested = QueueItem.objects.get(state="pending").rep
    assert suggested is not None
    assert suggested != bo
    decide(offered, kranich, omar)
    item = QueueItem.objects.select_related("decision").get(state="pending")
    assert (item.rep, item.decision.via) == (bo, Decision.Via.NAMED_ACCOUNT)
    assert QueueItem.objects.get(state="withdrawn").note == "Its account was chosen by a person"
    undo_choice(match_id=offered.pk, by=omar, at=NOW)
    item = QueueItem.objects.select_related("decision").get(state="pending")
    assert item.decision.via != Decision.Via.NAMED_ACCOUNT
    suggested.refresh_from_db()
    assert Rep.objects.get(pk=bo.pk).pending + suggested.pending == 1


def test_a_suggestion_stays_where_the_account_is_nobodys(
    kranich: Account, offered: AccountMatch, omar: User
) -> None:
    before = QueueItem.objects.get(state="pending")
    decide(offered, kranich, omar)
    assert QueueItem.objects.get(state="pending") == before


def test_what_is_assigned_stays_and_the_page_says_whose_account_it_is(
    kranich: Account, offered: AccountMatch, ana: Rep, bo: Rep, omar: User, as_user: SignIn
) -> None:
    kranich.owner = bo
    kranich.save()
    reassign(opportunity_ids=[offered.opportunity_id], rep_id=ana.pk, by=omar, at=NOW)
    client = as_user(omar)
    page = text(choose(client, offered, candidate=kranich.pk))
    assert "Bo owns that account, and Ana has the lead." in page
    assert Opportunity.objects.get(pk=offered.opportunity_id).owner == ana
    page = text(client.get(reverse("opportunity", args=[offered.opportunity_id])))
    assert "Bo owns this account, and Ana has the lead." in page
    assert 'href="#reassign"' in page


def test_a_held_lead_is_decided_at_once(
    kranich: Account,
    post: Callable[..., Any],
    ana: Rep,
    omar: User,
    publish: Callable[[], int],
    make_opportunity: Make,
) -> None:
    Policy.objects.update(application="assign", fallback=["hold"])
    publish()
    Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
    reassign(opportunity_ids=[make_opportunity("First").pk], rep_id=ana.pk, by=omar, at=NOW)
    post(company={"name": "Kranichfeld Elektronik", "country": "BR"})
    match = AccountMatch.objects.select_related("opportunity").get()
    assert match.opportunity.routing == "held"
    kranich.owner = ana
    kranich.save()
    assert decide(match, kranich, omar).owner == ana  # a named account is exempt from limits


def test_one_answer_holds_for_all_leads_of_the_company(
    kranich: Account, offered: AccountMatch, post: Callable[..., Any], omar: User
) -> None:
    post(company={"name": "KRANICHFELD Elektronik GmbH", "country": "BR"}, name="Second")
    post(company={"name": "Kranichfeld Elektronik", "country": "FR"}, name="Elsewhere")
    decide(offered, kranich, omar)
    states = dict(AccountMatch.objects.values_list("opportunity__name", "state"))
    assert states == {"Sensors": "confirmed", "Second": "confirmed", "Elsewhere": "offered"}
    undo_choice(match_id=offered.pk, by=omar, at=NOW)
    assert AccountMatch.objects.filter(state="offered", account=None).count() == 3


# --- pages ---------------------------------------------------------------------------------------------------------


class TestPages:
    def test_the_list_shows_what_could_be_and_takes_the_choice(
        self, kranich: Account, offered: AccountMatch, ben: User, as_user: SignIn
    ) -> None:
        client = as_user(ben)
        assert "1 lead to match" in text(client.get(reverse("accounts")))
        page = text(client.get(reverse("account_matches")))
        assert "Says: Kranichfeld Elektronik · BR." in page
        assert "likely, 88\N{NO-BREAK SPACE}%" in page
        assert "Same name, another country." in page
        assert "nobody’s" in page
        page = text(choose(client, offered, candidate=kranich.pk))
        assert "Sensors belongs to Kranichfeld Elektronik GmbH." in page
        assert "No lead waits for its account" in page
        assert "to match" not in text(client.get(reverse("accounts")))
        undo = reverse("account_match_undo", args=[offered.pk])
        assert f'action="{undo}"' in page
        assert "Sensors waits for its account again." in text(client.post(undo, follow=True))

    def test_another_account_and_a_new_one(
        self, kranich: Account, offered: AccountMatch, omar: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        other = Account.objects.create(name="Bellerive SA")
        assert "There is no account “Nowhere”" in text(choose(client, offered, account="Nowhere"))
        assert "Name the account." in text(choose(client, offered))
        assert "not here any more" in text(choose(client, offered, candidate=other.pk))
        choose(client, offered, account=f"Bellerive SA #{other.pk}")
        assert Opportunity.objects.get().account == other
        offered.refresh_from_db()
        assert (offered.state, offered.confidence, offered.why) == ("confirmed", None, "")
        client.post(reverse("account_match_undo", args=[offered.pk]))
        page = client.post(reverse("account_match_new", args=[offered.pk]), {"seen": "offered:"}, follow=True)
        assert "Kranichfeld Elektronik is added as a new account." in text(page)

    def test_the_second_person_is_told(
        self, kranich: Account, offered: AccountMatch, ben: User, omar: User, as_user: SignIn
    ) -> None:
        choose(as_user(ben), offered, candidate=kranich.pk)
        client = as_user(omar)
        path, data = reverse("account_match_new", args=[offered.pk]), {"seen": "offered:"}
        response = client.post(path, data, headers=HTMX)
        said = "Ben said already that it is Kranichfeld Elektronik GmbH."
        assert (response.status_code, text(response)) == (409, said)
        assert said in text(client.post(path, data, follow=True))
        undone = client.post(reverse("account_match_undo", args=[offered.pk]), follow=True)
        assert "can no longer be undone" in text(undone)

    def test_acting_is_instant_with_htmx(
        self, kranich: Account, offered: AccountMatch, omar: User, as_user: SignIn
    ) -> None:
        data = {"seen": offered.seen, "candidate": kranich.pk}
        path = reverse("account_match_choose", args=[offered.pk])
        response = as_user(omar).post(path, data, headers=HTMX)
        assert response.status_code == 204
        assert reverse("account_match_undo", args=[offered.pk]) in response.headers["HX-Trigger"]

    def test_who_may(
        self, offered: AccountMatch, ana: Rep, nia: User, cara: Rep, west: Team, as_user: SignIn
    ) -> None:
        reassign(opportunity_ids=[offered.opportunity_id], rep_id=ana.pk, by=nia, at=NOW)
        for user in (ana.user, nia):
            assert user is not None
            client = as_user(user)
            assert client.get(reverse("account_matches")).status_code == 403
            assert choose(client, offered).status_code == 403
            page = text(client.get(reverse("opportunity", args=[offered.opportunity_id])))
            assert "It could be Kranichfeld Elektronik GmbH (likely, 88 %): same name" in page
            assert "This one" not in page
        stranger = User.objects.create_user("st@example.com", name="Stranger", role="manager")
        west.managers.add(stranger)
        client = as_user(stranger)
        assert "Sensors" not in text(client.get(reverse("account_matches")))
        for name in ("choose", "new", "none", "undo"):
            path = reverse(f"account_match_{name}", args=[offered.pk])
            assert client.post(path, {"seen": offered.seen}).status_code == 404

    def test_the_leads_page_says_why_and_takes_a_correction(
        self, kranich: Account, ana: Rep, omar: User, as_user: SignIn, post: Callable[..., Any]
    ) -> None:
        pk = post(company={"name": "Kranichfeld Elektronik", "country": "DE"}, name="Sensors")["id"]
        client = as_user(omar)
        address = reverse("opportunity", args=[pk])
        page = text(client.get(address))
        assert "Kranichfeld Elektronik GmbH: same name, same country (99 %)." in page
        assert "Not this account?" in page
        match = AccountMatch.objects.select_related("opportunity").get()
        path = reverse("account_match_none", args=[match.pk])
        page = text(client.post(path, {"seen": match.seen, "next": address}, follow=True))
        assert "Omar said that it is none of the accounts here." in page
        assert Opportunity.objects.get(pk=pk).account is None

    def test_a_lead_that_got_an_account_by_its_form_no_longer_waits(
        self, kranich: Account, offered: AccountMatch, omar: User, as_user: SignIn
    ) -> None:
        Opportunity.objects.update(account=kranich)
        assert "Sensors" not in text(as_user(omar).get(reverse("account_matches")))

    def test_a_candidate_that_was_deleted_is_not_shown(
        self, kranich: Account, offered: AccountMatch, omar: User, as_user: SignIn
    ) -> None:
        kranich.delete()
        page = text(as_user(omar).get(reverse("account_matches")))
        assert "Sensors" in page
        assert "This one" not in page
        page = text(as_user(omar).get(reverse("opportunity", args=[offered.opportunity_id])))
        assert "are not here any more" in page

    @pytest.mark.parametrize("rows", [1, 15])
    def test_the_list_takes_the_same_queries_for_any_number(
        self, rows: int, kranich: Account, ben: User, bo: Rep, as_user: SignIn, make_opportunity: Make,
        django_assert_num_queries: Callable[..., Any],
    ) -> None:  # fmt: skip
        for n in range(rows):
            contact = Contact.objects.create(name=f"Jo {n}", email=f"jo{n}@example.com")
            account = Account.objects.create(name=f"Like it {n}", owner=bo)
            AccountMatch.objects.create(
                opportunity=make_opportunity(f"Lead {n}", contact=contact), state="offered", created_at=NOW,
                company={"name": f"Likes {n}"}, company_key=f"likes{n}",
                candidates=[{"account_id": account.pk, "confidence": 0.6, "why": "Name alike."}],
            )  # fmt: skip
        client = as_user(ben)
        headers = {**HTMX, "HX-Target": "account-matches"}
        client.get(reverse("account_matches"), headers=headers)
        with django_assert_num_queries(7):
            page = client.get(reverse("account_matches"), headers=headers)
        assert text(page).count("This one") == rows

    def test_pages_of_the_list(
        self, kranich: Account, omar: User, as_user: SignIn, make_opportunity: Make
    ) -> None:
        for n in range(25):
            AccountMatch.objects.create(
                opportunity=make_opportunity(f"Lead {n:02}"), state="offered", created_at=NOW,
            )  # fmt: skip
        client = as_user(omar)
        first = client.get(reverse("account_matches"))
        after = first.context["page"].after
        second = client.get(reverse("account_matches"), {"at": after})
        assert len(first.context["rows"]) + len(second.context["rows"]) == 25
        assert client.get(reverse("account_matches"), {"at": "nonsense"}).status_code == 404
