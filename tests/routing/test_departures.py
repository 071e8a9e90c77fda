"""A rep leaves in one step: opportunities, accounts, rules, territories, sign-in; or nothing at all."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Account, AccountOwnerChange, Opportunity
from reps.models import Absence, ProfileChange, Rep, Team, User
from routing.models import ConfigurationVersion, Departure, Notification, QueueItem, Rule
from routing.queries.configuration import compiled, content_hash, live_version, working_content
from routing.queries.departures import Choices, plan_departure, ties_of
from routing.queries.invariants import check_invariants
from routing.services import outbox, overrides, sweep
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.departures import DepartureChanged, DepartureRefused, let_go, take_back
from routing.services.renewal import renew_suggestions
from territories.models import Coverage, Territory
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
Make = Callable[..., Opportunity]
SignIn = Callable[[User], Client]
US = {"field": "country", "op": "is", "value": "US"}


@pytest.fixture
def busy(ana: Rep, bo: Rep, omar: User, make_opportunity: Make) -> list[Opportunity]:
    """Ana owns three opportunities (the last one locked) and two accounts, one rule and one territory name her."""
    leads = [make_opportunity(f"Lead {n}", value=1000 * (n + 1), currency="USD") for n in range(3)]
    overrides.reassign(opportunity_ids=[lead.pk for lead in leads], rep_id=ana.pk, by=omar, at=NOW)
    overrides.lock(opportunity_id=leads[2].pk, by=omar)
    for name in ("Acme", "Bolt"):
        Account.objects.create(name=name, owner=ana)
    Rule.objects.create(name="Big", position=1, action="route_to_rep", rep=ana, condition=US)
    keep_out = Rule.objects.create(name="Not her", position=2, action="exclude_reps", condition=US)
    keep_out.excluded.set([ana, bo])
    texas = Territory.objects.create(name="Texas", condition=US)
    Coverage.objects.create(territory=texas, rep=ana)
    publish_configuration(by=omar, at=NOW)
    return leads


def leave(rep: Rep, by: User, **choices: Any) -> Departure:
    chosen = Choices(**choices)
    plan = plan_departure(ties_of(rep, NOW), chosen, by=by, now=NOW)
    return let_go(rep_id=rep.pk, choices=chosen, digest=plan.digest, by=by, at=NOW + DAY)


class TestLeaving:
    def test_everything_finds_somebody_in_one_step(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, cara: Rep, omar: User
    ) -> None:
        done = leave(
            ana, omar, locked_to=bo.pk, accounts="give", accounts_to=cara.pk, rules_to=cara.pk,
            territories_to=bo.pk,
        )  # fmt: skip
        ana.refresh_from_db()
        assert ana.left_at == NOW + DAY
        assert ana.load == 0
        assert ana.user is not None
        assert not ana.user.is_active
        states = list(Opportunity.objects.order_by("pk").values_list("routing", "owner", "is_locked"))
        assert states == [("waiting", None, False), ("waiting", None, False), ("assigned", bo.pk, True)]
        assert set(Account.objects.values_list("owner", flat=True)) == {cara.pk}
        assert AccountOwnerChange.objects.filter(from_rep=ana, made_by=omar).count() == 2
        live = compiled(live_version().pk)
        assert [(rule.name, rule.rep_id, rule.excluded) for rule in live.rules] == [
            ("Big", cara.pk, ()),
            ("Not her", None, (bo.pk,)),
        ]
        assert [cover.rep_id for cover in live.territories[0].coverage] == [bo.pk]
        assert content_hash(working_content()) == live_version().content_hash  # the draft follows
        assert done.version == live_version()
        assert done.lines == [
            "1 open opportunity goes to Bo.",
            "2 open opportunities are decided anew, as they would be today.",
            "2 named accounts: to Cara.",
            "Rule “Big”: Cara instead.",
            "Territory “Texas”: Bo instead.",
            "Rule “Not her”: without the exclusion.",
            "The sign-in is closed.",
        ]
        later = NOW + 2 * DAY
        assert sweep.route_waiting(at=later, now=later) == 2
        assert check_invariants().violations == []
        assert ana.pk not in Opportunity.objects.values_list("queue_items__rep", flat=True)

    def test_one_rep_gets_all_and_hears_of_it_once(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User
    ) -> None:
        leave(ana, omar, opportunities="give", opportunities_to=bo.pk)
        assert set(Opportunity.objects.values_list("owner", flat=True)) == {bo.pk}
        assert Opportunity.objects.filter(is_locked=True).count() == 1
        assert not Account.objects.filter(owner__isnull=False).exists()
        outbox.deliver_due(at=NOW + 2 * DAY)
        told = Notification.objects.filter(user=bo.user, path="/my-work/")
        assert [note.text for note in told] == ["3 opportunities are yours from Ana, who has left."]
        assert [rule.is_active for rule in Rule.objects.order_by("pk")] == [False, True]
        assert not Coverage.objects.exists()
        assert check_invariants().violations == []

    def test_shared_out_evenly(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, cara: Rep, omar: User
    ) -> None:
        leave(ana, omar, opportunities="share", accounts="share", among=(bo.pk, cara.pk))
        bo.refresh_from_db()
        cara.refresh_from_db()
        assert sorted((bo.load, cara.load)) == [1, 2]
        assert sorted(Account.objects.values_list("owner", flat=True)) == sorted((bo.pk, cara.pk))

    def test_another_draft_stays_a_draft(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User
    ) -> None:
        Rule.objects.create(name="New", position=9, action="route_to_rep", rep=bo, condition=US)
        leave(ana, omar, opportunities="give", opportunities_to=bo.pk, rules_to=bo.pk)
        assert [row["name"] for row in live_version().content["rules"]] == ["Big", "Not her"]
        assert [row["name"] for row in working_content()["rules"]] == ["Big", "Not her", "New"]

    def test_who_is_named_nowhere_needs_no_version(self, ana: Rep, omar: User) -> None:
        before = ConfigurationVersion.objects.count()
        done = leave(ana, omar, closes_sign_in=False)
        assert (done.version, ConfigurationVersion.objects.count()) == (None, before)
        assert User.objects.get(rep=ana).is_active

    def test_suggestions_and_cover_are_let_go(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity(industry="Healthcare")
        route(opportunity_id=opportunity.pk, at=NOW)
        Absence.objects.create(rep=bo, starts_at=NOW + 30 * DAY, ends_at=NOW + 31 * DAY, covering=ana)
        leave(ana, omar)
        assert Absence.objects.get().covering is None
        assert renew_suggestions(at=NOW + DAY, now=NOW + DAY).decided == 1
        assert QueueItem.objects.get(state="pending").rep == bo

    def test_coming_back_brings_nothing_back(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User
    ) -> None:
        leave(ana, omar, opportunities="give", opportunities_to=bo.pk)
        take_back(rep_id=ana.pk, by=omar, at=NOW + 2 * DAY)
        ana.refresh_from_db()
        assert (ana.left_at, ana.load) == (None, 0)
        assert User.objects.get(rep=ana).is_active
        assert Departure.objects.get().returned_by == omar
        with pytest.raises(DepartureRefused, match="Ana is here"):
            take_back(rep_id=ana.pk, by=omar, at=NOW + 2 * DAY)
        changed = [label for change in ProfileChange.objects.filter(rep=ana) for label in change.changes]
        assert changed.count("left at") == 2


class TestRefusals:
    def nothing_happened(self, ana: Rep) -> None:
        ana.refresh_from_db()
        assert ana.left_at is None
        assert ana.load == 3
        assert Account.objects.filter(owner=ana).count() == 2
        assert Rule.objects.filter(rep=ana, is_active=True).count() == 1
        assert not Departure.objects.exists()

    def test_what_changed_since_it_was_shown_is_shown_again(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        chosen = Choices(locked_to=bo.pk)
        digest = plan_departure(ties_of(ana, NOW), chosen, by=omar, now=NOW).digest
        Account.objects.create(name="Late", owner=ana)
        with pytest.raises(DepartureChanged, match="Nothing was done"):
            let_go(rep_id=ana.pk, choices=chosen, digest=digest, by=omar, at=NOW)
        Account.objects.get(name="Late").delete()
        self.nothing_happened(ana)

    def test_who_has_left_takes_nothing_over(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User
    ) -> None:
        Rep.objects.filter(pk=bo.pk).update(left_at=NOW)
        with pytest.raises(DepartureRefused, match="Bo cannot take anything over"):
            leave(ana, omar, opportunities="give", opportunities_to=bo.pk)
        with pytest.raises(DepartureRefused, match="Ana cannot take anything over"):
            leave(ana, omar, opportunities="give", opportunities_to=ana.pk)
        self.nothing_happened(ana)

    def test_the_last_admin_keeps_the_sign_in(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User
    ) -> None:
        User.objects.filter(rep=ana).update(role="admin")
        with pytest.raises(DepartureRefused, match="last active admin"):
            leave(ana, omar, opportunities="give", opportunities_to=bo.pk)
        self.nothing_happened(ana)

    def test_nobody_leaves_twice(self, ana: Rep, omar: User) -> None:
        leave(ana, omar)
        with pytest.raises(DepartureRefused, match="Ana has left already"):
            leave(ana, omar)


class TestPage:
    def test_asks_what_there_is_and_does_what_it_showed(
        self, busy: list[Opportunity], ana: Rep, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        client = as_user(omar)
        address = reverse("departure", args=[ana.pk])
        page = client.get(address).content.decode()
        assert "3 open opportunities, $6K together; 1 locked" in page
        assert "2 named accounts" in page
        choices: dict[str, Any] = {
            "opportunities": "route", "locked_to": bo.pk, "accounts": "release", "rules_to": bo.pk,
            "territories_to": "", "closes_sign_in": "on",
        }  # fmt: skip
        shown = client.get(address, choices)
        assert "1 open opportunity goes to Bo." in shown.content.decode()
        digest = shown.context["plan"].digest
        stale = client.post(address, choices | {"digest": "old"})
        assert stale.status_code == 409
        assert "Nothing was done" in stale.content.decode()
        done = client.post(address, choices | {"digest": digest, "reason": "moved on"}, follow=True)
        assert "Ana has left" in done.content.decode()
        assert "moved on" in done.content.decode()
        client.post(reverse("rep_returned", args=[ana.pk]))
        ana.refresh_from_db()
        assert ana.is_active

    @pytest.mark.parametrize(
        ("choices", "said"),
        [
            ({"opportunities": "give", "accounts": "release"}, "Choose who gets them."),
            ({"opportunities": "route", "accounts": "release"}, "Choose who gets the locked ones."),
            ({"opportunities": "share", "accounts": "release"}, "Choose two reps or more."),
            ({"opportunities": "route"}, "This field is required."),
        ],
    )
    def test_says_what_is_missing(
        self,
        choices: dict[str, str],
        said: str,
        busy: list[Opportunity],
        ana: Rep,
        omar: User,
        as_user: SignIn,
    ) -> None:
        client = as_user(omar)
        answer = client.post(reverse("departure", args=[ana.pk]), choices)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        ana.refresh_from_db()
        assert ana.is_active

    def test_nothing_to_give_is_one_click(self, ana: Rep, omar: User, as_user: SignIn) -> None:
        client = as_user(omar)
        shown = client.get(reverse("departure", args=[ana.pk]))
        assert "Nothing is open" in shown.content.decode()
        digest = shown.context["plan"].digest
        client.post(reverse("departure", args=[ana.pk]), {"closes_sign_in": "on", "digest": digest})
        ana.refresh_from_db()
        assert not ana.is_active

    def test_managers_and_reps_may_not(self, ana: Rep, ben: User, nia: User, as_user: SignIn) -> None:
        for user in (ana.user, ben, nia):
            assert user is not None
            assert as_user(user).get(reverse("departure", args=[ana.pk])).status_code == 403


def test_warns_of_what_nobody_would_do(ana: Rep, bo: Rep, omar: User, east: Team) -> None:
    assert ana.user is not None
    east.managers.set([ana.user])
    Absence.objects.create(rep=bo, starts_at=NOW, covering=ana)
    Rep.objects.filter(pk=bo.pk).update(own_max_open=1, load=0)
    plan = plan_departure(ties_of(ana, NOW), Choices(rules_to=bo.pk), by=omar, now=NOW)
    assert plan.warnings == [
        "Bo is away until further notice: Ana covers.",
        "Nobody stands in for Bo any more.",
        "Nobody else looks after East: give it another manager.",
    ]
