"""Suggestions that may no longer hold: looked at, decided anew where they do not, and marked."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from crm.models import Account, Opportunity, Product
from crm.services.opportunities import update_opportunity
from crm.services.ownership import many_at_once
from reps.models import Absence, Rep, RosterStamp, Skill, User
from routing import jobs
from routing.models import CapacitySettings, Decision, ModelVersion, Policy, QueueItem, Rule
from routing.queries.doubts import doubts_about
from routing.queries.history import history_of
from routing.queries.invariants import check_invariants
from routing.services import automation, overrides, queue, sweep
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.renewal import RENEWAL_LOCK, Renewed, renew_suggestions
from routing.services.senders import alone
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
SignIn = Callable[[User], Client]
DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def suggested(
    one_policy: None, publish: Callable[[], int], ana: Rep, bo: Rep, make_opportunity: Make
) -> QueueItem:
    """Ana, who knows Healthcare, is suggested; Bo is there as well."""
    publish()
    opportunity = make_opportunity("Northwind Health", industry="Healthcare", value=180_000)
    route(opportunity_id=opportunity.pk, at=NOW)
    item = QueueItem.objects.get(opportunity=opportunity)
    assert item.rep == ana
    return item


def renew(at: datetime.datetime = NOW, most: int = 500) -> tuple[int, int]:
    """(looked at, decided anew)."""
    return dataclasses.astuple(renew_suggestions(at=at, now=at, most=most))


def pending(opportunity: Opportunity) -> QueueItem:
    return QueueItem.objects.get(opportunity=opportunity, state="pending")


def fill(rep: Rep, count: int, by: User, make_opportunity: Make) -> None:
    """A person gives so many to the rep."""
    for number in range(count):
        given = make_opportunity(f"By hand {number}")
        overrides.reassign(opportunity_ids=[given.pk], rep_id=rep.pk, by=by, at=NOW)


def rule_for(rep: Rep, condition: dict[str, Any] | None = None) -> None:
    Rule.objects.create(
        name="To Bo",
        position=1,
        condition=condition or {"field": "industry", "op": "is", "value": "Healthcare"},
        action="route_to_rep",
        rep=rep,
    )
    publish_configuration(by=None, at=NOW)


def champion() -> ModelVersion:
    """A new model with the numbers of the one before."""
    before = ModelVersion.objects.get(state="champion")
    ModelVersion.objects.filter(pk=before.pk).update(state="retired")
    return ModelVersion.objects.create(
        number=before.number + 1, kind=before.kind, state="champion", artifact=before.artifact
    )


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


class TestNoRoom:
    def test_filled_by_a_person_it_goes_to_another_and_is_marked(
        self, suggested: QueueItem, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        fill(ana, 10, omar, make_opportunity)
        assert renew() == (1, 1)
        suggested.refresh_from_db()
        assert (suggested.state, suggested.note) == ("withdrawn", "Ana has no room any more")
        item = pending(suggested.opportunity)
        assert (item.rep, item.renewed_from, item.renewed_because) == (bo, ana, "who has no room any more")
        assert item.waiting_since == suggested.waiting_since
        ana.refresh_from_db()
        assert ana.pending == 0
        assert check_invariants().violations == []
        assert renew() == (0, 0)

    def test_its_own_slot_does_not_count(self, suggested: QueueItem, ana: Rep) -> None:
        """One of one: without the suggestion Ana has room for it."""
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        assert renew() == (0, 0)

    def test_the_maximum_was_lowered(
        self, suggested: QueueItem, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        fill(ana, 3, omar, make_opportunity)
        assert renew() == (0, 0)
        ana.refresh_from_db()
        ana.own_max_open = 3
        ana.save()
        assert renew() == (1, 1)
        assert pending(suggested.opportunity).rep == bo

    def test_the_weekly_cap(
        self, suggested: QueueItem, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_new_per_week=3)
        fill(ana, 2, omar, make_opportunity)
        assert renew() == (0, 0)
        fill(ana, 1, omar, make_opportunity)
        assert renew() == (1, 1)
        assert pending(suggested.opportunity).renewed_because == "who has reached the weekly cap"

    def test_the_pipeline_cap(
        self, suggested: QueueItem, ana: Rep, omar: User, make_opportunity: Make
    ) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_pipeline_value=200_000)
        assert renew() == (0, 0)
        given = make_opportunity("By hand", value=30_000)
        overrides.reassign(opportunity_ids=[given.pk], rep_id=ana.pk, by=omar, at=NOW)
        assert renew() == (1, 1)
        assert pending(suggested.opportunity).renewed_because == "who has reached the pipeline cap"

    def test_those_that_still_have_room_stay(
        self, suggested: QueueItem, ana: Rep, omar: User, make_opportunity: Make
    ) -> None:
        """Three suggestions and seven by hand fill ten; one more by hand, and one of the three has to go."""
        CapacitySettings.objects.update(
            high_match_score=0, near_capacity_penalty=0, assigned_today_penalty=0, pipeline_penalty=0
        )
        publish_configuration(by=None, at=NOW)
        for number in range(2):
            route(opportunity_id=make_opportunity(f"More {number}", industry="Healthcare").pk, at=NOW)
        assert QueueItem.objects.filter(rep=ana).count() == 3
        fill(ana, 8, omar, make_opportunity)
        looked_at, decided = renew()
        assert (looked_at, decided) == (3, 1)
        ana.refresh_from_db()
        assert ana.committed == 10
        assert renew() == (0, 0)

    def test_it_is_held_where_nobody_else_can(
        self, suggested: QueueItem, ana: Rep, bo: Rep, omar: User, make_opportunity: Make, as_user: SignIn
    ) -> None:
        Policy.objects.update(fallback=["hold"])
        publish_configuration(by=None, at=NOW)
        Rep.objects.filter(pk=bo.pk).update(left_at=NOW)
        fill(ana, 10, omar, make_opportunity)
        assert renew() == (1, 1)
        item = pending(suggested.opportunity)
        assert (item.kind, item.renewed_from) == ("held", ana)
        page = text(as_user(omar).get(reverse("queue_item", args=[item.pk])))
        assert "Before: Ana, who has no room any more; now held" in page
        sweep.drain_held(now=NOW)
        assert pending(suggested.opportunity).pk == item.pk
        Rep.objects.filter(pk=ana.pk).update(own_max_open=30)
        sweep.drain_held(now=NOW)
        assert pending(suggested.opportunity).renewed_because == "who has no room any more"

    def test_an_account_of_ones_own_stays_whatever_the_load(
        self, suggested: QueueItem, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        account = Account.objects.create(name="Acme", owner=bo)
        lead = make_opportunity(account=account)
        route(opportunity_id=lead.pk, at=NOW)
        fill(bo, 10, omar, make_opportunity)
        assert renew() == (0, 0)
        assert pending(lead).rep == bo


class TestFacts:
    def test_of_another_industry_it_goes_to_another(
        self, suggested: QueueItem, ana: Rep, bo: Rep, omar: User
    ) -> None:
        Skill.objects.create(rep=bo, kind="industry", name="Energy")
        update_opportunity(opportunity_id=suggested.opportunity_id, values={"industry": "Energy"})
        assert renew() == (1, 1)
        item = pending(suggested.opportunity)
        assert (item.rep, item.renewed_because) == (bo, "until the lead changed (industry)")
        assert renew() == (0, 0)

    def test_what_names_the_same_is_looked_at_once(self, suggested: QueueItem) -> None:
        Opportunity.objects.filter(pk=suggested.opportunity_id).update(city="Graz")
        assert renew() == (1, 0)
        assert renew() == (0, 0)
        assert pending(suggested.opportunity).pk == suggested.pk

    def test_what_was_changed_back_is_not_even_looked_at(self, suggested: QueueItem) -> None:
        lead = Opportunity.objects.filter(pk=suggested.opportunity_id)
        lead.update(city="Graz")
        lead.update(city="")
        assert renew() == (0, 0)
        suggested.refresh_from_db()
        assert suggested.facts_changed_at is None

    def test_the_account_has_an_owner_now(
        self, suggested: QueueItem, bo: Rep, make_opportunity: Make
    ) -> None:
        account = Account.objects.create(name="Acme")
        lead = make_opportunity(account=account, industry="Healthcare")
        route(opportunity_id=lead.pk, at=NOW)
        account.owner = bo
        account.save()
        assert renew() == (1, 1)
        assert pending(lead).rep == bo

    def test_the_product_has_another_name(self, suggested: QueueItem, make_opportunity: Make) -> None:
        product = Product.objects.create(name="Lamp")
        lead = make_opportunity(product="Lamp", industry="Healthcare")
        route(opportunity_id=lead.pk, at=NOW)
        assert lead.product == product
        Product.objects.filter(pk=product.pk).update(name="Light")
        assert renew() == (1, 0)
        assert renew() == (0, 0)

    def test_in_a_pause_the_row_says_what_has_changed(
        self, suggested: QueueItem, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        account = Account.objects.create(name="Acme", owner=bo)
        lead = make_opportunity(account=account, industry="Healthcare")
        route(opportunity_id=lead.pk, at=NOW)
        automation.pause(by=omar, at=NOW, reason="")
        Account.objects.filter(pk=account.pk).update(owner=ana)
        assert renew() == (0, 0)
        item = QueueItem.objects.select_related("decision", "rep").get(opportunity=lead)
        assert (
            doubts_about([item], NOW)[item.pk].sentence("Bo") == "the lead has changed (the account’s owner)"
        )

    def test_what_changed_while_it_was_assigned_counts_after_an_undo(
        self, suggested: QueueItem, bo: Rep, omar: User
    ) -> None:
        queue.approve(item_id=suggested.pk, by=omar, at=NOW)
        Skill.objects.create(rep=bo, kind="industry", name="Energy")
        Opportunity.objects.filter(pk=suggested.opportunity_id).update(industry="Energy")
        queue.undo(item_id=suggested.pk, by=omar, at=NOW)
        assert renew() == (1, 1)
        assert pending(suggested.opportunity).rep == bo

    def test_an_undone_approval_of_the_same_lead_is_left_alone(
        self, suggested: QueueItem, omar: User
    ) -> None:
        queue.approve(item_id=suggested.pk, by=omar, at=NOW)
        again = queue.undo(item_id=suggested.pk, by=omar, at=NOW)
        assert renew() == (0, 0)
        assert pending(suggested.opportunity).pk == again.pk


class TestRulesAndModel:
    def test_rules_that_name_another(self, suggested: QueueItem, ana: Rep, bo: Rep) -> None:
        rule_for(bo)
        assert renew() == (1, 1)
        item = pending(suggested.opportunity)
        assert (item.rep, item.renewed_from) == (bo, ana)
        assert item.renewed_because.startswith("until the rules changed (version ")
        assert renew() == (0, 0)

    def test_rules_that_name_the_same_are_looked_at_once(
        self, suggested: QueueItem, bo: Rep, make_opportunity: Make
    ) -> None:
        rule_for(bo, {"field": "industry", "op": "is", "value": "Energy"})
        assert renew() == (1, 0)
        assert renew() == (0, 0)
        assert pending(suggested.opportunity).pk == suggested.pk
        assert Decision.objects.filter(opportunity=suggested.opportunity_id).count() == 1

    def test_a_policy_that_assigns_by_now_does(self, suggested: QueueItem, ana: Rep) -> None:
        Policy.objects.update(application="assign")
        publish_configuration(by=None, at=NOW)
        assert renew() == (1, 1)
        suggested.opportunity.refresh_from_db()
        assert suggested.opportunity.owner == ana
        assert "The suggestion of Ana was out of date: decided anew" in [
            event.text for event in history_of(suggested.opportunity)
        ]

    def test_a_model_that_names_the_same_is_looked_at_once(self, suggested: QueueItem) -> None:
        model = champion()
        assert renew() == (1, 0)
        assert renew() == (0, 0)
        suggested.refresh_from_db()
        assert suggested.checked_model == model

    def test_a_turn_stays_where_it_fell(
        self, one_policy: None, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        """Everything goes round; the next turn would be Bo's, but this one was Ana's."""
        Policy.objects.update(threshold=100)
        publish()
        leads = [make_opportunity(f"Lead {number}") for number in range(3)]
        for lead in leads:
            route(opportunity_id=lead.pk, at=NOW)
        named = [pending(lead).rep for lead in leads]
        assert named == [ana, bo, ana]
        publish()
        champion()
        assert renew() == (3, 0)
        assert [pending(lead).rep for lead in leads] == named


class TestBounds:
    def test_sixty_with_a_bound_of_fifty_are_done_in_two(
        self, suggested: QueueItem, bo: Rep, make_opportunity: Make
    ) -> None:
        Rep.objects.update(own_max_open=500, own_max_new_per_week=500)
        for number in range(59):
            route(opportunity_id=make_opportunity(f"Lead {number}", industry="Healthcare").pk, at=NOW)
        champion()
        oldest = QueueItem.objects.earliest("waiting_since", "pk")
        assert renew(most=50)[0] == 50
        oldest.refresh_from_db()
        assert oldest.checked_model == ModelVersion.objects.get(state="champion")
        assert renew(most=50)[0] == 10
        assert renew(most=50)[0] == 0

    def test_one_run_at_a_time(self, suggested: QueueItem, bo: Rep) -> None:
        rule_for(bo)
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [RENEWAL_LOCK])
                assert renew_suggestions(at=NOW, now=NOW) == Renewed(0, 0)
                cursor.execute("SELECT pg_advisory_unlock(%s)", [RENEWAL_LOCK])
        finally:
            other.close()
        assert renew() == (1, 1)
        with alone(RENEWAL_LOCK) as is_free:
            assert is_free

    def test_somebody_decided_meanwhile(
        self, suggested: QueueItem, bo: Rep, omar: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The approval comes between the look and the taking back."""
        from routing.services import renewal

        rule_for(bo)
        look = renewal._said_now

        def approved_meanwhile(*of: Any) -> Any:
            said = look(*of)
            queue.approve(item_id=suggested.pk, by=omar, at=NOW)
            return said

        monkeypatch.setattr(renewal, "_said_now", approved_meanwhile)
        assert renew() == (1, 0)
        suggested.refresh_from_db()
        assert (suggested.state, suggested.taken_back_because) == ("approved", "")


