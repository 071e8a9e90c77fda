"""The page that tells how routing works here: from what is live, for everybody, what names the reader apart."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Account
from reps.models import Rep, Team, User
from routing.models import CapacitySettings, Policy, Rule
from routing.queries.how_it_works import how_it_works
from territories.models import Coverage, Territory
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
US = {"field": "country", "op": "is", "value": "US"}


def words(client: Client) -> str:
    content = client.get(reverse("how_it_works")).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", content).split()).replace(" ,", ",")


@pytest.fixture
def configured(ana: Rep, bo: Rep, east: Team, publish: Callable[[], int]) -> None:
    texas = Territory.objects.create(name="Texas", condition=US)
    Coverage.objects.create(territory=texas, team=east)
    Rule.objects.create(name="Big ones", position=1, action="route_to_rep", rep=ana, condition=US)
    keep_out = Rule.objects.create(name="Not Bo", position=2, action="exclude_reps", condition=US)
    keep_out.excluded.add(bo)
    Rule.objects.create(name="Off", position=3, action="route_to_rep", rep=bo, condition=US, is_active=False)
    Account.objects.create(name="Acme", owner=ana)
    CapacitySettings.objects.update(near_up_to_pct=85, near_capacity_penalty=0.7)
    publish()


@pytest.mark.usefixtures("configured")
def test_tells_what_is_live_and_nothing_else(ana: Rep, client: Client) -> None:
    Rule.objects.create(name="Draft", position=9, action="route_to_rep", rep=ana, condition=US)
    assert ana.user is not None
    client.force_login(ana.user)
    page = words(client)
    assert "Texas country is US → East" in page
    assert "Big ones When country is US, route to Ana" in page
    assert "above, up to 85 %, only matches of 70 or more come" in page
    assert "near capacity, as if the odds were 50 % lower" in page
    assert "1 account has an owner" in page
    assert "there are too few closed deals to learn from yet" in page
    assert "Everything is suggested: a manager confirms" in page
    for name in ("Draft", "Off"):
        assert f"{name} When" not in page


@pytest.mark.usefixtures("configured")
def test_tells_reps_what_names_them(ana: Rep, bo: Rep, nia: User, client: Client) -> None:
    told = {rep: how_it_works(rep.user, NOW).about for rep in (ana, bo)}  # type: ignore[arg-type]
    lines = {
        rep.name: ["".join(part.text for part in line) for line in about.lines]
        for rep, about in told.items()
        if about is not None
    }
    assert lines["Ana"][1:] == [
        "You own 1 named account.",
        "You cover Texas (with your team).",
        "“Big ones”: When country is US, route to Ana.",
    ]
    assert lines["Bo"][1:] == ["You cover Texas (with your team).", "“Not Bo” leaves you out: country is US."]
    assert how_it_works(nia, NOW).about is None
    client.force_login(nia)
    assert "What names you" not in words(client)


@pytest.mark.usefixtures("configured")
def test_follows_what_is_published(ana: Rep, nia: User, publish: Callable[[], int], client: Client) -> None:
    client.force_login(nia)
    Policy.objects.update(application="assign", fallback=["hold"])
    Rule.objects.all().delete()
    publish()
    page = words(client)
    assert "Where a policy assigns, it is yours at once" in page
    assert "Nothing goes round-robin here." in page
    assert "There are none beyond the territories." in page


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("more", [0, 30])
def test_few_queries_whatever_the_number_of_rules(more: int, ana: Rep, publish: Callable[[], int]) -> None:
    for number in range(more):
        Rule.objects.create(
            name=f"R{number}", position=10 + number, action="route_to_rep", rep=ana, condition=US
        )
    publish()
    assert ana.user is not None
    with CaptureQueriesContext(connection) as queries:
        how_it_works(ana.user, NOW)
    assert len(queries) == 9
