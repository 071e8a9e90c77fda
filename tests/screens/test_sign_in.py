"""Signing in as a person does it, in a browser: a password, a passkey, an invitation, the pages of the own security."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from playwright.sync_api import Page, expect

from reps.models import Invitation, SignInSettings, User
from tests.conftest import PASSWORD, user_of
from tests.screens.conftest import PHONE

pytestmark = pytest.mark.django_db(transaction=True)
OpenPage = Callable[..., Page]


@pytest.fixture(autouse=True)
def at_localhost(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passkeys belong to a name, so the pages are opened under one."""
    monkeypatch.setattr(type(live_server), "url", property(named(type(live_server).url.fget)))
    settings.BASE_URL = live_server.url
    cache.clear()
    yield
    cache.clear()


def named(address: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda server: address(server).replace("127.0.0.1", "localhost")


def sign_in(page: Page, email: str) -> None:
    page.goto("/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_key(page: Page) -> None:
    """A device that can keep passkeys and says at once that its owner is there."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (PHONE, True)])
def test_a_password_leads_in_and_nothing_flows_over(
    width: int, dark: bool, open_page: OpenPage, role_template: object
) -> None:
    user_of("Omar", User.Role.OPS)
    page = open_page(None, width=width, dark=dark)
    sign_in(page, "omar@example.com")
    page.wait_for_url("**/queue/")
    for path in ("/my/security/", "/password/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_a_passkey_is_added_lets_in_by_itself_and_is_asked_as_second_factor(open_page: OpenPage) -> None:
    user_of("Ada", User.Role.ADMIN)
    page = open_page(None)
    add_key(page)
    sign_in(page, "ada@example.com")
    page.goto("/my/security/keys/new/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url("**/my/security/codes/")
    page.goto("/my/security/")
    expect(page.get_by_text("passkey", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).last.click()
    page.wait_for_url("**/login/**")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/queue/")
    page.context.clear_cookies()
    sign_in(page, "ada@example.com")
    page.wait_for_url("**/login/second-factor/")
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.wait_for_url("**/queue/")
    assert Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).count() == 1
    SignInSettings.objects.update(
        uses_sso=True, only_sso=True, server_url="https://id.example.com", client_id="routing"
    )
    page.context.clear_cookies()
    page.goto("/login/?password=1")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("People sign in through the provider here.")).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser tells of the 403


def test_a_cancelled_passkey_is_said_beside_the_button(open_page: OpenPage) -> None:
    page = open_page(None)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "isUserVerified": False}})
    page.goto("/login/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The device gave no key.")


def test_an_invitation_is_handed_over_and_taken_up(open_page: OpenPage) -> None:
    ada = user_of("Ada", User.Role.ADMIN)
    page = open_page(ada)
    page.goto("/users/")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_label("Email").fill("dora@example.com")
    page.get_by_label("Role").select_option("ops")
    page.get_by_role("button", name="Invite").click()
    link = page.locator("code").inner_text()
    page.goto("/users/")
    expect(page.get_by_text("invited", exact=True)).to_be_visible()
    theirs = open_page(None, script=False)
    theirs.goto(link)
    theirs.get_by_label("Your name").fill("Dora Fox")
    theirs.get_by_label("A password").fill("a long enough one")
    theirs.get_by_role("button", name="Come in").click()
    theirs.wait_for_url("**/queue/")
    assert Invitation.objects.get().accepted_by == User.objects.get(email="dora@example.com")


def test_who_needs_a_second_factor_is_led_to_it(open_page: OpenPage) -> None:
    user_of("Omar", User.Role.OPS)
    SignInSettings.objects.create(pk=1, second_factor_roles=["ops"])
    page = open_page(None, width=PHONE)
    sign_in(page, "omar@example.com")
    page.wait_for_url("**/my/security/")
    expect(page.get_by_text("Your role needs a second factor.")).to_be_visible()
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="The key of the app")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_settings_of_the_sign_in_fit_and_are_saved(open_page: OpenPage) -> None:
    page = open_page(user_of("Ada", User.Role.ADMIN), width=PHONE)
    page.goto("/settings/sign-in/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Order of line 1").fill("1")
    page.get_by_label("Group of line 1").fill("sales")
    page.get_by_label("Role of line 1").select_option("manager")
    page.get_by_role("button", name="Save the groups").click()
    expect(page.get_by_text("It holds for everybody's next sign-in.")).to_be_visible()
    expect(page.get_by_label("Group of line 1")).to_have_value("sales")


def test_a_new_token_fits_on_a_phone(open_page: OpenPage) -> None:
    page = open_page(user_of("Omar", User.Role.OPS), width=PHONE)
    page.goto("/tokens/")
    page.get_by_label("What will use it").fill("Website form")
    page.get_by_label("leads:write").check()
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_text("Your new token.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
