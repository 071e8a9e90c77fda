"""The cast: ana a rep, ben her manager, cara a rep elsewhere, omar of operations, nia an analyst, ada the admin."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import settings
from rest_framework.test import APIClient

from crm.models import Opportunity
from crm.queries import dictionary
from crm.queries.matching import forget_matcher
from crm.services.opportunities import create_opportunity
from experiments.queries import running
from reps.models import ApiToken, Rep, RoleTemplate, Skill, Team, User
from routing.models import Policy
from routing.queries import arm_use, inputs, live, names, state
from routing.queries import configuration as configuration_queries
from routing.services.configuration import publish_configuration

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
PASSWORD = "correct horse battery"
# A machine that does something else as well must not fail an example that was merely slow.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def empty_process_caches() -> None:
    forget_what_is_cached()


def forget_what_is_cached() -> None:
    """What a process caches outlives a test's rolled-back transaction."""
    live.kept_roster.cache_clear()
    state._present.cache_clear()
    state.forget_state()
    names._kept_names.cache_clear()
    dictionary._dictionary.cache_clear()
    inputs._stored_roster.cache_clear()
    inputs.match_model.cache_clear()
    inputs._recent_high_match.cache_clear()
    inputs.rules_model_id.cache_clear()
    configuration_queries.compiled.cache_clear()
    configuration_queries.configuration_id_of.cache_clear()
    running._running.cache_clear()
    arm_use.forget()
    forget_matcher()


def user_of(name: str, role: str) -> User:
    return User.objects.create_user(f"{name.lower()}@example.com", PASSWORD, name=name, role=role)


@pytest.fixture
def role_template(db: None) -> RoleTemplate:
    return RoleTemplate.objects.get(is_default=True)


@pytest.fixture
def east(db: None) -> Team:
    return Team.objects.create(name="East")


@pytest.fixture
def west(db: None) -> Team:
    return Team.objects.create(name="West")


@pytest.fixture
def make_rep(east: Team, role_template: RoleTemplate) -> Callable[..., Rep]:
    """A rep by name; `skills` as {"industry": ["Healthcare"]}, `max_open` and other fields as of Rep."""

    def make(
        name: str, *, skills: dict[str, list[str]] | None = None, max_open: int = 10, **fields: Any
    ) -> Rep:
        rep = Rep.objects.create(
            **{"name": name, "team": east, "role_template": role_template, "own_max_open": max_open} | fields
        )
        Skill.objects.bulk_create(
            Skill(rep=rep, kind=kind, name=tag) for kind, tags in (skills or {}).items() for tag in tags
        )
        return rep

    return make


@pytest.fixture
def ana(make_rep: Callable[..., Rep]) -> Rep:
    return make_rep("Ana", skills={"industry": ["Healthcare"]}, user=user_of("Ana", User.Role.REP))


@pytest.fixture
def bo(make_rep: Callable[..., Rep]) -> Rep:
    return make_rep("Bo", user=user_of("Bo", User.Role.REP))


@pytest.fixture
def ben(east: Team) -> User:
    ben = user_of("Ben", User.Role.MANAGER)
    east.managers.add(ben)
    return ben


@pytest.fixture
def cara(make_rep: Callable[..., Rep], west: Team) -> Rep:
    return make_rep("Cara", team=west, user=user_of("Cara", User.Role.REP))


@pytest.fixture
def omar(db: None) -> User:
    return user_of("Omar", User.Role.OPS)


@pytest.fixture
def nia(db: None) -> User:
    return user_of("Nia", User.Role.ANALYST)


@pytest.fixture
def ada(db: None) -> User:
    return user_of("Ada", User.Role.ADMIN)


@pytest.fixture
def make_opportunity(db: None) -> Callable[..., Opportunity]:
    """An opportunity that waits for its decision."""

    def make(name: str = "Northwind", **values: Any) -> Opportunity:
        return create_opportunity(values={"name": name} | values, at=values.pop("at", NOW), by=None)

    return make


@pytest.fixture
def publish(db: None) -> Callable[[], int]:
    """Publishes the working configuration; returns the version's number."""
    return lambda: publish_configuration(by=None, at=NOW)[0].number


@pytest.fixture
def one_policy(db: None) -> None:
    """The draft has only the shipped policy for everything."""
    Policy.objects.exclude(condition={}).delete()
    Policy.objects.update(position=1)


@pytest.fixture
def assign_at_once(publish: Callable[[], int]) -> None:
    """The shipped policies assign instead of suggesting."""
    Policy.objects.update(application="assign")
    publish()


@pytest.fixture
def as_user(client: Client) -> Callable[[User], Client]:
    """A browser signed in as the user."""

    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def api() -> Callable[[User], APIClient]:
    """An API client with a token of the user."""

    def with_token(user: User) -> APIClient:
        _, token = ApiToken.objects.create(user=user, name="test")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client

    return with_token
