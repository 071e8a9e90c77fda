"""Changes of where opportunities stand: noted whoever makes them, numbered without gaps, and told over the API."""

import datetime
import itertools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from crm.models import Assignment, ImportRun, Opportunity
from crm.services import ownership
from reps.models import Rep, User
from routing.models import Change, ChangeCounter, QueueItem
from routing.queries.told_changes import changes_after, told
from routing.services import overrides, queue
from routing.services.changes import forget_changes, number_changes
from routing.services.decisions import route
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
Api = Callable[[User], APIClient]
URL = "/api/v1/changes/"
CHANGE_QUERIES = 7


def give(opportunity: Opportunity, rep: Rep, by: User) -> None:
    with transaction.atomic():
        row = ownership.lock_opportunity(opportunity.pk)
        ownership.lock_reps([row.owner_id, rep.pk])
        ownership.assign(opportunity=row, rep=rep, source="person", at=NOW, by=by, reason="Knows them")


def noted() -> list[tuple[str, int | None, int | None]]:
    return [(c.event.split(".")[1], c.from_rep_id, c.to_rep_id) for c in Change.objects.order_by("id")]


class TestWhatIsNoted:
    def test_assigned_reassigned_unassigned(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        assert noted() == []
        give(opportunity, ana, omar)
        give(opportunity, bo, omar)
        row = Opportunity.objects.get(pk=opportunity.pk)
        ownership.unassign(opportunity=row, at=NOW)
        assert noted() == [
            ("assigned", None, ana.pk),
            ("reassigned", ana.pk, bo.pk),
            ("unassigned", bo.pk, None),
        ]
        first, second, third = Change.objects.order_by("id")
        made = list(Assignment.objects.order_by("id").values_list("pk", flat=True))
        assert [first.assignment_id, second.assignment_id, third.assignment_id] == [*made, None]

    def test_plain_sql_and_the_orms_update_as_well(self, ana: Rep, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE crm_opportunity SET owner_id = %s, routing = 'assigned' WHERE id = %s",
                [ana.pk, opportunity.pk],
            )
        Opportunity.objects.filter(pk=opportunity.pk).update(owner=None, routing="none")
        assert noted() == [("assigned", None, ana.pk), ("unassigned", ana.pk, None)]
        number_changes()
        (first, _) = told(changes_after(0, last=2, events=[], most=10))
        assert first["by"] == {"kind": "other", "name": ""}

    def test_nothing_where_nothing_changes(self, ana: Rep, omar: User, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        give(opportunity, ana, omar)
        Opportunity.objects.update(owner_id=ana.pk, routing="assigned")
        Opportunity.objects.update(name="Other", stage="won", closed_at=NOW)
        assert noted() == [("assigned", None, ana.pk)]

    def test_what_arrives_with_its_owner_is_no_change(self, ana: Rep) -> None:
        Opportunity.objects.create(name="Imported", owner=ana, routing="assigned")
        assert noted() == []

    def test_rolled_back_with_what_it_tells(self, ana: Rep, omar: User, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        with transaction.atomic():
            give(opportunity, ana, omar)
            transaction.set_rollback(True)
        assert noted() == []

    def test_held_once_and_again_when_the_manager_has_it(self, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        for routing in ("held", "held", "manager", "waiting", "suggested"):
            Opportunity.objects.filter(pk=opportunity.pk).update(routing=routing)
        assert noted() == [("held", None, None), ("held", None, None)]


class TestTold:
    @pytest.mark.usefixtures("assign_at_once")
    def test_automation_with_its_reason(self, ana: Rep, bo: Rep, omar: User, api: Api) -> None:
        body = {"name": "Northwind", "external_id": "SF-1", "industry": "Healthcare"}
        answer = api(omar).post("/api/v1/opportunities/", body).json()
        page = api(omar).get(URL, {"since": 0}).json()
        (change,) = page["changes"]
        assert (page["next"], page["more"]) == (1, False)
        assert (change["number"], change["event"], change["from"]) == (1, "opportunity.assigned", None)
        assert change["opportunity"] == {
            "id": answer["id"], "external_id": "SF-1", "name": "Northwind", "kind": "lead", "stage": "open"
        }  # fmt: skip
        assert (change["to"]["name"], change["to"]["email"]) == (answer["owner"]["name"], ana.email)
        assert change["by"] == {"kind": "automation", "name": ""}
        decision = answer["decision"]
        told_ = (change["reason"], change["decision"], change["policy"], change["match_score"])
        assert told_ == (decision["reason"], decision["id"], decision["policy"], decision["score"])

    def test_a_person_by_name_and_reason(
        self, ana: Rep, bo: Rep, omar: User, api: Api, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        overrides.reassign(
            opportunity_ids=[opportunity.pk], rep_id=bo.pk, by=omar, at=NOW, note="Knows them well"
        )
        (change,) = api(omar).get(URL).json()["changes"]
        assert change["by"] == {"kind": "person", "name": "Omar"}
        assert (change["to"]["id"], change["decision"], change["match_score"]) == (bo.pk, None, None)

    def test_an_import(self, ana: Rep, omar: User, api: Api, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        run = ImportRun.objects.create()
        row = ownership.lock_opportunity(opportunity.pk)
        ownership.assign(opportunity=row, rep=ana, source="import", at=NOW, import_run=run)
        (change,) = api(omar).get(URL).json()["changes"]
        assert change["by"] == {"kind": "import", "name": ""}

    def test_held_by_the_router_and_by_a_rejection(
        self, omar: User, api: Api, make_opportunity: Make, make_rep: Callable[..., Rep]
    ) -> None:
        route(opportunity_id=make_opportunity().pk)  # nobody is there
        make_rep("Ana")
        suggested = make_opportunity("Contoso")
        route(opportunity_id=suggested.pk)
        item = QueueItem.objects.get(opportunity=suggested, state="pending")
        queue.reject(item_id=item.pk, by=omar, at=NOW, note="Not now")
        held, rejected = api(omar).get(URL, {"event": "opportunity.held"}).json()["changes"]
        assert (held["by"]["kind"], bool(held["decision"]), bool(held["reason"])) == (
            "automation",
            True,
            True,
        )
        assert rejected["by"] == {"kind": "person", "name": "Omar"}
        assert (rejected["reason"], rejected["to"]) == ("Rejected: Not now", None)

    def test_a_deleted_opportunity_is_told_as_gone(
        self, ana: Rep, omar: User, api: Api, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        Opportunity.objects.filter(pk=opportunity.pk).update(routing="held")
        pk = opportunity.pk
        Opportunity.objects.filter(pk=pk).delete()
        (change,) = api(omar).get(URL).json()["changes"]
        assert (change["opportunity"]["id"], change["opportunity"]["stage"]) == (pk, "deleted")


class TestFollowing:
    @pytest.fixture
    def many(self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make) -> None:
        for n in range(30):
            give(make_opportunity(f"Lead {n}"), (ana, bo)[n % 2], omar)

    @pytest.mark.usefixtures("many")
    def test_pages_in_order_and_says_where_to_go_on(self, omar: User, api: Api) -> None:
        client, seen, since = api(omar), [], 0
        for _ in range(3):
            page = client.get(URL, {"since": since, "limit": 12}).json()
            seen += [change["number"] for change in page["changes"]]
            since = page["next"]
        assert (seen, page["more"], since) == (list(range(1, 31)), False, 30)
        assert client.get(URL, {"since": 30}).json() == {"next": 30, "more": False, "changes": []}
        assert client.get(URL, {"since": "latest"}).json() == {"next": 30, "more": False, "changes": []}

    @pytest.mark.usefixtures("many")
    def test_a_filter_moves_on_past_what_it_leaves_out(self, omar: User, api: Api) -> None:
        page = api(omar).get(URL, {"event": "opportunity.held,opportunity.unassigned"}).json()
        assert page == {"next": 30, "more": False, "changes": []}

    @pytest.mark.usefixtures("many")
    def test_one_and_thirty_take_the_same_queries(self, omar: User, api: Api) -> None:
        client = api(omar)
        client.get(URL)
        for limit in (1, 30):
            with CaptureQueriesContext(connection) as queries:
                assert len(client.get(URL, {"limit": limit}).json()["changes"]) == limit
            assert len(queries) == CHANGE_QUERIES, [query["sql"] for query in queries]

    @pytest.mark.usefixtures("many")
    def test_what_is_forgotten_answers_410_with_what_to_do(self, omar: User, api: Api) -> None:
        client = api(omar)
        client.get(URL)
        old = timezone.now() - datetime.timedelta(days=91)
        Change.objects.filter(number__lte=10).update(at=old)
        assert (forget_changes(at=timezone.now()), forget_changes(at=timezone.now())) == (10, 0)
        gone = client.get(URL, {"since": 9})
        assert (gone.status_code, gone.json()["oldest"]) == (410, 10)
        assert "since=10" in gone.json()["error"]
        for asked in ({"since": 10}, {}):
            found = client.get(URL, asked).json()["changes"]
            assert [change["number"] for change in found] == list(range(11, 31))

    @pytest.mark.usefixtures("many")
    def test_numbers_go_on_after_everything_was_forgotten(
        self, omar: User, ana: Rep, make_opportunity: Make
    ) -> None:
        number_changes()
        assert forget_changes(at=timezone.now() + datetime.timedelta(days=91)) == 30
        give(make_opportunity("Late"), ana, omar)
        number_changes()
        assert Change.objects.get().number == 31

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({"since": "-1"}, "since"), ({"since": "x"}, "since"), ({"since": "9" * 40}, "since"),
            ({"since": "²"}, "since"), ({"since": "5"}, "since"), ({"limit": "0"}, "limit"),
            ({"limit": "501"}, "limit"), ({"event": "lead.eaten"}, "event"), ({"since": "\x00"}, "since"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_by_name(
        self, asked: dict[str, str], field: str, omar: User, api: Api
    ) -> None:
        answer = api(omar).get(URL, asked)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])

    def test_managers_and_reps_may_not(self, ana: Rep, ben: User, nia: User, api: Api) -> None:
        assert [api(user).get(URL).status_code for user in (ana.user, ben, nia)] == [403] * 3  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    def test_what_commits_late_gets_a_later_number(
        self, ana: Rep, omar: User, make_opportunity: Make
    ) -> None:
        early, late = make_opportunity("Early"), make_opportunity("Late")
        wrote, may_commit = threading.Event(), threading.Event()

        def slow() -> None:
            with transaction.atomic():
                give(early, ana, omar)
                wrote.set()
                assert may_commit.wait(20)

        def slow_thread() -> None:
            try:
                slow()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(slow_thread)
            assert wrote.wait(20)
            Opportunity.objects.filter(pk=late.pk).update(routing="held")  # drew a larger id, commits first
            assert number_changes().last == 1
            seen = Change.objects.get(number=1)
            assert seen.opportunity_id == late.pk
            may_commit.set()
            running.result()
        assert number_changes().last == 2
        second = Change.objects.get(number=2)
        assert second.opportunity_id == early.pk
        assert second.pk < seen.pk  # by id a reader who was at `seen` would never have met it

    def test_many_writers_and_readers_lose_and_repeat_nothing(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        """Writers with transactions of random length; readers that follow by number see one and the same sequence."""
        ids = [make_opportunity(f"Lead {n}").pk for n in range(6)]
        done = threading.Event()
        reps = (ana.pk, bo.pk)

        def write(seed: int) -> None:
            draw = random.Random(seed)
            try:
                for _ in range(25):
                    try:
                        with transaction.atomic():
                            for pk in sorted(draw.sample(ids, draw.choice([1, 1, 2]))):
                                row = ownership.lock_opportunity(pk)
                                owner = draw.choice([rep for rep in reps if rep != row.owner_id])
                                Opportunity.objects.filter(pk=pk).update(owner=owner, routing="assigned")
                                done.wait(draw.random() * 0.01)
                                if draw.random() < 0.1:
                                    raise RuntimeError("rolled back")
                    except RuntimeError:
                        continue
            finally:
                connection.close()

        def read() -> list[tuple[int | None, int]]:
            seen: list[tuple[int | None, int]] = []
            try:
                while True:
                    was_done = done.is_set()
                    numbers = number_changes(most=7)
                    at = seen[-1][0] or 0 if seen else 0
                    rows = Change.objects.filter(number__gt=at, number__lte=numbers.last).order_by("number")
                    new = list(rows.values_list("number", "pk"))
                    seen += new
                    if was_done and not new:
                        return seen
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            readers = [pool.submit(read) for _ in range(3)]
            for writer in [pool.submit(write, seed) for seed in range(5)]:
                writer.result()
            done.set()
            sequences = [reader.result() for reader in readers]
        written = Change.objects.count()
        assert written > 60
        assert [number for number, _ in sequences[0]] == list(range(1, written + 1))
        assert sequences[0] == sequences[1] == sequences[2]
        assert ChangeCounter.objects.get().last == written
        for pk in ids:  # what happened to one opportunity reads as one story
            story = list(
                Change.objects.filter(opportunity=pk).order_by("number").values_list("from_rep", "to_rep")
            )
            assert all(before[1] == after[0] for before, after in itertools.pairwise(story))
