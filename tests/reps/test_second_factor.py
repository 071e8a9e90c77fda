"""The second factor: an app's codes and recovery codes, who needs one, what is asked before a change, and its reset."""

import base64
import time
from collections.abc import Callable, Iterator

import pytest
from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from reps.models import SignInSettings, User
from reps.services.calendars.sealing import unseal
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(user: User) -> tuple[Client, str]:
    """A browser after the password, and where it was sent."""
    client = Client()
    answer = client.post("/login/", {"login": user.email, "password": PASSWORD})
    return client, answer["Location"]


def reauthenticate(client: Client) -> None:
    assert client.post("/my/security/again/", {"password": PASSWORD}).status_code == 302


def code_of(secret: str, step: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def enrol(user: User) -> tuple[str, list[str]]:
    """The app's key and the recovery codes of somebody who set them up in the browser."""
    client, _ = sign_in(user)
    reauthenticate(client)
    secret = client.get("/my/security/app/").context["form"].secret
    done = client.post("/my/security/app/", {"code": code_of(secret, -1)})
    assert (done.status_code, done["Location"]) == (302, "/my/security/codes/")
    codes = client.get("/my/security/codes/").context["unused_codes"]
    assert len(codes) == 10
    return secret, list(codes)


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_code_of_the_app_is_asked_for_after_the_password(omar: User) -> None:
    secret, _ = enrol(omar)
    client, led_to = sign_in(omar)
    assert (led_to, signed_in(client)) == ("/login/second-factor/", False)
    assert client.get("/my/security/").status_code == 302
    wrong = client.post("/login/second-factor/", {"code": "000000"})
    assert (signed_in(client), "Incorrect code" in wrong.content.decode()) == (False, True)
    before = client.session.session_key
    client.post("/login/second-factor/", {"code": code_of(secret)})
    assert signed_in(client)
    assert client.session.session_key != before


def test_a_code_lets_in_once_only(omar: User) -> None:
    secret, _ = enrol(omar)
    code = code_of(secret)
    for expected in (True, False):
        client, _ = sign_in(omar)
        client.post("/login/second-factor/", {"code": code})
        assert signed_in(client) == expected


def test_a_recovery_code_lets_in_once_only(omar: User) -> None:
    _, codes = enrol(omar)
    for expected in (True, False):
        client, _ = sign_in(omar)
        client.post("/login/second-factor/", {"code": codes[0]})
        assert signed_in(client) == expected


def test_codes_cannot_be_guessed_on_and_on(omar: User) -> None:
    secret, _ = enrol(omar)
    client, _ = sign_in(omar)
    for number in range(12):
        client.post("/login/second-factor/", {"code": f"{number:06}"})
    client.post("/login/second-factor/", {"code": code_of(secret)})
    assert not signed_in(client)


def test_keys_are_stored_sealed(omar: User) -> None:
    secret, codes = enrol(omar)
    stored = Authenticator.objects.get(user=omar, type=Authenticator.Type.TOTP).data["secret"]
    assert secret not in stored
    assert unseal(base64.b64decode(stored)) == {"text": secret}
    assert all(code not in str(list(Authenticator.objects.values_list("data", flat=True))) for code in codes)


def test_the_password_is_asked_again_before_a_change(omar: User) -> None:
    enrol(omar)
    client = Client()
    client.force_login(omar)
    for path in ("app/remove/", "codes/", "codes/new/", "keys/new/"):
        answer = client.get(f"/my/security/{path}")
        if path == "codes/":
            assert "****" in answer.content.decode() or answer.status_code == 302
            continue
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/my/security/again/")
    assert client.post("/my/security/app/remove/").status_code == 302
    assert Authenticator.objects.filter(user=omar, type=Authenticator.Type.TOTP).exists()
    reauthenticate(client)
    assert client.post("/my/security/app/remove/").status_code == 302
    assert not Authenticator.objects.filter(user=omar).exists()


def test_a_stale_sign_in_is_asked_again(omar: User) -> None:
    client, _ = sign_in(omar)
    reauthenticate(client)
    session = client.session
    records = session[AUTHENTICATION_METHODS_SESSION_KEY]
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{**one, "at": one["at"] - 3600} for one in records]
    session.save()
    assert client.get("/my/security/app/")["Location"].startswith("/my/security/again/")


def test_who_has_no_password_sets_a_factor_up_after_a_fresh_sign_in(omar: User) -> None:
    omar.set_unusable_password()
    omar.save()
    client = Client()
    client.force_login(omar)
    assert client.get("/my/security/app/").status_code == 403
    session = client.session
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(omar.pk)
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "socialaccount", "at": time.time()}]
    session.save()
    assert client.get("/my/security/app/").status_code == 200


def test_a_role_that_needs_one_comes_no_further_before(omar: User, nia: User) -> None:
    SignInSettings.objects.create(pk=1, second_factor_roles=["ops", "admin"])
    client, _ = sign_in(omar)
    for path in ("/", "/reps/", "/queue/", "/events/"):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/my/security/")
    page = client.get("/my/security/").content.decode()
    assert "Your role needs a second factor." in page
    assert client.post("/logout/").status_code == 302
    enrol(omar)
    other, _ = sign_in(nia)
    assert other.get("/reps/").status_code == 200


@pytest.mark.django_db(transaction=True)  # the library tells of it with the commit
def test_setting_one_up_opens_the_way(omar: User) -> None:
    SignInSettings.objects.create(pk=1, second_factor_roles=["ops"])
    client, _ = sign_in(omar)
    reauthenticate(client)
    secret = client.get("/my/security/app/").context["form"].secret
    client.post("/my/security/app/", {"code": code_of(secret)})
    assert client.get("/reps/").status_code == 200
    client.post("/my/security/app/remove/")
    assert client.get("/reps/")["Location"] == "/my/security/"


def test_an_admin_takes_a_lost_factor_away(omar: User, ada: User) -> None:
    enrol(omar)
    theirs, _ = sign_in(omar)
    client, _ = sign_in(ada)
    path = reverse("user_factor_reset", args=[omar.pk])
    assert client.post(path)["Location"].startswith("/my/security/again/")
    assert Authenticator.objects.filter(user=omar).exists()
    reauthenticate(client)
    assert client.post(path)["Location"] == reverse("user", args=[omar.pk])
    assert not Authenticator.objects.filter(user=omar).exists()
    back, led_to = sign_in(omar)
    assert (led_to, signed_in(back), signed_in(theirs)) == ("/", True, False)


def test_nobody_but_an_admin_takes_a_factor_away_and_never_the_own(omar: User, ada: User, nia: User) -> None:
    enrol(ada)
    client, _ = sign_in(nia)
    reauthenticate(client)
    assert client.post(reverse("user_factor_reset", args=[ada.pk])).status_code == 403
    own = Client()
    own.force_login(ada)
    reauthenticate(own)
    own.post(reverse("user_factor_reset", args=[ada.pk]))
    assert Authenticator.objects.filter(user=ada).exists()


def test_the_api_asks_for_no_second_factor(omar: User, api: Callable[[User], Client]) -> None:
    """A token is made by somebody who was signed in with one."""
    SignInSettings.objects.create(pk=1, second_factor_roles=["ops"])
    assert api(omar).get("/api/v1/opportunities/").status_code == 200
