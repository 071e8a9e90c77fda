"""An earlier version becomes the draft again, whatever was changed, deleted or added since."""

from collections.abc import Callable

import pytest

from reps.models import Rep, Team
from routing.models import CapacitySettings, ConfigurationVersion, Policy, Rule
from routing.queries.configuration import content_hash, working_content
from routing.services.presets import shipped_policies
from routing.services.restore import restore_version
from territories.models import Coverage, Territory

pytestmark = pytest.mark.django_db
HEALTH = {"all": [{"field": "industry", "op": "is", "value": "Healthcare"}]}


@pytest.fixture
def version(ana: Rep, bo: Rep, east: Team, publish: Callable[[], int]) -> ConfigurationVersion:
    """A version with one of everything."""
    world = Territory.objects.create(name="World", condition={})
    texas = Territory.objects.create(
        name="Texas", parent=world, condition={"all": [{"field": "region", "op": "is", "value": "Texas"}]}
    )
    Coverage.objects.create(territory=world, team=east)
    Coverage.objects.create(territory=texas, rep=ana, starts_on="2026-01-01")
    first = Rule.objects.create(name="First", position=1, action="exclude_reps", condition=HEALTH)
    first.excluded.set([bo])
    Rule.objects.create(name="Second", position=2, action="route_to_rep", rep=ana, condition=HEALTH)
    Rule.objects.create(
        name="Third", position=3, action="require", required_field="tier", required_value="top", condition={}
    )
    Policy.objects.create(name="More", position=2, condition=HEALTH, threshold=60, fallback=["hold"])
    publish()
    return ConfigurationVersion.objects.order_by("-number")[0]


def same(version: ConfigurationVersion) -> bool:
    return content_hash(working_content()) == version.content_hash


def test_changes_deletions_additions_and_order_are_undone(version: ConfigurationVersion, ana: Rep) -> None:
    Rule.objects.filter(name="Second").delete()
    Rule.objects.filter(name="First").update(name="Firstly", position=9, condition={})
    Rule.objects.get(name="Firstly").excluded.clear()
    added = Rule.objects.create(name="Added", position=1, action="route_to_rep", rep=ana, condition=HEALTH)
    Policy.objects.filter(name="More").update(threshold=10, position=1_000)
    Policy.objects.create(name="Another", position=5)
    Territory.objects.filter(name="Texas").delete()
    Territory.objects.create(name="Ohio", condition={})
    Coverage.objects.all().delete()
    CapacitySettings.objects.update(high_match_score=88)
    assert not same(version)
    assert restore_version(version=version).left_out == []
    assert same(version)
    added.refresh_from_db()
    assert (added.is_active, added.position) == (False, 4)
    assert list(Rule.objects.values_list("name", flat=True)) == ["First", "Second", "Third", "Added"]


def test_restoring_what_is_live_changes_nothing(version: ConfigurationVersion) -> None:
    restore_version(version=version)
    assert same(version)


def test_new_rows_after_a_restoration_get_new_ids(version: ConfigurationVersion, ana: Rep) -> None:
    ids = set(Rule.objects.values_list("pk", flat=True))
    Rule.objects.all().delete()
    restore_version(version=version)
    assert Rule.objects.create(name="New", position=9, action="route_to_rep", rep=ana).pk not in ids


def test_a_name_that_was_given_away_comes_back(version: ConfigurationVersion) -> None:
    Policy.objects.filter(name="More").update(name="Fewer")
    Policy.objects.create(name="More", position=7)
    Territory.objects.filter(name="Texas").update(name="Lone Star")
    Territory.objects.create(name="Texas", condition={})
    restore_version(version=version)
    assert same(version)


def test_who_is_gone_is_left_out_and_said(version: ConfigurationVersion, ana: Rep, west: Team) -> None:
    content = version.content
    content["rules"][1]["rep_id"] = 999_999
    content["territories"][0]["coverage"][0]["team_id"] = 999_999
    found = restore_version(version=ConfigurationVersion(number=99, content=content))
    assert found.left_out == [
        "Territory “World” was covered by somebody who is gone.",
        "Rule “Second” names a rep or team that is gone.",
    ]
    assert [row["name"] for row in working_content()["rules"]] == ["First", "Third"]


def test_the_first_version_of_all_can_be_restored(version: ConfigurationVersion) -> None:
    first = ConfigurationVersion.objects.order_by("number")[0]
    restore_version(version=first)
    content = working_content()
    assert (content["rules"], content["territories"]) == ([], [])
    assert [row["name"] for row in content["policies"]] == [one.name for one in shipped_policies()]
