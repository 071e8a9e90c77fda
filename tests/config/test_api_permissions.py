"""Every operation of the API, for every role: who gets in is what the matrix says, and other teams' records do not
exist."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from config.api import router
from reps.models import ApiToken, Rep, Team, User
from reps.permissions import MATRIX, SCOPE_OF, SCOPES
from routing.models import Policy
from routing.services.configuration import publish_configuration
from tests.config.sides import Side, side_of
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
Role = User.Role
Api = Callable[[User], APIClient]
# Every operation with what it needs. One that is not here fails the first test below.
OPERATIONS = {
    "GET opportunities/": "see_records",
    "POST opportunities/": "create_opportunities",
    "POST opportunities/bulk/": "create_opportunities",
    "GET opportunities/{key}/": "see_records",
    "PATCH opportunities/{key}/": "log_activities",
    "GET opportunities/{key}/decisions/": "see_records",
    "POST opportunities/{key}/accept/": "answer_assignments",
    "POST opportunities/{key}/decline/": "answer_assignments",
    "POST opportunities/{key}/pass/": "answer_assignments",
    "GET accounts/": "see_records",
    "POST accounts/": "edit_accounts",
    "GET accounts/{key}/": "see_records",
    "PUT accounts/{key}/": "edit_accounts",
    "PATCH accounts/{key}/": "edit_accounts",
    "GET contacts/": "see_records",
    "POST contacts/": "edit_accounts",
    "GET contacts/{key}/": "see_records",
    "PUT contacts/{key}/": "edit_accounts",
    "PATCH contacts/{key}/": "edit_accounts",
    "GET reps/": "see_people",
    "POST reps/": "edit_teams",
    "GET reps/{key}/": "see_people",
    "PUT reps/{key}/": "edit_teams",
    "PATCH reps/{key}/": "edit_profiles",
    "GET tag-suggestions/": "see_tag_suggestions",
    "GET tag-suggestions/{key}/": "see_tag_suggestions",
    "POST tag-suggestions/{key}/approve/": "edit_profiles",
    "POST tag-suggestions/{key}/dismiss/": "edit_profiles",
    "GET batches/": "see_queue",
    "POST batches/": "run_batches",
    "GET batches/{key}/": "see_queue",
    "POST batches/{key}/confirm/": "decide_queue",
    "POST batches/{key}/discard/": "decide_queue",
    "POST batches/{key}/reoptimise/": "decide_queue",
    "POST batches/{key}/cancel/": "run_batches",
    "GET batches/{key}/items/": "see_queue",
    "POST batches/{key}/items/{item}/move/": "decide_queue",
    "POST batches/{key}/items/{item}/keep/": "decide_queue",
    "POST batches/{key}/items/{item}/let-go/": "decide_queue",
    "POST batches/{key}/items/{item}/hold-back/": "decide_queue",
    "GET changes/": "follow_changes",
    "GET audit/": "see_audit",
    "POST satisfaction-scores/": "import_records",
    "GET activities/": "see_records",
    "POST activities/": "log_activities",
    "GET activities/{key}/": "see_records",
}
SEES_ALL = {Role.OPS, Role.ANALYST, Role.ADMIN}


def operations() -> Iterator[tuple[str, str, str, Any]]:
    """(operation, method, path with a key of no record, what each method asks for) of every one that the router knows
    and the view takes."""
    for pattern in router.urls:
        view = pattern.callback.cls
        text = str(pattern.pattern).removeprefix("^").removesuffix("$")
        path = _with_name(_with_name(text, "key"), "item")
        for method in sorted(set(pattern.callback.actions) - {"head"}):
            if method in view.http_method_names:
                yield (
                    f"{method.upper()} {path}",
                    method,
                    f"/api/v1/{path.replace('{key}', 'ext:nobody').replace('{item}', 'ext:nobody')}",
                    pattern.callback.initkwargs.get("permission_by_method", view.permission_by_method),
                )


def _with_name(route: str, name: str) -> str:
    """The route with {name} for the group of that name, which has groups of its own inside."""
    begin = route.find(f"(?P<{name}>")
    if begin < 0:
        return route
    depth = 0
    for end in range(begin, len(route)):
        depth += {"(": 1, ")": -1}.get(route[end], 0)
        if depth == 0:
            return f"{route[:begin]}{{{name}}}{route[end + 1 :]}"
    raise ValueError(route)


def call(client: APIClient, method: str, path: str) -> int:
    code: int = getattr(client, method)(path, *([] if method == "get" else [{}])).status_code
    return code


def test_every_operation_has_an_entry_and_asks_for_it() -> None:
    asked = {name: wanted.get(method.upper()) for name, method, _, wanted in operations()}
    assert asked == OPERATIONS


def test_the_schema_has_the_same_operations() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    described = {
        f"{method.upper()} {path.removeprefix('/api/v1/')}"
        for path, methods in paths.items()
        for method in methods
    }
    assert described == set(OPERATIONS)


@pytest.mark.parametrize("role", Role.values)
def test_who_gets_in_is_what_the_matrix_says(role: str, api: Api, make_rep: Callable[..., Rep]) -> None:
    user = user_of("Somebody", role)
    if role == Role.REP:
        make_rep("Somebody", user=user)
    client, wrong = api(user), []
    for name, method, path, _ in operations():
        code = call(client, method, path)
        if (code == 403) == (role in MATRIX[OPERATIONS[name]]) or code >= 500:
            wrong.append(f"{name} answers {code}")
    assert wrong == []


def test_a_scope_opens_the_operations_of_its_permissions_and_no_others(ada: User) -> None:
    """Of an admin, who may everything: what is refused, is refused by the scope, and the answer names it."""
    for scope, permissions in SCOPES.items():
        _, secret = ApiToken.objects.create(user=ada, name="narrow", scopes=[scope])
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        opened = set()
        for name, method, path, _ in operations():
            answer = getattr(client, method)(path, {}, format="json") if method != "get" else client.get(path)
            if answer.status_code != 403:
                opened.add(name)
            else:
                assert f"lacks the scope “{SCOPE_OF[OPERATIONS[name]]}”" in answer.json()["error"]
        assert opened == {name for name, wanted in OPERATIONS.items() if wanted in permissions}


def test_every_operation_stands_in_a_scope() -> None:
    assert set(OPERATIONS.values()) == set(SCOPE_OF)


def test_the_schema_names_the_scope_of_each_operation() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    described = paths["/api/v1/opportunities/"]
    assert "Scope of the token: `leads:write`." in described["post"]["description"]
    assert "Scope of the token: `records:read`." in described["get"]["description"]
    for operations_of in paths.values():
        assert all("Scope of the token: `" in one["description"] for one in operations_of.values())


def test_without_a_good_token_there_is_nothing(omar: User, ana: Rep) -> None:
    def with_token(token: str) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=token)
        return client

    revoked, secret = ApiToken.objects.create(user=omar, name="revoked")
    revoked.delete()
    _, expired = ApiToken.objects.create(user=omar, name="old", expiry=-datetime.timedelta(days=1))
    gone = user_of("Gone", Role.ADMIN)
    _, inactive = ApiToken.objects.create(user=gone, name="gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    signed_in = APIClient()
    signed_in.force_login(omar)  # a session is no token: no page of somebody else's may use it
    clients = [
        APIClient(), signed_in, with_token("Bearer nonsense"), with_token(f"Bearer {secret}"),
        with_token(f"Bearer {expired}"), with_token(f"Bearer {inactive}"), with_token(f"Token {secret}"),
    ]  # fmt: skip
    for client in clients:
        codes = {name: call(client, method, path) for name, method, path, _ in operations()}
        assert set(codes.values()) == {401}, codes


def test_documentation_is_open_and_nothing_else_beside_it() -> None:
    assert [Client().get(f"/api/v1/{page}/").status_code for page in ("schema", "docs")] == [200, 200]


# --- whose records ---------------------------------------------------------------------------------------------------


@pytest.fixture
def sides(east: Team, ana: Rep, bo: Rep, cara: Rep, ben: User) -> dict[str, Side]:
    Team.objects.update(is_default=False)
    Team.objects.filter(pk=east.pk).update(is_default=True)
    return {rep.name: side_of(rep) for rep in (ana, bo, cara)}


def reader(role: str, sides: dict[str, Side], ben: User) -> User:
    if role == Role.MANAGER:
        return ben
    found = sides["Ana"].rep.user if role == Role.REP else user_of("Somebody", role)
    assert found is not None
    return found


def sees(role: str, name: str) -> bool:
    """A manager of East: Ana and Bo; Ana: herself."""
    return role in SEES_ALL or name == "Ana" or (role == Role.MANAGER and name == "Bo")


OWNED: dict[str, Callable[[Side], Any]] = {
    "opportunities": lambda side: side.opportunity,
    "activities": lambda side: side.activity,
    "reps": lambda side: side.rep,
    "tag-suggestions": lambda side: side.suggestion,
}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("kind", OWNED)
def test_others_records_are_neither_found_nor_listed(
    kind: str, role: str, sides: dict[str, Side], ben: User, api: Api
) -> None:
    if kind == "tag-suggestions" and role == Role.REP:
        pytest.skip("has not the permission at all")
    client = api(reader(role, sides, ben))
    listed = {row["id"] for row in client.get(f"/api/v1/{kind}/").json()["results"]}
    for name, side in sides.items():
        record = OWNED[kind](side)
        expected = sees(role, name)
        assert client.get(f"/api/v1/{kind}/{record.pk}/").status_code == (200 if expected else 404)
        assert (record.pk in listed) == expected
        if external := getattr(record, "external_id", None):
            code = client.get(f"/api/v1/{kind}/ext:{external}/").status_code
            assert code == (200 if expected else 404)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.REP])
def test_others_records_cannot_be_written(role: str, sides: dict[str, Side], ben: User, api: Api) -> None:
    client, theirs = api(reader(role, sides, ben)), sides["Cara"]
    lead = f"/api/v1/opportunities/{theirs.opportunity.pk}/"
    assert client.get(f"{lead}decisions/").status_code == 404
    assert client.patch(lead, {"stage": "won"}).status_code == 404
    logged = client.post("/api/v1/activities/", {"opportunity": str(theirs.opportunity.pk), "kind": "call"})
    assert (logged.status_code, list(logged.json()["fields"])) == (400, ["opportunity"])
    code = 404 if role == Role.MANAGER else 403
    assert client.patch(f"/api/v1/reps/{theirs.rep.pk}/", {"name": "X"}).status_code == code
    for verb in ("approve", "dismiss"):
        path = f"/api/v1/tag-suggestions/{theirs.suggestion.pk}/{verb}/"
        assert client.post(path).status_code == code
    theirs.opportunity.refresh_from_db()
    assert (theirs.opportunity.stage, theirs.opportunity.owner) == ("open", theirs.rep)


def test_an_external_id_that_others_use_gives_nothing_of_theirs_away(
    sides: dict[str, Side], ben: User, api: Api
) -> None:
    """A repeat of an id is answered with what was answered first: not to somebody who may not see it."""
    theirs = sides["Cara"].opportunity
    body = {"name": "Mine", "external_id": theirs.external_id}
    one = api(ben).post("/api/v1/opportunities/", body)
    many = api(ben).post("/api/v1/opportunities/bulk/", [body])
    assert (one.status_code, list(one.json()["fields"])) == (409, ["external_id"])
    assert [row["status"] for row in many.json()["results"]] == [409]
    assert "Cara" not in one.content.decode() + many.content.decode()


def test_the_own_repeat_is_answered_wherever_it_went(west: Team, cara: Rep, ben: User, api: Api) -> None:
    """A manager's tool that sends again gets the first answer, although another team has it by now."""
    Policy.objects.update(application="assign")
    publish_configuration(by=None, at=NOW)
    Team.objects.update(is_default=False)
    Team.objects.filter(pk=west.pk).update(is_default=True)
    body = {"name": "Northwind", "external_id": "N-1"}
    first, second = (api(ben).post("/api/v1/opportunities/", body) for _ in range(2))
    assert first.json()["owner"]["name"] == "Cara"
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_filters_do_not_widen_what_is_seen(sides: dict[str, Side], ben: User, api: Api) -> None:
    theirs = sides["Cara"]
    for narrowed in (f"owner={theirs.rep.pk}", "search=Cara", "stage=open", "owner=none"):
        rows = api(ben).get(f"/api/v1/opportunities/?{narrowed}").json().get("results", [])
        assert theirs.opportunity.pk not in {row["id"] for row in rows}
