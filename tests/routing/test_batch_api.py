"""Batches as a list tool or a script uses them: run, read, change, confirm; once for a repeated request."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import Batch, Override, Policy
from routing.queries.invariants import check_invariants
from routing.services import automation
from routing.services.batch_runs import review
from routing.services.batch_runs.planning import run_batch
from routing.services.batch_runs.review import Action
from tests.conftest import NOW, user_of
from tests.routing.test_batch_runs import RUN, MakeRep, planned

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
Wait = Callable[..., list[Opportunity]]
URL = "/api/v1/batches/"


@pytest.fixture
def batch(batch_policy: Policy, ana: Rep, cara: Rep, wait: Wait) -> Batch:
    """Ana of the East has room for two, Cara of the West for more."""
    Rep.objects.filter(pk=ana.pk).update(own_max_open=2)
    wait("Healthcare", "Healthcare", "Energy")
    return planned()


def items(client: APIClient, batch: Batch, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{URL}{batch.pk}/items/", asked)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


class TestRun:
    def test_asks_a_worker(self, batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api) -> None:
        wait("Energy")
        client = api(omar)
        answer = client.post(URL, {"policy": "Lists"})
        assert answer.status_code == 202
        body = answer.json()
        assert (body["policy"], body["state"], body["job"]["state"]) == ("Lists", "planning", "queued")
        assert body["requested_by"]["name"] == "Omar"
        run_batch(job_id=body["job"]["id"])
        detail = client.get(f"{URL}{body['id']}/").json()
        assert (detail["state"], detail["items"], detail["waiting"]) == ("review", 1, 1)

    def test_a_repeat_gets_the_same_batch(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api
    ) -> None:
        wait("Energy")
        client = api(omar)
        first, second = (
            client.post(URL, {"policy": "Lists"}, headers={"Idempotency-Key": "k1"}) for _ in range(2)
        )
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["id"] == second.json()["id"]
        run_batch(job_id=first.json()["job"]["id"])
        assert client.post(URL, {"policy": "Lists"}, headers={"Idempotency-Key": "k1"}).status_code == 202
        assert Batch.objects.count() == 1
        other = client.post(URL, {"policy": "Other"}, headers={"Idempotency-Key": "k1"})
        assert (other.status_code, "another policy" in other.json()["fields"]["policy"][0]) == (409, True)

    def test_says_why_it_cannot(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api
    ) -> None:
        client = api(omar)
        nothing = client.post(URL, {"policy": "Lists"})
        assert nothing.status_code == 409
        assert nothing.json()["fields"] == {"policy": ["Nothing waits for a batch of “Lists”."]}
        wait("Energy")
        client.post(URL, {"policy": "Lists"})
        again = client.post(URL, {"policy": "Lists"}).json()
        assert again["fields"] == {"policy": ["A batch of “Lists” is being planned already."]}
        automation.pause(by=omar, at=NOW, reason="")
        paused = client.post(URL, {"policy": "Lists"})
        assert (paused.status_code, "paused" in paused.json()["fields"]["policy"][0]) == (409, True)

    @pytest.mark.parametrize("body", [{}, {"policy": ""}, {"policy": "a\0b"}, {"police": "x"}, [], "x"])
    def test_nonsense_is_refused(self, body: Any, omar: User, api: Api) -> None:
        assert api(omar).post(URL, body, format="json").status_code == 400

    def test_is_cancelled_once(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api
    ) -> None:
        wait("Energy")
        client = api(omar)
        pk = client.post(URL, {"policy": "Lists"}).json()["id"]
        assert client.post(f"{URL}{pk}/cancel/").json()["state"] == "cancelled"
        assert client.post(f"{URL}{pk}/cancel/").status_code == 409


class TestRead:
    def test_list_is_narrowed(self, batch: Batch, omar: User, api: Api) -> None:
        client = api(omar)
        Batch.objects.create(policy_name="Old", state="closed", requested_at=NOW)
        names = lambda **asked: [row["policy"] for row in client.get(URL, asked).json()["results"]]  # noqa: E731
        assert names() == ["Old", "Lists"]
        assert names(policy="Lists") == names(state="review") == ["Lists"]
        assert names(policy="x\0") == []
        assert client.get(URL, {"state": "x"}).json()["fields"].keys() == {"state"}

    def test_detail_has_what_it_is_worth_in_numbers(self, batch: Batch, omar: User, api: Api) -> None:
        found = api(omar).get(f"{URL}{batch.pk}/").json()
        totals = found["totals"]
        assert (totals["count"], totals["given"], totals["waiting"], totals["conflicts"]) == (3, 3, 3, 0)
        assert totals["wins"] >= totals["alone_wins"] > 0
        assert [(one["rep"]["name"], one["before"], one["after"]) for one in found["loads"]] == [
            ("Ana", 0, 2), ("Cara", 0, 1),
        ]  # fmt: skip
        assert (found["proof"]["gap"], found["proof"]["is_verified"], found["proof"]["reps"]) == (0, True, 2)
        assert "this batch’s 3 opportunities among 2 reps" in found["proof"]["sentence"]
        assert {one["rep"]["name"] for one in found["prices"]} <= {"Ana", "Cara"}
        assert all(isinstance(one["adds"], float) for one in found["prices"])

    def test_one_that_is_being_planned(
        self, batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api
    ) -> None:
        wait("Energy")
        client = api(omar)
        pk = client.post(URL, {"policy": "Lists"}).json()["id"]
        found = client.get(f"{URL}{pk}/").json()
        assert (found["proof"], found["items"], found["loads"], found["walls"]) == (None, 0, [], [])

    def test_items_in_order_paged_and_narrowed(self, batch: Batch, ana: Rep, omar: User, api: Api) -> None:
        client = api(omar)
        first = client.get(f"{URL}{batch.pk}/items/", {"page_size": 2}).json()
        assert [row["position"] for row in first["results"]] == [1, 2]
        assert [row["position"] for row in client.get(first["next"]).json()["results"]] == [3]
        assert [row["rep"]["id"] for row in items(client, batch, rep=ana.pk)] == [ana.pk] * 2
        assert items(client, batch, show="held") == []
        row = items(client, batch, rep=ana.pk)[0]
        assert (row["state"], row["kind"], row["why_not"], row["edit"]) == ("pending", "suggestion", "", "")
        for asked in ({"show": "x"}, {"rep": "x"}, {"rep": "٣"}):
            assert client.get(f"{URL}{batch.pk}/items/", asked).status_code == 400

    @pytest.mark.parametrize("key", ["x", "0", "999999999999999999999", "ext:1", "%00"])
    def test_what_is_no_batch_is_not_found(self, key: str, omar: User, api: Api) -> None:
        client = api(omar)
        assert client.get(f"{URL}{key}/").status_code == 404
        assert client.get(f"{URL}{key}/items/").status_code == 404
        assert client.post(f"{URL}{key}/confirm/").status_code == 404

    def test_asks_as_much_for_one_as_for_thirty(
        self, batch_policy: Policy, make_rep: MakeRep, wait: Wait, omar: User, api: Api
    ) -> None:
        for number in range(30):
            make_rep(f"Rep {number}", max_open=2)
        client, asked = api(omar), []
        for count in (1, 1, 30):
            wait(*["Energy"] * count)
            found = planned()
            for address in (URL, f"{URL}{found.pk}/", f"{URL}{found.pk}/items/"):
                with CaptureQueriesContext(connection) as made:
                    assert client.get(address).status_code == 200
                asked.append(len(made))
        assert asked[3:6] == asked[6:9]


class TestDecide:
    def test_confirms_all_that_waits(self, batch: Batch, omar: User, api: Api) -> None:
        answer = api(omar).post(f"{URL}{batch.pk}/confirm/")
        assert answer.status_code == 200
        assert answer.json() == {"done": 3, "conflicts": 0, "decided_before": 0, "job": None}
        assert Opportunity.objects.filter(owner__isnull=False).count() == 3
        assert check_invariants().violations == []

    def test_some_of_them_and_says_what_was_decided_before(self, batch: Batch, omar: User, api: Api) -> None:
        client, chosen = api(omar), [item.pk for item in batch.items.all()[:2]]
        path = f"{URL}{batch.pk}/confirm/"
        client.post(path, {"items": chosen[:1]}, format="json")
        second = client.post(path, {"items": chosen}, format="json").json()
        assert (second["done"], second["decided_before"]) == (1, 1)

    def test_of_conflicts_it_says_how_many(self, batch: Batch, ana: Rep, omar: User, api: Api) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        client = api(omar)
        assert client.post(f"{URL}{batch.pk}/confirm/").json()["conflicts"] == 2
        assert len(items(client, batch, show="conflicts")) == 2

    def test_discards(self, batch: Batch, omar: User, api: Api) -> None:
        assert api(omar).post(f"{URL}{batch.pk}/discard/").json()["done"] == 3
        assert set(Opportunity.objects.values_list("routing", flat=True)) == {"batch"}

    def test_many_are_left_to_a_worker(
        self, batch: Batch, omar: User, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(review.AT_A_CLICK, Action.APPROVE, 2)
        client, path = api(omar), f"{URL}{batch.pk}/confirm/"
        answer = client.post(path)
        assert (answer.status_code, answer.json()["job"]["state"]) == (202, "queued")
        assert client.post(path).status_code == 409
        review.run_decision(job_id=answer.json()["job"]["id"], now=RUN)
        found = client.get(f"{URL}{batch.pk}/").json()
        assert (found["state"], found["waiting"], found["job"]["state"]) == ("closed", 0, "done")

    def test_plans_anew(self, batch: Batch, omar: User, api: Api) -> None:
        client, path = api(omar), f"{URL}{batch.pk}/reoptimise/"
        answer = client.post(path)
        assert (answer.status_code, answer.json()["job"]["kind"]) == (202, "batch")
        assert client.post(path).status_code == 409

    @pytest.mark.parametrize("chosen", ["x", [0], [-1], ["a"], [2**63], [999_999], 1])
    def test_items_that_are_none(self, chosen: Any, batch: Batch, omar: User, api: Api) -> None:
        answer = api(omar).post(f"{URL}{batch.pk}/confirm/", {"items": chosen}, format="json")
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["items"])
        assert not Opportunity.objects.filter(owner__isnull=False).exists()


class TestChange:
    def test_moves_with_a_note(self, batch: Batch, ana: Rep, cara: Rep, omar: User, api: Api) -> None:
        item = batch.items.filter(rep=ana)[0]
        body = {"rep": cara.pk, "note": "They know each other"}
        row = api(omar).post(f"{URL}{batch.pk}/items/{item.pk}/move/", body).json()
        assert (row["rep"]["name"], row["edit"], row["edited_by"]["name"]) == ("Cara", "moved", "Omar")
        assert Override.objects.get().note == "They know each other"

    def test_keeps_lets_go_and_holds_back(self, batch: Batch, omar: User, api: Api) -> None:
        client, item = api(omar), batch.items.all()[0]
        path = f"{URL}{batch.pk}/items/{item.pk}"
        assert client.post(f"{path}/keep/").json()["edit"] == "fixed"
        assert client.post(f"{path}/let-go/").json()["edit"] == ""
        held = client.post(f"{path}/hold-back/", {"note": "Wait for their answer"}).json()
        assert (held["edit"], held["rep"], held["kind"]) == ("held", None, "manager")
        again = client.post(f"{path}/keep/")
        assert (again.status_code, list(again.json()["fields"])) == (409, ["item"])

    def test_bad_reps_and_reasons_are_named(self, batch: Batch, omar: User, api: Api) -> None:
        item = batch.items.all()[0]
        path = f"{URL}{batch.pk}/items/{item.pk}/move/"
        for body, field in (
            ({}, "rep"), ({"rep": 0}, "rep"), ({"rep": "x"}, "rep"), ({"rep": 10**30}, "rep"),
            ({"rep": item.rep_id, "reason": "no such"}, "reason"), ({"rep": item.rep_id, "not": 1}, "not"),
        ):  # fmt: skip
            answer = api(omar).post(path, body, format="json")
            assert (answer.status_code, list(answer.json()["fields"])) == (400, [field]), body

    def test_of_two_people_the_second_is_told(self, batch: Batch, cara: Rep, omar: User, api: Api) -> None:
        client, item = api(omar), batch.items.all()[0]
        client.post(f"{URL}{batch.pk}/confirm/")
        answer = client.post(f"{URL}{batch.pk}/items/{item.pk}/move/", {"rep": cara.pk})
        assert (answer.status_code, "already" in answer.json()["fields"]["item"][0]) == (409, True)


class TestWhose:
    def test_a_manager_sees_and_decides_the_own_teams(
        self, batch: Batch, ana: Rep, cara: Rep, ben: User, api: Api
    ) -> None:
        client, theirs = api(ben), batch.items.get(rep=cara)
        found = client.get(f"{URL}{batch.pk}/").json()
        assert (found["items"], found["totals"]["count"]) == (2, 2)
        assert "Cara" not in str(found)
        assert {row["rep"]["id"] for row in items(client, batch)} == {ana.pk}
        assert [row["items"] for row in client.get(URL).json()["results"]] == [2]
        for verb in ("keep", "let-go", "hold-back", "move"):
            path = f"{URL}{batch.pk}/items/{theirs.pk}/{verb}/"
            assert client.post(path, {"rep": ana.pk} if verb == "move" else {}).status_code == 404
        named = client.post(f"{URL}{batch.pk}/confirm/", {"items": [theirs.pk]}, format="json")
        assert named.status_code == 400
        assert client.post(f"{URL}{batch.pk}/confirm/").json()["done"] == 2
        theirs.opportunity.refresh_from_db()
        assert theirs.opportunity.owner is None

    def test_and_moves_nothing_to_other_teams(
        self, batch: Batch, ana: Rep, cara: Rep, ben: User, api: Api
    ) -> None:
        item = batch.items.filter(rep=ana)[0]
        answer = api(ben).post(f"{URL}{batch.pk}/items/{item.pk}/move/", {"rep": cara.pk})
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["rep"])

    def test_and_does_not_plan_it_anew(self, batch: Batch, ben: User, api: Api) -> None:
        assert api(ben).post(f"{URL}{batch.pk}/reoptimise/").status_code == 403

    def test_an_item_of_another_batch_is_not_found(self, batch: Batch, omar: User, api: Api) -> None:
        other = Batch.objects.create(policy_name="Other", state="review", requested_at=NOW)
        item = batch.items.all()[0]
        assert api(omar).post(f"{URL}{other.pk}/items/{item.pk}/keep/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_the_same_request_side_by_side_asks_once(
    batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api
) -> None:
    wait("Energy")
    clients, gate = [api(omar) for _ in range(4)], threading.Barrier(4)

    def send(client: APIClient) -> tuple[int, int]:
        gate.wait()
        try:
            answer = client.post(URL, {"policy": "Lists"}, headers={"Idempotency-Key": "k1"})
            return answer.status_code, answer.json().get("id", 0)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = set(threads.map(send, clients))
    assert answers == {(202, Batch.objects.get().pk)}


def test_a_key_is_the_users_own(batch_policy: Policy, ana: Rep, omar: User, wait: Wait, api: Api) -> None:
    wait("Energy")
    other = user_of("Olga", User.Role.OPS)
    first = api(omar).post(URL, {"policy": "Lists"}, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 202
    second = api(other).post(URL, {"policy": "Lists"}, headers={"Idempotency-Key": "k1"})
    assert second.status_code == 409
    assert api(omar).post(URL, {"policy": "Lists"}, headers={"Idempotency-Key": "x" * 201}).status_code == 400
