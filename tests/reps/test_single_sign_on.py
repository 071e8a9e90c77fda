"""Single sign-on with a real provider (canaille): who gets in, as what, and what is refused."""

import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from reps.models import GroupRole, Invitation, Rep, SignInRefusal, SignInSettings, Team, User
from reps.services.calendars.sealing import seal, unseal
from reps.services.single_sign_on import Claims, NotAdmitted, admit
from tests.conftest import NOW
from tests.reps.identity_provider import CLIENT_ID, CLIENT_SECRET, PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
OURS = "http://testserver"
CALLBACK = f"{OURS}/login/sso/callback/"
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="session")
def provider_url() -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "tests.reps.identity_provider", str(port), CALLBACK]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + PATIENCE_SECONDS
    while not answers(address):
        assert process.poll() is None, "the provider ended"
        assert time.monotonic() < until, "the provider does not start"
        time.sleep(0.1)
    yield address
    process.terminate()
    process.wait()


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/.well-known/openid-configuration", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture
def provider(provider_url: str, db: None, settings: Any) -> Iterator[str]:
    """The provider set up here, and its people in the groups that they begin with."""
    settings.SSO_ALLOW_PRIVATE = True
    cache.clear()
    SignInSettings.objects.create(
        pk=1,
        uses_sso=True,
        server_url=provider_url,
        client_id=CLIENT_ID,
        sealed=seal({"secret": CLIENT_SECRET}),
        scopes="openid profile email groups",
    )
    for place, (group, role) in enumerate((("sales-managers", "manager"), ("sales-reps", "rep")), start=1):
        GroupRole.objects.create(position=place, group=group, role=role)
    move(provider_url, "mia", "sales-managers")
    move(provider_url, "rik", "sales-reps")
    yield provider_url
    cache.clear()


def move(provider: str, user: str, *groups: str) -> None:
    requests.post(f"{provider}/tests/groups", data={"user": user, "group": groups}, timeout=10)


def start(client: Client, path: str = "/login/sso/") -> str:
    """The provider's address that our page sends the browser to."""
    answer = client.get(path)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def at_provider(address: str, name: str) -> str:
    """Where the provider sends the browser of somebody who signs in there, as a path of ours."""
    browser = requests.Session()
    answer = browser.get(address, allow_redirects=False, timeout=10)
    for field, value in ((None, ""), ("login", name), ("password", PASSWORD), (None, "")):
        if field:
            answer = browser.post(answer.url, data={field: value}, allow_redirects=False, timeout=10)
        while answer.is_redirect:
            target = urljoin(answer.url, answer.headers["Location"])
            if target.startswith(OURS):
                return target.removeprefix(OURS)
            answer = browser.get(target, allow_redirects=False, timeout=10)
    raise AssertionError(f"the provider stopped at {answer.url}: {answer.status_code} {answer.text[:500]}")


def come_in(name: str) -> tuple[Client, Any]:
    client = Client()
    return client, client.get(at_provider(start(client), name))


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- who gets in --------------------------------------------------------------------------------------------------


def test_the_first_sign_in_makes_a_user_with_the_role_of_the_group(provider: str, east: Team) -> None:
    GroupRole.objects.filter(group="sales-managers").update(team=east)
    client, answer = come_in("mia")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    mia = User.objects.get(email="mia@example.com")
    assert (mia.name, mia.role, mia.has_usable_password()) == ("Mia Sol", "manager", False)
    assert list(mia.managed_teams.all()) == [east]
    assert client.session["_auth_user_id"] == str(mia.pk)
    account = SocialAccount.objects.get()
    assert (account.user, account.provider) == (mia, "sso")
    assert not SocialToken.objects.exists()


