"""Getting in: passwords and their lock-out, invitations, forgotten passwords, what a session is and when it ends."""

import datetime
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reps.middleware import BEGAN, SEEN
from reps.models import Invitation, Rep, SignInSettings, Team, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
MAIL = "mailto://127.0.0.1:1?from=routing@example.com"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> int:
    return client.post("/login/", {"login": email, "password": password} | more).status_code


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def link_in(text: str) -> str:
    """The path of the first link."""
    found = re.search(r"http://localhost:8000(/\S+)", text)
    assert found
    return found[1].removesuffix("</code></p></div></section>")


# --- passwords ----------------------------------------------------------------------------------------------------


def test_signing_in_changes_the_session_and_leads_back(client: Client, omar: User) -> None:
    client.get("/login/")
    client.session["x"] = 1
    client.session.save()
    before = client.session.session_key
    answer = client.post("/login/", {"login": omar.email, "password": PASSWORD, "next": "/reps/"})
    assert (answer.status_code, answer["Location"]) == (302, "/reps/")
    assert client.session.session_key != before


def test_odd_input_is_no_error_of_ours(client: Client, db: None) -> None:
    for given in ({}, {"login": "\x00", "password": "\x00"}, {"login": "a" * 5000, "password": "b" * 5000}):
        assert client.post("/login/", given).status_code == 422
        assert client.post("/login/forgotten/", {"email": given.get("login", "")}).status_code == 422
    for path in (
        "/invitation/%00/",
        "/invitation/a:b:c/",
        "/login/new-password/x-y%00/",
        "/login/%00/callback/",
    ):
        assert client.get(path).status_code in (200, 404, 410)


