"""Tiers by shrunken win rate."""

import datetime
from collections.abc import Callable

import pytest

from crm.models import Opportunity
from crm.services.tiers import rank_tiers, standings
from reps.models import Organisation, Rep
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def close(rep: Rep, won: int, lost: int, *, days_ago: int = 30) -> None:
    at = NOW - datetime.timedelta(days=days_ago)
    Opportunity.objects.bulk_create(
        Opportunity(name=f"{rep} {n}", owner=rep, stage="won" if n < won else "lost", closed_at=at)
        for n in range(won + lost)
    )


@pytest.fixture
def five(make_rep: Callable[..., Rep]) -> list[Rep]:
    Organisation.objects.update_or_create(pk=1, defaults={"top_tier_share": "0.20"})
    return [make_rep(name, tier_source="win_rate") for name in ("A", "B", "C", "D", "E")]


def test_shrinks_towards_the_organisation(five: list[Rep]) -> None:
    close(five[0], 1, 0)  # one of one proves little
    close(five[1], 30, 10)
    close(five[2], 10, 49)
    found, rate = standings(NOW)
    # 41 of 100 are won; (1 + 20·.41)/21 = .438, (30 + 8.2)/60 = .637.
    assert rate == pytest.approx(0.41)
    assert [(s.rep_id, round(s.shrunken, 3)) for s in found[:2]] == [(five[1].pk, 0.637), (five[0].pk, 0.438)]


def test_sets_the_top_share_with_its_evidence(five: list[Rep]) -> None:
    close(five[1], 30, 10)
    close(five[2], 10, 49)
    assert rank_tiers(at=NOW) == 1
    five[1].refresh_from_db()
    assert five[1].tier == "top"
    assert (
        five[1].tier_evidence["won"],
        five[1].tier_evidence["closed"],
        five[1].tier_evidence["place"],
    ) == (30, 40, 1)


def test_leaves_what_is_set_by_hand(five: list[Rep]) -> None:
    close(five[1], 30, 10)
    close(five[2], 1, 49)
    Rep.objects.filter(pk=five[1].pk).update(tier_source="hand", tier="standard")
    rank_tiers(at=NOW)
    assert Rep.objects.get(pk=five[1].pk).tier == "standard"


def test_nothing_closed_makes_nobody_top(five: list[Rep]) -> None:
    close(five[0], 5, 0, days_ago=500)
    assert rank_tiers(at=NOW) == 0
    assert not Rep.objects.filter(tier="top").exists()
