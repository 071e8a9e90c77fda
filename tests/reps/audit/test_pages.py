"""The audit log read: its page, its files, the API."""

import base64
import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from reps.attribution import Actor, acting
from reps.models import ApiToken, AuditEntry, Rep, Team, User
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Since = Callable[[], list[AuditEntry]]
LIST_QUERIES = 6  # session, user, users, kinds, count, entries


# --- the page, its files, the API ------------------------------------------------------------------------------------


@pytest.fixture
def many() -> Callable[[int], None]:
    def add(number: int) -> None:
        AuditEntry.objects.bulk_create(
            AuditEntry(
                at=NOW + datetime.timedelta(minutes=one), way="person", user_id=1, user_name="Somebody",
                action="changed", kind="rep", record_id=str(one), record_name=f"Rep {one}",
                changes={"own_max_open": [40, 50]},
            )
            for one in range(number)
        )  # fmt: skip

    return add


@pytest.mark.parametrize("number", [1, 30])
def test_the_page_takes_the_same_queries_at_any_length(
    number: int, many: Callable[[int], None], ada: User, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    many(number)
    client = as_user(ada)
    client.get(reverse("audit"))
    with django_assert_num_queries(LIST_QUERIES):
        client.get(reverse("audit"), headers={"HX-Request": "true", "HX-Target": "audit"})


def test_the_page_says_it_in_a_sentence(ana: Rep, omar: User, ada: User, as_user: SignIn) -> None:
    with acting(Actor("person", user=omar.pk)):
        Rep.objects.filter(pk=ana.pk).update(own_max_open=50)
    page = as_user(ada).get(reverse("audit")).content.decode()
    assert "Omar changed rep Ana: maximum of open opportunities from 10 to 50" in page
    assert reverse("rep", args=[ana.pk]) in page


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"kind": "team"}, ["North"]),
        ({"q": "nort"}, ["North"]),
        ({"action": "deleted"}, ["Gone"]),
        ({"address": "192.0.2.1"}, ["Gone"]),
        ({"first": "2020-01-02", "last": "2020-01-02"}, ["Early"]),
        ({"record": "rep:77"}, ["Healthcare"]),
        ({"who": "way:job"}, ["Night"]),
        (
            {
                "who": "nobody",
                "kind": "none",
                "first": "yesterday",
                "address": "x",
                "record": "?",
                "q": "Nort",
            },
            ["North"],
        ),
    ],
)
def test_filters_stand_in_the_address(
    asked: dict[str, str], names: list[str], ada: User, as_user: SignIn
) -> None:
    def add(**values: Any) -> None:
        AuditEntry.objects.create(
            **{"at": NOW, "way": "person", "action": "changed", "kind": "rule"} | values
        )

    add(kind="team", record_name="North")
    add(action="deleted", record_name="Gone", address="192.0.2.1")
    add(record_name="Early", at=datetime.datetime(2020, 1, 2, 12, tzinfo=datetime.UTC))
    add(kind="skill", record_name="Healthcare", of_kind="rep", of_id="77")
    add(way="job", record_name="Night", through="x")
    client = as_user(ada)
    lines = client.get(reverse("audit"), asked).context["lines"]
    ours = {"North", "Gone", "Early", "Healthcare", "Night"}
    assert [one.entry.record_name for one in lines if one.entry.record_name in ours] == names


def test_pages_follow_each_other(many: Callable[[int], None], ada: User, as_user: SignIn) -> None:
    many(120)
    client, seen, cursor = as_user(ada), [], ""
    for _ in range(3):
        page = client.get(reverse("audit"), {"kind": "rep", "at": cursor}).context["page"]
        seen += [one.record_name for one in page.rows]
        cursor = page.after
    assert seen == [f"Rep {one}" for one in reversed(range(120))]
    assert client.get(reverse("audit"), {"at": "nonsense"}).status_code == 404
    for value in (["s", "name"], ["t", "2026-03-02T12:00:00Z"], ["s", 10**30], ["s", True]):
        cursor = base64.urlsafe_b64encode(json.dumps([0, *value, 1]).encode()).decode()
        assert client.get(reverse("audit"), {"at": cursor}).status_code in (200, 404)


def test_files_hold_what_the_filters_leave_and_are_told_themselves(
    many: Callable[[int], None], ada: User, as_user: SignIn, since: Since
) -> None:
    many(3)
    client = as_user(ada)
    since()
    table = b"".join(client.get(reverse("audit_csv"), {"kind": "rep"})).decode()
    assert len(table.strip().splitlines()) == 4
    lines = b"".join(client.get(reverse("audit_jsonl"), {"kind": "rep"})).decode()
    assert [json.loads(line)["name"] for line in lines.splitlines()] == ["Rep 2", "Rep 1", "Rep 0"]
    assert [one.action for one in since()] == ["exported", "exported"]


@pytest.mark.parametrize("role", ["ops", "manager", "rep", "analyst"])
def test_it_is_the_admins(role: str, as_user: SignIn, api: Api) -> None:
    user = user_of("Somebody", role)
    assert as_user(user).get(reverse("audit")).status_code == 403
    assert as_user(user).get(reverse("audit_csv")).status_code == 403
    assert api(user).get("/api/v1/audit/").status_code == 403


def test_the_api_tells_them_in_order_and_from_any_number(ada: User, api: Api) -> None:
    client = api(ada)
    first = client.get("/api/v1/audit/").json()
    numbers = [one["number"] for one in first["entries"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    Team.objects.create(name="North")
    then = client.get("/api/v1/audit/", {"since": first["next"]}).json()
    assert [(one["kind"], one["name"]) for one in then["entries"]] == [("team", "North")]
    assert then["more"] is False
    some = client.get("/api/v1/audit/", {"limit": 1}).json()
    assert (len(some["entries"]), some["more"]) == (1, True)
    assert client.get("/api/v1/audit/", {"since": "-1"}).status_code == 400
    assert client.get("/api/v1/audit/", {"limit": "501"}).status_code == 400


def test_a_token_needs_the_scope(ada: User) -> None:
    _, secret = ApiToken.objects.create(user=ada, name="SIEM", scopes=["records:read"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/v1/audit/").status_code == 403
    ApiToken.objects.update(scopes=["audit:read"])
    assert client.get("/api/v1/audit/").status_code == 200
