"""What a careless or hostile client sends: odd ids, repeated and simultaneous creates, and what the schema promises."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from crm.models import Account, Contact, CustomField, ExchangeRate, Opportunity
from reps.models import ApiToken, Rep, User
from tests.conftest import user_of

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
URL = "/api/v1/opportunities/"


class TestIds:
    @pytest.mark.parametrize("text", ["A/B", "crm/decisions/7", "ü 1", "a?b#c%d", "ext:ext:1", "..", "{}"])
    def test_external_ids_address_whatever_they_hold(self, text: str, omar: User, api: Api) -> None:
        from urllib.parse import quote

        client = api(omar)
        key = f"ext:{quote(text, safe='')}"
        lead = client.post(URL, {"name": "Northwind", "external_id": text}, format="json").json()
        assert client.get(f"{URL}{key}/").json()["id"] == lead["id"]
        assert client.get(f"{URL}{key}/decisions/").json()[0]["id"] == lead["decision"]["id"]
        assert client.put(f"/api/v1/accounts/{key}/", {"name": "N"}, format="json").status_code == 201
        assert client.get(f"/api/v1/accounts/{key}/").json()["external_id"] == text

    @pytest.mark.parametrize("key", ["ext:%00", "%00", "ext:", "999999999999999999999", "-1", "1e3", "²"])
    def test_what_is_no_id_is_not_found(self, key: str, omar: User, api: Api) -> None:
        for kind in ("opportunities", "accounts", "contacts", "reps", "activities"):
            assert api(omar).get(f"/api/v1/{kind}/{key}/").status_code == 404

    def test_options_answers(self, omar: User, ana: Rep, api: Api) -> None:
        assert api(omar).options(f"/api/v1/reps/{ana.pk}/").status_code == 200
        assert api(omar).options("/api/v1/reps/0/").status_code in (200, 404)


class TestRefusals:
    def test_errors_name_the_field(self, omar: User, api: Api) -> None:
        CustomField.objects.create(key="seats", label="Seats", type="number")
        ExchangeRate.objects.create(currency="GBP", rate="1.3", valid_from="2020-01-01")
        for body, field in (
            ({"external_id": "a\x00b"}, "external_id"),
            ({"custom": {"a\x00": 1}}, "custom"),
            ({"custom": {"seats": "many"}}, "custom"),
            ({"opened_at": "0001-01-01T00:00:00+14:00"}, "opened_at"),
            ({"opened_at": "9999-12-31T23:59:59-10:00"}, "opened_at"),
            ({"value": "99999999999999.99", "currency": "GBP"}, "value"),
            ({"value": "1e400"}, "value"),
            ({"competitors": ["x" * 121]}, "competitors"),
            ({"account": "ext:nobody"}, "account"),
        ):
            response = api(omar).post(URL, {"name": "N"} | body, format="json")
            assert (response.status_code, list(response.json()["fields"])) == (400, [field]), body
        bulk = (
            api(omar)
            .post(
                f"{URL}bulk/",
                [{"name": "A", "value": "99999999999999.99", "currency": "GBP"}, {"name": "B"}],
                format="json",
            )
            .json()
        )
        assert (bulk["accepted"], list(bulk["results"][0]["errors"])) == (1, ["value"])
        assert Opportunity.objects.count() == 1

    def test_page_size_is_a_number(self, omar: User, api: Api) -> None:
        for text in ("abc", "0", "-1", "1000"):
            response = api(omar).get(f"/api/v1/accounts/?page_size={text}")
            assert (response.status_code, list(response.json()["fields"])) == (400, ["page_size"])

    def test_an_id_that_another_record_has_is_a_conflict(self, omar: User, api: Api) -> None:
        client = api(omar)
        for kind in ("accounts", "contacts", "reps"):
            client.post(f"/api/v1/{kind}/", {"name": "A", "external_id": "a"}, format="json")
            second = client.post(f"/api/v1/{kind}/", {"name": "B", "external_id": "b"}, format="json").json()
            taken = client.patch(f"/api/v1/{kind}/{second['id']}/", {"external_id": "a"}, format="json")
            assert (taken.status_code, list(taken.json()["fields"])) == (409, ["external_id"]), kind
        one = {"name": "C", "email": "c@example.com"}
        assert client.post("/api/v1/reps/", one, format="json").status_code == 201
        again = client.post("/api/v1/reps/", one | {"email": "C@example.com"}, format="json")
        assert (again.status_code, list(again.json()["fields"])) == (409, ["email"])

    def test_an_empty_external_id_is_none(self, omar: User, api: Api) -> None:
        for _ in range(2):
            assert api(omar).post(URL, {"name": "A", "external_id": " "}, format="json").status_code == 201
        assert list(Opportunity.objects.values_list("external_id", flat=True)) == [None, None]

    def test_spaces_around_an_external_id_do_not_make_another(self, omar: User, api: Api) -> None:
        codes = [
            api(omar).post("/api/v1/accounts/", {"name": "A", "external_id": text}, format="json").status_code
            for text in ("x", " x ")
        ]
        assert codes == [201, 200]

    def test_an_outcome_is_not_in_the_future(self, omar: User, api: Api) -> None:
        lead = api(omar).post(URL, {"name": "A"}, format="json").json()
        body = {"stage": "won", "closed_at": "2150-01-01T00:00:00Z"}
        response = api(omar).patch(f"{URL}{lead['id']}/", body, format="json")
        assert (response.status_code, list(response.json()["fields"])) == (400, ["closed_at"])

    def test_a_competitor_named_twice_counts_once(self, omar: User, api: Api) -> None:
        api(omar).post(URL, {"name": "A", "competitors": ["Acme", " acme ", "Zeta", "Acme"]}, format="json")
        assert Opportunity.objects.get().competitors == ["Acme", "Zeta"]


@pytest.mark.django_db(transaction=True)
def test_simultaneous_creates_are_one(omar: User) -> None:
    """The same account, and leads of one new company and contact, side by side."""
    _, token = ApiToken.objects.create(user=omar, name="test")

    def send(number: int) -> tuple[int, int]:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        account = {"name": "Only", "external_id": "only"}
        lead = {"company": {"name": "New Co"}, "person": {"name": "Jo", "email": "jo@new.example"},
                "industry": f"Industry {number % 2}", "source": f"Source {number % 3}", "product": "Thing"}  # fmt: skip
        try:
            made = [client.post("/api/v1/accounts/", account, format="json") if number % 2 else
                    client.put("/api/v1/accounts/ext:only/", account, format="json")]  # fmt: skip
            made.append(client.post(URL, lead, format="json"))
            return made[0].status_code, made[1].status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(send, range(16)))
    assert {code for pair in codes for code in pair} <= {200, 201}
    assert [code for code, _ in codes].count(201) == 1
    assert Account.objects.filter(name="Only").count() == 1
    assert Account.objects.filter(name="New Co").count() == 1
    assert Contact.objects.count() == 1


class TestSchema:
    def test_bodies_are_what_the_endpoints_take(self, api: Api, omar: User) -> None:
        schema: dict[str, Any] = api(omar).get("/api/v1/schema/?format=json").json()
        for path, taken, refused in (
            ("/api/v1/accounts/", "owner", "size_band"),
            ("/api/v1/contacts/", "account", "updated_at"),
            ("/api/v1/reps/", "skills", "load"),
            ("/api/v1/activities/", "happened_at", "created_at"),
        ):
            body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            properties = schema["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]["properties"]
            assert taken in properties
            assert refused not in properties

    def test_every_operation_says_how_it_fails(self, api: Api, omar: User) -> None:
        schema: dict[str, Any] = api(omar).get("/api/v1/schema/?format=json").json()
        operations = [op for path in schema["paths"].values() for op in path.values()]
        assert all({"400", "401", "403"} <= set(op["responses"]) for op in operations)
        assert schema["components"]["schemas"]["Error"]["required"] == ["error", "fields"]


@pytest.mark.parametrize("role", ["ops", "manager", "rep", "analyst", "admin"])
def test_the_matrix_holds_for_the_api(role: str, api: Api, make_rep: Callable[..., Rep]) -> None:
    """Who may write what, by the answer to an empty body: 400 got in, 403 did not."""
    user = user_of("Somebody", role)
    make_rep("Somebody", user=user)
    writers = {
        "opportunities": {"ops", "manager", "rep", "admin"},
        "accounts": {"ops", "manager", "admin"},
        "contacts": {"ops", "manager", "admin"},
        "activities": {"ops", "manager", "rep", "admin"},
        "reps": {"ops", "admin"},
    }
    for kind, roles in writers.items():
        assert api(user).get(f"/api/v1/{kind}/").status_code == 200
        code = api(user).post(f"/api/v1/{kind}/", {}, format="json").status_code
        assert code == (400 if role in roles else 403), kind


def test_the_form_of_a_new_lead_refuses_what_cannot_be_stored(omar: User, client: Any) -> None:
    ExchangeRate.objects.create(currency="GBP", rate="1.3", valid_from="2020-01-01")
    client.force_login(omar)
    for odd, said in (
        ({"competitors": "x" * 121}, "At most 120 letters"),
        ({"value": "99999999999999.99", "currency": "GBP"}, "no value of a deal"),
    ):
        response = client.post("/opportunities/new/", {"kind": "lead", "company": "N"} | odd)
        assert response.status_code == 422
        assert said in response.content.decode()
    assert Opportunity.objects.count() == 0


def test_a_database_that_is_away_is_said_as_such(
    omar: User, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    client = api(omar)
    monkeypatch.setattr("routing.api.opportunities.OpportunityViewSet.get_queryset", away)
    response = client.get(f"{URL}1/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json() == {"error": "The service is restarting. Send it again in a moment.", "fields": {}}


def test_the_documentation_opens_for_everybody(client: Any, db: None) -> None:
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert "favicon" in page.content.decode()
