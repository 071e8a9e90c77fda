"""Many at once become what one after the other would, whatever stands in the way of a wave."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from crm.models import Account, Contact, DuplicateLink, Opportunity, Product
from crm.queries.matching import forget_matcher
from reps.models import Rep, Team, User
from routing.engine.ladder import decide
from routing.engine.trace import digest
from routing.models import (
    BatchWait,
    Decision,
    FirstTouchClock,
    IntakeReceipt,
    OutboxMessage,
    Policy,
    QueueItem,
)
from routing.queries import state
from routing.queries.inputs import stored_inputs
from routing.queries.invariants import check_invariants
from routing.services import automation
from routing.services.intake import Accepted, take_in
from routing.services.intake_many import WAVE, Outcome, Row, take_in_many
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
URL = "/api/v1/opportunities/bulk/"
WORDS = (
    "Kranich",
    "Feldmann",
    "Lumora",
    "Tessera",
    "Quantum",
    "Harbour",
    "Silver",
    "Birch",
    "Falcon",
    "Meridian",
)
COUNTRIES = ("DE", "FR", "US")


def company(number: int) -> dict[str, Any]:
    """Names that share words, so that most have something to be compared with."""
    first, rest = number % len(WORDS), number // len(WORDS)
    name = f"{WORDS[first]} {WORDS[(first * 3 + rest) % len(WORDS)]} {number * 7919 % 1000} Ltd"
    return {"name": name, "country": COUNTRIES[number % 3]}


def lead(number: int, **values: Any) -> dict[str, Any]:
    return {
        "name": f"Lead {number}",
        "external_id": f"lead-{number}",
        "company": company(number),
        "person": {"name": f"Person {number}", "email": f"person{number}@company{number}.example"},
        "industry": ("Healthcare", "Energy", "")[number % 3],
        "value": 1000 + number,
        "currency": "USD",
    } | values


def bring(rows: Sequence[dict[str, Any]], by: User) -> list[Outcome]:
    return take_in_many(rows=[Row(values, values["external_id"]) for values in rows], by=by)


def taken(rows: Sequence[dict[str, Any]], by: User) -> list[Accepted]:
    found = bring(rows, by)
    return [one for one in found if isinstance(one, Accepted)]


def one_by_one(rows: Sequence[dict[str, Any]], by: User) -> list[Outcome]:
    found: list[Outcome] = []
    for values in rows:
        try:
            found.append(take_in(values=values, body=values["external_id"], by=by, at=NOW))
        except ValidationError as error:
            found.append(error)
    return found


def what_became_of(outcomes: Sequence[Outcome]) -> list[Any]:
    """Everything of each that does not depend on ids and clocks."""
    told: list[Any] = []
    for outcome in outcomes:
        if isinstance(outcome, ValidationError):
            told.append(outcome.message_dict)
            continue
        one = Opportunity.objects.select_related("owner", "account", "contact", "product").get(
            pk=outcome.opportunity.pk
        )
        match = getattr(one, "account_match", None)
        decision = Decision.objects.filter(opportunity=one).order_by("-id").first()
        item = QueueItem.objects.filter(opportunity=one, state="pending").first()
        told.append(
            {
                "name": one.name,
                "routing": one.routing,
                "owner": one.owner and one.owner.name,
                "account": one.account and one.account.name,
                "match": match
                and (match.state, match.confidence, match.why, match.filled, match.brought_contact),
                "contact": one.contact
                and (one.contact.name, one.contact.email, one.contact.account_id is None),
                "facts": (one.industry, one.country, one.language, one.size_band, one.flags, one.value_base),
                "product": one.product and one.product.name,
                "links": sorted(DuplicateLink.objects.filter(opportunity=one).values_list("state", "why")),
                "decision": decision
                and (decision.outcome, decision.via, decision.score, decision.policy_name, decision.priority),
                "item": item and (item.kind, item.rep_id, item.order_points),
                "assignments": list(
                    one.assignments.values_list(
                        "rep__name", "committed_before", "week_before", "exempt", "reason"
                    )
                ),
                "clock": FirstTouchClock.objects.filter(opportunity=one).count(),
                "stages": one.stage_changes.count(),
                "receipt": IntakeReceipt.objects.filter(opportunity=one, answer__isnull=False).count(),
                "told": sorted(
                    OutboxMessage.objects.filter(payload__opportunity_id=one.pk).values_list(
                        "topic", flat=True
                    )
                ),
            }
        )
    return told


def numbers() -> list[Any]:
    """What reps and teams have afterwards."""
    of_reps = Rep.objects.order_by("pk").values_list(
        "name", "load", "pending", "pipeline_value", "turns_taken", "turn_finish"
    )
    return [*of_reps, *Team.objects.order_by("pk").values_list("name", "turn_clock")]


def both_ways(rows: Sequence[dict[str, Any]], by: User) -> tuple[list[Any], list[Any]]:
    """What became of the rows one by one, in a transaction that is taken back; then of all at once."""
    found = []
    for way in (one_by_one, bring):
        forget_matcher()
        state.forget_state()
        with transaction.atomic():
            outcome = what_became_of(way(rows, by))
            assert check_invariants().violations == []
            found.append([*outcome, *numbers()])
            transaction.set_rollback(True)
    return found[0], found[1]


@pytest.fixture
def crowd(make_rep: Callable[..., Rep], west: Team) -> list[Rep]:
    return [
        make_rep(
            f"Rep {n}",
            skills={"industry": [("Healthcare", "Energy")[n % 2]]},
            max_open=6,
            own_max_new_per_week=5,
            **({"team": west} if n % 3 == 0 else {}),
        )
        for n in range(7)
    ]


APPLICATIONS = ("assign", "suggest")
THRESHOLDS = (0, 60, pytest.param(100, marks=pytest.mark.slow))


class TestSameAsOneByOne:
    @pytest.mark.parametrize("application", APPLICATIONS)
    @pytest.mark.parametrize("threshold", THRESHOLDS, ids=["scores", "some in turn", "all in turn"])
    def test_until_nobody_has_room(
        self, application: str, threshold: int, crowd: list[Rep], one_policy: None, omar: User,
        publish: Callable[[], int],
    ) -> None:  # fmt: skip
        Policy.objects.update(
            application=application, threshold=threshold, fallback=["round_robin", "hold"],
            first_touch_target_minutes=60,
        )  # fmt: skip
        publish()
        single, many = both_ways([lead(n) for n in range(WAVE)], omar)
        assert many == single
        routings = {row["routing"] for row in many[:WAVE]}
        assert routings == {"held", "assigned" if application == "assign" else "suggested"}

    @pytest.mark.parametrize("seed", range(4))
    def test_with_all_that_lists_hold(
        self, seed: int, crowd: list[Rep], one_policy: None, omar: User, publish: Callable[[], int]
    ) -> None:
        """Known and named accounts, slips of known and of new names, unknown words, values that are none, people who
        are known, and what is asked for already."""
        Policy.objects.update(application="assign", fallback=["round_robin", "hold"])
        publish()
        draw = random.Random(seed)
        Product.objects.create(name="Analytics")
        known = [Account.objects.create(**company(n), owner=crowd[0] if n == 1 else None) for n in range(6)]
        Contact.objects.create(account=known[2], name="Known", email="known@company2.example")
        take_in(values=lead(500, person={"email": "asked@before.example"}), body={}, by=omar, at=NOW)
        rows = []
        for n in range(10, 10 + WAVE):
            row = lead(n)
            kind = draw.randrange(9)
            if kind == 0:
                row["company"] = company(draw.randrange(6))
            elif kind == 1:
                row["company"] = {**row["company"], "name": row["company"]["name"].replace("e", "ee", 1)}
            elif kind == 2:
                row |= {"company": {}, "account": draw.choice(known), "product": f"Product {n}"}
            elif kind == 3:
                row |= {"industry": f"Unheard {n % 2}", "competitors": ["Nobody knows"]}
            elif kind == 4 and n % 2:
                row["value"] = 10**13
            elif kind == 5:
                row |= {"company": {}, "person": {}}
            elif kind == 6 and n % 3 == 0:
                row["person"] = {"name": "Known", "email": "known@company2.example"}
            rows.append(row)
        people = [row["person"].get("email") for row in rows]
        rows = [row for n, row in enumerate(rows) if not people[n] or people.index(people[n]) == n]
        single, many = both_ways(rows, omar)
        assert many == single

    def test_a_company_that_an_earlier_row_brought(self, ana: Rep, omar: User, assign_at_once: None) -> None:
        rows = [
            lead(1, company={"name": "Kranichfeld Elektronik GmbH", "country": "DE"}),
            lead(2, company={"name": "Kranichfeld Elektronk GmbH", "country": "DE"}),
            lead(3, company={"name": "KRANICHFELD ELEKTRONIK"}),
        ]
        single, many = both_ways(rows, omar)
        assert many == single
        assert [row["match"][0] for row in many[:3]] == ["created", "attached", "attached"]

    def test_decisions_replay(self, crowd: list[Rep], omar: User, assign_at_once: None) -> None:
        bring([lead(n) for n in range(20)], omar)
        decisions = list(Decision.objects.all())
        assert len(decisions) == 20
        assert [digest(decide(stored_inputs(one))) for one in decisions] == [
            one.result_digest for one in decisions
        ]


class TestWhatSharesNoWave:
    def test_one_person_who_asks_twice(self, ana: Rep, bo: Rep, omar: User, assign_at_once: None) -> None:
        jo = {"name": "Jo", "email": "jo@acme.example"}
        first, other, again = taken([lead(1, person=jo), lead(2), lead(3, person={**jo, "name": "J."})], omar)
        assert Contact.objects.filter(email="jo@acme.example").count() == 1
        link = DuplicateLink.objects.get()
        assert (link.opportunity_id, link.original_id) == (again.opportunity.pk, first.opportunity.pk)
        assert again.answer["duplicate_of"]["id"] == first.opportunity.pk
        assert again.answer["owner"] == first.answer["owner"]
        assert other.answer["duplicate_of"] is None
        assert check_invariants().violations == []

    def test_the_same_purchase_of_one_account(self, ana: Rep, omar: User, assign_at_once: None) -> None:
        Product.objects.create(name="Analytics")
        acme = {"name": "Acme Industries", "country": "US"}
        single, many = both_ways([lead(n, company=acme, product="Analytics") for n in range(3)], omar)
        assert many == single
        assert [len(row["links"]) for row in many[:3]] == [0, 1, 2]

    def test_one_external_id_twice(self, ana: Rep, omar: User, assign_at_once: None) -> None:
        first, again = taken([lead(1), lead(1, name="Another name")], omar)
        assert (first.is_new, again.is_new) == (True, False)
        assert again.answer == first.answer
        assert Opportunity.objects.count() == Decision.objects.count() == 1

    def test_a_list_that_comes_again(self, crowd: list[Rep], omar: User, assign_at_once: None) -> None:
        rows = [lead(n) for n in range(12)]
        first, second = taken(rows, omar), taken([*rows, lead(99)], omar)
        assert [one.answer for one in second[:12]] == [one.answer for one in first]
        assert [one.is_new for one in second] == [False] * 12 + [True]


class TestRows:
    def test_are_refused_one_by_one(self, ana: Rep, omar: User, api: Callable[[User], APIClient]) -> None:
        rows = [
            lead(1),
            lead(2, value="x"),
            None,
            lead(3, value="99999999999999.00", currency="USD"),
            lead(4, company={"name": "Brought by a refused row"}, value="99999999999999.00"),
            lead(5, company={"name": "Brought by a refused row"}),
        ]
        answer = api(omar).post(URL, rows, format="json").json()
        assert [one["status"] for one in answer["results"]] == [201, 400, 400, 400, 400, 201]
        assert (answer["accepted"], answer["refused"]) == (2, 4)
        assert list(answer["results"][1]["errors"]) == list(answer["results"][3]["errors"]) == ["value"]
        assert Account.objects.filter(name="Brought by a refused row").count() == 1
        assert Opportunity.objects.count() == IntakeReceipt.objects.count() == 2

    def test_nobody_is_told_of_a_lead_that_is_not_theirs(
        self,
        ana: Rep,
        cara: Rep,
        ben: User,
        omar: User,
        api: Callable[[User], APIClient],
        assign_at_once: None,
    ) -> None:
        hers = taken([lead(1)], omar)[0].opportunity
        Opportunity.objects.filter(pk=hers.pk).update(owner=cara)
        rows = [{"name": "Guess", "external_id": "lead-1"}, {"name": "Own", "external_id": "own"}]
        answer = api(ben).post(URL, rows, format="json").json()
        assert [one["status"] for one in answer["results"]] == [409, 201]
        assert "Cara" not in str(answer["results"][0])

    def test_nothing_at_all(self, omar: User, api: Callable[[User], APIClient]) -> None:
        answer = api(omar).post(URL, [], format="json").json()
        assert answer == {"accepted": 0, "refused": 0, "results": []}


class TestWhatCannotBeDecidedNow:
    def test_waits_while_automation_is_paused(self, ana: Rep, omar: User, assign_at_once: None) -> None:
        automation.pause(by=omar, at=NOW, reason="Because")
        found = taken([lead(n) for n in range(5)], omar)
        assert [one.answer["routing"] for one in found] == ["waiting"] * 5
        assert not Decision.objects.exists()

    def test_waits_for_the_batch_of_its_policy(
        self, ana: Rep, omar: User, one_policy: None, publish: Callable[[], int]
    ) -> None:
        Policy.objects.update(position=2)
        Policy.objects.create(
            name="Lists", position=1, condition={"field": "source", "op": "is", "value": "List"}, mode="batch",
            batch_cadence="twice_daily", batch_times=["09:00", "14:00"],
        )  # fmt: skip
        publish()
        single, many = both_ways([lead(n, source="List" if n % 2 else "Web") for n in range(8)], omar)
        assert many == single
        assert [row["routing"] for row in many[:8]] == ["suggested", "batch"] * 4
        taken([lead(n, source="List") for n in range(8)], omar)
        assert BatchWait.objects.count() == 8

    def test_a_look_that_lags_behind_leaves_it_to_the_careful_way(
        self, ana: Rep, omar: User, assign_at_once: None
    ) -> None:
        Rep.objects.update(own_max_new_per_week=3)
        taken([lead(n) for n in range(2)], omar)
        state._kept._recent.low = 2**40  # as if nothing had come since
        found = taken([lead(n) for n in range(10, 15)], omar)
        assert sorted(one.answer["routing"] for one in found) == ["assigned", *["held"] * 4]
        assert IntakeReceipt.objects.filter(answer__isnull=True).count() == 0
        assert check_invariants().violations == []


def test_statements_do_not_grow_with_the_rows_of_a_wave(
    crowd: list[Rep], omar: User, assign_at_once: None
) -> None:
    Rep.objects.update(own_max_open=500, own_max_new_per_week=500)
    taken([lead(n) for n in range(100, 104)], omar)  # what a process keeps is filled
    counts = []
    for first, rows in ((200, 5), (300, WAVE)):
        with CaptureQueriesContext(connection) as asked:
            taken([lead(n) for n in range(first, first + rows)], omar)
        counts.append(len(asked))
    assert counts[0] == counts[1]