def test_the_request_carries_state_nonce_and_a_challenge(provider: str, client: Client) -> None:
    asked = parse_qs(urlsplit(start(client)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert asked["redirect_uri"] == [CALLBACK]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email", "groups"}


def test_a_changed_group_changes_the_role_and_the_teams(provider: str, east: Team, west: Team) -> None:
    GroupRole.objects.filter(group="sales-managers").update(team=east)
    GroupRole.objects.create(position=3, group="kitchen", role="manager", team=west)
    come_in("mia")
    mia = User.objects.get(email="mia@example.com")
    move(provider, "mia", "kitchen")
    come_in("mia")
    assert list(mia.managed_teams.all()) == [west]
    move(provider, "mia", "sales-reps")
    come_in("mia")
    mia.refresh_from_db()
    assert mia.role == "rep"
    assert User.objects.count() == 1


def test_the_first_line_that_holds_decides(provider: str) -> None:
    move(provider, "mia", "sales-reps", "sales-managers")
    come_in("mia")
    assert User.objects.get().role == "manager"
    GroupRole.objects.filter(group="sales-reps").update(position=0)
    come_in("mia")
    assert User.objects.get().role == "rep"


def test_a_rep_works_in_the_team_of_the_line(provider: str, west: Team) -> None:
    GroupRole.objects.filter(group="sales-reps").update(team=west)
    come_in("rik")
    assert Rep.objects.get(user__email="rik@example.com").team == west


def test_somebody_who_is_a_user_already_is_matched_by_the_verified_address(provider: str) -> None:
    known = User.objects.create_user("mia@example.com", "a long enough one", name="Mia", role="analyst")
    Invitation.objects.all().delete()
    client, _ = come_in("mia")
    assert client.session["_auth_user_id"] == str(known.pk)
    known.refresh_from_db()
    assert (known.name, known.role, User.objects.count()) == ("Mia", "manager", 1)


def test_who_comes_back_is_known_by_the_providers_number(provider: str) -> None:
    come_in("mia")
    mia = User.objects.get()
    User.objects.filter(pk=mia.pk).update(email="other@example.com")
    client, _ = come_in("mia")
    assert client.session["_auth_user_id"] == str(mia.pk)
    assert User.objects.count() == 1


def test_the_page_that_was_wanted_is_shown_and_no_other_site(provider: str) -> None:
    for wanted, shown in (("/reps/", "/reps/"), ("https://evil.example/", "/")):
        client = Client()
        answer = client.get(at_provider(start(client, f"/login/sso/?next={wanted}"), "mia"))
        assert answer["Location"] == shown


def test_an_invitation_is_taken_up_by_it(provider: str, ada: User) -> None:
    Invitation.objects.create(
        email="mia@example.com",
        role="ops",
        stamp=uuid.uuid4(),
        invited_by=ada,
        invited_at=NOW,
        expires_at=NOW,
    )
    come_in("mia")
    assert Invitation.objects.get().accepted_by == User.objects.get(email="mia@example.com")


def test_without_a_mapping_roles_are_given_by_hand(provider: str) -> None:
    GroupRole.objects.all().delete()
    _, answer = come_in("rik")
    assert answer.status_code == 403
    rik = User.objects.create_user("rik@example.com", name="Rik", role="analyst")
    client, _ = come_in("rik")
    assert signed_in(client)
    rik.refresh_from_db()
    assert rik.role == "analyst"


# --- who stays out ------------------------------------------------------------------------------------------------


def refusal(name: str) -> str:
    """The page; nobody is signed in or made."""
    before = User.objects.count()
    client, answer = come_in(name)
    assert answer.status_code == 403
    assert not signed_in(client)
    assert User.objects.count() == before
    return str(answer.content.decode())


def test_an_unverified_address_is_refused_even_of_a_user(provider: str) -> None:
    User.objects.create_user("una@example.com", name="Una", role="admin")
    assert "has not verified your email address" in refusal("una")
    SignInSettings.objects.update(trusts_unmarked_email=True)
    assert "has not verified your email address" in refusal("una")  # it is marked, and as not verified
    assert not SocialAccount.objects.exists()


def test_an_unknown_group_is_refused_and_written_down(provider: str) -> None:
    assert "None of your groups has a role here." in refusal("zoe")
    noted = SignInRefusal.objects.get()
    assert (noted.email, noted.groups) == ("zoe@example.com", ["kitchen"])
    SignInSettings.objects.update(default_role="analyst")
    come_in("zoe")
    assert User.objects.get().role == "analyst"


def test_who_was_switched_off_stays_out(provider: str) -> None:
    come_in("mia")
    User.objects.update(is_active=False)
    assert "switched off" in refusal("mia")
    User.objects.create_user("rik@example.com", name="Rik", role="rep", is_active=False)
    assert "switched off" in refusal("rik")


def test_who_left_the_group_stays_out(provider: str) -> None:
    come_in("mia")
    move(provider, "mia", "kitchen")
    assert "None of your groups has a role here." in refusal("mia")


def test_the_last_admin_and_the_named_ones_keep_their_role(provider: str, ada: User) -> None:
    mia = User.objects.create_user("mia@example.com", name="Mia", role="admin")
    SignInSettings.objects.get().break_glass.set([mia])
    client, _ = come_in("mia")
    mia.refresh_from_db()
    assert (signed_in(client), mia.role) == (True, "admin")
    SignInSettings.objects.get().break_glass.clear()
    User.objects.filter(pk=ada.pk).update(is_active=False)
    come_in("mia")
    mia.refresh_from_db()
    assert mia.role == "admin"
    User.objects.filter(pk=ada.pk).update(is_active=True)
    come_in("mia")
    mia.refresh_from_db()
    assert mia.role == "manager"


@pytest.mark.parametrize("change", ["forged", "missing", "anothers", "replayed"])
def test_an_answer_that_this_browser_did_not_ask_for_is_refused(change: str, provider: str) -> None:
    client = Client()
    path = at_provider(start(client), "mia")
    if change == "forged":
        path = re.sub(r"state=[^&]+", "state=forged", path)
    elif change == "missing":
        path = re.sub(r"&?state=[^&]+", "", path)
    elif change == "anothers":
        client = Client()
    else:
        client.get(path)
        client.logout()
    answer = client.get(path)
    assert answer.status_code in (401, 403)
    assert "That did not work" in answer.content.decode()
    assert not signed_in(client)


def test_a_token_of_another_sign_in_is_refused(provider: str) -> None:
    client = Client()
    path = at_provider(start(client), "mia")
    session = client.session
    states = session["socialaccount_states"]
    for entry in states.values():
        entry[0]["nonce"] = "of another sign-in"
    session["socialaccount_states"] = states
    session.save()
    answer = client.get(path)
    assert answer.status_code == 403
    assert "belongs to another sign-in" in answer.content.decode()
    assert not User.objects.exists()


def test_cancelling_and_errors_of_the_provider_are_pages_of_ours(provider: str) -> None:
    for error, said in (("access_denied", "You cancelled"), ("server_error", "That did not work")):
        client = Client()
        state = parse_qs(urlsplit(start(client)).query)["state"][0]
        page = client.get(f"/login/sso/callback/?error={error}&state={state}", follow=True)
        assert said in page.content.decode()


def test_a_wrong_secret_and_an_absent_provider_are_pages_of_ours(provider: str) -> None:
    SignInSettings.objects.update(sealed=seal({"secret": "wrong"}))
    _, answer = come_in("mia")
    assert (answer.status_code, "That did not work" in answer.content.decode()) == (401, True)
    SignInSettings.objects.update(server_url="http://127.0.0.1:1")
    page = Client().get("/login/sso/")
    assert (page.status_code, "That did not work" in page.content.decode()) == (401, True)


def test_a_provider_in_the_own_network_needs_the_flag(provider: str, ada: User, settings: Any) -> None:
    settings.SSO_ALLOW_PRIVATE = False
    assert Client().get("/login/sso/").status_code == 401
    client = Client()
    client.force_login(ada)
    page = client.post(reverse("sign_in_test"), follow=True).content.decode()
    assert "begins with https" in page


def test_without_a_provider_there_is_none(client: Client, db: None) -> None:
    assert client.get("/login/sso/").status_code == 404
    assert client.get("/login/sso/callback/?state=x&code=y").status_code == 404
    assert "/login/sso/" not in client.get("/login/").content.decode()


@pytest.mark.parametrize("email", ["", "no address", "a" * 300 + "@example.com"])
def test_an_address_that_is_none_is_refused(email: str, db: None) -> None:
    with pytest.raises(NotAdmitted, match="did not tell your email address"):
        admit(claims=Claims(email=email, is_verified=True, name="", groups=("x",)), known=None)
    assert SignInRefusal.objects.count() == 1


# --- the settings -------------------------------------------------------------------------------------------------


def form(provider: str, **changes: object) -> dict[str, object]:
    given = {
        "uses_sso": "on", "server_url": provider + "/", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "button_label": "Sign in with Lumora", "scopes": "openid profile email groups", "groups_claim": "groups",
    }  # fmt: skip
    return {**given, **changes}


def test_an_admin_sets_the_provider_up_and_tests_it(
    provider_url: str, ada: User, as_user: SignIn, settings: Any
) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    client = as_user(ada)
    assert client.post("/settings/sign-in/", form(provider_url)).status_code == 302
    stored = SignInSettings.objects.get()
    assert (stored.server_url, unseal(stored.sealed)) == (provider_url, {"secret": CLIENT_SECRET})
    page = client.get("/settings/sign-in/").content.decode()
    assert CLIENT_SECRET not in page
    assert CALLBACK in page
    told = client.post(reverse("sign_in_test"), follow=True).content.decode()
    assert f"It calls itself {provider_url}." in told
    assert "Sign in with Lumora" in Client().get("/login/").content.decode()


def test_the_secret_stays_unless_the_provider_changes(
    provider_url: str, ada: User, as_user: SignIn, settings: Any
) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    client = as_user(ada)
    client.post("/settings/sign-in/", form(provider_url))
    assert client.post("/settings/sign-in/", form(provider_url, client_secret="")).status_code == 302
    assert unseal(SignInSettings.objects.get().sealed) == {"secret": CLIENT_SECRET}
    moved = client.post("/settings/sign-in/", form("https://id.example.com", client_secret=""))
    assert (moved.status_code, "Give the client secret of this provider." in moved.content.decode()) == (
        422,
        True,
    )


def test_the_numbers_of_another_provider_are_nobodys(provider: str, ada: User) -> None:
    come_in("mia")
    client = Client()
    client.force_login(ada)
    assert client.post("/settings/sign-in/", form("https://id.example.com")).status_code == 302
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server_url": "http://id.example.com"}, "begins with https"),
        ({"server_url": ""}, "Give the provider&#x27;s address"),
        ({"client_secret": ""}, "Give the client secret"),
        ({"uses_sso": "", "only_sso": "on"}, "Switch single sign-on on first."),
        ({"only_sso": "on"}, "Name at least one admin with a password"),
    ],
)
def test_settings_that_would_lock_out_or_lead_nowhere_are_refused(
    changes: dict[str, object], said: str, ada: User, as_user: SignIn
) -> None:
    page = as_user(ada).post("/settings/sign-in/", form("https://id.example.com", **changes))
    assert page.status_code == 422
    assert said in page.content.decode()
    assert not SignInSettings.objects.filter(uses_sso=True).exists()


