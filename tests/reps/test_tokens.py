"""API tokens: how long they hold, what they are narrowed to, when they were used, and the change-over to another."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from reps.models import ApiToken, User
from reps.services import token_use
from reps.services.tokens import make_token, renew_token

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def nothing_noted() -> None:
    token_use.write_uses()


def ask(secret: str, **more: Any) -> Any:
    client = APIClient(**more)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client.get("/api/v1/opportunities/")


def secret_in(page: str) -> str:
    return page.split("<code>")[1].split("</code>")[0]


def test_a_token_holds_a_year_unless_it_is_said_otherwise(omar: User, as_user: SignIn) -> None:
    client = as_user(omar)
    assert 'value="365" selected' in client.get("/tokens/").content.decode()
    page = client.post("/tokens/", {"name": "Dialer", "lifetime": "365", "scopes": ["records:read"]})
    token = ApiToken.objects.get()
    assert token.expiry is not None
    assert abs(token.expiry - timezone.now() - datetime.timedelta(days=365)) < datetime.timedelta(minutes=1)
    assert token.scopes == ["records:read"]
    assert ask(secret_in(page.content.decode())).status_code == 200


def test_only_admins_make_tokens_without_an_end(omar: User, ada: User, client: Client) -> None:
    client.force_login(omar)
    assert client.post("/tokens/", {"name": "Dialer", "lifetime": "never"}).status_code == 422
    client.force_login(ada)
    assert client.post("/tokens/", {"name": "Dialer", "lifetime": "never"}).status_code == 200
    assert ApiToken.objects.get().expiry is None


def test_unknown_scopes_are_refused(omar: User, as_user: SignIn) -> None:
    page = as_user(omar).post("/tokens/", {"name": "D", "lifetime": "30", "scopes": ["everything"]})
    assert page.status_code == 422
    assert not ApiToken.objects.exists()


def test_an_expired_token_is_refused_with_that_word_and_stays_in_the_list(
    omar: User, as_user: SignIn
) -> None:
    token, secret = make_token(user=omar, name="Dialer", days=1)
    ApiToken.objects.update(expiry=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC))
    answer = ask(secret)
    assert answer.status_code == 401
    assert "This token expired on 2026-01-02." in answer.json()["error"]
    page = as_user(omar).get("/tokens/").content.decode()
    assert "expired" in page
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_a_request_looks_its_token_up_in_one_query(
    omar: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    for number in range(3):
        make_token(user=omar, name=str(number), days=1)
    _, secret = make_token(user=omar, name="Dialer", days=1)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        ask(secret)  # the token with its user, and the page of opportunities


def test_last_use_is_written_apart_from_the_request(omar: User, as_user: SignIn) -> None:
    token, secret = make_token(user=omar, name="Dialer")
    for address in ("192.0.2.1", "192.0.2.2"):
        ask(secret, REMOTE_ADDR=address)
    token.refresh_from_db()
    assert token.last_used_at is None
    assert token_use.write_uses() == 1
    token.refresh_from_db()
    assert (token.last_used_from, token.last_used_at is not None) == ("192.0.2.2", True)
    assert token_use.write_uses() == 0
    assert "192.0.2.2" in as_user(omar).get("/tokens/").content.decode()


def test_an_older_use_of_another_process_changes_nothing(omar: User) -> None:
    token, secret = make_token(user=omar, name="Dialer")
    ask(secret, REMOTE_ADDR="192.0.2.1")
    later = timezone.now() + datetime.timedelta(seconds=5)
    ApiToken.objects.update(last_used_at=later, last_used_from="192.0.2.9")
    token_use.write_uses()
    token.refresh_from_db()
    assert (token.last_used_at, token.last_used_from) == (later, "192.0.2.9")


def test_refused_requests_are_no_use(omar: User) -> None:
    _, secret = make_token(user=omar, name="Dialer")
    User.objects.update(is_active=False)
    assert ask(secret).status_code == 401
    assert token_use.write_uses() == 0


def test_made_anew_both_hold_for_a_while(omar: User, as_user: SignIn) -> None:
    token, old = make_token(user=omar, name="Dialer", days=90, scopes=["records:read"])
    page = as_user(omar).post(
        reverse("token_renew", args=[token.pk]), {"lifetime": "365", "keeps_hours": "24"}
    )
    new = secret_in(page.content.decode())
    assert [ask(secret).status_code for secret in (old, new)] == [200, 200]
    token.refresh_from_db()
    assert token.expiry is not None
    assert token.expiry - timezone.now() < datetime.timedelta(hours=25)
    made = ApiToken.objects.exclude(pk=token.pk).get()
    assert (made.name, made.scopes) == ("Dialer", ["records:read"])


def test_the_old_one_never_holds_longer_than_it_would_have(omar: User) -> None:
    token, _ = make_token(user=omar, name="Dialer", days=1)
    before = token.expiry
    renew_token(token=token, keeps_hours=168, days=365, at=timezone.now())
    token.refresh_from_db()
    assert token.expiry == before
    at = timezone.now()
    renew_token(token=token, keeps_hours=0, days=365, at=at)
    token.refresh_from_db()
    assert token.is_expired


def test_somebody_elses_token_is_not_made_anew(omar: User, ada: User, as_user: SignIn) -> None:
    token, _ = make_token(user=omar, name="Dialer")
    path = reverse("token_renew", args=[token.pk])
    assert as_user(ada).post(path, {"lifetime": "365", "keeps_hours": "24"}).status_code == 404


def test_what_can_be_no_token_is_not_found(omar: User, as_user: SignIn) -> None:
    client = as_user(omar)
    assert client.get("/tokens/%00/renew/").status_code == 404
    assert client.post("/tokens/%00/revoke/").status_code == 404
