"""Who changed what and from where; sign-ins and downloads; nothing secret is told."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.db.backends.postgresql.base import Cursor
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from operations.jobs import begun, ended
from reps.attribution import Actor, acting, actor_now, attributing
from reps.models import Absence, ApiToken, AuditEntry, Rep, Skill, Team, User
from reps.services.calendars.sealing import seal as sealed
from reps.services.sessions import end_sessions
from routing.models import WebForm, Webhook
from routing.services.configuration import publish_configuration
from tests.conftest import NOW, PASSWORD, user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Since = Callable[[], list[AuditEntry]]


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


# --- who, what, from where -------------------------------------------------------------------------------------------


def test_a_changed_limit_says_who_what_and_from_where(
    ana: Rep, ben: User, client: Client, since: Since
) -> None:
    from tests.reps.test_views import rep_form

    client.force_login(ben)
    since()
    client.post(
        reverse("rep_edit", args=[ana.pk]),
        rep_form(ana, own_max_open=12),
        REMOTE_ADDR="192.0.2.7",
        HTTP_USER_AGENT="Mozilla/5.0 (Windows NT 10.0) Firefox/130.0",
        HTTP_X_REQUEST_ID="of-this-request",
    )
    (entry,) = [one for one in since() if one.kind == "rep"]
    assert (entry.way, entry.user_id, entry.user_name, entry.user_email) == (
        "person", ben.pk, "Ben", "ben@example.com",
    )  # fmt: skip
    assert (entry.address, entry.agent, entry.request_id) == (
        "192.0.2.7", "Firefox on Windows", "of-this-request",
    )  # fmt: skip
    assert (entry.action, entry.record_id, entry.record_name) == ("changed", str(ana.pk), "Ana")
    assert entry.changes["own_max_open"] == [10, 12]


def test_a_token_is_named(ana: Rep, omar: User, api: Api, since: Since) -> None:
    client = api(omar)
    since()
    assert client.patch(f"/api/v1/reps/{ana.pk}/", {"own_max_open": 7}).status_code == 200
    (entry,) = [one for one in since() if one.kind == "rep"]
    assert (entry.way, entry.through, entry.user_name) == ("token", "test", "Omar")
    assert entry.changes == {"own_max_open": [10, 7]}


def test_what_pages_change_is_told(
    ada: User, ben: User, east: Team, nia: User, as_user: SignIn, since: Since
) -> None:
    client, mona = as_user(ada), user_of("Mona", "manager")
    since()
    seen = {"seen_at": east.updated_at.isoformat()}
    client.post(reverse("team_edit", args=[east.pk]), {"name": "Far East", "managers": [mona.pk], **seen})
    client.post(reverse("user_deactivate", args=[nia.pk]))
    client.post(reverse("certification_new"), {"certification": "meddic", "depth": 3})
    client.post(reverse("pause"), {"reason": "fair"})
    client.post(reverse("tokens"), {"name": "Dialer", "lifetime": "30"})
    client.post(reverse("token_revoke", args=[ApiToken.objects.get(name="Dialer").pk]))
    found = since()
    assert {(one.way, one.user_name) for one in found} == {("person", "Ada")}
    assert [(one.kind, one.action, one.record_name) for one in found if one.action != "session_ended"] == [
        ("team", "changed", "Far East"),
        ("team manager", "deleted", "Ben"),
        ("team manager", "created", "Mona"),
        ("user", "changed", "Nia"),
        ("certification", "created", "meddic"),
        ("automation", "created", "paused"),
        ("token", "created", "Dialer"),
        ("token", "deleted", "Dialer"),
    ]


def test_a_second_factor_is_told_without_its_key(omar: User, since: Since) -> None:
    since()
    factor = Authenticator.objects.create(user=omar, type="totp", data={"secret": "k3y"})
    Authenticator.objects.filter(pk=factor.pk).update(last_used_at=NOW)
    factor.delete()
    created, deleted = since()
    assert (created.kind, created.record_name, created.of_name) == ("second factor", "totp", "Omar")
    assert created.changes["data"] == [None, "secret"]
    assert deleted.action == "deleted"


def test_sessions_that_somebody_ends_are_told(ada: User, omar: User, since: Since) -> None:
    Client().post("/login/", {"login": omar.email, "password": PASSWORD})
    since()
    with acting(Actor("person", user=ada.pk)):
        assert end_sessions(user=omar) == 1
    (entry,) = since()
    assert (entry.action, entry.user_name, entry.record_name) == ("session_ended", "Ada", "Omar")


def test_a_published_configuration_is_told(omar: User, since: Since, one_policy: None) -> None:
    since()
    version, _ = publish_configuration(by=omar, at=NOW)
    (entry,) = [one for one in since() if one.kind == "configuration version"]
    assert (entry.record_name, entry.user_name) == (str(version.number), "Omar")
    assert "content" not in entry.changes


def test_plain_sql_is_told_by_its_account(ana: Rep, since: Since) -> None:
    since()
    run("UPDATE reps_rep SET own_max_open = 99 WHERE id = %s", ana.pk)
    (entry,) = since()
    assert (entry.way, entry.user_id, entry.changes) == ("database", None, {"own_max_open": [10, 99]})
    assert entry.through != ""


def test_a_job_is_named_and_its_name_ends_with_it(ana: Rep, since: Since) -> None:
    since()
    task = {"func": "routing.jobs.every_night", "id": "abc", "success": True}
    begun(task)
    Rep.objects.update(own_max_open=11)
    ended(task)
    Rep.objects.update(own_max_open=12)
    first, second = since()
    assert (first.way, first.through) == ("job", "routing.jobs.every_night")
    assert second.way == "database"


def test_nothing_of_one_request_stays_for_the_next_on_the_connection(
    ana: Rep, ben: User, omar: User, since: Since
) -> None:
    from tests.reps.test_views import rep_form

    since()
    for number, user in enumerate((ben, omar), start=20):
        client = Client()
        client.force_login(user)
        client.post(reverse("rep_edit", args=[ana.pk]), rep_form(ana, own_max_open=number))
        ana.refresh_from_db()
    assert actor_now() is None
    run("UPDATE reps_rep SET own_max_open = 5")
    found = [one for one in since() if one.kind == "rep"]
    assert [(one.way, one.user_name) for one in found] == [
        ("person", "Ben"), ("person", "Omar"), ("database", ""),
    ]  # fmt: skip


def test_what_a_statement_says_later_is_not_taken_for_its_actor(ana: Rep, since: Since) -> None:
    since()
    with acting(Actor("person", user=ana.user_id)):
        Rep.objects.filter(pk=ana.pk).update(name="/* actor:e30= */")
    Rep.objects.filter(pk=ana.pk).update(name="Ana")
    assert [one.way for one in since()] == ["person", "database"]


def test_a_trace_shows_statements_without_their_actor(ana: Rep, since: Since) -> None:
    shown: list[str] = []

    class Traced(Cursor):
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            shown.append(query)
            return super().execute(query, *arguments, **options)  # type: ignore[misc]  # psycopg's

    since()
    with acting(Actor("job", through="night")), attributing(Traced)(connection.connection) as cursor:
        cursor.execute("UPDATE reps_rep SET own_max_open = 3")
    assert shown == ["UPDATE reps_rep SET own_max_open = 3"]
    assert [one.through for one in since()] == ["night"]


def test_names_of_then_stay(ana: Rep, west: Team, since: Since) -> None:
    since()
    Rep.objects.filter(pk=ana.pk).update(team=west)
    Team.objects.filter(pk=west.pk).update(name="Far West")
    assert since()[0].changes["team_id"][1] == {"id": west.pk, "name": "West"}


def test_what_belongs_to_a_rep_says_so(ana: Rep, since: Since) -> None:
    since()
    Absence.objects.create(rep=ana, starts_at=NOW, reason="vacation")
    Skill.objects.filter(rep=ana).delete()
    assert [(one.action, one.kind, one.of_kind, one.of_id, one.of_name) for one in since()] == [
        ("created", "absence", "rep", str(ana.pk), "Ana"),
        ("deleted", "skill", "rep", str(ana.pk), "Ana"),
    ]


# --- what is no change of a row --------------------------------------------------------------------------------------


def test_signing_in_and_out_and_failing_to(omar: User, since: Since) -> None:
    client = Client(REMOTE_ADDR="192.0.2.9")
    since()
    client.post("/login/", {"login": "omar@example.com", "password": "my secret word"})
    client.post("/login/", {"login": "omar@example.com", "password": PASSWORD})
    client.post("/logout/")
    told = [(one.action, one.record_name, one.address) for one in since() if one.kind == "user"]
    assert told == [
        ("sign_in_failed", "omar@example.com", "192.0.2.9"),
        ("signed_in", "Omar", "192.0.2.9"),
        ("signed_out", "Omar", "192.0.2.9"),
    ]


def test_a_password_in_the_wrong_field_is_not_kept(since: Since) -> None:
    since()
    Client().post("/login/", {"login": "hunter2hunter2", "password": "x"})
    assert [one for one in since() if "hunter2" in one.record_name] == []


def test_every_download_is_told(ben: User, as_user: SignIn, since: Since) -> None:
    client = as_user(ben)
    since()
    assert client.get(reverse("profile_changes_csv") + "?days=30").status_code == 200
    (entry,) = since()
    assert (entry.action, entry.record_name, entry.user_name) == (
        "exported",
        "changes to profiles.csv",
        "Ben",
    )
    assert entry.changes == {"address": [None, "/reps/changes.csv?days=30"]}


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_nothing_secret_is_in_the_log(ada: User, omar: User, as_user: SignIn) -> None:
    client = as_user(ada)
    page = client.post("/tokens/", {"name": "Dialer", "lifetime": "365"}).content.decode()
    token = ApiToken.objects.get(name="Dialer")
    assert token.token_key in page
    omar.set_password("another long password")
    omar.save()
    Webhook.objects.create(
        name="CRM", address="https://crm.example.com", sealed=sealed({"secret": "s3cr3t"}), events=[]
    )
    form = WebForm.objects.create(name="Site", acts_as=omar, key="key-of-the-form")
    text = json.dumps(
        [
            {k: str(v) for k, v in vars(one).items()} | {"changes": one.changes}
            for one in AuditEntry.objects.all()
        ]
    )
    assert "Dialer" in text
    for secret in (token.token_key, token.digest, omar.password, "s3cr3t", form.key, "another long"):
        assert secret not in text
    changed = AuditEntry.objects.get(kind="user", action="changed", record_name="Omar")
    assert changed.changes == {"password": ["secret", "secret"]}
