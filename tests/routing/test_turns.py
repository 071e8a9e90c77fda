"""Turns that came to nothing come back; the page tells whose is next and why."""

import datetime
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Opportunity
from reps.models import Rep, Team, User
from routing.models import Policy, QueueItem, TurnReturn
from routing.queries.turns import load_turns
from routing.services import duplicates, overrides, queue
from routing.services.availability import come_back, go_away
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from routing.services.renewal import renew_suggestions
from routing.services.turns import give_back_turn, give_back_wasted
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)
Make = Callable[..., Opportunity]


@pytest.fixture
def trio(make_rep: Callable[..., Rep], east: Team, publish: Callable[[], int]) -> list[Rep]:
    """Three reps of the default team; nobody is ever sure enough, so everything goes round."""
    Team.objects.update(is_default=False)
    Team.objects.filter(pk=east.pk).update(is_default=True)
    Policy.objects.update(threshold=100)
    publish()
    return [make_rep(name, max_open=100, own_max_new_per_week=100) for name in ("Ada", "Bob", "Cy")]


@pytest.fixture
def lead(make_opportunity: Make) -> Callable[[], QueueItem]:
    """A new lead, suggested to whose turn it is."""

    def made() -> QueueItem:
        opportunity = make_opportunity()
        route(opportunity_id=opportunity.pk, at=NOW)
        return QueueItem.objects.get(opportunity=opportunity, state="pending")

    return made


def taken(rep: Rep) -> tuple[float, int]:
    rep.refresh_from_db()
    return rep.turn_finish, rep.turns_taken


