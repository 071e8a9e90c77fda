"""Territories, policies and capacity settings edited in the browser; comparing, publishing, discarding."""

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from reps.models import Rep, Team, User
from reps.services.edits import EditConflict
from routing.models import CapacitySettings, ConfigurationVersion, Policy, Rule
from routing.queries.changes import unpublished_changes
from routing.queries.configuration import content_hash, live_version, working_content
from routing.queries.live import load_live
from routing.services import ordered, policies
from routing.services import territories as services
from routing.services.configuration import DraftChanged, discard_draft, publish_configuration
from routing.services.territories import Cover
from territories.models import Coverage, Territory
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
US: dict[str, Any] = {"all": [{"field": "country", "op": "is", "value": "US"}]}
BIG: dict[str, Any] = {"all": [{"field": "value", "op": "over", "value": 100_000}]}


def text(response: Any) -> str:
    """Without what marks the values in sentences."""
    return " ".join(re.sub("</?b[^>]*>", "", response.content.decode()).split())


def one_test(field: str, op: str, value: str) -> dict[str, Any]:
    """What the builder sends for one test."""
    return {
        "condition-kind": "all", "condition-nodes": ["0"], "condition-0-field": field, "condition-0-op": op,
        "condition-0-value": [value],
    }  # fmt: skip


def rows(*covers: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"coverage-rows": str(len(covers))}
    for place, cover in enumerate(covers):
        found |= {f"coverage-{place}-{name}": value for name, value in cover.items()}
    return found


@pytest.fixture
def client(omar: User, as_user: SignIn) -> Client:
    return as_user(omar)


@pytest.fixture
def america(omar: User, east: Team) -> Territory:
    territory = Territory(name="America", condition=US)
    return services.save_territory(territory=territory, covers=[Cover(team=east)], by=omar)


