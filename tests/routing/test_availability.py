"""Away in two clicks and back, what was suggested meanwhile, turns on return, and the flag of who carries too much."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from crm.models import Account, Opportunity
from reps.models import Absence, OverCapacity, ProfileChange, Rep, User
from routing import jobs
from routing.models import Decision, Notification, Policy, QueueItem
from routing.services import outbox, overrides, sweep
from routing.services.availability import (
    cancel_absence,
    change_absence,
    come_back,
    flag_over_capacity,
    go_away,
)
from routing.services.decisions import route
from routing.services.renewal import renew_suggestions
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
Make = Callable[..., Opportunity]
SignIn = Callable[[User], Client]


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def away(rep: Rep, by: User, **values: Any) -> Absence:
    usual: dict[str, Any] = {"starts_at": NOW, "ends_at": None, "reason": "vacation", "at": NOW}
    return go_away(rep=rep, by=by, **usual | values)


class TestTwoClicks:
    def test_the_page_offers_it_and_one_post_does_it(self, ana: Rep, as_user: SignIn) -> None:
        client = as_user(ana.user)  # type: ignore[arg-type]
        page = text(client.get(reverse("my_work")))
        assert 'name="until" value="today"' in page
        client.post(reverse("away_now"), {"reason": "sick", "until": "today"})
        absence = Absence.objects.get()
        assert (absence.rep, absence.reason, absence.source) == (ana, "sick", "rep")
        assert absence.ends_at is not None
        assert absence.ends_at.astimezone(ana.zone).time() == datetime.time(0)
        assert "You are away (sick leave)" in text(client.get(reverse("my_work")))

    def test_saying_it_again_changes_it(self, ana: Rep, as_user: SignIn) -> None:
        client = as_user(ana.user)  # type: ignore[arg-type]
        for until in ("today", "today", "open"):
            client.post(reverse("away_now"), {"reason": "focus", "until": until})
        assert Absence.objects.get().ends_at is None

    def test_nonsense_is_said_and_marks_nothing(self, ana: Rep, as_user: SignIn) -> None:
        client = as_user(ana.user)  # type: ignore[arg-type]
        for values in ({}, {"reason": "sick"}, {"reason": "sick", "until": "ever"}, {"until": "today"}):
            page = client.post(reverse("away_now"), values, follow=True)
            assert "Choose a reason and until when." in text(page)
        assert not Absence.objects.exists()

    def test_a_manager_for_the_own_team_only(self, ana: Rep, cara: Rep, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        values = {"reason": "sick", "until": "week"}
        assert client.post(reverse("rep_away_now", args=[ana.pk]), values).status_code == 302
        assert client.post(reverse("rep_away_now", args=[cara.pk]), values).status_code == 404
        assert Absence.objects.get().source == "manager"
        assert "Ana is away" in text(client.get(reverse("rep", args=[ana.pk])))

    def test_change_and_take_back(self, ana: Rep, bo: Rep, ben: User, cara: Rep, as_user: SignIn) -> None:
        client = as_user(ana.user)  # type: ignore[arg-type]
        ahead = {"reason": "vacation", "starts_at": "2099-01-05T09:00", "ends_at": "2099-01-09T17:00"}
        client.post(reverse("away"), ahead)
        absence = Absence.objects.get()
        edit = reverse("absence", args=[absence.pk])
        assert 'value="2099-01-05T09:00"' in text(client.get(edit))
        refused = client.post(edit, ahead | {"ends_at": "2099-01-04T09:00"})
        assert refused.status_code == 422
        assert "This is before the start." in text(refused)
        client.post(edit, ahead | {"ends_at": "2099-01-12T17:00", "covering": bo.pk})
        absence.refresh_from_db()
        assert absence.covering == bo
        client.force_login(cara.user)  # type: ignore[arg-type]
        assert client.get(edit).status_code == 404
        client.force_login(ben)
        client.post(reverse("absence_cancel", args=[absence.pk]))
        assert not Absence.objects.exists()
        history = [
            change.changes["Time off"] for change in ProfileChange.objects.filter(rep=ana).order_by("pk")
        ]
        assert history[0] == ["", "Vacation, Mon 5 Jan 2099, 09:00 to Fri 9 Jan 2099, 17:00"]
        assert history[1][1] == "Vacation, Mon 5 Jan 2099, 09:00 to Mon 12 Jan 2099, 17:00; Bo stands in"
        assert history[2][1] == ""

    def test_a_calendars_absence_is_changed_in_the_calendar(
        self, ana: Rep, omar: User, as_user: SignIn
    ) -> None:
        absence = Absence.objects.create(rep=ana, starts_at=NOW, source="calendar")
        with pytest.raises(ValidationError, match="comes from the calendar"):
            cancel_absence(absence_id=absence.pk, by=omar, at=NOW)
        assert as_user(omar).get(reverse("absence", args=[absence.pk])).status_code == 404

    def test_impossible_ones_are_refused(self, ana: Rep, bo: Rep, omar: User) -> None:
        with pytest.raises(ValidationError, match="after the start"):
            away(ana, omar, ends_at=NOW)
        with pytest.raises(ValidationError, match="Somebody else must stand in"):
            away(ana, omar, covering=ana)
        Rep.objects.filter(pk=bo.pk).update(left_at=NOW)
        bo.refresh_from_db()
        with pytest.raises(ValidationError, match="Bo has left and cannot stand in"):
            away(ana, omar, covering=bo)
        with pytest.raises(ValidationError, match="Bo has left"):
            away(bo, omar)
        assert not Absence.objects.exists()


class TestWhatWasSuggested:
    @pytest.fixture
    def suggested(self, ana: Rep, bo: Rep, make_opportunity: Make) -> Opportunity:
        opportunity = make_opportunity(industry="Healthcare")
        route(opportunity_id=opportunity.pk, at=NOW)
        assert QueueItem.objects.get(state="pending").rep == ana
        return opportunity

    def test_is_decided_anew_when_the_rep_goes(
        self, suggested: Opportunity, ana: Rep, bo: Rep, omar: User
    ) -> None:
        away(ana, omar)
        assert renew_suggestions(at=NOW, now=NOW).decided == 1
        item = QueueItem.objects.get(state="pending")
        assert (item.rep, item.opportunity) == (bo, suggested)
        before = QueueItem.objects.get(state="withdrawn")
        assert before.note == "Ana is away"
        assert item.waiting_since == before.waiting_since
        ana.refresh_from_db()
        assert ana.pending == 0
        assert renew_suggestions(at=NOW, now=NOW).decided == 0

    def test_a_calendars_absence_counts_alike(self, suggested: Opportunity, ana: Rep, bo: Rep) -> None:
        Absence.objects.create(rep=ana, starts_at=NOW, ends_at=NOW + DAY, source="calendar")
        assert renew_suggestions(at=NOW, now=NOW).decided == 1
        assert QueueItem.objects.get(state="pending").rep == bo

    def test_is_left_alone_until_the_absence_begins(
        self, suggested: Opportunity, ana: Rep, omar: User
    ) -> None:
        away(ana, omar, starts_at=NOW + DAY)
        assert renew_suggestions(at=NOW, now=NOW).decided == 0
        assert renew_suggestions(at=NOW + DAY, now=NOW + DAY).decided == 1

    def test_is_held_where_nobody_else_is_there_and_drains_on_return(
        self, suggested: Opportunity, ana: Rep, bo: Rep, omar: User, publish: Callable[[], int]
    ) -> None:
        Policy.objects.update(fallback=["hold"])
        publish()
        away(bo, omar)
        away(ana, omar)
        renew_suggestions(at=NOW, now=NOW)
        assert QueueItem.objects.get(state="pending").kind == "held"
        come_back(rep=ana, by=omar, at=NOW + HOUR)
        sweep.drain_held(now=NOW + HOUR)
        assert QueueItem.objects.get(state="pending").rep == ana

    def test_the_worker_is_asked_at_once(
        self, suggested: Opportunity, ana: Rep, omar: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr("routing.services.outbox.async_task", lambda name, **_: asked.append(name))
        away(ana, omar)
        outbox.deliver_due(at=NOW)
        assert "routing.jobs.decide_anew" in asked
        jobs.decide_anew()  # on the present clock, on which the open-ended absence holds
        assert Decision.objects.filter(opportunity=suggested).count() == 2


@pytest.mark.usefixtures("assign_at_once")
class TestReturn:
    """Round-robin among three for 40 leads; Bo is away for the middle ones."""

    @pytest.fixture
    def turns(self, make_rep: Callable[..., Rep], publish: Callable[[], int]) -> list[Rep]:
        Policy.objects.update(threshold=100)  # nobody is ever that sure: everything goes round
        publish()
        return [make_rep(name, max_open=100, own_max_new_per_week=100) for name in ("Ada", "Bob", "Cy")]

    def test_no_burst_and_no_lost_turn(self, turns: list[Rep], omar: User, make_opportunity: Make) -> None:
        def lead() -> Rep:
            decision = route(opportunity_id=make_opportunity(country="").pk, at=NOW)
            assert decision is not None
            assert decision.rep is not None
            assert decision.via == "round_robin"
            return decision.rep

        first = [lead() for _ in range(7)]  # a round and one: Bob is next
        gone = turns[1]
        away(gone, omar)
        while_away = [lead() for _ in range(12)]
        assert gone not in while_away
        come_back(rep=gone, by=omar, at=NOW)
        after = [lead() for _ in range(9)]
        assert first.count(gone) == 2
        assert after[:2].count(gone) == 1  # the turn that was his is not lost ...
        assert [after.count(rep) for rep in turns] in ([3, 3, 3], [2, 4, 3], [3, 4, 2])  # ... and no burst


class TestOverCapacity:
    @pytest.fixture
    def full(self, ana: Rep, ben: User, omar: User, make_opportunity: Make) -> list[Opportunity]:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=2)
        leads = [make_opportunity(f"Lead {n}") for n in range(4)]
        overrides.reassign(opportunity_ids=[lead.pk for lead in leads[:2]], rep_id=ana.pk, by=omar, at=NOW)
        return leads

    def told(self, user: User) -> list[str]:
        outbox.deliver_due(at=NOW + DAY)
        about = Notification.objects.filter(user=user, path__startswith="/reps/")
        return list(about.order_by("pk").values_list("text", flat=True))

    def test_the_maximum_itself_is_not_over(self, full: list[Opportunity], ben: User) -> None:
        assert flag_over_capacity(at=NOW) == 0
        assert self.told(ben) == []

    def test_once_for_an_episode_and_over_by_itself(
        self, full: list[Opportunity], ana: Rep, bo: Rep, ben: User, omar: User
    ) -> None:
        overrides.reassign(opportunity_ids=[full[2].pk], rep_id=ana.pk, by=omar, at=NOW)
        assert flag_over_capacity(at=NOW) == 1
        overrides.reassign(opportunity_ids=[full[3].pk], rep_id=ana.pk, by=omar, at=NOW)
        assert flag_over_capacity(at=NOW + HOUR) == 0
        assert self.told(ben) == [
            "Ana is over capacity with 3 of 2. Nothing more is routed there until the load is below the maximum again."
        ]
        ids = [lead.pk for lead in full[2:]]
        overrides.reassign(opportunity_ids=ids, rep_id=bo.pk, by=omar, at=NOW + 2 * HOUR)
        assert flag_over_capacity(at=NOW + 2 * HOUR) == 0
        assert OverCapacity.objects.get().ended_at == NOW + 2 * HOUR
        overrides.reassign(opportunity_ids=ids[:1], rep_id=ana.pk, by=omar, at=NOW + 3 * HOUR)
        assert flag_over_capacity(at=NOW + 3 * HOUR) == 1
        assert len(self.told(ben)) == 2

    def test_a_lowered_maximum_begins_one(self, full: list[Opportunity], ana: Rep) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        assert flag_over_capacity(at=NOW) == 1

    def test_a_team_without_a_manager_goes_to_ops(
        self, full: list[Opportunity], ana: Rep, ben: User, omar: User
    ) -> None:
        ana.team.managers.clear()
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        flag_over_capacity(at=NOW)
        assert self.told(ben) == []
        assert len(self.told(omar)) == 1

    def test_who_leaves_is_flagged_no_more(self, full: list[Opportunity], ana: Rep) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        flag_over_capacity(at=NOW)
        Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
        flag_over_capacity(at=NOW + HOUR)
        assert OverCapacity.objects.get().ended_at == NOW + HOUR

    @pytest.mark.usefixtures("assign_at_once")
    def test_a_named_account_flags_once(self, ana: Rep, ben: User, make_opportunity: Make) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        account = Account.objects.create(name="Acme", owner=ana)
        for number in range(4):
            route(opportunity_id=make_opportunity(f"Deal {number}", account=account).pk, at=NOW)
        assert self.told(ben) == ["Ana is over capacity with 2 of 1: Deal 1 belongs to a named account."]


def test_a_change_that_begins_now_is_acted_on(ana: Rep, bo: Rep, omar: User, make_opportunity: Make) -> None:
    opportunity = make_opportunity(industry="Healthcare")
    route(opportunity_id=opportunity.pk, at=NOW)
    absence = away(ana, omar, starts_at=NOW + DAY)
    change_absence(absence_id=absence.pk, starts_at=NOW, ends_at=NOW + DAY, reason="sick", by=omar, at=NOW)
    assert renew_suggestions(at=NOW, now=NOW).decided == 1
    assert QueueItem.objects.get(state="pending").rep == bo
