"""Every address of the site, for every role: who gets in is what the one matrix says."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from crm.models import Opportunity
from reps.models import Rep, User
from reps.permissions import MATRIX
from tests.conftest import user_of

pytestmark = pytest.mark.django_db

# Addresses that ask no permission of the matrix, and why.
OPEN = {
    "login": "who is not signed in must get in",
    "account_login": "the same, under the library's name",
    "account_logout": "the same as logout",
    "account_signup": "says that there is no signing up",
    "account_inactive": "says that an account is switched off",
    "account_reset_password": "who forgot the password is not signed in",
    "account_reset_password_done": "the same",
    "account_reset_password_from_key_done": "the same",
    "mfa_authenticate": "the second step of signing in",
    "mfa_login_webauthn": "signing in with a passkey",
    "sso_start": "signing in through the provider",
    "openid_connect_callback": "the provider sends people back to it",
    "socialaccount_login_cancelled": "says that signing in was cancelled",
    "invitation": "who is invited is no user yet",
    "logout": "anybody may leave",
    "api-schema": "documentation",
    "api-docs": "documentation",
    "web_form_submit": "websites post here with the form's key",
}
EVERYBODY = {"home", "password_change", "account_change_password", "account_set_password", "styleguide"}
EVERYBODY |= {"security", "session_end", "sessions_end", "account_reauthenticate"}  # the own account
EVERYBODY |= {
    "mfa_index", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_edit_webauthn", "mfa_remove_webauthn",
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes", "mfa_reauthenticate", "mfa_reauthenticate_webauthn",
}  # fmt: skip
NOTHING = "999999999"  # the id of no record


def addresses() -> Iterator[tuple[str, str, URLPattern]]:
    """(name, path with sample values, pattern) of every page that is ours; the admin site has its own rules."""
    yield from _walk(get_resolver().url_patterns, "/")


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from _walk(pattern.url_patterns, prefix + str(pattern.pattern))
            continue
        route = str(pattern.pattern)
        if "(?P" in route or route.startswith("^"):
            continue  # the API's routes; tests/routing/test_api.py and the API's own walk cover them
        path = prefix + route
        path = re.sub(r"<\w+:\w+>", NOTHING, path)
        yield pattern.name or path, path, pattern


PAGES = sorted(
    {(name, path): (name, path, pattern) for name, path, pattern in addresses()}.values(), key=lambda p: p[:2]
)


def permission_of(pattern: URLPattern) -> str | None:
    return getattr(pattern.callback, "permission", None)


def test_every_page_names_its_permission() -> None:
    without = {name for name, _, pattern in PAGES if permission_of(pattern) is None}
    assert without == set(OPEN) | EVERYBODY


@pytest.mark.parametrize("role", User.Role.values)
def test_who_gets_in_is_what_the_matrix_says(role: str, client: Client, make_rep: object) -> None:
    user = user_of("Somebody", role)
    if role == User.Role.REP:
        make_rep("Somebody", user=user)  # type: ignore[operator]
    client.force_login(user)
    wrong = []
    for name, path, pattern in PAGES:
        permission = permission_of(pattern)
        if permission is None:
            continue
        code = client.get(path).status_code
        if code == 405:
            code = client.post(path).status_code
        refused = code == 403
        if refused == (role in MATRIX[permission]) or code >= 500:
            wrong.append(f"{name} ({path}) wants {permission} and answers {code}")
    assert wrong == []


def test_signed_out_sees_nothing(client: Client) -> None:
    seen = [
        path
        for name, path, _ in PAGES
        if name not in OPEN and client.get(path).status_code not in (302, 404, 405)
    ]
    assert seen == []


@pytest.mark.parametrize("role", ["ops", "manager", "rep", "analyst"])
def test_admin_site_is_the_admins(role: str, client: Client) -> None:
    client.force_login(user_of("Somebody", role))
    assert client.get("/admin/").status_code == 302


def test_admin_site_pages_open(ada: User, ana: Rep, client: Client) -> None:
    from django.contrib import admin
    from django.urls import reverse

    client.force_login(ada)
    for model in admin.site._registry:
        options = model._meta
        for page in ("changelist", "add"):
            code = client.get(reverse(f"admin:{options.app_label}_{options.model_name}_{page}")).status_code
            assert code in (200, 403), f"{options.label} {page}: {code}"


def test_every_record_of_ours_is_in_the_admin_site() -> None:
    from django.apps import apps
    from django.contrib import admin

    kept_by_triggers = {"reps.RosterStamp", "crm.AccountChange", "crm.DictionaryStamp"}
    kept_by_triggers |= {"routing.ChangeCounter", "routing.FactsChange", "experiments.ExperimentStamp"}
    kept_by_triggers |= {"crm.ActivityKey"}
    within_another = {"reps.Skill", "reps.Absence", "crm.ImportFile", "crm.AccountTransferItem"}
    within_another |= {
        "territories.Coverage",
        "reps.OverCapacity",
        "routing.WebFormHour",
        "routing.BatchRequest",
        "routing.BatchPart",
        "experiments.ArmRep",
        "experiments.ArmTurn",
        "analytics.ReadUpTo",
        "analytics.Refreshed",
    }
    counted = {
        "Fact",
        "ChosenMatch",
        "DaySum",
        "TouchSum",
        "TouchMonthSum",
        "RepMonthSum",
        "RepDay",
        "Mark",
        "StaleDay",
    }
    counted |= {"FallThrough", "CreditCheck", "CoachingLook"}
    within_another |= {f"analytics.{name}" for name in counted}
    blobs = {"routing.RosterSnapshot", "routing.IntakeReceipt", "routing.BatchPiece", "routing.LoadSample"}
    ours = {
        model._meta.label
        for app in ("reps", "crm", "territories", "experiments", "routing", "analytics", "operations")
        for model in apps.get_app_config(app).get_models()
    }
    shown = {model._meta.label for model in admin.site._registry}
    assert ours - shown == kept_by_triggers | within_another | blobs


def test_records_in_the_admin_site_open_and_cannot_be_changed(
    ada: User, ana: Rep, make_opportunity: Callable[..., Opportunity], client: Client
) -> None:
    client.force_login(ada)
    opportunity = make_opportunity()
    for path in (f"reps/rep/{ana.pk}", f"reps/user/{ada.pk}", f"crm/opportunity/{opportunity.pk}"):
        page = client.get(f"/admin/{path}/change/")
        assert page.status_code == 200
        assert "_save" not in page.content.decode()
        assert client.post(f"/admin/{path}/change/", {"name": "X"}).status_code == 403
        assert client.post(f"/admin/{path}/delete/", {"post": "yes"}).status_code == 403


def test_docs_show_the_matrix_as_it_is() -> None:
    from pathlib import Path

    text = (Path(__file__).resolve().parents[2] / "docs" / "permissions.md").read_text()
    for permission, roles in MATRIX.items():
        cells = " | ".join("yes" if role in roles else "" for role in User.Role.values)
        assert f"| {permission.replace('_', ' ')} | {cells} |" in text
