"""The routing pages in the order in which people use them, for the roles that may."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Account, Activity, Opportunity
from reps.models import Absence, Organisation, Rep, Team, User
from routing.models import CapacitySettings, ConfigurationVersion, Override, QueueItem, Rule
from routing.services.decisions import route
from routing.services.overrides import reassign
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
SignIn = Callable[[User], Client]


@pytest.fixture
def suggested(ana: Rep, bo: Rep, make_opportunity: Make) -> QueueItem:
    opportunity = make_opportunity("Northwind Health", industry="Healthcare", value=180_000)
    route(opportunity_id=opportunity.pk, at=NOW)
    return QueueItem.objects.get(opportunity=opportunity)


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


class TestQueue:
    def test_shows_the_suggestion_with_its_reason(
        self, suggested: QueueItem, omar: User, as_user: SignIn
    ) -> None:
        page = text(as_user(omar).get(reverse("queue")))
        assert "Northwind Health" in page
        assert "Ana: knows Healthcare" in page
        assert "How it was decided" in page

    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_do_not_grow(
        self,
        count: int,
        ana: Rep,
        omar: User,
        make_opportunity: Make,
        as_user: SignIn,
        django_assert_num_queries: Any,
    ) -> None:
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        for number in range(count):
            route(opportunity_id=make_opportunity(f"Lead {number}", industry="Healthcare").pk, at=NOW)
        client = as_user(omar)
        client.get(reverse("queue"))
        with django_assert_num_queries(QUEUE_QUERIES):
            client.get(reverse("queue"))

    def test_approve_without_script(self, suggested: QueueItem, ben: User, as_user: SignIn) -> None:
        response = as_user(ben).post(reverse("queue_approve", args=[suggested.pk]), follow=True)
        assert "Northwind Health went to Ana." in text(response)
        assert "No leads waiting" in text(response)

    def test_second_manager_is_told(
        self, suggested: QueueItem, ben: User, omar: User, as_user: SignIn
    ) -> None:
        as_user(ben).post(reverse("queue_approve", args=[suggested.pk]))
        response = as_user(omar).post(
            reverse("queue_approve", args=[suggested.pk]), headers={"HX-Request": "true"}
        )
        assert (response.status_code, text(response)) == (409, "Ben gave it to Ana already.")

    def test_undo_brings_it_back(self, suggested: QueueItem, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        client.post(reverse("queue_approve", args=[suggested.pk]))
        client.post(reverse("queue_undo", args=[suggested.pk]))
        assert QueueItem.objects.filter(state="pending", opportunity=suggested.opportunity_id).count() == 1

    def test_give_to_another(self, suggested: QueueItem, bo: Rep, ben: User, as_user: SignIn) -> None:
        as_user(ben).post(reverse("queue_give", args=[suggested.pk]), {"rep": bo.pk, "note": "knows them"})
        assert Override.objects.get().to_rep == bo

    def test_manager_of_another_team_does_not_see_it(
        self, suggested: QueueItem, west: Team, as_user: SignIn
    ) -> None:
        stranger = User.objects.create_user("st@example.com", name="Stranger", role="manager")
        west.managers.add(stranger)
        QueueItem.objects.update(team=suggested.rep.team if suggested.rep else None)
        client = as_user(stranger)
        assert "Northwind" not in text(client.get(reverse("queue")))
        assert client.get(reverse("queue_item", args=[suggested.pk])).status_code == 404
        assert client.post(reverse("queue_approve", args=[suggested.pk])).status_code == 404

    def test_analyst_reads_and_may_not_decide(self, suggested: QueueItem, nia: User, as_user: SignIn) -> None:
        client = as_user(nia)
        assert "Approve <kbd>" not in text(client.get(reverse("queue")))
        assert client.post(reverse("queue_approve", args=[suggested.pk])).status_code == 403

    def test_rep_may_not_see_it(self, suggested: QueueItem, ana: Rep, as_user: SignIn) -> None:
        assert ana.user is not None
        assert as_user(ana.user).get(reverse("queue")).status_code == 403

    def test_bulk_approve(
        self, suggested: QueueItem, make_opportunity: Make, omar: User, as_user: SignIn
    ) -> None:
        route(opportunity_id=make_opportunity("Second", industry="Healthcare").pk, at=NOW)
        ids = list(QueueItem.objects.values_list("pk", flat=True))
        page = text(as_user(omar).post(reverse("queue_approve_many"), {"item": ids}, follow=True))
        assert "2 approved." in page

    @pytest.mark.parametrize(
        "query", ["at=nonsense", "min_score=abc", "order=zzz", "team=999", "kind=%00", "q=%00"]
    )
    def test_odd_addresses_do_not_break(self, query: str, omar: User, as_user: SignIn) -> None:
        assert as_user(omar).get(f"{reverse('queue')}?{query}").status_code in (200, 404)


QUEUE_QUERIES = 28


class TestOpportunity:
    def test_page_says_why_and_why_not(
        self, suggested: QueueItem, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        page = text(
            as_user(omar).get(reverse("opportunity", args=[suggested.opportunity_id]), {"rep": bo.pk})
        )
        assert "Why Ana" in page
        assert "has no Healthcare tag" in page
        assert "Ana is ahead" in page

    def test_rep_sees_only_the_own_ones(
        self, suggested: QueueItem, ana: Rep, ben: User, as_user: SignIn
    ) -> None:
        assert ana.user is not None
        client = as_user(ana.user)
        address = reverse("opportunity", args=[suggested.opportunity_id])
        assert client.get(address).status_code == 404
        as_user(ben).post(reverse("queue_approve", args=[suggested.pk]))
        assert as_user(ana.user).get(address).status_code == 200

    def test_new_lead_is_routed(self, ana: Rep, omar: User, as_user: SignIn) -> None:
        response = as_user(omar).post(
            reverse("opportunity_new"),
            {
                "kind": "lead",
                "company": "Contoso",
                "industry": "Healthcare",
                "value": "5000",
                "currency": "USD",
            },
            follow=True,
        )
        assert "Contoso is in. Ana is suggested" in text(response)
        assert Account.objects.get().name == "Contoso"

    def test_new_lead_with_errors_keeps_what_was_typed(self, omar: User, as_user: SignIn) -> None:
        response = as_user(omar).post(
            reverse("opportunity_new"), {"kind": "lead", "company": "", "product": "Analytics", "value": "-1"}
        )
        assert response.status_code == 422
        assert 'value="Analytics"' in text(response)

    def test_reassign_lock_and_outcome(
        self, suggested: QueueItem, bo: Rep, omar: User, as_user: SignIn
    ) -> None:
        client, pk = as_user(omar), suggested.opportunity_id
        client.post(reverse("opportunity_reassign", args=[pk]), {"rep": bo.pk})
        client.post(reverse("opportunity_lock", args=[pk]), {"lock-reason": "strategic"})
        client.post(reverse("opportunity_outcome", args=[pk]), {"stage": "won"})
        opportunity = Opportunity.objects.get(pk=pk)
        assert (opportunity.owner, opportunity.is_locked, opportunity.stage) == (bo, True, "won")
        page = text(client.get(reverse("opportunity", args=[pk])))
        assert "Omar chose Bo" in page
        assert "Became won by Omar" in page

    def test_bulk_reassignment_shows_loads_first(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make, as_user: SignIn
    ) -> None:
        ids = [make_opportunity(f"Lead {n}").pk for n in range(3)]
        client = as_user(omar)
        page = text(
            client.get(reverse("reassign"), {"opportunity": [str(pk) for pk in ids], "rep": str(bo.pk)})
        )
        assert "3 of 10" in page or "3<span" in page
        client.post(reverse("reassign"), {"opportunity": ids, "rep": bo.pk})
        bo.refresh_from_db()
        assert bo.load == 3


class TestMyWork:
    @pytest.fixture
    def approved(self, suggested: QueueItem, ben: User, as_user: SignIn) -> QueueItem:
        as_user(ben).post(reverse("queue_approve", args=[suggested.pk]))
        return suggested

    def test_rep_logs_the_first_touch(self, approved: QueueItem, ana: Rep, as_user: SignIn) -> None:
        assert ana.user is not None
        client = as_user(ana.user)
        assert "knows Healthcare" in text(client.get(reverse("my_work")))
        client.post(
            reverse("opportunity_activity", args=[approved.opportunity_id]),
            {"kind": "call", "next": reverse("my_work")},
        )
        opportunity = Opportunity.objects.get(pk=approved.opportunity_id)
        assert opportunity.first_touch_at is not None
        assert Activity.objects.get().rep == ana

    def test_rep_goes_away_and_comes_back(self, ana: Rep, as_user: SignIn) -> None:
        assert ana.user is not None
        client = as_user(ana.user)
        client.post(reverse("away"), {"reason": "vacation"})
        assert "You are away (vacation)" in text(client.get(reverse("my_work")))
        client.post(reverse("back"))
        assert Absence.objects.filter(ends_at__isnull=True).count() == 0

    def test_manager_marks_only_the_own_team(self, ana: Rep, cara: Rep, ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        assert client.post(reverse("rep_away", args=[ana.pk]), {"reason": "sick"}).status_code == 302
        assert client.post(reverse("rep_away", args=[cara.pk]), {"reason": "sick"}).status_code == 404

    def test_who_is_no_rep_is_told(self, omar: User, as_user: SignIn) -> None:
        assert "You are no rep" in text(as_user(omar).get(reverse("my_work")))


class TestRules:
    def test_reads_as_sentences_and_publishes(self, ana: Rep, omar: User, as_user: SignIn) -> None:
        Rule.objects.create(
            name="Big ones", position=1, action="route_to_rep", rep=ana,
            condition={"field": "value", "op": "over", "value": 100_000},
        )  # fmt: skip
        client = as_user(omar)
        page = text(client.get(reverse("rules")))
        assert 'When value is <b class="marked">over $100,000</b>, route to <b class="marked">Ana</b>' in page
        assert "Rule “Big ones” added" in page
        draft = {"seen": client.get(reverse("compare")).context["digest"], "how": "now"}
        client.post(reverse("publish"), draft | {"note": "big ones to Ana"})
        assert ConfigurationVersion.objects.order_by("-number")[0].note == "big ones to Ana"

    def test_what_cannot_be_is_not_published(self, ana: Rep, omar: User, as_user: SignIn) -> None:
        Rule.objects.create(
            name="Broken", position=1, action="route_to_rep", rep=ana,
            condition={"field": "industry", "op": "over", "value": 5},
        )  # fmt: skip
        client = as_user(omar)
        draft = {"seen": client.get(reverse("compare")).context["digest"], "how": "now"}
        page = text(client.post(reverse("publish"), draft))
        assert "Nothing was published. Rule “Broken”: industry is a text" in page
        assert ConfigurationVersion.objects.count() == 1


class TestLock:
    def test_a_second_press_of_lock_does_not_unlock(
        self, omar: User, make_opportunity: Callable[..., Opportunity], client: Client
    ) -> None:
        """Two people on the page before the lock, or one who clicks twice."""
        opportunity = make_opportunity()
        client.force_login(omar)
        address = reverse("opportunity_lock", args=[opportunity.pk])
        for _ in range(2):
            client.post(address, {"to": "locked", "lock-reason": "strategic"})
            opportunity.refresh_from_db()
            assert (opportunity.is_locked, opportunity.lock_reason) == (True, "strategic")
        client.post(f"{address}?to=unlocked")
        opportunity.refresh_from_db()
        assert not opportunity.is_locked


def test_bands_shown_are_by_the_published_bounds(
    ana: Rep,
    omar: User,
    make_opportunity: Callable[..., Opportunity],
    client: Client,
    publish: Callable[[], int],
) -> None:
    client.force_login(omar)
    opportunity = make_opportunity()
    reassign(opportunity_ids=[opportunity.pk], rep_id=ana.pk, by=omar, at=timezone.now())
    pages = [
        reverse("reps"),
        reverse("rep", args=[ana.pk]),
        reverse("team", args=[ana.team_id]),
        reverse("teams"),
        reverse("opportunity", args=[opportunity.pk]),
    ]
    CapacitySettings.objects.update(available_up_to_pct=5, near_up_to_pct=50)
    assert not any("near capacity" in client.get(page).content.decode() for page in pages)
    publish()
    assert all("near capacity" in client.get(page).content.decode() for page in pages)
    organisation = Organisation.objects.get()
    organisation.available_up_to_pct = 70
    organisation.save()  # a form that was opened before
    assert Organisation.objects.get().available_up_to_pct == 5


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(client: Client, db: None) -> None:
    page = "http://testserver/opportunities/7/?rep=3"
    for referer, back in ((page, "/opportunities/7/%3Frep%3D3"), ("https://evil.example/x", "/"), ("", "/")):
        response = client.post("/opportunities/7/lock/", headers={"Referer": referer} if referer else {})
        assert response.url == f"/login/?next={back}"  # type: ignore[attr-defined]
    assert client.get("/opportunities/7/").url == "/login/?next=/opportunities/7/"  # type: ignore[attr-defined]


def test_the_queue_warns_of_a_rep_who_is_away_full_or_gone(
    ana: Rep, omar: User, make_opportunity: Callable[..., Opportunity], client: Client
) -> None:
    client.force_login(omar)
    route(opportunity_id=make_opportunity().pk)
    page = reverse("queue")
    assert "notice warn" not in client.get(page).content.decode()
    Absence.objects.create(rep=ana, starts_at=timezone.now())
    Rep.objects.filter(pk=ana.pk).update(own_max_open=1, load=1)
    shown = client.get(page).content.decode()
    assert "Ana is away and has not said until when." in shown
    assert "Ana has 1 of 1 open: this goes past the maximum." in shown
    Rep.objects.filter(pk=ana.pk).update(left_at=timezone.now())
    assert "Ana has left. Give it to somebody else." in client.get(page).content.decode()
