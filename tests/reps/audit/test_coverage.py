"""Every table and column is watched, and no lead pays for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm.models import Account, Opportunity
from reps.models import Absence, AuditEntry, Organisation, Rep, Team, User
from routing.models import AutomationChange, Override, OverrideReason, Policy, Rule, WebForm, Webhook
from routing.services.decisions import route
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
Since = Callable[[], list[AuditEntry]]


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


# --- everything is watched -------------------------------------------------------------------------------------------

AUDITED = {
    "analytics_credittable", "crm_account", "crm_accounttransfer", "crm_customfield", "crm_exchangerate", "crm_product",
    "experiments_experiment", "mfa_authenticator", "operations_retention", "reps_absence", "reps_apitoken",
    "reps_calendarfeed",
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
    since: Since,
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


def test_a_new_owner_of_an_account_is_told_and_nothing_else_of_it(ana: Rep, since: Since) -> None:
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
    since: Since,
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
    since: Since,
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


def test_a_page_writes_no_entry(omar: User, as_user: SignIn, since: Since) -> None:
    client = as_user(omar)
    since()
    assert client.get(reverse("reps")).status_code == 200
    assert since() == []
