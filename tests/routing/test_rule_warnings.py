"""What is likely to be wrong with the rules."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import Client

from crm.models import Opportunity
from reps.models import Rep, Team, User
from routing.models import Rule
from routing.queries.rule_warnings import fall_through_warning, look_at_rules
from routing.services.decisions import route
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
HEALTH = {"all": [{"field": "industry", "op": "is", "value": "Healthcare"}]}
BIG_HEALTH = {"all": [*HEALTH["all"], {"field": "value", "op": "over", "value": 100}]}
LATER = NOW + datetime.timedelta(days=1)


def warnings(at: datetime.datetime) -> Mapping[int, list[str]]:
    return look_at_rules(user=User(role=User.Role.OPS), now=at).warnings


@pytest.fixture
def rule(ana: Rep) -> Callable[..., Rule]:
    def make(name: str, **values: Any) -> Rule:
        position = Rule.objects.count() + 1
        plain = {"action": "route_to_rep", "rep": ana, "condition": HEALTH, "position": position}
        if values.get("action", "route_to_rep") != "route_to_rep":
            plain["rep"] = None
        return Rule.objects.create(name=name, **plain | values)

    return make


def test_good_rules_have_no_warnings(rule: Callable[..., Rule], make_opportunity: Make) -> None:
    make_opportunity(industry="Healthcare")
    rule("Health")
    assert warnings(LATER) == {}


def test_a_rule_behind_one_that_takes_everything_of_it(
    rule: Callable[..., Rule], make_opportunity: Make
) -> None:
    make_opportunity(industry="Healthcare", value=500, currency="USD")
    rule("All health")
    shadowed = rule("Big health", condition=BIG_HEALTH)
    assert warnings(LATER) == {
        shadowed.pk: ["All 1 that it would match in the last 90 days are routed by “All health” before it."]
    }
    Rule.objects.filter(name="All health").update(position=9)
    make_opportunity(industry="Healthcare")
    assert warnings(LATER) == {}  # the special case comes first, and something is left for the other


def test_a_rule_that_matches_nothing(rule: Callable[..., Rule], make_opportunity: Make) -> None:
    make_opportunity(industry="Energy")
    make_opportunity(industry="Healthcare", at=NOW - datetime.timedelta(days=120))
    old = rule("Health")
    assert warnings(LATER) == {old.pk: ["It has matched nothing in the last 90 days."]}


def test_people_who_left_and_teams_without_reps(
    rule: Callable[..., Rule], make_opportunity: Make, ana: Rep, bo: Rep, west: Team
) -> None:
    make_opportunity(industry="Healthcare")
    to_west = rule("To the west", action="route_to_team", team=west)
    without = rule("Not Bo", action="exclude_reps")
    without.excluded.set([bo])
    Rep.objects.filter(pk=bo.pk).update(left_at=NOW)
    found = warnings(LATER)
    assert found[to_west.pk] == [f"{west.name} has no reps: the rule is skipped."]
    assert found[without.pk] == ["It excludes Bo, who has left."]


def test_rules_that_together_leave_nobody(
    rule: Callable[..., Rule], make_opportunity: Make, ana: Rep, bo: Rep, publish: Callable[[], int]
) -> None:
    for rep in (ana, bo):
        rule(f"Not {rep.name}", action="exclude_reps").excluded.set([rep])
    publish()
    route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
    second = Rule.objects.get(name="Not Bo")
    assert warnings(LATER)[second.pk] == [
        "With “Not Ana” before it, it leaves nobody for 1 of the last 90 days: there it is skipped.",
        "In the last 90 days it was skipped once: with what came before it would have left nobody.",
    ]


def test_a_rule_that_is_off_is_not_warned_about(rule: Callable[..., Rule]) -> None:
    rule("Nothing", is_active=False)
    assert warnings(LATER) == {}


def test_the_number_of_queries_does_not_grow_with_the_rules(
    rule: Callable[..., Rule], make_opportunity: Make, django_assert_num_queries: Any
) -> None:
    make_opportunity(industry="Healthcare")
    rule("First")
    warnings(LATER)
    for count in (1, 30):
        for i in range(count):
            rule(f"{count} {i}")
        with django_assert_num_queries(16):
            warnings(LATER)


def test_falling_through_more_than_before(
    make_opportunity: Make, ana: Rep, bo: Rep, publish: Callable[[], int]
) -> None:
    def decide(count: int, at: datetime.datetime) -> None:
        for i in range(count):
            route(opportunity_id=make_opportunity(f"{at} {i}", industry="Healthcare", at=at).pk, at=at)

    decide(8, NOW - datetime.timedelta(days=15))
    assert fall_through_warning(NOW) == ""  # too few to say
    decide(12, NOW - datetime.timedelta(days=10))
    Rep.objects.update(own_max_open=1)
    decide(25, NOW - datetime.timedelta(days=1))
    assert "of the four weeks" not in fall_through_warning(NOW)
    assert fall_through_warning(NOW).startswith("In the last week ")


def test_the_page_says_them_and_the_region_is_fetched_by_the_rules(
    client: Client, omar: User, rule: Callable[..., Rule], make_opportunity: Make
) -> None:
    make_opportunity(industry="Energy")
    rule("Health")
    client.force_login(omar)
    assert 'hx-get="/rules/warnings/"' in client.get("/rules/").content.decode()
    page = client.get("/rules/warnings/").content.decode()
    assert "It has matched nothing in the last 90 days." in page
    headers = {"HX-Request": "true", "HX-Target": "rule-warnings"}
    region = client.get("/rules/warnings/", headers=headers).content.decode()
    assert region.startswith('<section class="card hear" id="rule-warnings"')
    assert ">It has matched nothing in the last 90 days.</div>" in region
    assert ">0 in 90 days</span>" in region
