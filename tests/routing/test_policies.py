"""The page of policies: what is shipped, presets, reach, and who could assign by itself."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Opportunity, Term
from reps.models import Rep, User
from routing.models import Policy, QueueItem
from routing.queries.changes import unpublished_changes
from routing.queries.configuration import live_version
from routing.queries.policies import load_reach
from routing.queries.readiness import load_readiness
from routing.services import policies
from routing.services.decisions import route
from routing.services.presets import BY_KEY, PRESETS, unknown_sources
from routing.services.queue import approve, give_to, reject
from routing.services.setup import prepare_organisation
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Make = Callable[..., Opportunity]
PAGE_QUERIES = 20
READINESS_QUERIES = 10


def names() -> list[str]:
    return list(Policy.objects.values_list("name", flat=True))


class TestShipped:
    def test_a_new_organisation_suggests_everything(self) -> None:
        rows = live_version().content["policies"]
        assert [(row["name"], row["mode"], row["application"]) for row in rows] == [
            ("Near-term urgency", "real_time", "suggest"),
            ("Inbound demo requests", "real_time", "suggest"),
            ("Website form fills", "real_time", "suggest"),
            ("Partner referrals", "real_time", "suggest"),
            ("Trade show leads", "batch", "suggest"),
            ("Outbound lists", "batch", "suggest"),
            ("Recycled nurture leads", "batch", "suggest"),
            ("Suggest everything", "real_time", "suggest"),
        ]
        assert rows[0]["prefers_ready"] is True
        assert rows[4]["batch"]["times"] == ["09:00", "14:00"]

    def test_an_organisation_that_has_policies_is_left_alone(self, one_policy: None) -> None:
        prepare_organisation(at=NOW)
        assert names() == ["Suggest everything"]

    def test_what_is_urgent_goes_to_who_works_now(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        Rep.objects.filter(pk=ana.pk).update(working_hours={"mon": [["20:00", "21:00"]]})
        facts = {"industry": "Healthcare", "urgency": "now"}
        decision = route(opportunity_id=make_opportunity(**facts).pk, at=NOW)
        assert decision is not None
        assert (decision.policy_name, decision.rep_id) == ("Near-term urgency", bo.pk)
        assert {
            "name": "ready",
            "found": {"ready": 1, "of": 2, "why": "among_them"},
            "before": 2,
            "after": 1,
        } in (decision.trace["steps"])
        calm = route(opportunity_id=make_opportunity(industry="Healthcare", source="Chat").pk, at=NOW)
        assert calm is not None
        assert calm.rep_id == ana.pk


class TestPresets:
    def test_two_clicks_auto_assign_smb_and_review_enterprise(
        self, ana: Rep, omar: User, as_user: SignIn, publish: Callable[[], int], make_opportunity: Make
    ) -> None:
        client = as_user(omar)
        for key in ("auto-assign-smb", "review-enterprise"):
            assert client.post(reverse("policy_preset", args=[key])).status_code == 302
        publish()
        small = {"source": "Demo request", "size_band": "1-49", "currency": "USD"}
        outcomes = [
            route(opportunity_id=make_opportunity(value=value, **small).pk, at=NOW)
            for value in (5_000, 150_000)
        ]
        assert [one and (one.policy_name, one.outcome) for one in outcomes] == [
            ("Auto-assign inbound SMB", "assign"),
            ("Review enterprise over $100K", "suggest"),
        ]

    def test_order_does_not_matter(self, omar: User) -> None:
        """Whichever was added last: small companies with a large deal are reviewed."""
        condition = BY_KEY["auto-assign-smb"].policy().condition
        assert {"none": [BY_KEY["review-enterprise"].policy().condition]} in condition["all"]

    def test_unknown_sources_are_said(self, omar: User, as_user: SignIn) -> None:
        Term.objects.create(kind="source", name="demo REQUEST")
        preset = BY_KEY["auto-assign-smb"]
        assert unknown_sources(preset) == ["Website form", "Chat"]
        page = as_user(omar).post(reverse("policy_preset", args=[preset.key]), follow=True).content.decode()
        assert "No lead source here is called “Website form” and “Chat”" in page

    @pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.key)
    def test_each_can_be_added_twice_and_published(
        self, preset: Any, omar: User, publish: Callable[[], int]
    ) -> None:
        made = [policies.add_preset(preset=preset, by=omar) for _ in range(2)]
        assert made[0].name != made[1].name
        assert policies.refusals(made[1]) == {}
        positions = list(Policy.objects.values_list("position", flat=True))
        assert positions == list(range(1, len(positions) + 1))
        publish()

    def test_unknown_one(self, omar: User, as_user: SignIn) -> None:
        assert as_user(omar).post(reverse("policy_preset", args=["nothing"])).status_code == 404


class TestPage:
    def test_says_each_in_a_sentence(self, omar: User, as_user: SignIn) -> None:
        page = " ".join(as_user(omar).get(reverse("policies")).content.decode().split())
        for said in (
            "suggest in batches on weekdays at 09:00 and 14:00",
            "who works now and has room first",
            "first touch within",
            "5 minutes",
        ):
            assert said in page

    def test_who_may_what(self, ben: User, nia: User, ana: Rep, as_user: SignIn) -> None:
        for user in (ben, nia):
            client = as_user(user)
            page = client.get(reverse("policies")).content.decode()
            assert "Add Policy" not in page
            assert reverse("policy_new") not in page
            assert "Assign by itself" not in client.get(reverse("policy_readiness")).content.decode()
            assert client.post(reverse("policy_preset", args=["nurture-leads"])).status_code == 403
        assert ana.user is not None
        assert as_user(ana.user).get(reverse("policies")).status_code == 403

    def test_the_rules_page_links_and_does_not_repeat_them(self, omar: User, as_user: SignIn) -> None:
        page = as_user(omar).get(reverse("rules")).content.decode()
        assert f'href="{reverse("policies")}"' in page
        assert "threshold" not in page

    def test_a_move_answers_the_region_of_this_page(self, omar: User, as_user: SignIn) -> None:
        last = Policy.objects.last()
        assert last is not None
        headers = {"HX-Request": "true", "HX-Target": "ladder"}
        answer = as_user(omar).post(reverse("policy_move", args=[last.pk]), {"to": "1"}, headers=headers)
        page = answer.content.decode()
        assert page.strip().startswith('<div class="ladder" id="ladder">')
        assert "Never asked: “Suggest everything” takes everything before it." in page
        assert "Order of the policies changed" in page

    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_do_not_grow(
        self, count: int, one_policy: None, omar: User, as_user: SignIn, django_assert_num_queries: Any
    ) -> None:
        for number in range(count):
            condition = {"field": "source", "op": "is", "value": f"s{number}"}
            policy = Policy(
                name=f"P{number}",
                condition=condition,
                mode="batch",
                batch_cadence="daily",
                batch_times=["09:00"],
            )
            policies.save_policy(policy=policy, by=omar)
        client = as_user(omar)
        client.get(reverse("policies"))
        with django_assert_num_queries(PAGE_QUERIES):
            client.get(reverse("policies"))
        with django_assert_num_queries(READINESS_QUERIES):
            client.get(reverse("policy_readiness"))


class TestReach:
    def test_the_first_that_matches_counts(
        self, one_policy: None, omar: User, make_opportunity: Make
    ) -> None:
        chat: dict[str, Any] = {"field": "source", "op": "is", "value": "Chat"}
        for name, condition in (
            ("Chats", chat),
            ("Small chats", {"all": [chat, chat]}),
            ("None", {"none": []}),
        ):
            if name == "None":
                condition = {"field": "source", "op": "is", "value": "Never"}
            policies.save_policy(policy=Policy(name=name, condition=condition), by=omar)
        for number in range(3):
            make_opportunity(f"Chat {number}", source="Chat")
        make_opportunity("Other", source="Web")
        make_opportunity("Old", source="Chat", opened_at=NOW - datetime.timedelta(days=91))
        found = {one.policy.name: (one.number, one.warning) for one in load_reach(NOW)}
        assert found == {
            "Chats": (3, ""),
            "Small chats": (
                0,
                "All 3 that it would match in the last 90 days are taken by policies before it.",
            ),
            "None": (0, "It has matched nothing in the last 90 days."),
            "Suggest everything": (1, ""),
        }

    def test_the_region_brings_the_numbers_to_the_lines(
        self, one_policy: None, omar: User, as_user: SignIn
    ) -> None:
        policy = Policy.objects.get()
        headers = {"HX-Request": "true", "HX-Target": "readiness"}
        page = as_user(omar).get(reverse("policy_readiness"), headers=headers).content.decode()
        assert page.strip().startswith('<section class="card" id="readiness"')
        assert f'<span id="matched-policy-{policy.pk}" hx-swap-oob="true">0 in 90 days</span>' in page


class TestReadiness:
    def decided(self, make_opportunity: Make, count: int) -> list[QueueItem]:
        for number in range(count):
            at = NOW - datetime.timedelta(weeks=number % 3)
            decision = route(opportunity_id=make_opportunity(f"L{number}", at=at).pk, at=at)
            assert decision is not None
        return list(QueueItem.objects.filter(state="pending").order_by("pk"))

    def test_counts_what_people_said(
        self,
        one_policy: None,
        publish: Callable[[], int],
        ana: Rep,
        bo: Rep,
        omar: User,
        make_opportunity: Make,
    ) -> None:
        publish()
        items = self.decided(make_opportunity, 6)
        for one in items[:3]:
            approve(item_id=one.pk, by=omar, at=NOW)
        other = bo if items[3].rep_id == ana.pk else ana
        give_to(item_id=items[3].pk, rep_id=other.pk, by=omar, at=NOW)
        reject(item_id=items[4].pk, by=omar, at=NOW)
        every, only = load_readiness(NOW)
        assert every.policy is None
        assert only.policy is not None
        for found in (every.found, only.found):
            weeks, agreement, calibration, coverage = found.measures
            assert weeks.value == "3 weeks"
            assert agreement.cases == "5 cases of at least 30"
            assert (calibration.value, calibration.is_met) == ("cannot be told", None)
            assert coverage.cases == "6 cases of at least 30"
            assert found.sentence.startswith("Not yet, because there are 3 of 4 weeks of suggestions; ")

    def test_is_not_asked_of_what_assigns(self, one_policy: None) -> None:
        Policy.objects.update(application="assign")
        assert load_readiness(NOW) == []

    def test_the_button_changes_the_draft_only(self, one_policy: None, omar: User, as_user: SignIn) -> None:
        policy = Policy.objects.get()
        page = as_user(omar).post(reverse("policy_assign", args=[policy.pk]), follow=True).content.decode()
        assert "Suggest everything assigns by itself, once this is published." in page
        policy.refresh_from_db()
        assert policy.application == "assign"
        assert live_version().content["policies"][-1]["application"] == "suggest"
        assert "Policy “Suggest everything” changed" in [str(one) for one in unpublished_changes()]


def test_changes_are_told_in_words(omar: User) -> None:
    Policy.objects.filter(name="Near-term urgency").update(prefers_ready=False)
    Policy.objects.filter(name="Trade show leads").update(
        batch_times=["10:00", "15:00"], batch_expiry_hours=None
    )
    details = {
        (change.title, detail.label): (detail.before, detail.after)
        for change in unpublished_changes()
        for detail in change.details
    }
    assert details == {
        ("Policy “Near-term urgency” changed", "Who works now and has room comes first"): ("yes", "no"),
        ("Policy “Trade show leads” changed", "Batches"): (
            "on weekdays at 09:00 and 14:00 (UTC); unconfirmed ones expire after 2 days",
            "on weekdays at 10:00 and 15:00 (UTC); unconfirmed ones stay",
        ),
    }
