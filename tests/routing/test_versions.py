"""Versions: the list, what each changed, and going back through the draft."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from reps.models import Rep, User
from routing.models import ConfigurationVersion, Rule
from routing.queries.changes import unpublished_changes
from routing.queries.configuration import live_version

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
URL = "/rules/versions/"


@pytest.fixture
def two(ana: Rep, publish: Callable[[], int]) -> list[int]:
    """Before and after a rule was added."""
    first = publish()
    Rule.objects.create(name="Healthcare to Ana", position=1, action="route_to_rep", rep=ana, condition={})
    return [first, publish()]


def test_says_what_a_version_changed_and_what_going_back_would(
    as_user: SignIn, omar: User, two: list[int]
) -> None:
    client = as_user(omar)
    page = client.get(f"{URL}{two[1]}/").content.decode()
    assert "Rule “Healthcare to Ana” added" in page
    assert "Make it the draft" not in page  # it is live
    page = client.get(f"{URL}{two[0]}/").content.decode()
    assert "Rule “Healthcare to Ana” removed" in page
    assert "Make it the draft" in page


def test_goes_back_through_the_draft(
    as_user: SignIn, omar: User, two: list[int], publish: Callable[[], int]
) -> None:
    response = as_user(omar).post(f"{URL}{two[0]}/restore/")
    assert response.url == "/rules/"  # type: ignore[attr-defined]
    assert live_version().number == two[1]
    assert [str(one) for one in unpublished_changes()] == ["Rule “Healthcare to Ana” removed"]
    number = publish()
    assert number == two[1] + 1
    assert live_version().content == ConfigurationVersion.objects.get(number=two[0]).content


def test_analysts_read_and_do_not_restore(as_user: SignIn, nia: User, two: list[int]) -> None:
    client = as_user(nia)
    assert "Make it the draft" not in client.get(f"{URL}{two[0]}/").content.decode()
    assert client.post(f"{URL}{two[0]}/restore/").status_code == 403
    assert client.get(f"{URL}999/").status_code == 404
    assert client.get(f"{URL}?at=nonsense").status_code == 404


def test_the_list_takes_as_many_queries_for_thirty_as_for_one(
    as_user: SignIn, omar: User, ana: Rep, publish: Callable[[], int], django_assert_num_queries: Any
) -> None:
    client = as_user(omar)
    client.get(URL)
    for count in (1, 30):
        for i in range(count):
            Rule.objects.create(
                name=f"{count} {i}", position=100 * count + i, action="route_to_rep", rep=ana, condition={}
            )
            publish()
        with django_assert_num_queries(7):
            assert f"Version {live_version().number}" in client.get(URL).content.decode()