def test_nobody_is_led_to_another_site(client: Client, omar: User) -> None:
    answer = client.post(
        "/login/", {"login": omar.email, "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/"


def test_wrong_password_unknown_address_and_switched_off_read_alike(
    client: Client, omar: User, nia: User
) -> None:
    User.objects.filter(pk=nia.pk).update(is_active=False)
    said = set()
    for email, password in ((omar.email, "no"), ("nobody@example.com", "no"), (nia.email, PASSWORD)):
        page = client.post("/login/", {"login": email, "password": password})
        assert page.status_code == 422
        text = re.sub(r'value="[^"]*"', "", page.content.decode())
        said.add(re.sub(r"\s+", " ", text))
    assert len(said) == 1
    assert not signed_in(client)


def test_ten_guesses_lock_the_account_from_there_and_say_until_when(
    client: Client, omar: User, nia: User, settings: Any
) -> None:
    settings.AXES_ENABLED = True
    for _ in range(9):
        assert sign_in(client, omar.email.upper(), "guess") == 422
    assert sign_in(client, omar.email, "guess") == 429
    locked = client.post("/login/", {"login": omar.email, "password": PASSWORD})
    assert locked.status_code == 429
    assert "That is in 15 minutes." in locked.content.decode()
    assert locked["Retry-After"] == "900"
    assert sign_in(client, nia.email) == 302  # another account, from the same place
    elsewhere = Client(REMOTE_ADDR="192.0.2.9")
    assert sign_in(elsewhere, omar.email) == 302


def test_accounts_that_do_not_exist_lock_alike(client: Client, db: None, settings: Any) -> None:
    settings.AXES_ENABLED = True
    codes = [sign_in(client, "nobody@example.com", "guess") for _ in range(11)]
    assert codes == [422] * 9 + [429] * 2


def test_one_address_guesses_at_many_accounts_a_hundred_times_only(
    client: Client, omar: User, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": None, "password_failed": "5/15m/ip"}
    for number in range(5):
        sign_in(client, f"somebody{number}@example.com", "guess")
    page = client.post("/login/", {"login": omar.email, "password": PASSWORD})
    assert "There were too many wrong attempts." in page.content.decode()
    assert not signed_in(client)


def test_there_is_no_signing_up(client: Client, db: None) -> None:
    page = client.post("/login/closed/", {"email": "eve@example.com", "password1": "a long enough one"})
    assert "by invitation" in page.content.decode()
    assert not User.objects.exists()


def test_admin_site_takes_the_same_sign_in(client: Client, ada: User) -> None:
    answer = client.get("/admin/login/?next=/admin/")
    assert (answer.status_code, answer["Location"].startswith("/login/")) == (302, True)


def test_changing_the_password_ends_other_sessions_and_keeps_this_one(client: Client, omar: User) -> None:
    other = Client()
    assert (sign_in(client, omar.email), sign_in(other, omar.email)) == (302, 302)
    new = "another long enough one"
    answer = client.post("/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert answer.status_code == 302
    assert [letter.to for letter in mail.outbox] == [[omar.email]]
    assert "tell an admin of your organisation at once" in str(mail.outbox[0].body)
    assert len(client.get("/my/security/").context["sessions"]) == 1
    assert other.get("/my/security/").status_code == 302


# --- invitations --------------------------------------------------------------------------------------------------


def invite(client: Client, **values: object) -> str:
    """The path of the link."""
    given = {"email": "Dora@Example.com", "name": "Dora Fox", "role": "ops"} | values
    page = client.post(reverse("user_new"), given)
    assert page.status_code == 200, page.content.decode()
    return link_in(page.content.decode().replace("</code>", " "))


def accept(path: str, **values: str) -> Client:
    client = Client()
    given = {"name": "Dora Fox", "password": "a long enough one", "time_zone": "Europe/Berlin"} | values
    client.post(path, given)
    return client


def test_an_invitation_lets_somebody_in_once(ada: User, as_user: SignIn) -> None:
    path = invite(as_user(ada))
    dora = accept(path)
    assert signed_in(dora)
    user = User.objects.get(email="dora@example.com")
    assert (user.name, user.role, user.time_zone) == ("Dora Fox", "ops", "Europe/Berlin")
    assert user.check_password("a long enough one")
    again = Client().get(path)
    assert again.status_code == 410
    assert not signed_in(accept(path))
    assert Invitation.objects.get().accepted_by == user


def test_an_invitation_refuses_weak_passwords_and_keeps_what_was_typed(ada: User, as_user: SignIn) -> None:
    path = invite(as_user(ada))
    page = Client().post(path, {"name": "Dora F.", "password": "12345678", "time_zone": "UTC"})
    assert page.status_code == 422
    assert 'value="Dora F."' in page.content.decode()
    assert "too common" in page.content.decode()
    assert not User.objects.filter(email="dora@example.com").exists()


def test_sending_again_makes_the_link_before_worthless(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    first = invite(client)
    found = Invitation.objects.get()
    page = client.post(reverse("invitation_again", args=[found.pk])).content.decode()
    second = link_in(page.replace("</code>", " "))
    assert Client().get(first).status_code == 410
    assert Client().get(second).status_code == 200


def test_revoked_expired_and_forged_invitations_hold_no_longer(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    path = invite(client)
    assert Client().get(path.replace("invitation/", "invitation/x")).status_code == 410
    Invitation.objects.update(expires_at=timezone.now() - datetime.timedelta(minutes=1))
    assert Client().get(path).status_code == 410
    assert "invitation expired" in client.get("/users/").content.decode()
    client.post(reverse("invitation_revoke", args=[Invitation.objects.get().pk]))
    Invitation.objects.update(expires_at=timezone.now() + datetime.timedelta(days=1))
    assert Client().get(path).status_code == 410
    assert "Dora" not in client.get("/users/", headers={"HX-Request": "true"}).context["invitations"]
    assert client.get("/users/").context["invitations"] == []


def test_an_address_is_invited_once_and_never_a_users(ada: User, omar: User, as_user: SignIn) -> None:
    client = as_user(ada)
    invite(client)
    twice = client.post(reverse("user_new"), {"email": "dora@example.com", "role": "ops"})
    assert (twice.status_code, "invited already" in twice.content.decode()) == (422, True)
    taken = client.post(reverse("user_new"), {"email": omar.email.upper(), "role": "ops"})
    assert (taken.status_code, "is a user already" in taken.content.decode()) == (422, True)


def test_teams_come_with_the_invitation(ada: User, east: Team, west: Team, as_user: SignIn) -> None:
    client = as_user(ada)
    accept(invite(client, email="mia@example.com", role="manager", teams=[east.pk, west.pk]))
    mia = User.objects.get(email="mia@example.com")
    assert set(mia.managed_teams.all()) == {east, west}
    accept(invite(client, email="rik@example.com", role="rep", teams=[west.pk]))
    assert Rep.objects.get(user__email="rik@example.com").team == west


def test_a_profile_that_waits_for_its_rep_is_taken(
    ada: User, as_user: SignIn, make_rep: Callable[..., Rep]
) -> None:
    waiting = make_rep("Rik", email="rik@example.com")
    accept(invite(as_user(ada), email="RIK@example.com", role="rep"))
    waiting.refresh_from_db()
    assert waiting.user is not None
    assert waiting.user.email == "rik@example.com"


def test_with_a_mail_server_the_link_goes_out_and_is_not_shown(
    ada: User, as_user: SignIn, settings: Any
) -> None:
    settings.MAIL_URL = MAIL
    answer = as_user(ada).post(reverse("user_new"), {"email": "dora@example.com", "role": "ops"})
    assert answer.status_code == 302
    [letter] = mail.outbox
    assert letter.to == ["dora@example.com"]
    assert Client().get(link_in(str(letter.body))).status_code == 200


@pytest.mark.parametrize("role", ["ops", "manager", "rep", "analyst"])
def test_only_admins_invite(role: str, client: Client, ada: User, as_user: SignIn) -> None:
    invite(as_user(ada))
    somebody = User.objects.create_user("eve@example.com", PASSWORD, name="Eve", role=role)
    client.force_login(somebody)
    found = Invitation.objects.get()
    assert client.post(reverse("user_new"), {"email": "x@example.com", "role": "admin"}).status_code == 403
    for name in ("invitation_again", "invitation_revoke"):
        assert client.post(reverse(name, args=[found.pk])).status_code == 403
    found.refresh_from_db()
    assert found.revoked_at is None


def test_users_list_takes_the_same_queries_for_1_invitation_and_30(
    ada: User, east: Team, as_user: SignIn, django_assert_num_queries: Callable[[int], object]
) -> None:
    client = as_user(ada)
    for count in (1, 30):
        for number in range(count):
            invite(client, email=f"d{count}-{number}@example.com", teams=[east.pk])
        with django_assert_num_queries(6):  # type: ignore[attr-defined]
            client.get(reverse("users"), headers={"HX-Request": "true"})


# --- forgotten passwords ------------------------------------------------------------------------------------------


def test_a_forgotten_password_is_set_anew_by_a_link(client: Client, omar: User, settings: Any) -> None:
    settings.MAIL_URL = MAIL
    other = Client()
    sign_in(other, omar.email)
    client.post("/login/forgotten/", {"email": omar.email.upper()})
    letter = mail.outbox[0]
    assert letter.to == [omar.email]
    form = client.get(link_in(str(letter.body)), follow=True)
    new = "another long enough one"
    done = client.post(form.request["PATH_INFO"], {"password1": new, "password2": new}, follow=True)
    assert "Your new password holds" in done.content.decode()
    assert other.get("/my/security/").status_code == 302
    assert sign_in(Client(), omar.email, new) == 302
    used = Client().get(link_in(str(letter.body)), follow=True)
    assert "This link no longer holds" in used.content.decode()


def test_asking_for_a_new_password_tells_nothing_of_accounts(
    client: Client, omar: User, nia: User, settings: Any
) -> None:
    settings.MAIL_URL = MAIL
    User.objects.filter(pk=nia.pk).update(is_active=False)
    answers = [
        client.post("/login/forgotten/", {"email": email})
        for email in (omar.email, "nobody@example.com", nia.email)
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, "/login/forgotten/sent/")
    }
    assert [letter.to for letter in mail.outbox] == [[omar.email], ["nobody@example.com"], [nia.email]]
    assert ["/new-password/" in str(letter.body) for letter in mail.outbox] == [True, False, False]


def test_without_a_mail_server_an_admin_makes_the_link(client: Client, ada: User, omar: User) -> None:
    assert "An admin of your organisation can make a link" in client.get("/login/forgotten/").content.decode()
    client.force_login(ada)
    page = client.post(reverse("user_password_link", args=[omar.pk])).content.decode()
    form = Client()
    shown = form.get(link_in(page.replace("</code>", " ")), follow=True)
    new = "another long enough one"
    form.post(shown.request["PATH_INFO"], {"password1": new, "password2": new})
    assert sign_in(Client(), omar.email, new) == 302


def test_an_address_that_was_somebodys_gets_no_link(
    ada: User, omar: User, client: Client, settings: Any
) -> None:
    settings.MAIL_URL = MAIL
    EmailAddress.objects.create(user=omar, email=omar.email, primary=True, verified=True)
    client.force_login(ada)
    fields = {"name": "Omar", "email": "new@example.com", "role": "ops", "time_zone": "UTC"}
    fields["seen_at"] = omar.updated_at.isoformat()
    assert client.post(reverse("user", args=[omar.pk]), fields).status_code == 302
    Client().post("/login/forgotten/", {"email": "omar@example.com"})
    assert ["/new-password/" in str(letter.body) for letter in mail.outbox] == [False]


# --- sessions -----------------------------------------------------------------------------------------------------


def test_sessions_are_listed_in_words_and_ended(client: Client, omar: User) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    other = Client(headers={"User-Agent": firefox}, REMOTE_ADDR="192.0.2.7")
    sign_in(client, omar.email)
    sign_in(other, omar.email)
    page = client.get("/my/security/").content.decode()
    assert "Firefox on Linux" in page
    assert "192.0.2.7" in page
    found = UserSession.objects.get(ip="192.0.2.7")
    client.post(reverse("session_end", args=[found.pk]))
    assert other.get("/my/security/").status_code == 302
    assert client.get("/my/security/").status_code == 200


def test_all_other_sessions_end_at_once(client: Client, omar: User) -> None:
    others = [Client() for _ in range(3)]
    for one in (client, *others):
        sign_in(one, omar.email)
    client.post(reverse("sessions_end"))
    assert [one.get("/my/security/").status_code for one in others] == [302, 302, 302]
    assert client.get("/my/security/").status_code == 200


def test_sessions_of_others_do_not_exist(client: Client, omar: User, nia: User) -> None:
    theirs = Client()
    sign_in(theirs, nia.email)
    sign_in(client, omar.email)
    found = UserSession.objects.get(user=nia)
    assert client.post(reverse("session_end", args=[found.pk])).status_code == 404
    assert theirs.get("/my/security/").status_code == 200


def test_an_admin_ends_somebodys_sessions_and_switching_off_does(
    client: Client, ada: User, omar: User
) -> None:
    theirs = Client()
    sign_in(theirs, omar.email)
    client.force_login(ada)
    client.post(reverse("user_sessions_end", args=[omar.pk]))
    assert theirs.get("/my/security/").status_code == 302
    sign_in(theirs, omar.email)
    client.post(reverse("user_deactivate", args=[omar.pk]))
    client.post(reverse("user_activate", args=[omar.pk]))
    assert theirs.get("/my/security/").status_code == 302
    assert not UserSession.objects.filter(user=omar).exists()


@pytest.mark.parametrize(("name", "hours"), [(SEEN, 13.0), (BEGAN, 7 * 24 + 1.0)])
def test_a_session_ends_when_nobody_is_there_and_in_the_end_anyway(
    name: str, hours: float, client: Client, omar: User
) -> None:
    client.force_login(omar)
    session = client.session
    session[name] = time.time() - hours * 3600
    session.save()
    assert client.get("/my/security/").status_code == 302
    assert not signed_in(client)


def test_being_there_keeps_a_session_and_is_noted_now_and_then(
    client: Client, omar: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    sign_in(client, omar.email)
    session = client.session
    session[SEEN] = time.time() - 11 * 3600
    session.save()
    UserSession.objects.update(last_seen_at=timezone.now() - datetime.timedelta(hours=11))
    client.get("/my/security/")
    assert time.time() - client.session[SEEN] < 60
    assert timezone.now() - UserSession.objects.get().last_seen_at < datetime.timedelta(minutes=1)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        client.get("/password/set/")  # session and user, as before there were lifetimes


# --- single sign-on as the only way in ----------------------------------------------------------------------------


def test_only_named_admins_keep_their_password(client: Client, ada: User, omar: User, settings: Any) -> None:
    settings.MAIL_URL = MAIL
    found = SignInSettings.objects.create(
        pk=1, uses_sso=True, only_sso=True, server_url="https://id.example.com", client_id="routing"
    )
    found.break_glass.set([ada])
    page = client.get("/login/").content.decode()
    assert 'name="password"' not in page
    assert "Single sign-on" in page
    assert sign_in(client, omar.email) == 422
    client.post("/login/forgotten/", {"email": omar.email})
    assert mail.outbox == []
    assert 'name="password"' in client.get("/login/?password=1").content.decode()
    assert sign_in(client, ada.email) == 302


def test_an_invitation_leads_to_the_provider_where_it_is_the_only_way(ada: User, as_user: SignIn) -> None:
    path = invite(as_user(ada))
    SignInSettings.objects.create(
        pk=1, uses_sso=True, only_sso=True, server_url="https://id.example.com", client_id="routing"
    )
    answer = Client().get(path, follow=True)
    assert answer.redirect_chain == [("/login/", 302)]
    assert "Sign in through the provider" in answer.content.decode()
    assert not signed_in(accept(path))
    assert not User.objects.filter(email="dora@example.com").exists()


def test_sessions_that_are_over_are_not_listed(client: Client, omar: User) -> None:
    others = [Client() for _ in range(3)]
    for one in (client, *others):
        sign_in(one, omar.email)
    others[0].post("/logout/")
    idle = timezone.now() - datetime.timedelta(hours=13)
    UserSession.objects.filter(session_key=others[1].session.session_key).update(last_seen_at=idle)
    assert len(client.get("/my/security/").context["sessions"]) == 2
