"""The API as a website form, a CRM and a dialer use it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from crm.models import Account, Activity, Contact, Opportunity
from reps.models import ApiToken, Rep, User
from routing.models import Decision, IntakeReceipt
from routing.queries import state
from routing.queries.invariants import check_invariants
from routing.services import decisions
from tests.conftest import user_of

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
URL = "/api/v1/opportunities/"

LEAD = {
    "external_id": "00Q5-1",
    "company": {
        "name": "Northwind Health",
        "domain": "northwind.example",
        "employees": 1200,
        "country": "USA",
    },
    "person": {"name": "Jo Doe", "email": "jo@northwind.example", "preferred_language": "de"},
    "industry": "Healthcare",
    "product": "Analytics",
    "source": "Demo request",
    "value": "180000",
    "currency": "EUR",
    "urgency": "now",
    "competitors": ["Dynamics"],
    "complexity": 3,
    "lead_score": 91,
}


class TestIntake:
    def test_stores_decides_and_answers(self, ana: Rep, bo: Rep, omar: User, api: Api) -> None:
        response = api(omar).post(URL, LEAD, format="json")
        assert response.status_code == 201
        body = response.json()
        assert (body["routing"], body["decision"]["rep"]["name"]) == ("suggested", "Ana")
        assert "knows Healthcare" in body["decision"]["reason"]
        assert body["decision"]["steps"][0] == "Named account: no rep owns the account"
        stored = Opportunity.objects.get(pk=body["id"])
        assert (stored.country, stored.language, stored.size_band) == ("US", "German", "1000-4999")
        assert stored.flags == ["competitor", "industry", "product", "rate", "source"]
        assert stored.account is not None
        assert stored.account.domain == "northwind.example"

    @pytest.mark.usefixtures("assign_at_once")
    def test_repeated_external_id_gives_the_first_answer(self, ana: Rep, omar: User, api: Api) -> None:
        client = api(omar)
        first = client.post(URL, LEAD, format="json")
        second = client.post(URL, LEAD | {"value": "1"}, format="json")
        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json() == first.json()
        assert Opportunity.objects.count() == Decision.objects.count() == 1

    def test_repeated_idempotency_key_gives_the_first_answer(self, ana: Rep, omar: User, api: Api) -> None:
        client = api(omar)
        body = {"name": "Contoso"}
        first = client.post(URL, body, format="json", headers={"Idempotency-Key": "k1"})
        second = client.post(URL, body, format="json", headers={"Idempotency-Key": "k1"})
        assert second.json() == first.json()
        other = client.post(URL, {"name": "Other"}, format="json", headers={"Idempotency-Key": "k1"})
        assert other.status_code == 409
        assert Opportunity.objects.count() == 1

    def test_is_accepted_even_if_routing_fails(
        self, ana: Rep, omar: User, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("the router is ill")

        monkeypatch.setattr(decisions, "decide", broken)
        response = api(omar).post(URL, LEAD, format="json")
        assert (response.status_code, response.json()["routing"]) == (201, "waiting")
        assert IntakeReceipt.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("ill", ["LIVE", "CHANGED"])
    def test_is_accepted_even_if_what_to_route_with_cannot_be_read(
        self, ill: str, ana: Rep, omar: User, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is asked for along with what tells the company: the failure of one must not be that of the other."""
        client = api(omar)
        if ill == "CHANGED":  # what a process asks that has looked before
            assert client.post(URL, LEAD | {"external_id": "first"}, format="json").status_code == 201
        monkeypatch.setattr(state, ill, "SELECT nothing_of_the_kind")
        response = client.post(URL, LEAD, format="json")
        assert (response.status_code, response.json()["routing"]) == (201, "waiting")
        assert response.json()["account"]["name"] == LEAD["company"]["name"]
        assert Opportunity.objects.filter(external_id=LEAD["external_id"]).count() == 1
        assert IntakeReceipt.objects.filter(answer__isnull=False).count() == 1 + (ill == "CHANGED")

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"value": "-5"}, "value"),
            ({"value": "NaN"}, "value"),
            ({"value": "1e400"}, "value"),
            ({"currency": "EURO"}, "currency"),
            ({"kind": "order"}, "kind"),
            ({"lead_score": 101}, "lead_score"),
            ({"complexity": "very"}, "complexity"),
            ({"industri": "Healthcare"}, "industri"),
            ({"person": {"email": "not an address"}}, "person"),
            ({"custom": {"nope": 1}}, "custom"),
            ({"account": "ext:unknown"}, "account"),
            ({"account": "99999999999999999999999"}, "account"),
            ({"competitors": "Dynamics"}, "competitors"),
            ({"name": "x\x00y"}, "name"),
            ({"opened_at": "yesterday"}, "opened_at"),
        ],
    )
    def test_bad_field_is_named_and_nothing_is_written(
        self, change: dict[str, Any], field: str, omar: User, api: Api
    ) -> None:
        response = api(omar).post(URL, LEAD | change, format="json")
        assert response.status_code == 400
        assert list(response.json()["fields"]) == [field]
        assert not Opportunity.objects.exists()
        assert not Account.objects.exists()

    @pytest.mark.parametrize("body", ["[]", '"x"', "null", "{", "[1,2]", "{}"])
    def test_nonsense_is_refused(self, body: str, omar: User, api: Api) -> None:
        response = api(omar).post(URL, body, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["error"]

    def test_bulk_answers_each_row_at_its_place(self, ana: Rep, omar: User, api: Api) -> None:
        rows = [{"name": "A", "external_id": "a"}, {"value": "x"}, {"name": "A", "external_id": "a"}, "row"]
        answer = api(omar).post(URL + "bulk/", rows, format="json").json()
        assert (answer["accepted"], answer["refused"]) == (2, 2)
        assert [result["status"] for result in answer["results"]] == [201, 400, 200, 400]
        assert "value" in answer["results"][1]["errors"]


class TestRights:
    def test_without_token(self) -> None:
        assert APIClient().get(URL).status_code == 401

    @pytest.mark.parametrize("token", ["nonsense", "\xff\xfe", "a b", ""])
    def test_wrong_token(self, token: str) -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        assert client.get(URL).status_code == 401

    def test_token_of_a_deactivated_user(self, omar: User, api: Api) -> None:
        client = api(omar)
        User.objects.filter(pk=omar.pk).update(is_active=False)
        assert client.get(URL).status_code == 401

    def test_token_is_not_stored_in_the_clear(self, omar: User) -> None:
        _, token = ApiToken.objects.create(user=omar, name="x")
        assert token not in str(ApiToken.objects.values())

    def test_analyst_reads_only(self, nia: User, api: Api) -> None:
        client = api(nia)
        assert client.get(URL).status_code == 200
        assert client.post(URL, LEAD, format="json").status_code == 403

    def test_rep_sees_the_own_ones_only(self, ana: Rep, bo: Rep, omar: User, api: Api) -> None:
        pk = api(omar).post(URL, LEAD, format="json").json()["id"]
        assert ana.user is not None
        assert api(ana.user).get(f"{URL}{pk}/").status_code == 404
        api(omar).patch(f"{URL}{pk}/", {"owner": str(ana.pk)}, format="json")
        assert api(ana.user).get(f"{URL}{pk}/").status_code == 200
        assert api(ana.user).patch(f"{URL}{pk}/", {"stage": "won"}, format="json").status_code == 200
        assert api(ana.user).patch(f"{URL}{pk}/", {"value": "1"}, format="json").status_code == 403


class TestChanges:
    @pytest.fixture
    def pk(self, ana: Rep, bo: Rep, omar: User, api: Api) -> int:
        return int(api(omar).post(URL, LEAD, format="json").json()["id"])

    def test_outcome_by_external_id(self, pk: int, omar: User, api: Api) -> None:
        client = api(omar)
        response = client.patch(f"{URL}ext:00Q5-1/", {"stage": "won", "reason": "signed"}, format="json")
        assert (response.status_code, response.json()["stage"]) == (200, "won")
        assert check_invariants().violations == []

    def test_owner_by_external_id(self, pk: int, bo: Rep, omar: User, api: Api) -> None:
        Rep.objects.filter(pk=bo.pk).update(external_id="005B")
        response = api(omar).patch(f"{URL}{pk}/", {"owner": "ext:005B"}, format="json")
        assert response.json()["owner"]["name"] == "Bo"
        assert check_invariants().violations == []

    def test_is_all_or_nothing(self, pk: int, bo: Rep, omar: User, api: Api) -> None:
        client = api(omar)
        client.patch(f"{URL}{pk}/", {"stage": "lost"}, format="json")
        response = client.patch(f"{URL}{pk}/", {"industry": "Energy", "owner": str(bo.pk)}, format="json")
        assert response.status_code == 409
        assert Opportunity.objects.get(pk=pk).industry == "Healthcare"

    def test_lead_becomes_deal_in_place(self, pk: int, omar: User, api: Api) -> None:
        api(omar).patch(f"{URL}{pk}/", {"kind": "deal"}, format="json")
        opportunity = Opportunity.objects.get(pk=pk)
        assert opportunity.kind == "deal"
        assert opportunity.converted_at is not None

    def test_activity_makes_the_first_touch_once(self, pk: int, ana: Rep, omar: User, api: Api) -> None:
        client = api(omar)
        client.patch(f"{URL}{pk}/", {"owner": str(ana.pk)}, format="json")
        body = {"opportunity": "ext:00Q5-1", "kind": "call", "external_id": "call-1"}
        assert client.post("/api/v1/activities/", body, format="json").status_code == 201
        assert client.post("/api/v1/activities/", body, format="json").status_code == 200
        assert Activity.objects.count() == 1
        assert Opportunity.objects.get(pk=pk).first_touch_at is not None

    def test_list_is_narrowed_by_query_parameters(self, pk: int, omar: User, api: Api) -> None:
        client = api(omar)
        client.post(URL, {"name": "Other", "external_id": "x"}, format="json")
        for query in ("external_id=00Q5-1", "routing=suggested&external_id=00Q5-1"):
            assert [row["id"] for row in client.get(f"{URL}?{query}").json()["results"]] == [pk]
        assert client.get(f"{URL}?stage=won").json()["results"] == []
        assert client.get(f"{URL}?updated_since=2020-01-01T00:00:00Z").json()["results"] != []
        for long_ago in ("0109-10-13T04:19:48-16:44", "0001-01-01T00:00:00%2B23:59"):
            assert client.get(f"{URL}?updated_since={long_ago}").json()["results"] != []
        assert client.get(f"{URL}?updated_since=9999-12-31T23:59:59-23:59").json()["results"] == []
        wrong = client.get(f"{URL}?stage=nonsense&owner=x")
        assert (wrong.status_code, sorted(wrong.json()["fields"])) == (400, ["owner", "stage"])

    def test_decisions_are_listed(self, pk: int, omar: User, api: Api) -> None:
        found = api(omar).get(f"{URL}{pk}/decisions/").json()
        assert [decision["outcome"] for decision in found] == ["suggest"]


class TestRecords:
    def test_upsert_by_external_id(self, omar: User, api: Api) -> None:
        client = api(omar)
        made = client.put("/api/v1/accounts/ext:A1/", {"name": "Acme", "employees": 60}, format="json")
        changed = client.put(
            "/api/v1/accounts/ext:A1/", {"name": "Acme", "domain": "acme.example"}, format="json"
        )
        assert (made.status_code, changed.status_code) == (201, 200)
        account = Account.objects.get()
        assert (account.domain, account.employees, account.size_band) == ("acme.example", 60, "50-199")

    def test_contact_of_an_account(self, omar: User, api: Api) -> None:
        account = Account.objects.create(name="Acme", external_id="A1")
        body = {"name": "Jo", "account": "ext:A1", "email": "jo@acme.example"}
        assert api(omar).post("/api/v1/contacts/", body, format="json").status_code == 201
        assert Contact.objects.get().account == account

    def test_rep_with_skills(self, east: Any, omar: User, api: Api) -> None:
        body = {
            "name": "Zoe",
            "external_id": "005Z",
            "team": "East",
            "skills": [{"kind": "industry", "name": "Healthcare", "proficiency": 3}],
        }
        response = api(omar).post("/api/v1/reps/", body, format="json")
        assert response.status_code == 201, response.json()
        assert response.json()["skills"][0]["name"] == "Healthcare"

    @pytest.mark.parametrize("path", ["accounts", "contacts", "reps", "activities", "opportunities"])
    def test_unknown_addresses(self, path: str, omar: User, api: Api) -> None:
        client = api(omar)
        for key in ("0", "999999", "ext:nope", "-1", "1e5", "９", "99999999999999999999"):
            assert client.get(f"/api/v1/{path}/{key}/").status_code == 404


class TestSchema:
    def test_covers_every_endpoint_without_warnings(self, capsys: pytest.CaptureFixture[str]) -> None:
        from drf_spectacular.generators import SchemaGenerator

        schema = SchemaGenerator().get_schema(request=None, public=True)
        assert set(schema["paths"]) >= {
            "/api/v1/opportunities/",
            "/api/v1/opportunities/bulk/",
            "/api/v1/reps/{key}/",
        }
        assert "rror" not in capsys.readouterr().err

    def test_docs_page_opens_without_sign_in(self, client: Any) -> None:
        assert client.get("/api/v1/docs/").status_code == 200
        assert client.get("/api/v1/schema/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_same_external_id_at_once_is_taken_in_once(ana: Rep, api: Api) -> None:
    clients = [api(user_of(f"U{n}", "ops")) for n in range(6)]

    def post(client: APIClient) -> tuple[int, int]:
        try:
            response = client.post(URL, LEAD, format="json")
            return response.status_code, response.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(post, clients))
    assert sorted(code for code, _ in answers) == [200] * 5 + [201]
    assert len({pk for _, pk in answers}) == 1
    assert check_invariants().violations == []
