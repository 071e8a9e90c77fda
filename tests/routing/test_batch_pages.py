"""The pages of batches: run, look over, change, confirm; who may see and do what."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Opportunity
from reps.models import Job, Rep, Team, User
from routing.engine.batch.plan import WhyNot
from routing.models import Batch, BatchItem, Policy
from routing.queries.batch_worth import prices, walls
from routing.queries.batches import job_words, newest_batches
from routing.queries.queue import pending_item
from routing.services.batch_runs import review
from routing.services.batch_runs.planning import run_batch
from routing.services.batch_runs.review import Action
from routing.services.decisions import route
from tests.conftest import NOW, user_of
from tests.routing.test_batch_runs import RUN, MakeRep, planned

pytestmark = pytest.mark.django_db
QUERIES = 16  # of the page of a batch, whatever its size


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
        assert "Proven: no other way to share this batch’s 3 opportunities among 2 reps" in text
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
        "shown",
        [
            "",
            "waiting",
            "nobody",
            "full",
            "ineligible",
            "unclear",
            "held",
            "edited",
            "conflicts",
            "otherwise",
            "x",
        ],
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
        assert "2 of 2 to confirm" in client.get(reverse("batches")).content.decode()
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


def test_the_newest_of_the_past_are_listed(omar: User) -> None:
    for day in range(25):
        Batch.objects.create(
            policy_name=f"p{day}", state="closed", requested_at=NOW + datetime.timedelta(days=day)
        )
    names = [line.batch.policy_name for line in newest_batches(omar)]
    assert names == [f"p{day}" for day in range(24, 4, -1)]


def test_a_policy_that_cannot_be(omar: User, as_user: Callable[[User], Client]) -> None:
    assert as_user(omar).post(reverse("batch_run"), {"policy": "a\0b"}).status_code == 302


def decide(client: Client, batch: Batch, asked: str = "", **sent: Any) -> str:
    """Posts a decision from the page under the filter `asked`; what the page then says."""
    answer = client.post(reverse("batch_decide", args=[batch.pk]) + asked, sent, follow=True)
    assert answer.redirect_chain == [(reverse("batch", args=[batch.pk]) + asked, 302)]
    return answer.content.decode()


class TestUnderAFilter:
    def test_approves_what_it_shows_and_names_the_number(
        self, batch: Batch, ana: Rep, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client, asked = as_user(omar), {"show": "waiting", "rep": str(ana.pk)}
        assert "Approve all 3" in page(client, batch)
        text = page(client, batch, **asked)
        assert "Approve these 2" in text
        assert "Discard these 2" in text
        assert "Above is the whole batch" in text
        said = decide(client, batch, f"?show=waiting&rep={ana.pk}", all="yes", action="approve", waited=2)
        assert "2 assigned." in said
        assert Opportunity.objects.filter(owner=ana).count() == 2
        assert Opportunity.objects.filter(owner__isnull=False).count() == 2

    def test_and_discards_no_more_than_that(
        self, batch: Batch, cara: Rep, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client = as_user(omar)
        said = decide(client, batch, f"?rep={cara.pk}", all="yes", action="discard", waited=1)
        assert "1 discarded" in said
        assert batch.items.filter(queue_item__state="pending").count() == 2

    def test_and_not_more_than_were_seen(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        said = decide(as_user(omar), batch, all="yes", action="approve", waited=2)
        assert "3 wait here now, not 2" in said
        assert not Opportunity.objects.filter(owner__isnull=False).exists()

    def test_filter_and_page_stay(
        self, batch: Batch, cara: Rep, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client, item = as_user(omar), batch.items.all()[0]
        asked = "?show=waiting&at="
        decide(client, batch, asked, item=item.pk, action="hold")
        other = batch.items.all()[1]
        address = reverse("batch_item", args=[batch.pk, other.pk]) + asked
        assert f'href="{reverse("batch_item", args=[batch.pk, other.pk])}?show=waiting"' in page(
            client, batch, show="waiting"
        )
        answer = client.post(address, {"action": "move", "rep": cara.pk})
        assert answer.headers["Location"] == reverse("batch", args=[batch.pk]) + asked

    def test_holds_back_what_was_selected(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client, chosen = as_user(omar), [item.pk for item in batch.items.all()[:2]]
        said = decide(client, batch, item=chosen, action="hold")
        assert "2 held back: they wait for a person." in said
        assert set(batch.items.filter(edit="held").values_list("pk", flat=True)) == set(chosen)
        assert page(client, batch, show="held").count("held back by Omar") == 2

    @pytest.mark.parametrize(
        "sent", [{}, {"action": "x"}, {"action": "approve", "all": "yes", "waited": "x"}]
    )
    def test_nonsense_is_said(
        self, sent: dict[str, str], batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        assert "Choose what to do with them." in decide(as_user(omar), batch, **sent)

    def test_why_nobody_has_it_can_be_told_apart(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        """Each reason has its filter; together they are all who have nobody."""
        client, item = as_user(omar), batch.items.all()[0]
        name = item.opportunity.name
        shown = {
            WhyNot.EVERYBODY_FULL: "full", WhyNot.NOT_HIGH_ENOUGH: "full", WhyNot.VALUE_CAP: "full",
            WhyNot.NOBODY_ELIGIBLE: "ineligible", WhyNot.NOT_CONFIDENT: "unclear",
            WhyNot.STAYING_OUT_IS_WORTH_MORE: "unclear", WhyNot.HELD: "held",
        }  # fmt: skip
        assert set(shown) == set(WhyNot) - {WhyNot.ASSIGNED}
        for why, filter_name in shown.items():
            batch.items.filter(pk=item.pk).update(rep=None, why_not=why)
            found = {
                key
                for key in ("full", "ineligible", "unclear", "held")
                if name in page(client, batch, show=key)
            }
            assert found == {filter_name}
            assert f'href="?show={filter_name}">1</a>: {why.label}' in page(client, batch)


class TestOfTwo:
    @pytest.fixture
    def first(self) -> Client:
        client = Client()
        client.force_login(user_of("Olga", User.Role.OPS))
        return client

    def test_who_approves_all_the_second_is_told(
        self, batch: Batch, omar: User, first: Client, as_user: Callable[[User], Client]
    ) -> None:
        second = as_user(omar)
        sent: dict[str, Any] = {"all": "yes", "action": "approve", "waited": 3}
        assert "3 assigned." in decide(first, batch, **sent)
        assert "3 were decided already by Olga." in decide(second, batch, **sent)

    def test_who_selected_the_second_is_told_of_those(
        self, batch: Batch, omar: User, first: Client, as_user: Callable[[User], Client]
    ) -> None:
        both = [item.pk for item in batch.items.all()[:2]]
        decide(first, batch, item=both[:1], action="discard")
        said = decide(as_user(omar), batch, item=both, action="approve")
        assert "1 assigned. 1 was decided already by Olga." in said

    def test_who_sends_twice_is_told_of_the_own(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client = as_user(omar)
        sent: dict[str, Any] = {"all": "yes", "action": "approve", "waited": 3}
        decide(client, batch, **sent)
        assert "3 were decided already by you." in decide(client, batch, **sent)


class TestByAWorker:
    @pytest.mark.parametrize(
        ("action", "title", "said"),
        [
            ("approve", "Confirming", "1 assigned, 2 conflicts."),
            ("discard", "Discarding", "3 discarded, to wait for the next run."),
            ("hold", "Holding back", "3 held back."),
        ],
    )
    def test_many_show_their_progress_and_then_their_numbers(
        self,
        action: str,
        title: str,
        said: str,
        batch: Batch,
        ana: Rep,
        omar: User,
        as_user: Callable[[User], Client],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(review.AT_A_CLICK, Action(action), 2)
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        client = as_user(omar)
        text = decide(client, batch, all="yes", action=action, waited=3)
        assert f"<b>{title}</b>" in text
        assert "Approve all" not in text
        again = decide(client, batch, all="yes", action=action, waited=3)
        assert "Somebody has this batch planned anew, confirmed or discarded already." in again
        batch.refresh_from_db()
        review.run_decision(job_id=batch.job_id or 0, now=RUN)
        assert said in page(client, batch)

    def test_how_many_others_took_while_it_was_planned(self) -> None:
        planning = Job(kind="batch", state="done", result={"published": 4, "conflicts": 3})
        assert job_words(planning).startswith("3 were taken or changed by others while it was planned")
        planning.result["conflicts"] = 1
        assert job_words(planning).endswith("decided by itself.")
        planning.result["conflicts"] = 0
        assert job_words(planning) == ""
        assert job_words(Job(kind="batch", state="failed", result={"conflicts": 3})) == ""


class TestPrices:
    def test_nothing_more_is_worth_having(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        found = batch.found | {"slots": [], "walls": []}
        Batch.objects.filter(pk=batch.pk).update(found=found)
        text = page(as_user(omar), batch)
        assert "no further slot and no wall would add anything" in text

    def test_walls_read_well_with_and_without_an_example(
        self, batch: Batch, ana: Rep, omar: User, ben: User, cara: Rep
    ) -> None:
        item, batch.objective = batch.items.filter(rep=cara)[0], "wins"
        batch.found = batch.found | {
            "slots": [{"rep": ana.pk, "price": 0.0, "checked": 0.004}],
            "walls": [
                {"name": "language:German", "at_most": 0.5, "adds": None, "pairs": []},
                {
                    "name": "language:French",
                    "at_most": 0.5,
                    "adds": 0.25,
                    "pairs": [[item.opportunity_id, ana.pk]],
                },
                {"name": "territory:0", "at_most": 0.1, "adds": 0.0, "pairs": []},
            ],
        }
        assert prices(batch, omar) == []
        said = [(wall.said, wall.example) for wall in walls(batch, omar)]
        assert said == [
            (
                "Without the language German this batch would be worth at most 0.50 wins more",
                "",
            ),
            (
                "Without the language French this batch would be worth 0.25 wins more",
                f"{item.opportunity.name} could then go to Ana",
            ),
        ]
        assert [wall.example for wall in walls(batch, ben)] == ["", ""]  # of another team's lead


class TestLinks:
    def test_the_queue_names_the_batch_of_an_item(
        self,
        batch: Batch,
        make_opportunity: Callable[..., Opportunity],
        omar: User,
        as_user: Callable[[User], Client],
    ) -> None:
        single = make_opportunity("Single")
        assert route(opportunity_id=single.pk, at=RUN) is not None
        client, address = as_user(omar), reverse("batch", args=[batch.pk])
        text = client.get(reverse("queue")).content.decode()
        assert text.count(f'<a class="tag" href="{address}">batch {batch.pk}</a>') == 3
        item = batch.items.all()[0]
        detail = client.get(reverse("queue_item", args=[item.queue_item_id])).content.decode()
        assert f'Proposed by <a class="link" href="{address}">batch {batch.pk}</a> of “Lists”.' in detail
        alone = pending_item(single.pk)
        assert alone is not None
        assert "Proposed by" not in client.get(reverse("queue_item", args=[alone.pk])).content.decode()

    def test_the_opportunity_says_which_batch_proposed_it(
        self, batch: Batch, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        client, item = as_user(omar), batch.items.all()[0]
        address = reverse("opportunity", args=[item.opportunity_id])
        proposed = f'href="{reverse("batch", args=[batch.pk])}">batch {batch.pk}</a> of “Lists”.'
        assert proposed in client.get(address).content.decode()
        decide(client, batch, all="yes", action="approve", waited=3)
        assert proposed not in client.get(address).content.decode()