class TestWhatIsLeftAlone:
    def test_while_paused_it_is_marked_and_stays(
        self, suggested: QueueItem, ana: Rep, omar: User, make_opportunity: Make, as_user: SignIn
    ) -> None:
        fill(ana, 10, omar, make_opportunity)
        automation.pause(by=omar, at=NOW, reason="")
        assert renew() == (0, 0)
        page = text(as_user(omar).get(reverse("queue")))
        assert "Out of date: Ana has no room any more" in page
        assert "nothing is decided anew while automation is paused" in page
        assert pending(suggested.opportunity).pk == suggested.pk

    def test_between_the_change_and_the_sweep_the_row_says_so(
        self, suggested: QueueItem, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        assert "ut of date" not in text(client.get(reverse("queue")))
        rule_for(bo)
        assert "May be out of date: the rules have changed (version " in text(client.get(reverse("queue")))
        renew()
        page = text(client.get(reverse("queue")))
        assert "ut of date" not in page
        assert page.count("Decided anew") == 2  # on the row and beside it
        assert "Before: Ana, until the rules changed (version " in page

    def test_locked(self, suggested: QueueItem, ana: Rep, omar: User) -> None:
        overrides.lock(opportunity_id=suggested.opportunity_id, by=omar, reason="mine")
        suggested.refresh_from_db()
        before = suggested.state
        Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
        assert renew() == (0, 0)
        suggested.refresh_from_db()
        assert suggested.state == before

    def test_held_and_for_the_manager(
        self, suggested: QueueItem, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        item = queue.reject(item_id=suggested.pk, by=omar, at=NOW)
        rule_for(bo)
        Opportunity.objects.filter(pk=item.opportunity_id).update(industry="Energy")
        assert renew() == (0, 0)
        item.refresh_from_db()
        assert (item.state, item.facts_changed_at) == ("pending", None)


class TestBatches:
    @pytest.fixture
    def of_batch(self, suggested: QueueItem, make_opportunity: Make) -> QueueItem:
        Policy.objects.create(
            name="Nurture",
            position=0,
            condition={"field": "source", "op": "is", "value": "Nurture"},
            mode="batch",
            batch_cadence="daily",
            batch_times=["14:00"],
            batch_expiry_hours=24,
            fallback=["round_robin", "hold"],
        )
        publish_configuration(by=None, at=NOW)
        lead = make_opportunity("Nurtured", source="Nurture", industry="Healthcare")
        assert route(opportunity_id=lead.pk, at=NOW, in_batch=True) is not None
        assert renew() == (1, 0)  # that which was suggested before the policy
        return pending(lead)

    def test_newer_rules_and_models_wait_for_the_next(
        self, of_batch: QueueItem, suggested: QueueItem, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        rule_for(bo)
        assert of_batch.is_of_batch
        assert renew() == (1, 1)  # the other one
        assert pending(of_batch.opportunity).pk == of_batch.pk
        page = text(as_user(omar).get(reverse("queue_item", args=[of_batch.pk])))
        assert "; it stays with its batch" in page

    def test_whom_it_names_cannot_any_more(
        self, of_batch: QueueItem, suggested: QueueItem, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        fill(ana, 10, omar, make_opportunity)
        assert renew(NOW + HOUR) == (2, 2)
        item = pending(of_batch.opportunity)
        assert (item.rep, item.is_of_batch, item.expires_at) == (bo, True, NOW + DAY)

    def test_an_undone_approval_keeps_its_expiry(self, of_batch: QueueItem, omar: User) -> None:
        queue.approve(item_id=of_batch.pk, by=omar, at=NOW + HOUR)
        again = queue.undo(item_id=of_batch.pk, by=omar, at=NOW + HOUR)
        assert (again.expires_at, again.is_of_batch) == (of_batch.expires_at, True)

    def test_an_expiry_that_is_over_does_not_come_back(self, of_batch: QueueItem, omar: User) -> None:
        queue.approve(item_id=of_batch.pk, by=omar, at=NOW + HOUR)
        again = queue.undo(item_id=of_batch.pk, by=omar, at=NOW + 2 * DAY)
        assert again.expires_at is None
        assert sweep.expire_unconfirmed(at=NOW + 2 * DAY, now=NOW + 2 * DAY) == 0


def test_the_history_tells_it(suggested: QueueItem, ana: Rep) -> None:
    Absence.objects.create(rep=ana, starts_at=NOW, ends_at=NOW + DAY)
    renew(NOW + HOUR)
    told = {event.text: event.note for event in history_of(suggested.opportunity)}
    assert told["The suggestion of Ana was out of date: decided anew"] == "Ana is away"


def test_the_minutely_job_does_it(suggested: QueueItem, bo: Rep) -> None:
    rule_for(bo)
    assert jobs.decide_anew() == 1
    assert pending(suggested.opportunity).rep == bo


class TestPendingValue:
    """What a rep's pending suggestions are worth stands on the rep."""

    def worth(self, rep: Rep) -> int:
        rep.refresh_from_db()
        assert check_invariants().violations == []
        return int(rep.pending_value)

    def test_it_comes_and_goes_with_the_suggestion(self, suggested: QueueItem, ana: Rep, omar: User) -> None:
        assert self.worth(ana) == 180_000
        queue.approve(item_id=suggested.pk, by=omar, at=NOW)
        assert self.worth(ana) == 0
        queue.undo(item_id=suggested.pk, by=omar, at=NOW)
        assert self.worth(ana) == 180_000
        queue.reject(item_id=pending(suggested.opportunity).pk, by=omar, at=NOW)
        assert self.worth(ana) == 0

    def test_it_moves_with_the_suggestion(self, suggested: QueueItem, ana: Rep, bo: Rep) -> None:
        rule_for(bo)
        renew()
        assert (self.worth(ana), self.worth(bo)) == (0, 180_000)

    def test_an_edited_value_counts_at_once(self, suggested: QueueItem, ana: Rep) -> None:
        update_opportunity(opportunity_id=suggested.opportunity_id, values={"value": 50_000})
        assert self.worth(ana) == 50_000

    def test_of_many_at_once_it_counts_with_the_sweep(self, suggested: QueueItem, ana: Rep) -> None:
        """An import or new rates lock all reps at their end, so nothing may lock one before."""
        with many_at_once():
            Opportunity.objects.filter(pk=suggested.opportunity_id).update(value_base=70_000)
        assert self.worth(ana) == 180_000
        assert renew() == (1, 0)
        assert self.worth(ana) == 70_000

    def test_the_roster_stays_as_it_is(self, suggested: QueueItem, ana: Rep) -> None:
        stamp = RosterStamp.objects.get().version
        Rep.objects.filter(pk=ana.pk).update(pending_value=1)
        assert RosterStamp.objects.get().version == stamp
        assert len(check_invariants().violations) == 1
