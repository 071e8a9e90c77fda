"""The audit log: nothing is missed, nothing secret is told, nothing is rewritten, and no lead pays for it."""

import datetime
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.postgresql.base import Cursor
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from crm.models import Account, Opportunity
from operations.jobs import begun, ended
from reps.attribution import Actor, acting, actor_now, attributing
from reps.models import Absence, ApiToken, AuditEntry, AuditSeal, Organisation, Rep, Skill, Team, User
from reps.services.audit import forget, forget_old, seal
from reps.services.calendars.sealing import seal as sealed
from reps.services.sessions import end_sessions
from routing.models import AutomationChange, Override, OverrideReason, Policy, Rule, WebForm, Webhook
from routing.queries.invariants import check_invariants
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from tests.conftest import NOW, PASSWORD, user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
LIST_QUERIES = 6  # session, user, users, kinds, count, entries


@pytest.fixture
def since() -> Callable[[], list[AuditEntry]]:
    """What was added since the cast came in, oldest first."""
    first: list[int] = []

    def added() -> list[AuditEntry]:
        if not first:
            newest = AuditEntry.objects.first()
            first.append(newest.pk if newest else 0)
        return list(AuditEntry.objects.filter(pk__gt=first[0]).order_by("pk"))

    return added


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


# --- who, what, from where -------------------------------------------------------------------------------------------


