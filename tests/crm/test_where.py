"""Lists narrowed by a condition in the address."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm.models import CustomField, Opportunity
from reps.models import Rep, User

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Make = Callable[..., Opportunity]
LIST, WHERE = "/opportunities/", "/opportunities/where/"
BIG = {"all": [{"field": "value", "op": "over", "value": 100_000}]}


def names(client: Client, condition: Any, **more: str) -> list[str]:
    text = condition if isinstance(condition, str) else json.dumps(condition)
    return [
        one.name for one in client.get(LIST, {"where": text, "order": "oldest"} | more).context["page"].rows
    ]


@pytest.fixture
def both(make_opportunity: Make) -> None:
    make_opportunity("Big", value=200_000, currency="USD", custom={"plan": "Gold"})
    make_opportunity("Small", value=5, currency="USD")


def test_the_list_shows_what_the_condition_matches(both: None, omar: User, as_user: SignIn) -> None:
    client = as_user(omar)
    assert names(client, BIG) == ["Big"]
    assert names(client, {"none": [BIG]}) == ["Small"]
    assert names(client, BIG, kind="deal") == []
    assert names(client, "") == ["Big", "Small"]
    page = client.get(LIST, {"where": json.dumps(BIG)}).content.decode()
    assert "Where value is over $100,000" in page


def test_an_own_field(both: None, omar: User, as_user: SignIn) -> None:
    CustomField.objects.create(key="plan", label="Plan", type="text")
    assert names(as_user(omar), {"field": "custom.plan", "op": "is", "value": "gold"}) == ["Big"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is no JSON"),
        ("[1]", "a condition is a group or a test"),
        ('{"field": "industry", "op": "over", "value": 5}', "This filter cannot be used"),
        ('{"field": "nothing", "op": "is", "value": "x"}', "This filter cannot be used"),
        ('{"field": "name", "op": "is", "value": "' + "x" * 5000 + '"}', "longer than 4,000 letters"),
        ("[" * 3000, "it is no JSON"),
    ],
)
def test_what_cannot_be_is_said_and_all_are_shown(
    both: None, omar: User, as_user: SignIn, text: str, said: str
) -> None:
    answer = as_user(omar).get(LIST, {"where": text})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert len(answer.context["page"].rows) == 2
    assert as_user(omar).get(WHERE, {"where": text}).status_code == 200


def test_it_narrows_only_what_one_sees(both: None, ana: Rep, as_user: SignIn) -> None:
    assert ana.user is not None
    assert names(as_user(ana.user), BIG) == []


def test_built_on_its_page(both: None, omar: User, as_user: SignIn) -> None:
    client = as_user(omar)
    data = {"condition-kind": "all", "condition-nodes": ["0"], "condition-0-field": "value"}
    data |= {"condition-0-op": "over", "condition-0-value": ["100000"]}
    answer = client.post(f"{WHERE}?kind=lead&at=x", data)
    address = urlsplit(answer["Location"])
    assert (address.path, parse_qs(address.query)["kind"]) == (reverse("opportunities"), ["lead"])
    assert json.loads(parse_qs(address.query)["where"][0]) == BIG
    assert "at" not in parse_qs(address.query)
    wrong = client.post(WHERE, data | {"condition-0-value": ["much"]})
    assert wrong.status_code == 422
    assert "much" in wrong.content.decode()
    more = client.post(WHERE, data | {"condition-do": "add:"})
    assert more.status_code == 200
    everything = client.post(WHERE, {"condition-kind": "all"})
    assert everything["Location"] == f"{LIST}?"


def test_the_api_takes_the_same(both: None, omar: User) -> None:
    client = APIClient()
    client.force_authenticate(omar)
    found = client.get("/api/v1/opportunities/", {"where": json.dumps(BIG)}).json()
    assert [one["name"] for one in found["results"]] == ["Big"]
    refused = client.get("/api/v1/opportunities/", {"where": '{"field": "industry", "op": "over"}'})
    assert refused.status_code == 400
    assert "This filter cannot be used" in refused.json()["fields"]["where"][0]