class TestGivenBack:
    def test_a_rejected_suggestion(self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User) -> None:
        item = lead()
        assert item.rep == trio[0]
        assert taken(trio[0]) == (1.0, 1)
        queue.reject(item_id=item.pk, by=omar, at=NOW)
        assert taken(trio[0]) == (0.0, 0)
        assert lead().rep == trio[0]

    def test_a_suggestion_given_to_somebody_else_and_undone(
        self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User
    ) -> None:
        item = lead()
        queue.give_to(item_id=item.pk, rep_id=trio[2].pk, by=omar, at=NOW)
        assert taken(trio[0]) == (0.0, 0)
        assert taken(trio[2]) == (0.0, 0)  # by hand: no turn
        queue.undo(item_id=item.pk, by=omar, at=NOW)
        assert taken(trio[0]) == (1.0, 1)
        assert not TurnReturn.objects.exists()

    def test_an_approved_one_stays_taken(
        self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User
    ) -> None:
        queue.approve(item_id=lead().pk, by=omar, at=NOW)
        assert taken(trio[0]) == (1.0, 1)
        assert give_back_wasted(at=NOW) == 0

    def test_who_goes_away_keeps_the_turn(
        self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User
    ) -> None:
        assert lead().rep == trio[0]
        go_away(rep=trio[0], starts_at=NOW, ends_at=None, reason="sick", by=omar, at=NOW)
        renew_suggestions(at=NOW, now=NOW)
        assert QueueItem.objects.get(state="pending").rep == trio[1]
        assert [lead().rep for _ in range(3)] == [trio[2], trio[1], trio[2]]
        come_back(rep=trio[0], by=omar, at=NOW)
        assert lead().rep == trio[0]

    def test_junk(self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User) -> None:
        item = lead()
        queue.approve(item_id=item.pk, by=omar, at=NOW)
        record_outcome(opportunity_id=item.opportunity_id, stage="disqualified", at=NOW + HOUR, by=omar)
        assert taken(trio[0]) == (0.0, 0)
        assert TurnReturn.objects.get().why == "It was junk"
        assert give_back_wasted(at=NOW + HOUR) == 0  # once

    def test_junk_that_an_import_told_of(
        self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User
    ) -> None:
        item = lead()
        queue.approve(item_id=item.pk, by=omar, at=NOW)
        Opportunity.objects.filter(pk=item.opportunity_id).update(stage="disqualified", closed_at=NOW)
        assert give_back_wasted(at=NOW + HOUR) == 1
        assert give_back_wasted(at=NOW + 60 * 24 * HOUR) == 0

    def test_what_was_won_or_lost_is_no_junk(
        self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User
    ) -> None:
        for stage in ("won", "lost"):
            item = lead()
            queue.approve(item_id=item.pk, by=omar, at=NOW)
            record_outcome(opportunity_id=item.opportunity_id, stage=stage, at=NOW + HOUR, by=omar)
        assert not TurnReturn.objects.exists()

    def test_a_repeat(
        self, trio: list[Rep], lead: Callable[[], QueueItem], make_opportunity: Make, omar: User
    ) -> None:
        original = make_opportunity("Original")
        overrides.reassign(opportunity_ids=[original.pk], rep_id=trio[2].pk, by=omar, at=NOW)
        item = lead()
        queue.approve(item_id=item.pk, by=omar, at=NOW)
        duplicates.mark(opportunity_id=item.opportunity_id, original_id=original.pk, by=omar, at=NOW, now=NOW)
        assert taken(trio[0]) == (0.0, 0)
        assert TurnReturn.objects.get().why == "It repeats another"

    def test_weights_count(self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User) -> None:
        Rep.objects.filter(pk=trio[0].pk).update(turn_weight=50)
        item = lead()
        assert taken(trio[0]) == (2.0, 1)
        queue.reject(item_id=item.pk, by=omar, at=NOW)
        assert taken(trio[0]) == (0.0, 0)

    def test_what_took_no_turn_gives_none_back(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        opportunity = make_opportunity(industry="Healthcare")
        decision = route(opportunity_id=opportunity.pk, at=NOW)
        assert decision is not None
        assert decision.via == "prediction"
        assert not give_back_turn(decision_id=decision.pk, why="", at=NOW)


class TestPage:
    def test_tells_whose_turn_is_next(
        self, trio: list[Rep], lead: Callable[[], QueueItem], omar: User, east: Team
    ) -> None:
        queue.reject(item_id=lead().pk, by=omar, at=NOW)
        queue.approve(item_id=lead().pk, by=omar, at=NOW)
        go_away(rep=trio[1], starts_at=NOW, ends_at=None, reason="sick", by=omar, at=NOW)
        Rep.objects.filter(pk=trio[2].pk).update(turn_weight=50)
        turns = load_turns(east, by=omar, now=NOW + HOUR)
        assert turns.coming == ["Cy", "Ada", "Ada", "Cy", "Ada", "Ada", "Cy", "Ada", "Ada", "Cy"]
        rows = {row.rep.name: row for row in turns.rows}
        assert (rows["Ada"].taken, rows["Ada"].returned) == (1, 1)
        assert rows["Bob"].why_not == "away; the place is kept"
        assert round(rows["Cy"].share_pct) == 20
        assert [turn.returned for turn in turns.taken] == ["", "Rejected"]

    def test_roles_and_names(
        self, trio: list[Rep], lead: Callable[[], QueueItem], cara: Rep, ben: User, client: Client, east: Team
    ) -> None:
        queue.approve(item_id=lead().pk, by=ben, at=NOW)
        client.force_login(ben)
        page = client.get(reverse("team_turns", args=[east.pk])).content.decode()
        assert "Round-robin of East" in page
        turn = load_turns(east, by=ben, now=NOW).taken[0]
        assert turn.opportunity is not None
        assert (turn.rep_name, turn.opportunity.name) == ("Ada", "Northwind")
        assert cara.user is not None
        assert load_turns(east, by=cara.user, now=NOW).taken[0].opportunity is None
        assert cara.user is not None
        client.force_login(cara.user)
        assert client.get(reverse("team_turns", args=[east.pk])).status_code == 404

    @pytest.mark.parametrize("more", [0, 30])
    def test_few_queries_whatever_the_number_of_reps(
        self, more: int, trio: list[Rep], make_rep: Callable[..., Rep], omar: User, east: Team
    ) -> None:
        for number in range(more):
            make_rep(f"Rep {number}")
        load_turns(east, by=omar, now=NOW)  # the roster is cached from now on
        with CaptureQueriesContext(connection) as queries:
            load_turns(east, by=omar, now=NOW)
        assert len(queries) == 5