def test_a_changed_limit_says_who_what_and_from_where(
    ana: Rep, ben: User, client: Client, since: Callable[[], list[AuditEntry]]
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


def test_a_token_is_named(ana: Rep, omar: User, api: Api, since: Callable[[], list[AuditEntry]]) -> None:
    client = api(omar)
    since()
    assert client.patch(f"/api/v1/reps/{ana.pk}/", {"own_max_open": 7}).status_code == 200
    (entry,) = [one for one in since() if one.kind == "rep"]
    assert (entry.way, entry.through, entry.user_name) == ("token", "test", "Omar")
    assert entry.changes == {"own_max_open": [10, 7]}


def test_what_pages_change_is_told(
    ada: User, ben: User, east: Team, nia: User, as_user: SignIn, since: Callable[[], list[AuditEntry]]
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


def test_a_second_factor_is_told_without_its_key(omar: User, since: Callable[[], list[AuditEntry]]) -> None:
    since()
    factor = Authenticator.objects.create(user=omar, type="totp", data={"secret": "k3y"})
    Authenticator.objects.filter(pk=factor.pk).update(last_used_at=NOW)
    factor.delete()
    created, deleted = since()
    assert (created.kind, created.record_name, created.of_name) == ("second factor", "totp", "Omar")
    assert created.changes["data"] == [None, "secret"]
    assert deleted.action == "deleted"


def test_sessions_that_somebody_ends_are_told(
    ada: User, omar: User, since: Callable[[], list[AuditEntry]]
) -> None:
    Client().post("/login/", {"login": omar.email, "password": PASSWORD})
    since()
    with acting(Actor("person", user=ada.pk)):
        assert end_sessions(user=omar) == 1
    (entry,) = since()
    assert (entry.action, entry.user_name, entry.record_name) == ("session_ended", "Ada", "Omar")


def test_a_published_configuration_is_told(
    omar: User, since: Callable[[], list[AuditEntry]], one_policy: None
) -> None:
    since()
    version, _ = publish_configuration(by=omar, at=NOW)
    (entry,) = [one for one in since() if one.kind == "configuration version"]
    assert (entry.record_name, entry.user_name) == (str(version.number), "Omar")
    assert "content" not in entry.changes


def test_plain_sql_is_told_by_its_account(ana: Rep, since: Callable[[], list[AuditEntry]]) -> None:
    since()
    run("UPDATE reps_rep SET own_max_open = 99 WHERE id = %s", ana.pk)
    (entry,) = since()
    assert (entry.way, entry.user_id, entry.changes) == ("database", None, {"own_max_open": [10, 99]})
    assert entry.through != ""


def test_a_job_is_named_and_its_name_ends_with_it(ana: Rep, since: Callable[[], list[AuditEntry]]) -> None:
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
    ana: Rep, ben: User, omar: User, since: Callable[[], list[AuditEntry]]
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


def test_what_a_statement_says_later_is_not_taken_for_its_actor(
    ana: Rep, since: Callable[[], list[AuditEntry]]
) -> None:
    since()
    with acting(Actor("person", user=ana.user_id)):
        Rep.objects.filter(pk=ana.pk).update(name="/* actor:e30= */")
    Rep.objects.filter(pk=ana.pk).update(name="Ana")
    assert [one.way for one in since()] == ["person", "database"]


def test_a_trace_shows_statements_without_their_actor(
    ana: Rep, since: Callable[[], list[AuditEntry]]
) -> None:
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


def test_names_of_then_stay(ana: Rep, west: Team, since: Callable[[], list[AuditEntry]]) -> None:
    since()
    Rep.objects.filter(pk=ana.pk).update(team=west)
    Team.objects.filter(pk=west.pk).update(name="Far West")
    assert since()[0].changes["team_id"][1] == {"id": west.pk, "name": "West"}


def test_what_belongs_to_a_rep_says_so(ana: Rep, since: Callable[[], list[AuditEntry]]) -> None:
    since()
    Absence.objects.create(rep=ana, starts_at=NOW, reason="vacation")
    Skill.objects.filter(rep=ana).delete()
    assert [(one.action, one.kind, one.of_kind, one.of_id, one.of_name) for one in since()] == [
        ("created", "absence", "rep", str(ana.pk), "Ana"),
        ("deleted", "skill", "rep", str(ana.pk), "Ana"),
    ]


# --- everything is watched -------------------------------------------------------------------------------------------

AUDITED = {
    "analytics_credittable", "crm_account", "crm_accounttransfer", "crm_customfield", "crm_exchangerate", "crm_product",
    "experiments_experiment", "mfa_authenticator", "reps_absence", "reps_apitoken", "reps_calendarfeed",
    "reps_calendarsettings", "reps_certificationdepth", "reps_closingday", "reps_grouprole", "reps_invitation",
    "reps_invitation_teams", "reps_organisation", "reps_rep", "reps_roletemplate", "reps_signinsettings",
    "reps_signinsettings_break_glass", "reps_skill", "reps_tagreviewsettings", "reps_team", "reps_team_managers",
    "reps_user", "routing_automationchange", "routing_batch", "routing_capacitysettings", "routing_chatchannel",
    "routing_chatchannel_teams", "routing_configurationversion", "routing_departure", "routing_modelevent",
    "routing_modelsettings", "routing_override", "routing_overridereason", "routing_policy", "routing_rule",
    "routing_rule_excluded", "routing_webform", "routing_webhook", "socialaccount_socialaccount",
    "territories_coverage", "territories_territory",
}  # fmt: skip


def triggers() -> dict[str, dict[str, tuple[dict[str, Any], set[str]]]]:
    """Table → trigger → (what it was given, the columns that it watches)."""
    found: dict[str, dict[str, tuple[dict[str, Any], set[str]]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, t.tgname, encode(t.tgargs, 'escape'),
                   (SELECT array_agg(a.attname::text) FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr::int2[]))
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgfoid = 'note_audited()'::regprocedure
            """
        )
        for table, name, given, columns in cursor.fetchall():
            told = json.loads(given.removesuffix("\\000"))
            found.setdefault(table, {})[name] = (told, set(columns or []))
    return found


def test_these_tables_are_watched() -> None:
    assert set(triggers()) == AUDITED


def test_every_column_is_watched_or_left_out_on_purpose() -> None:
    """A column added later is neither, until its migration calls `audit_table` again."""
    wrong = {}
    for table, by_name in triggers().items():
        if "audit_changed" not in by_name:
            continue
        given, watched = by_name["audit_changed"]
        with connection.cursor() as cursor:
            columns = {one.name for one in connection.introspection.get_table_description(cursor, table)}
        columns -= {"id", "created_at", "updated_at"}
        meant = set(given["only"]) if "only" in given else columns - set(given.get("quiet", []))
        if watched != meant or set(given.get("quiet", [])) - columns:
            wrong[table] = watched ^ meant
    assert wrong == {}


def test_each_kind_is_written_by_sql_alone(
    ana: Rep,
    ben: User,
    omar: User,
    make_opportunity: Callable[..., Opportunity],
    since: Callable[[], list[AuditEntry]],
) -> None:
    """One row of every kind that a few records make, changed and deleted by SQL."""
    rows = [
        ana, ben, Team.objects.create(name="North"), Organisation.objects.get(),
        Rule.objects.create(name="Big", position=1, condition={}, action="route_to_rep", rep=ana),
        Policy.objects.first(), OverrideReason.objects.first(), WebForm.objects.create(name="Site", acts_as=omar),
        Webhook.objects.create(name="CRM", address="https://crm.example.com", sealed=b"x", events=[]),
        Absence.objects.create(rep=ana, starts_at=NOW, reason="vacation"),
    ]  # fmt: skip
    since()
    for row in rows:
        table = row._meta.db_table
        column = next(
            one.column for one in row._meta.concrete_fields if one.column in ("name", "label", "note")
        )
        run(f"UPDATE {table} SET {column} = 'Another' WHERE id = %s", row.pk)
    changed = [(one.kind, one.action) for one in since()]
    assert changed == [
        (kind, "changed")
        for kind in ("rep", "user", "team", "organisation", "rule", "policy", "override reason", "web form", "webhook",
                     "absence")
    ]  # fmt: skip


def test_a_new_owner_of_an_account_is_told_and_nothing_else_of_it(
    ana: Rep, since: Callable[[], list[AuditEntry]]
) -> None:
    account = Account.objects.create(name="Northwind")
    since()
    Account.objects.update(industry="Healthcare")
    Account.objects.update(owner=ana)
    (entry,) = since()
    assert (entry.kind, entry.record_name) == ("account", "Northwind")
    assert entry.changes == {"owner_id": [None, {"id": ana.pk, "name": "Ana"}]}
    assert entry.record_id == str(account.pk)


def test_an_override_and_a_pause_are_told(
    ana: Rep,
    bo: Rep,
    omar: User,
    make_opportunity: Callable[..., Opportunity],
    since: Callable[[], list[AuditEntry]],
) -> None:
    opportunity = make_opportunity()
    since()
    Override.objects.create(opportunity=opportunity, from_rep=ana, to_rep=bo, made_by=omar, made_at=NOW)
    AutomationChange.objects.create(state="paused", at=NOW, by=omar, reason="fair")
    override, pause = since()
    assert (override.user_name, override.record_name) == ("Omar", "Northwind")
    assert override.changes["to_rep_id"] == [None, {"id": bo.pk, "name": "Bo"}]
    assert (pause.kind, pause.record_name, pause.user_name) == ("automation", "paused", "Omar")


# --- nothing for every lead ------------------------------------------------------------------------------------------


def test_a_routed_lead_writes_no_entry(
    ana: Rep, assign_at_once: None, omar: User, api: Api, make_opportunity: Callable[..., Opportunity],
    since: Callable[[], list[AuditEntry]],
) -> None:  # fmt: skip
    client = api(omar)
    since()
    route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
    answer = client.post(
        "/api/v1/opportunities/", {"name": "Contoso", "external_id": "1", "industry": "Healthcare"}
    )
    assert answer.status_code == 201
    ana.refresh_from_db()
    assert ana.load > 0
    assert since() == []


def test_a_page_writes_no_entry(omar: User, as_user: SignIn, since: Callable[[], list[AuditEntry]]) -> None:
    client = as_user(omar)
    since()
    assert client.get(reverse("reps")).status_code == 200
    assert since() == []


# --- what is no change of a row --------------------------------------------------------------------------------------


def test_signing_in_and_out_and_failing_to(omar: User, since: Callable[[], list[AuditEntry]]) -> None:
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


def test_a_password_in_the_wrong_field_is_not_kept(since: Callable[[], list[AuditEntry]]) -> None:
    since()
    Client().post("/login/", {"login": "hunter2hunter2", "password": "x"})
    assert [one for one in since() if "hunter2" in one.record_name] == []


def test_every_download_is_told(ben: User, as_user: SignIn, since: Callable[[], list[AuditEntry]]) -> None:
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


# --- append-only -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reps_auditentry SET user_name = 'Nobody'",
        "DELETE FROM reps_auditentry",
        "TRUNCATE reps_auditentry",
        "UPDATE reps_auditseal SET digest = ''",
        "DELETE FROM reps_auditseal",
        "TRUNCATE reps_auditseal",
    ],
)
def test_the_database_refuses_to_rewrite_it(ana: Rep, statement: str) -> None:
    seal()
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        run(statement)
    run("SET LOCAL routing.forgets_audit = 'on'")  # what the function sets, by somebody else
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        run(statement)


def old_entry(days: int) -> AuditEntry:
    at = timezone.now() - datetime.timedelta(days=days)
    return AuditEntry.objects.create(at=at, way="database", action="created", kind="rep", record_name="Old")


def test_old_entries_go_by_one_function_which_is_told(settings: Any) -> None:
    old, young = old_entry(days=400), old_entry(days=300)
    with pytest.raises(DatabaseError, match="a year at least"), transaction.atomic():
        forget(before=timezone.now() - datetime.timedelta(days=300))
    assert forget_old(at=timezone.now()) == 0  # kept for good, if nothing is set
    settings.AUDIT_KEPT_DAYS = 30
    assert forget_old(at=timezone.now()) == 1
    assert not AuditEntry.objects.filter(pk=old.pk).exists()
    assert AuditEntry.objects.filter(pk=young.pk).exists()
    told = AuditEntry.objects.get(action="forgotten")
    assert told.changes["entries"] == [1, None]


def test_what_a_superuser_rewrote_shows(ana: Rep) -> None:
    seal()
    assert check_invariants().violations == []
    first, second, third = AuditSeal.objects.order_by("number")[:3]
    run("SET LOCAL session_replication_role = replica")
    run("UPDATE reps_auditentry SET record_name = 'Nobody' WHERE id = %s", first.entry_id)
    run("DELETE FROM reps_auditentry WHERE id = %s", third.entry_id)
    run("SET LOCAL session_replication_role = origin")
    assert [one.detail for one in check_invariants().violations] == [
        f"entry {first.entry_id} of the audit log (number {first.number}) is not what it was",
        f"entry {third.entry_id} of the audit log (number {third.number}) is gone",
    ]
    assert second.number == first.number + 1


def test_a_missing_number_shows(ana: Rep) -> None:
    seal()
    run("SET LOCAL session_replication_role = replica")
    run("DELETE FROM reps_auditseal WHERE number = 3")
    run("SET LOCAL session_replication_role = origin")
    (told,) = [one.detail for one in check_invariants().violations]
    assert told.endswith("(number 4) follows number 2")


def test_numbers_stay_when_entries_are_forgotten(settings: Any, omar: User, api: Api, ada: User) -> None:
    old_entry(days=400)
    seal()
    settings.AUDIT_KEPT_DAYS = 365
    forget_old(at=timezone.now())
    assert check_invariants().violations == []


def test_a_change_that_is_rolled_back_leaves_nothing(ana: Rep, since: Callable[[], list[AuditEntry]]) -> None:
    since()
    with transaction.atomic():
        Rep.objects.update(own_max_open=1)
        transaction.set_rollback(True)
    assert since() == []


@pytest.mark.django_db(transaction=True)
def test_two_writers_side_by_side_lose_nothing_and_numbers_follow_commits(
    ana: Rep, omar: User, ben: User
) -> None:
    """The one that wrote first commits last: its entry gets the later number."""
    seal()
    begun_at = AuditSeal.objects.count()
    wrote, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with acting(Actor("person", user=omar.pk)), transaction.atomic():
                OverrideReason.objects.create(label="Slow")
                wrote.set()
                may_commit.wait(20)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert wrote.wait(20)
    with acting(Actor("person", user=ben.pk)):
        OverrideReason.objects.create(label="Quick")
    seal()
    may_commit.set()
    thread.join()
    seal()
    numbered = AuditSeal.objects.order_by("number")[begun_at:]
    entries = [AuditEntry.objects.get(pk=one.entry_id) for one in numbered]
    assert [(one.record_name, one.user_name) for one in entries] == [("Quick", "Ben"), ("Slow", "Omar")]
    assert entries[0].pk > entries[1].pk
    assert check_invariants().violations == []


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


def test_files_hold_what_the_filters_leave_and_are_told_themselves(
    many: Callable[[int], None], ada: User, as_user: SignIn, since: Callable[[], list[AuditEntry]]
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