def group_form(*lines: tuple[str, str, str, object]) -> dict[str, object]:
    given: dict[str, object] = {"line-TOTAL_FORMS": len(lines), "line-INITIAL_FORMS": 0}
    for number, (order, group, role, team) in enumerate(lines):
        names = {"ORDER": order, "group": group, "role": role, "team": team}
        given |= {f"line-{number}-{name}": value for name, value in names.items()}
    return given


def test_groups_are_saved_in_the_order_of_their_numbers(ada: User, east: Team, as_user: SignIn) -> None:
    client = as_user(ada)
    given = group_form(
        ("2", "reps", "rep", ""),
        ("1", "managers", "manager", east.pk),
        ("", "", "rep", ""),
        ("3", "ops", "ops", ""),
    )
    assert client.post(reverse("sign_in_groups"), given).status_code == 302
    assert [(line.group, line.role, line.team) for line in GroupRole.objects.all()] == [
        ("managers", "manager", east), ("reps", "rep", None), ("ops", "ops", None),
    ]  # fmt: skip
    twice = client.post(reverse("sign_in_groups"), group_form(("1", "a", "rep", ""), ("2", "a", "ops", "")))
    assert (twice.status_code, "Each group stands once." in twice.content.decode()) == (422, True)
    assert GroupRole.objects.count() == 3


@pytest.mark.parametrize("role", ["ops", "manager", "rep", "analyst"])
def test_only_admins_see_the_settings(role: str, client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("eve@example.com", name="Eve", role=role))
    assert client.get("/settings/sign-in/").status_code == 403
    for name in ("sign_in_groups", "sign_in_test"):
        assert client.post(reverse(name)).status_code == 403
