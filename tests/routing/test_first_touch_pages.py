"""What reps and managers see of first touches, the answers on pages and over the API, and the policy's form."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import FirstTouchClock, OverrideReason, Policy
from routing.queries.changes import unpublished_changes
from routing.services import first_touch, sweep
from routing.services.decisions import route

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Api = Callable[[User], APIClient]
MINUTE = datetime.timedelta(minutes=1)


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def give(
    one_policy: None, publish: Callable[[], int], make_opportunity: Callable[..., Opportunity], ben: User
) -> Callable[..., Opportunity]:
    """Assigned now by a policy with a target and a time to answer."""
    Policy.objects.update(
        application="assign",
        first_touch_target_minutes=60,
        accept_within_minutes=10,
        clock_reroute_after_minutes=0,
    )
    publish()

    def given(name: str = "Northwind", ago: int = 0) -> Opportunity:
        at = timezone.now() - ago * MINUTE
        opportunity = make_opportunity(name, at=at)
        route(opportunity_id=opportunity.pk, at=at)
        opportunity.refresh_from_db()
        return opportunity

    return given


def user_of(rep: Rep | None) -> User:
    assert rep is not None
    assert rep.user is not None
    return rep.user


class TestMyWork:
    def test_says_until_when_and_sorts_by_it(
        self, ana: Rep, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        give("Later")
        late = give("Late", ago=92)
        FirstTouchClock.objects.filter(opportunity=late).update(accepted_at=timezone.now())
        sooner = give("Sooner", ago=5)
        FirstTouchClock.objects.filter(opportunity=sooner).update(accepted_at=timezone.now())
        page = text(as_user(user_of(ana)).get(reverse("my_work")))
        assert "(32 min late)" in page
        assert "(54 min left)" in page
        assert "Accept by" in page
        places = [page.index(f">{name}") for name in ("Late", "Later", "Sooner")]
        assert places == sorted(places)  # by what is next: the touch, or the answer

    def test_queries_do_not_grow(
        self, ana: Rep, give: Callable[..., Opportunity], as_user: SignIn, django_assert_num_queries: Any
    ) -> None:
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        client = as_user(user_of(ana))
        give()
        client.get(reverse("my_work"))
        with django_assert_num_queries(15):
            client.get(reverse("my_work"))
        for number in range(29):
            give(f"Lead {number}")
        with django_assert_num_queries(15):
            client.get(reverse("my_work"))


class TestAnswering:
    def test_accept(self, ana: Rep, give: Callable[..., Opportunity], as_user: SignIn) -> None:
        opportunity = give()
        client = as_user(user_of(ana))
        assert "Accept by" in text(client.get(reverse("opportunity", args=[opportunity.pk])))
        answer = client.post(reverse("opportunity_accept", args=[opportunity.pk]), follow=True)
        assert "Northwind is accepted." in text(answer)
        assert FirstTouchClock.objects.get().accepted_at is not None
        assert "Accept by" not in text(client.get(reverse("opportunity", args=[opportunity.pk])))

    def test_decline_asks_why_and_keeps_what_was_typed(
        self, ana: Rep, bo: Rep, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        opportunity = give()
        owner = user_of(opportunity.owner)
        client, address = as_user(owner), reverse("opportunity_decline", args=[opportunity.pk])
        assert client.get(address).status_code == 200
        empty = client.post(address, {"note": " "})
        assert empty.status_code == 422
        assert "Say why you decline it" in text(empty)
        wrong = client.post(address, {"reason": "x", "note": "Too far"})
        assert wrong.status_code == 422
        assert 'value="Too far"' in text(wrong)
        done = client.post(address, {"note": "Too far"}, follow=True)
        assert "You declined Northwind; it goes to somebody else." in text(done)
        opportunity.refresh_from_db()
        assert opportunity.owner is not None
        assert opportunity.owner.user_id != owner.pk

    def test_pass_and_the_second_is_told(
        self, ana: Rep, bo: Rep, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        opportunity = give()
        client = as_user(user_of(opportunity.owner))
        address = reverse("opportunity_pass", args=[opportunity.pk])
        assert "You passed Northwind on" in text(client.post(address, follow=True))
        for name in ("opportunity_pass", "opportunity_accept", "opportunity_decline", "opportunity_activity"):
            again = client.post(reverse(name, args=[opportunity.pk]), {"kind": "call"}, follow=True)
            assert "This is not yours any more" in text(again)

    def test_what_was_never_the_rep_s_is_not_there(
        self, ana: Rep, cara: Rep, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        opportunity = give()
        stranger = cara if opportunity.owner == ana else ana
        client = as_user(user_of(stranger))
        for name in ("opportunity_pass", "opportunity_accept", "opportunity_decline"):
            assert client.post(reverse(name, args=[opportunity.pk])).status_code == 404

    def test_a_manager_does_not_answer_for_the_rep(
        self, ana: Rep, ben: User, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        opportunity = give()
        answer = as_user(ben).post(reverse("opportunity_accept", args=[opportunity.pk]), follow=True)
        assert "only its owner answers" in text(answer)


class TestApi:
    def test_accept_decline_and_pass(
        self, ana: Rep, bo: Rep, give: Callable[..., Opportunity], api: Api
    ) -> None:
        one, two, three = give("One"), give("Two"), give("Three")
        Opportunity.objects.filter(pk=three.pk).update(external_id="crm/3/accept")

        def ask(opportunity: Opportunity, what: str, key: object = None, **body: Any) -> Any:
            client = api(user_of(opportunity.owner))
            address = f"/api/v1/opportunities/{key or opportunity.pk}/{what}/"
            return client.post(address, body, format="json")

        accepted = ask(one, "accept")
        assert (accepted.status_code, accepted.json()["name"]) == (200, "One")
        assert ask(one, "pass").status_code == 409
        assert ask(two, "decline").json()["fields"] == {"note": ["Give a reason or a note."]}
        assert ask(two, "decline", why="x").json()["fields"] == {"why": ["There is no such field."]}
        label = OverrideReason.objects.filter(is_active=True)[0].label
        assert ask(two, "decline", reason=label).status_code == 204
        assert ask(two, "decline", reason=label).status_code == 404
        assert ask(three, "pass", key="ext:crm/3/accept").status_code == 204
        found = FirstTouchClock.objects.filter(ended_at__isnull=False).order_by("pk")
        assert [(c.opportunity.name, c.state) for c in found] == [("Two", "declined"), ("Three", "passed")]

    def test_analysts_do_not_answer(
        self, ana: Rep, nia: User, give: Callable[..., Opportunity], api: Api
    ) -> None:
        opportunity = give()
        for what in ("accept", "decline", "pass"):
            assert api(nia).post(f"/api/v1/opportunities/{opportunity.pk}/{what}/").status_code == 403


class TestHistory:
    def test_tells_what_the_clock_did(
        self, ana: Rep, bo: Rep, ben: User, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        Policy.objects.update(clock_escalates=True)
        from routing.services.configuration import publish_configuration

        publish_configuration(by=None, at=timezone.now())
        opportunity = give(ago=61)
        first, now = opportunity.owner, timezone.now()
        first_touch.remind_and_escalate(at=now)
        sweep.reroute_missed(at=now, now=now)
        page = text(as_user(ben).get(reverse("opportunity", args=[opportunity.pk])))
        assert f"The first touch was missed by {first}: the managers were told" in page
        assert f"{first} had it and did not touch it in time; it is not offered again" in page
        assert f"{first} had it and did not touch it in time: not offered again" in page  # the ladder

    def test_the_board_counts_what_is_late(
        self, ana: Rep, ben: User, give: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        assert "1 late" not in text(as_user(ben).get(reverse("board")))
        give(ago=61)
        assert "1 late" in text(as_user(ben).get(reverse("board")))


class TestPolicyForm:
    BASE = {
        "name": "Web leads", "condition": "{}", "mode": "real_time", "application": "assign", "threshold": "50",
        "chain": "turns", "language": "required", "exploration_share": "0", "exploration_within": "5",
        "is_active": "on",
    }  # fmt: skip

    def save(self, client: Client, **values: str) -> Any:
        policy = Policy.objects.get()
        seen = {"seen": policy.updated_at.isoformat()}
        return client.post(reverse("policy", args=[policy.pk]), self.BASE | seen | values)

    def test_says_the_clock_in_a_sentence(self, one_policy: None, omar: User, as_user: SignIn) -> None:
        client = as_user(omar)
        values = {
            "first_touch_target_minutes": "30", "clock_remind_pct": "80", "clock_escalates": "on",
            "clock_in_working_hours": "on", "clock_reroute_after_minutes": "0", "accept_within_minutes": "5",
            "accept_unanswered": "reroute",
        }  # fmt: skip
        assert self.save(client, **values).status_code == 302
        page = text(client.get(reverse("policies")))
        for words in (
            "first touch within",
            "counted in the rep’s working hours, reminder after 80 % of it, the manager is told when it is missed, "
            "to somebody else at once then, to be accepted within 5 minutes, else it goes to somebody else",
        ):
            assert words in page
        details = {d.label for change in unpublished_changes() for d in change.details}
        assert "First-touch clock" in details

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"clock_remind_pct": "80"}, "this counts from it"),
            ({"clock_escalates": "on"}, "this counts from it"),
            ({"clock_reroute_after_minutes": "5"}, "this counts from it"),
            ({"first_touch_target_minutes": "5", "accept_within_minutes": "6"}, "Not longer than the time"),
            ({"first_touch_target_minutes": "5", "clock_remind_pct": "100"}, "less than or equal to 99"),
            ({"accept_within_minutes": "0"}, "At least a minute"),
            ({"accept_within_minutes": "9999999"}, "At most 90 days"),
        ],
    )
    def test_refuses_what_cannot_be(
        self, values: dict[str, str], said: str, one_policy: None, omar: User, as_user: SignIn
    ) -> None:
        answer = self.save(as_user(omar), **values)
        assert answer.status_code == 422
        assert said in text(answer)
