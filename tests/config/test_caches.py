"""What browsers and proxies may keep of an answer."""

from collections.abc import Callable

from django.test import Client

from reps.models import User


def test_nobody_keeps_pages_and_answers(as_user: Callable[[User], Client], omar: User) -> None:
    client = as_user(omar)
    for address in ("/queue/", "/opportunities/", "/nowhere/", "/api/v1/opportunities/"):
        assert client.get(address)["Cache-Control"] == "private, no-store", address