class TestTerritories:
    def test_a_new_one_with_its_coverage(self, client: Client, east: Team, ana: Rep) -> None:
        data = one_test("country", "is", "Germany") | rows(
            {"who": f"team-{east.pk}", "starts_on": "2026-01-01", "ends_on": ""},
            {"who": f"rep-{ana.pk}", "starts_on": "", "ends_on": "2026-12-31"},
            {"who": "", "starts_on": "", "ends_on": ""},
        )
        answer = client.post(reverse("territory_new"), data | {"name": "Germany", "is_active": "on"})
        territory = Territory.objects.get()
        assert answer["Location"] == f"/territories/#territory-{territory.pk}"
        assert territory.condition == {"all": [{"field": "country", "op": "is", "value": "DE"}]}
        covers = [(c.team, c.rep, c.starts_on, c.ends_on) for c in territory.coverage.order_by("pk")]
        assert covers == [
            (east, None, datetime.date(2026, 1, 1), None),
            (None, ana, None, datetime.date(2026, 12, 31)),
        ]
        assert [str(one) for one in unpublished_changes()] == ["Territory “Germany” added"]

    def test_another_row_is_asked_for_and_nothing_saved(self, client: Client, ana: Rep) -> None:
        data = one_test("country", "is", "US") | rows({"who": f"rep-{ana.pk}", "starts_on": "nonsense"})
        page = text(client.post(reverse("territory_new"), data | {"name": "US", "coverage-more": "1"}))
        assert 'name="coverage-rows" value="2"' in page
        assert 'value="nonsense"' in page
        assert not Territory.objects.exists()

    @pytest.mark.parametrize(
        ("cover", "said"),
        [
            ({"who": "", "starts_on": "2026-01-01"}, "Say who, or leave the dates empty."),
            ({"who": "rep-999999"}, "Select a valid choice."),
            (
                {"who": "team", "starts_on": "2026-02-01", "ends_on": "2026-01-01"},
                "It would end before it starts.",
            ),
        ],
    )
    def test_wrong_rows_are_refused_beside_them(
        self, client: Client, east: Team, cover: dict[str, str], said: str
    ) -> None:
        row = {name: f"team-{east.pk}" if value == "team" else value for name, value in cover.items()}
        data = one_test("country", "is", "US") | rows(row)
        answer = client.post(reverse("territory_new"), data | {"name": "US", "is_active": "on"})
        assert answer.status_code == 422
        assert said in text(answer)
        assert not Territory.objects.exists()

    def test_what_cannot_be(self, america: Territory, omar: User, east: Team) -> None:
        inside = Territory(name="Texas", condition=US, parent=america)
        services.save_territory(territory=inside, covers=(), by=omar)
        america.parent = inside
        assert services.refusals(america, ()) == {"parent": "Texas lies inside this territory."}
        twice = [Cover(team=east, ends_on=NOW.date()), Cover(team=east, starts_on=NOW.date())]
        assert services.refusals(inside, twice) == {"coverage": "East is there twice for the same days."}
        later = [twice[0], Cover(team=east, starts_on=NOW.date() + datetime.timedelta(days=1))]
        assert services.refusals(inside, later) == {}
        assert services.refusals(Territory(name="america", condition=US), ()) == {
            "name": "There is a territory of this name."
        }
        text_over: dict[str, Any] = {"field": "country", "op": "over", "value": 5}
        assert set(services.refusals(Territory(name="X", condition=text_over), ())) == {"condition"}

    def test_two_people_at_once(self, america: Territory, omar: User) -> None:
        seen = america.updated_at
        mine, theirs = (Territory.objects.get(pk=america.pk) for _ in range(2))
        theirs.note = "theirs"
        services.save_territory(territory=theirs, covers=(), seen=seen, by=omar)
        with pytest.raises(EditConflict):
            services.save_territory(territory=mine, covers=(), seen=seen, by=omar)
        assert Territory.objects.get(pk=america.pk).note == "theirs"

    def test_deleted_and_brought_back(self, client: Client, america: Territory, east: Team) -> None:
        before = working_content()
        answer = client.post(reverse("territory_delete", args=[america.pk]), follow=True)
        assert "America is deleted." in text(answer)
        assert not Territory.objects.exists()
        client.post(reverse("territory_restore"))
        assert working_content() == before
        assert "There is nothing to bring back." in text(
            client.post(reverse("territory_restore"), follow=True)
        )

    def test_one_with_others_inside_stays(self, client: Client, america: Territory, omar: User) -> None:
        inside = Territory(name="Texas", condition=US, parent=america)
        services.save_territory(territory=inside, covers=(), by=omar)
        answer = client.post(reverse("territory_delete", args=[america.pk]), follow=True)
        assert "Texas lies inside America: move or delete that first." in text(answer)
        assert Territory.objects.count() == 2

    def test_switched_off_and_on(self, client: Client, america: Territory) -> None:
        for to, active in (("off", False), ("on", True)):
            client.post(reverse("territory_switch", args=[america.pk]), {"to": to})
            assert Territory.objects.get(pk=america.pk).is_active is active

    def test_coverage_that_stays_keeps_its_row(
        self, america: Territory, omar: User, east: Team, ana: Rep
    ) -> None:
        (row,) = america.coverage.values_list("pk", flat=True)
        services.save_territory(territory=america, covers=[Cover(rep=ana), Cover(team=east)], by=omar)
        assert Coverage.objects.filter(territory=america).count() == 2
        assert Coverage.objects.get(team=east).pk == row


