"""The pages of batches: run, look over, change, confirm; who may see and do what."""

import datetime
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Opportunity
from reps.models import Job, Rep, Team, User
from routing.models import Batch, BatchItem, Policy
from routing.queries.batches import newest_batches
from routing.services.batch_runs.planning import run_batch
from tests.conftest import NOW
from tests.routing.test_batch_runs import MakeRep, planned

pytestmark = pytest.mark.django_db
QUERIES = 18  # of the page of a batch, whatever its size


@pytest.fixture
def batch(batch_policy: Policy, ana: Rep, cara: Rep, wait: Callable[..., list[Opportunity]]) -> Batch:
    """Ana of the East has room for two, Cara of the West for more."""
    Rep.objects.filter(pk=ana.pk).update(own_max_open=2)
    wait("Healthcare", "Healthcare", "Energy")
    return planned()


def page(client: Client, batch: Batch, **asked: str) -> str:
    return client.get(reverse("batch", args=[batch.pk]), asked).content.decode()


class TestList:
    def test_what_waits_and_what_is_to_be_looked_over(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        text = as_user(omar).get(reverse("batches")).content.decode()
        assert f"Lists, batch {batch.pk}" in text
        assert "3 of 3 to confirm" in text
        assert "0 wait" in text

    def test_runs_one_now(
        self,
        batch_policy: Policy,
        ana: Rep,
        omar: User,
        wait: Callable[..., list[Opportunity]],
        as_user: Callable[[User], Client],
    ) -> None:
        wait("Energy")
        client = as_user(omar)
        answer = client.post(reverse("batch_run"), {"policy": "Lists"})
        found = Batch.objects.get()
        assert answer.headers["Location"] == reverse("batch", args=[found.pk])
        assert "Planning" in page(client, found)
        run_batch(job_id=found.job_id or 0)
        assert "What it is worth" in page(client, found)

    def test_says_why_it_cannot(
        self,
        batch_policy: Policy,
        omar: User,
        as_user: Callable[[User], Client],
    ) -> None:
        client = as_user(omar)
        client.post(reverse("batch_run"), {"policy": "Lists"})
        assert "Nothing waits for a batch of “Lists”" in client.get(reverse("batches")).content.decode()

    def test_cancels(
        self,
        batch_policy: Policy,
        ana: Rep,
        omar: User,
        wait: Callable[..., list[Opportunity]],
        as_user: Callable[[User], Client],
    ) -> None:
        wait("Energy")
        client = as_user(omar)
        client.post(reverse("batch_run"), {"policy": "Lists"})
        found = Batch.objects.get()
        client.post(reverse("batch_cancel", args=[found.pk]))
        found.refresh_from_db()
        assert found.state == "cancelled"


class TestReview:
    def test_says_what_it_is_worth_and_what_else_would_be(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        text = page(as_user(omar), batch)
        assert "3 of 3 go to somebody" in text
        assert "Proven: no other assignment" in text
        assert "match scores stand in for the chance of winning" in text
        for way in ("One by one", "Best pair first", "In turn"):
            assert way in text

    def test_approves_all(self, batch: Batch, omar: User, as_user: Callable[[User], Client]) -> None:
        client = as_user(omar)
        client.post(reverse("batch_decide", args=[batch.pk]), {"all": "yes", "action": "approve"})
        assert "3 assigned." in page(client, batch)
        assert Opportunity.objects.filter(owner__isnull=False).count() == 3

    def test_approves_some(self, batch: Batch, omar: User, as_user: Callable[[User], Client]) -> None:
        client, item = as_user(omar), batch.items.all()[1]
        client.post(reverse("batch_decide", args=[batch.pk]), {"item": [item.pk], "action": "approve"})
        assert list(Opportunity.objects.filter(owner__isnull=False)) == [item.opportunity]

    def test_none_selected(self, batch: Batch, omar: User, as_user: Callable[[User], Client]) -> None:
        client = as_user(omar)
        client.post(reverse("batch_decide", args=[batch.pk]), {"item": ["x", "٣"], "action": "approve"})
        assert "Select at least one first." in page(client, batch)

    def test_lists_conflicts(
        self, batch: Batch, ana: Rep, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        client = as_user(omar)
        client.post(reverse("batch_decide", args=[batch.pk]), {"all": "yes", "action": "approve"})
        text = page(client, batch, show="conflicts")
        assert "2 could not be confirmed within the limits" in text
        assert text.count("Ana has no room any more") == 2

    def test_moves_one(
        self, batch: Batch, ana: Rep, cara: Rep, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client, item = as_user(omar), batch.items.filter(rep=ana)[0]
        address = reverse("batch_item", args=[batch.pk, item.pk])
        assert "Routed one by one it would have gone to" in client.get(address).content.decode()
        assert client.post(address, {"action": "move"}).status_code == 422
        assert client.post(address, {"action": "move", "rep": cara.pk}).status_code == 302
        item.refresh_from_db()
        assert (item.rep, item.edit) == (cara, "moved")
        assert "moved by Omar" in page(client, batch, show="edited")

    @pytest.mark.parametrize(("action", "edit"), [("keep", "fixed"), ("hold", "held")])
    def test_keeps_and_holds_back(
        self, action: str, edit: str, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        item = batch.items.all()[0]
        as_user(omar).post(reverse("batch_item", args=[batch.pk, item.pk]), {"action": action})
        item.refresh_from_db()
        assert item.edit == edit

    def test_the_second_person_is_told(
        self, batch: Batch, cara: Rep, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client, item = as_user(omar), batch.items.all()[0]
        client.post(reverse("batch_decide", args=[batch.pk]), {"all": "yes", "action": "approve"})
        address = reverse("batch_item", args=[batch.pk, item.pk])
        answer = client.post(address, {"action": "move", "rep": cara.pk})
        assert answer.status_code == 422
        assert "Omar gave it to" in answer.content.decode()

    def test_optimises_again(self, batch: Batch, omar: User, as_user: Callable[[User], Client]) -> None:
        client = as_user(omar)
        client.post(reverse("batch_optimise", args=[batch.pk]))
        assert "Planning" in page(client, batch)
        client.post(reverse("batch_optimise", args=[batch.pk]))
        assert "It is being planned anew already." in page(client, batch)

    def test_discards(self, batch: Batch, omar: User, as_user: Callable[[User], Client]) -> None:
        client = as_user(omar)
        client.post(reverse("batch_decide", args=[batch.pk]), {"all": "yes", "action": "discard"})
        assert "3 discarded" in page(client, batch)

    @pytest.mark.parametrize(
        "shown", ["", "waiting", "nobody", "edited", "conflicts", "otherwise", "nonsense"]
    )
    def test_is_narrowed(
        self, shown: str, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        answer = as_user(omar).get(reverse("batch", args=[batch.pk]), {"show": shown, "rep": "x"})
        assert answer.status_code == 200

    def test_a_bad_cursor_is_not_found(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        assert as_user(omar).get(reverse("batch", args=[batch.pk]), {"at": "?"}).status_code == 404

    @pytest.mark.parametrize("count", [1, 30])
    def test_asks_as_much_for_one_as_for_thirty(
        self,
        count: int,
        batch_policy: Policy,
        make_rep: MakeRep,
        wait: Callable[..., list[Opportunity]],
        omar: User,
        as_user: Callable[[User], Client],
        django_assert_num_queries: Callable[[int], object],
    ) -> None:
        for number in range(count):
            make_rep(f"Rep {number}", max_open=1)
        wait(*["Energy"] * count)
        found, client = planned(), as_user(omar)
        page(client, found)
        with django_assert_num_queries(QUERIES):  # type: ignore[attr-defined]
            page(client, found)


class TestWhose:
    def test_a_manager_sees_and_decides_the_own_teams(
        self, batch: Batch, ana: Rep, cara: Rep, ben: User, as_user: Callable[[User], Client]
    ) -> None:
        client = as_user(ben)
        mine, other = batch.items.filter(rep=ana), batch.items.get(rep=cara)
        text = page(client, batch)
        assert "2 of 2 go to somebody" in text
        assert "Cara" not in text
        assert client.get(reverse("batch_item", args=[batch.pk, other.pk])).status_code == 404
        client.post(reverse("batch_decide", args=[batch.pk]), {"all": "yes", "action": "approve"})
        assert set(Opportunity.objects.filter(owner__isnull=False)) == {one.opportunity for one in mine}

    def test_and_does_not_plan_it_anew(
        self, batch: Batch, ben: User, as_user: Callable[[User], Client]
    ) -> None:
        client = as_user(ben)
        client.post(reverse("batch_optimise", args=[batch.pk]))
        assert "ask operations to optimise it again" in page(client, batch)

    def test_but_one_that_is_all_theirs(
        self, batch: Batch, west: Team, ben: User, as_user: Callable[[User], Client]
    ) -> None:
        west.managers.add(ben)
        client = as_user(ben)
        client.post(reverse("batch_optimise", args=[batch.pk]))
        assert "Planning" in page(client, batch)

    def test_analysts_only_look(self, batch: Batch, nia: User, as_user: Callable[[User], Client]) -> None:
        client = as_user(nia)
        assert "Approve all" not in page(client, batch)
        item = BatchItem.objects.all()[0]
        answer = client.post(reverse("batch_item", args=[batch.pk, item.pk]), {"action": "keep"})
        assert answer.status_code == 403
        item.refresh_from_db()
        assert item.edit == ""


def test_says_why_planning_anew_failed(batch: Batch, omar: User, as_user: Callable[[User], Client]) -> None:
    client = as_user(omar)
    client.post(reverse("batch_optimise", args=[batch.pk]))
    batch.refresh_from_db()
    Job.objects.filter(pk=batch.job_id or 0).update(state="failed", error="It broke.")
    assert "It broke." in page(client, batch)


def test_a_conflict_that_was_solved_is_said_no_more(
    batch: Batch, ana: Rep, omar: User, as_user: Callable[[User], Client]
) -> None:
    client, all_of_it = as_user(omar), {"all": "yes", "action": "approve"}
    Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
    client.post(reverse("batch_decide", args=[batch.pk]), all_of_it)
    Rep.objects.filter(pk=ana.pk).update(own_max_open=9)
    client.post(reverse("batch_decide", args=[batch.pk]), all_of_it)
    assert not batch.items.exclude(conflict="").exists()


def test_the_newest_of_the_past_are_listed(db: None) -> None:
    for day in range(25):
        Batch.objects.create(
            policy_name=f"p{day}", state="closed", requested_at=NOW + datetime.timedelta(days=day)
        )
    names = [one.policy_name for one in newest_batches()]
    assert names == [f"p{day}" for day in range(24, 4, -1)]


def test_a_policy_that_cannot_be(omar: User, as_user: Callable[[User], Client]) -> None:
    assert as_user(omar).post(reverse("batch_run"), {"policy": "a\0b"}).status_code == 302
