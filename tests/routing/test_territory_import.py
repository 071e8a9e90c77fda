"""Territories as a table: out, in again, previewed, refused, and all of it or nothing."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from crm.engine.conditions import compile_condition, normalise
from reps.models import Rep, Team, User
from routing.engine.territory_file import CellError, places_condition
from routing.queries.territory_file import as_csv
from routing.queries.territory_import import Plan, plan_import
from routing.services.territories import NotAsShown, import_territories
from territories.models import Coverage, Territory
from tests.conftest import user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
URL, APPLY = "/territories/import/", "/territories/import/apply/"
US = {"field": "country", "op": "is", "value": "US"}


@pytest.fixture
def us(east: Team, bo: Rep) -> Territory:
    Rep.objects.filter(pk=bo.pk).update(email="bo@example.com")
    us = Territory.objects.create(name="America", condition=US)
    Coverage.objects.create(territory=us, team=east)
    days = {"starts_on": datetime.date(2026, 1, 1), "ends_on": datetime.date(2026, 6, 30)}
    Coverage.objects.create(territory=us, rep=bo, **days)
    return us


def planned(text: str, *, off: bool = False) -> Plan:
    return plan_import(text.encode(), switch_off_missing=off)


def written(text: str, *, off: bool = False) -> Plan:
    digest = planned(text, off=off).digest
    now = timezone.now()
    return import_territories(content=text.encode(), switch_off_missing=off, digest=digest, at=now)


def wrong(text: str) -> list[tuple[int, str, str]]:
    return [(problem.row, problem.field, problem.reason) for problem in planned(text).problems]


def send(client: Client, text: str, **values: Any) -> HttpResponse:
    file = SimpleUploadedFile("territories.csv", text.encode())
    return client.post(URL, {"table": file} | values)  # type: ignore[return-value]


def confirm(client: Client, response: HttpResponse) -> HttpResponse:
    values = {bound.name: bound.value() for bound in response.context["confirm"]}  # type: ignore[attr-defined]
    return client.post(APPLY, values)  # type: ignore[return-value]


# --- out and in again -----------------------------------------------------------------------------------------------


def test_what_is_exported_changes_nothing_when_it_is_imported(us: Territory, west: Team, ana: Rep) -> None:
    Team.objects.filter(pk=west.pk).update(name="West; the wild")
    texas = Territory.objects.create(name="=Texas", parent=us, is_active=False)
    for one in ({"team": west}, {"rep": ana, "starts_on": datetime.date(2026, 1, 1)}):
        Coverage.objects.create(territory=texas, **one)
    text = as_csv()
    lines = text.removeprefix("\ufeff").splitlines()
    assert lines[0] == "id,name,parent,condition,active,coverage"
    assert lines[1].endswith("yes,team:East; rep:bo@example.com 2026-01-01..2026-06-30")
    assert lines[2] == f"{texas.pk},'=Texas,America,{{}},no,team:#{west.pk}; rep:#{ana.pk} 2026-01-01.."
    plan = planned(text, off=True)
    assert plan.problems == ()
    assert (plan.unchanged, plan.does_anything) == (2, False)


def test_territories_are_added_changed_and_switched_off(us: Territory, west: Team) -> None:
    old = Territory.objects.create(name="Old")
    text = f"""id,name,parent,condition,active,coverage
{us.pk},United States,,"{json.dumps(US).replace('"', '""')}",yes,team:East
,South,United States,"{{""field"": ""region"", ""op"": ""is"", ""value"": ""Texas""}}",,team:west
,Austin,South,{{}},no,
"""
    plan = written(text, off=True)
    assert ([one.name for one in plan.added], plan.switched_off) == (["South", "Austin"], ("Old",))
    assert [one.said for one in plan.added] == [
        "state or region is Texas, inside United States → team West",
        "everything, inside South → nobody, off",
    ]
    assert plan.changed[0].changes == (
        "name: America → United States",
        "coverage: team East, Bo from 2026-01-01 until 2026-06-30 → team East",
    )
    rows = {one.name: one for one in Territory.objects.select_related("parent")}
    assert {name: one.parent and one.parent.name for name, one in rows.items()} == {
        "United States": None,
        "South": "United States",
        "Austin": "South",
        "Old": None,
    }
    assert {name for name, one in rows.items() if one.is_active} == {"United States", "South"}
    assert rows["Old"].pk == old.pk
    assert [(one.territory.name, one.team_id) for one in Coverage.objects.select_related("territory")] == [
        ("South", west.pk),
        ("United States", us.coverage.get().team_id),
    ]


def test_names_may_change_places_and_columns_left_out_change_nothing(us: Territory) -> None:
    other = Territory.objects.create(name="Other", note="kept")
    written(f"id,name\n{us.pk},Other\n{other.pk},America\n")
    us.refresh_from_db()
    other.refresh_from_db()
    assert (us.name, us.condition, us.coverage.count()) == ("Other", US, 2)
    assert (other.name, other.note) == ("America", "kept")


def test_places_become_a_condition(us: Territory) -> None:
    written("name;country;region;postal\nSouth;Germany;Bayern;80000-87999,9*\n".replace(",9*", ""))
    assert Territory.objects.get(name="South").condition == {
        "all": [
            {"field": "country", "op": "in", "value": ["DE"]},
            {"field": "region", "op": "in", "value": ["Bayern"]},
            {
                "any": [
                    {"field": "postal_code", "op": "between", "value": ["80000", "87999"]},
                    {"field": "postal_code", "op": "starts_with", "value": "87999"},
                ]
            },
        ]
    }


@pytest.mark.parametrize(
    ("cell", "inside", "outside"),
    [
        ("10000-19999; 2*", ["10000", "15555", "19999", "19999-1234", "2", "29999"], ["09999", "30000", ""]),
        ("10115", ["10115"], ["10116", "101150"]),
        ("sw1*", ["SW1A 1AA"], ["SE1"]),
    ],
)
def test_postal_codes_match(cell: str, inside: list[str], outside: list[str]) -> None:
    (condition,) = places_condition({"postal": cell})
    matches = compile_condition(condition)
    assert [code for code in inside + outside if matches(normalise({"postal_code": code}))] == inside


@pytest.mark.parametrize("cell", ["00-950", "2*3", "*", "20000-10000", "-5"])
def test_postal_codes_that_cannot_be_are_refused(cell: str) -> None:
    with pytest.raises(CellError):
        places_condition({"postal": cell})


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "row", "field", "reason"),
    [
        ("id,name,condition\n999,X,{}", 2, "id", "there is no territory with id “999”"),
        ("id,name,condition\n1²,X,{}", 2, "id", "there is no territory with id"),
        ("name,condition\n ,{}", 2, "name", "a new territory needs a name"),
        ("name,condition\nX,{}\nX,{}", 2, "name", "another territory has this name"),
        ("name,condition\nAmerica,{}\nAmerica,{}", 3, "name", "row 2 has it already"),
        ("name,condition\nX,", 2, "condition", "is empty"),
        ("name\nX", 2, "condition", "is empty"),
        ("name,condition\nX,{", 2, "condition", "is no JSON"),
        ("name,condition\nX,[1]", 2, "condition", "a condition is an object"),
        ("name,condition\nX," + "[" * 90_000, 2, "condition", "is no JSON"),
        ('name,condition\nX,"{""field"":""value"",""op"":""is_empty"",""value"":1e999}"', 2, "condition", "JSON"),
        ('name,condition\nX,"{""field"":""nope"",""op"":""is"",""value"":1}"', 2, "condition", "no field “nope”"),
        ('name,condition\nX,"{""field"":""city"",""op"":""over"",""value"":1}"', 2, "condition", "“over” does not"),
        ('name,condition\nX,"{""field"":""city"",""op"":""is_empty"",""value"":""\\u0000""}"', 2, "condition", "stor"),
        ('name,condition\nX,"{""field"":""city"",""op"":""is_empty"",""value"":""\\ud800""}"', 2, "condition", "JSON"),
        ("name,country\nX,Atlantis", 2, "country", "there is no country “Atlantis”"),
        ("name,postal\nX,20000-10000", 2, "postal", "is no range"),
        ("name,condition,parent\nX,{},Nowhere", 2, "parent", "there is no territory “Nowhere”"),
        ("name,condition,parent\nX,{},X", 2, "parent", "would lie inside itself"),
        ("name,condition,parent\nA,{},C\nB,{},A\nC,{},B", 4, "parent", "would lie inside itself"),
        ("name,condition,active\nX,{},perhaps", 2, "active", "neither yes nor no"),
        ("name,condition,coverage\nX,{},team:Nobody", 2, "coverage", "there is no team “Nobody”"),
        ("name,condition,coverage\nX,{},rep:no@example.com", 2, "coverage", "there is no rep"),
        ("name,condition,coverage\nX,{},East", 2, "coverage", "neither “team:name” nor"),
        ("name,condition,coverage\nX,{},team:East 2026-02-30..", 2, "coverage", "“2026-02-30” is not a day"),
        ("name,condition,coverage\nX,{},team:East 2026-02-02..2026-01-01", 2, "coverage", "ends before"),
        ("name,condition\nX,{},more", 2, "", "has 3 cells"),
    ],
)  # fmt: skip
def test_bad_rows_are_named_and_nothing_is_written(
    us: Territory, text: str, row: int, field: str, reason: str
) -> None:
    found = wrong(text)
    assert [one for one in found if one[:2] == (row, field) and reason in one[2]], found
    with pytest.raises(NotAsShown):
        written(text)
    assert list(Territory.objects.values_list("name", flat=True)) == ["America"]


def test_all_bad_rows_are_named_at_once(us: Territory) -> None:
    text = "name,condition,active\nGood,{},yes\nX,{,yes\nY,{},perhaps\n"
    assert [(row, field) for row, field, _ in wrong(text)] == [(3, "condition"), (4, "active")]


# --- the pages ------------------------------------------------------------------------------------------------------


def test_an_ops_leader_looks_and_then_imports(as_user: SignIn, omar: User, us: Territory) -> None:
    client = as_user(omar)
    response = send(client, "name,condition,active\nNorth,{},yes\nAmerica,{},no\n")
    page = response.content.decode()
    assert "1</b> would be added" in page
    assert "Switched off: America." in page
    assert "condition: country is US → everything" in page
    assert Territory.objects.count() == 1
    assert confirm(client, response).headers["Location"] == "/territories/"
    assert Territory.objects.filter(is_active=True).get().name == "North"
    assert "1 added, 1 changed" in client.get("/territories/").content.decode()


def test_what_has_changed_meanwhile_is_shown_again(as_user: SignIn, omar: User, us: Territory) -> None:
    client = as_user(omar)
    response = send(client, "name,condition\nAmerica,{}\n", switch_off_missing="on")
    Territory.objects.create(name="New meanwhile")
    again = confirm(client, response)
    assert again.status_code == 409
    assert "Territories have changed meanwhile" in again.content.decode()
    assert "Switched off: New meanwhile." in again.content.decode()
    assert Territory.objects.get(pk=us.pk).condition == US
    assert confirm(client, again).status_code == 302
    assert not Territory.objects.get(name="New meanwhile").is_active


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("name,colour\nX,red\n", "There is no column “colour”"),
        ("active\nyes\n", "neither a column “name” nor a column “id”"),
        ("PK\x03\x04", "an Excel workbook"),
        ("name,condition\n" + "X,{}\n" * 2001, "at most 2,000 territories"),
        ("x" * (2**20 + 1), "at most 1 MB"),
    ],
)
def test_what_is_no_such_table_is_refused(as_user: SignIn, omar: User, text: str, why: str) -> None:
    response = send(as_user(omar), text)
    assert response.status_code == 422
    assert why in response.content.decode()


def test_a_file_with_bad_rows_cannot_be_confirmed(as_user: SignIn, omar: User, us: Territory) -> None:
    client = as_user(omar)
    response = send(client, "name,condition\nX,{\n")
    assert response.status_code == 422
    assert APPLY not in response.content.decode()
    assert confirm(client, response).status_code == 409
    assert client.post(APPLY, {"content": "%%", "digest": "x"}).headers["Location"] == URL
    assert Territory.objects.count() == 1


@pytest.mark.parametrize("role", ["manager", "rep", "analyst"])
def test_others_do_not_import(as_user: SignIn, role: str, us: Territory) -> None:
    client = as_user(user_of("Somebody", role))
    assert (client.get(URL).status_code, client.post(APPLY).status_code) == (403, 403)
    assert URL not in client.get("/territories/").content.decode()


def test_the_number_of_queries_does_not_grow(us: Territory, django_assert_num_queries: Any) -> None:
    for count in (1, 30):
        rows = [f'New {count} {i},America,{{}},"team:East; rep:bo@example.com"' for i in range(count)]
        text = "\n".join(["name,parent,condition,coverage", *rows])
        with django_assert_num_queries(10):
            plan = planned(text)
        with django_assert_num_queries(17):
            import_territories(
                content=text.encode(), switch_off_missing=False, digest=plan.digest, at=timezone.now()
            )