@pytest.mark.usefixtures("one_policy")
class TestPolicies:
    DATA: dict[str, Any] = {
        "name": "Enterprise", "mode": "real_time", "application": "suggest", "threshold": "60", "chain": "manager",
        "language": "required", "first_touch_target_minutes": "", "exploration_share": "0",
        "exploration_within": "5", "is_active": "on",
    }  # fmt: skip

    def test_a_new_one_comes_before_the_one_for_everything(self, client: Client) -> None:
        answer = client.post(reverse("policy_new"), self.DATA | one_test("value", "over", "100000"))
        assert answer.status_code == 302
        names = list(Policy.objects.order_by("position").values_list("name", "position"))
        assert names == [("Enterprise", 1), ("Suggest everything", 2)]
        assert Policy.objects.get(name="Enterprise").fallback == ["manager", "hold"]
        page = text(client.get(reverse("policies")))
        assert "value is over $100,000: suggest at once, threshold 60, else to the manager, then hold" in page

    def test_behind_one_for_everything_it_is_never_asked(self, client: Client, omar: User) -> None:
        policy = policies.save_policy(policy=Policy(name="Big", condition=BIG), by=omar)
        ordered.move(Policy, pk=policy.pk, to=9)
        assert "Never asked: “Suggest everything” takes everything before it." in text(
            client.get(reverse("policies"))
        )

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"name": "SUGGEST EVERYTHING"}, "There is a policy of this name."),
            ({"threshold": "101"}, "less than or equal to 100"),
            ({"exploration_share": "0.9"}, "less than or equal to 0.5"),
            ({"first_touch_target_minutes": "0"}, "At least a minute, or empty for none."),
            ({"chain": "nobody"}, "Select a valid choice."),
            ({"mode": ""}, "This field is required."),
        ],
    )
    def test_what_cannot_be(self, client: Client, changes: dict[str, str], said: str) -> None:
        data = self.DATA | one_test("value", "over", "100000") | changes
        answer = client.post(reverse("policy_new"), data)
        assert answer.status_code == 422
        assert said in text(answer)
        assert Policy.objects.count() == 1

    def test_deleted_and_brought_back(self, client: Client) -> None:
        before = working_content()
        policy = Policy.objects.get()
        client.post(reverse("policy_delete", args=[policy.pk]))
        assert not Policy.objects.exists()
        client.post(reverse("policy_restore"))
        assert working_content() == before

    def test_moved_switched_and_copied(self, client: Client, omar: User) -> None:
        policy = policies.save_policy(policy=Policy(name="Big", condition=BIG), by=omar)
        client.post(reverse("policy_move", args=[policy.pk]), {"step": "down"})
        assert Policy.objects.get(pk=policy.pk).position == 2
        client.post(reverse("policy_switch", args=[policy.pk]), {"to": "off"})
        assert not Policy.objects.get(pk=policy.pk).is_active
        client.post(reverse("policy_copy", args=[policy.pk]))
        copy = Policy.objects.get(name="Big (copy)")
        assert (copy.position, copy.condition, copy.is_active) == (3, BIG, False)

    def test_two_people_at_once_are_told(self, client: Client, omar: User) -> None:
        policy = policies.save_policy(policy=Policy(name="Big", condition=BIG), by=omar)
        seen = policy.updated_at.isoformat()
        policies.save_policy(policy=policy, by=omar)
        data = self.DATA | one_test("value", "over", "5") | {"name": "Mine", "seen_at": seen}
        answer = client.post(reverse("policy", args=[policy.pk]), data)
        assert answer.status_code == 422
        assert "Somebody else saved Big while you were editing." in text(answer)
        assert "When, now value is over $100,000" in re.sub("</?d[dt]>", " ", text(answer)).replace("  ", " ")
        assert Policy.objects.get(pk=policy.pk).name == "Big"


class TestCapacity:
    DATA: dict[str, Any] = {
        "available_up_to_pct": "60", "near_up_to_pct": "80", "at_up_to_pct": "100", "high_match_score": "75",
        "high_match_top_share": "", "near_capacity_penalty": "0.3", "assigned_today_penalty": "0.1",
        "pipeline_penalty": "0.1", "absence_ahead_penalty": "0.3", "absence_horizon_hours": "48",
    }  # fmt: skip

    def test_it_is_drafted_and_told(self, client: Client) -> None:
        assert client.post(reverse("capacity"), self.DATA).status_code == 302
        (change,) = unpublished_changes()
        details = [(one.label, one.before, one.after) for one in change.details]
        assert ("High match score", "70", "75") in details
        assert "high match score was 70" in text(client.get(reverse("rules")))

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"near_up_to_pct": "50"}, "More than the 60 % up to which a rep is available."),
            ({"at_up_to_pct": "120"}, "At most 100 %"),
            ({"available_up_to_pct": "-1"}, "More than 0 %."),
            ({"high_match_top_share": "30"}, "A share between 0 and 1"),
            ({"pipeline_penalty": "-2"}, "Between 0 (no penalty) and 5."),
            ({"absence_horizon_hours": "1e9"}, "Between 0 and 1,440 hours"),
            ({"high_match_score": "nan"}, "Enter a number."),
        ],
    )
    def test_what_cannot_be(self, client: Client, changes: dict[str, str], said: str) -> None:
        answer = client.post(reverse("capacity"), self.DATA | changes)
        assert answer.status_code == 422
        assert said in text(answer)
        assert CapacitySettings.objects.get().available_up_to_pct == 70


