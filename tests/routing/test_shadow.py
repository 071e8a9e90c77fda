"""Policies in shadow: decided and logged, nothing done, the choice hidden until a person has chosen, then compared."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm.models import Opportunity
from reps.models import Rep, Team, User
from routing.models import Decision, Override, Policy, QueueItem
from routing.queries.invariants import check_invariants
from routing.queries.off_policy import logged_decisions
from routing.queries.readiness import load_readiness
from routing.services import overrides
from routing.services.decisions import route
from routing.services.queue import give_to, undo
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def shadow(one_policy: None, publish: Callable[[], int]) -> None:
    Policy.objects.update(application="shadow")
    publish()


@pytest.fixture
def decided(shadow: None, ana: Rep, bo: Rep, make_opportunity: Callable[..., Opportunity]) -> Decision:
    """Ana would have it: she knows Healthcare."""
    decision = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
    assert decision is not None
    return decision


def item() -> QueueItem:
    return QueueItem.objects.get(state="pending")


class TestDecided:
    def test_is_logged_and_nothing_is_done(self, decided: Decision, ana: Rep) -> None:
        assert (decided.outcome, decided.via, decided.rep_id) == ("shadow", "prediction", ana.pk)
        assert decided.assignment is None
        assert (item().kind, item().rep_id, decided.opportunity.owner_id) == ("manager", None, None)
        ana.refresh_from_db()
        assert (ana.load, ana.pending, ana.turns_taken) == (0, 0, 0)
        assert Opportunity.objects.get().routing == "manager"
        assert check_invariants().violations == []

    def test_replays(self, decided: Decision) -> None:
        call_command("replay_decision", str(decided.pk))

    def test_takes_no_turn_and_gives_none_back(
        self, shadow: None, ana: Rep, bo: Rep, omar: User, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        Policy.objects.update(threshold=99, fallback=["round_robin", "hold"])
        from routing.services.configuration import publish_configuration

        publish_configuration(by=None, at=NOW)
        decision = route(opportunity_id=make_opportunity().pk, at=NOW)
        assert decision is not None
        assert (decision.outcome, decision.via, decision.rep_id) == ("shadow", "round_robin", ana.pk)
        Rep.objects.filter(pk=ana.pk).update(turns_taken=5, turn_finish=500)
        give_to(item_id=item().pk, rep_id=bo.pk, by=omar, at=NOW)
        ana.refresh_from_db()
        assert (ana.turns_taken, ana.turn_finish) == (5, 500)


class TestBlind:
    def pages(self, client: Client, opportunity: Opportunity) -> list[str]:
        addresses = [
            reverse("queue"),
            reverse("queue_item", args=[QueueItem.objects.latest("pk").pk]),
            reverse("opportunity", args=[opportunity.pk]),
        ]
        return [client.get(address).content.decode() for address in addresses]

    def test_the_choice_is_told_nowhere_before_and_everywhere_after(
        self, decided: Decision, ana: Rep, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        for page in self.pages(client, decided.opportunity):
            assert "see whom the router would have chosen" in page
            assert "Why Ana" not in page
            assert "Prediction" not in page
            assert f"({decided.score:.0f})" not in page
        answer = client.post(
            reverse("queue_give", args=[item().pk]), {"rep": str(bo.pk)}, headers={"HX-Request": "true"}
        )
        score = f"{decided.score:.0f}"
        assert f"You chose Bo; the router would have chosen Ana ({score})." in answer["HX-Trigger"]
        page = client.get(reverse("opportunity", args=[decided.opportunity_id])).content.decode()
        assert f"Omar chose Bo; the router would have chosen Ana ({score})." in page
        assert "Why Ana" in page

    def test_asking_about_a_rep_tells_nothing(
        self, decided: Decision, ana: Rep, omar: User, as_user: SignIn
    ) -> None:
        address = reverse("opportunity", args=[decided.opportunity_id])
        page = as_user(omar).get(address, {"rep": str(ana.pk)}).content.decode()
        assert "was chosen" not in page
        assert f'<option value="{ana.pk}" selected>' not in page

    def test_nor_does_the_api(
        self, decided: Decision, bo: Rep, omar: User, api: Callable[[User], APIClient]
    ) -> None:
        client, address = api(omar), f"/api/v1/opportunities/{decided.opportunity_id}/"
        answer = client.get(address).json()["decision"]
        assert (answer["outcome"], answer["rep"], answer["score"]) == ("shadow", None, None)
        assert not [step for step in answer["steps"] if step.startswith("Prediction")]
        give_to(item_id=item().pk, rep_id=bo.pk, by=omar, at=NOW)
        for told in (client.get(address).json()["decision"], client.get(f"{address}decisions/").json()[0]):
            assert told["rep"]["name"] == "Ana"


class TestAgreement:
    def judged(self) -> tuple[str, str]:
        measure = load_readiness(NOW)[0].found.measures[1]
        return measure.label, measure.cases

    def test_the_same_rep_counts_as_approved(self, decided: Decision, ana: Rep, omar: User) -> None:
        waiting = item()
        give_to(item_id=waiting.pk, rep_id=ana.pk, by=omar, at=NOW)
        waiting.refresh_from_db()
        assert waiting.state == "approved"
        assert self.judged() == ("Approved unchanged", "1 case of at least 30")

    def test_another_one_does_not_and_teaches_nothing(self, decided: Decision, bo: Rep, omar: User) -> None:
        waiting = item()
        give_to(item_id=waiting.pk, rep_id=bo.pk, by=omar, at=NOW)
        waiting.refresh_from_db()
        assert waiting.state == "changed"
        override = Override.objects.get()
        assert (override.decision_id, override.from_rep_id, override.to_rep_id) == (decided.pk, None, bo.pk)

    def test_from_the_opportunitys_page_too(self, decided: Decision, ana: Rep, omar: User) -> None:
        waiting = item()
        overrides.reassign(opportunity_ids=[decided.opportunity_id], rep_id=ana.pk, by=omar, at=NOW)
        waiting.refresh_from_db()
        assert (waiting.state, waiting.assignment is not None) == ("approved", True)
        assert check_invariants().violations == []

    def test_undone_and_chosen_again_counts_once(
        self, decided: Decision, ana: Rep, bo: Rep, omar: User
    ) -> None:
        first = item()
        give_to(item_id=first.pk, rep_id=ana.pk, by=omar, at=NOW)
        again = undo(item_id=first.pk, by=omar, at=NOW)
        assert again.kind == "manager"
        give_to(item_id=again.pk, rep_id=bo.pk, by=omar, at=NOW)
        assert self.judged() == ("Approved unchanged", "1 case of at least 30")

    def test_the_log_does_not_count_it_as_followed(self, decided: Decision, ana: Rep, omar: User) -> None:
        give_to(item_id=item().pk, rep_id=ana.pk, by=omar, at=NOW)
        Opportunity.objects.update(stage="won")
        assert not logged_decisions(NOW).exists()


def test_the_manager_of_the_team_sees_it(decided: Decision, ben: User, east: Team, as_user: SignIn) -> None:
    page = as_user(ben).get(reverse("queue")).content.decode()
    assert "Northwind" in page