class TestPublishing:
    def draft(self, ana: Rep) -> Rule:
        return Rule.objects.create(name="Big ones", position=1, action="route_to_rep", rep=ana, condition=BIG)

    def form(self, client: Client, **values: str) -> dict[str, str]:
        return {"seen": client.get(reverse("compare")).context["digest"], "how": "now", "note": ""} | values

    def test_the_diff_says_what_was_and_what_is(
        self, client: Client, ana: Rep, bo: Rep, publish: Any
    ) -> None:
        rule = self.draft(ana)
        publish()
        Rule.objects.filter(pk=rule.pk).update(rep=bo, name="Bigger ones")
        page = text(client.get(reverse("compare")))
        assert "Rule “Bigger ones” changed" in page
        assert "When value is over $100,000, route to Ana" in page
        assert "When value is over $100,000, route to Bo" in page
        assert "Big ones → Bigger ones" in page

    def test_what_was_shown_is_published(self, client: Client, ana: Rep) -> None:
        self.draft(ana)
        form = self.form(client, note="to Ana")
        Rule.objects.update(name="Changed meanwhile")
        answer = client.post(reverse("publish"), form)
        assert answer.status_code == 422
        assert "The draft has changed since this page was opened." in text(answer)
        assert live_version().number == 1
        again = {"seen": answer.context["form"].data["seen"], "how": "now", "note": form["note"]}
        client.post(reverse("publish"), again)
        assert (live_version().number, live_version().note) == (2, "to Ana")

    def test_its_address_opened_leads_to_the_page(self, client: Client) -> None:
        answer = client.get(reverse("publish"))
        assert (answer.status_code, answer.headers["Location"]) == (302, reverse("compare"))
        assert live_version().number == 1

    def test_as_an_experiment_it_decides_nothing(self, client: Client, ana: Rep, omar: User) -> None:
        self.draft(ana)
        before = load_live(NOW).configuration_id
        answer = client.post(reverse("publish"), self.form(client, how="experiment"), follow=True)
        assert "Version 2 is kept for an experiment." in text(answer)
        candidate = ConfigurationVersion.objects.get(number=2)
        assert candidate.is_candidate
        assert live_version().number == 1
        assert load_live(NOW).configuration_id == before
        assert [str(one) for one in unpublished_changes()] == ["Rule “Big ones” added"]
        client.post(reverse("publish"), self.form(client, how="experiment"))
        assert ConfigurationVersion.objects.count() == 2
        client.post(reverse("publish"), self.form(client))
        assert (live_version().number, live_version().content) == (3, candidate.content)

    def test_discarded(self, client: Client, ana: Rep) -> None:
        self.draft(ana)
        CapacitySettings.objects.update(high_match_score=90)
        stale = content_hash({})
        with pytest.raises(DraftChanged):
            discard_draft(seen=stale)
        client.post(reverse("discard"), {"seen": self.form(client)["seen"]})
        assert unpublished_changes() == []
        assert not Rule.objects.get().is_active

    def test_a_note_that_is_too_long_is_kept_and_refused(self, client: Client, ana: Rep) -> None:
        self.draft(ana)
        answer = client.post(reverse("publish"), self.form(client, note="x" * 201))
        assert answer.status_code == 422
        assert "x" * 201 in text(answer)

    def test_nothing_to_publish(self, omar: User) -> None:
        assert publish_configuration(by=omar, at=NOW, as_candidate=True) == (live_version(), False)


def test_a_policy_that_cannot_be_is_not_switched_on(omar: User) -> None:
    broken: dict[str, Any] = {"field": "industry", "op": "over", "value": 5}
    policy = Policy.objects.create(name="Broken", position=99, condition=broken, is_active=False)
    with pytest.raises(ValidationError, match="Broken cannot be switched on"):
        policies.set_policy_active(policy_id=policy.pk, active=True, by=omar)
