"""Suggested and stale tags: a worked example, calibration where nobody differs, and what must always hold."""

import random
from dataclasses import replace

import numpy as np
import pytest

from routing.engine.tagging.deals import ClosedDeal, HeldTag, TagProposals, TagSettings
from routing.engine.tagging.evidence import Evidence, Pairs, _tails, evidence_of
from routing.engine.tagging.proposals import propose_tags
from routing.engine.unavailable import Unavailable

ANA, OTHERS = 1, range(2, 9)


def deals_of(rep: int, industry: str, won: int, lost: int, *, days_ago: float = 100) -> list[ClosedDeal]:
    outcomes = [True] * won + [False] * lost
    return [ClosedDeal(rep, outcome, days_ago + i / 10, industry) for i, outcome in enumerate(outcomes)]


def team() -> list[ClosedDeal]:
    """Eight reps who win 30 % everywhere, but ana 15 of 20 in Healthcare."""
    deals = deals_of(ANA, "Healthcare", 15, 5) + deals_of(ANA, "Retail", 12, 28)
    for rep in OTHERS:
        deals += deals_of(rep, "Healthcare", 6, 14) + deals_of(rep, "Retail", 12, 28)
    return deals


def proposed(deals: list[ClosedDeal], held: list[HeldTag] | None = None) -> TagProposals:
    proposals = propose_tags(deals, held or [])
    assert isinstance(proposals, TagProposals)
    return proposals


def test_fifteen_healthcare_wins_of_a_rep_who_wins_there_suggest_healthcare() -> None:
    (suggestion,) = proposed(team()).suggestions
    assert (suggestion.rep_id, suggestion.kind, suggestion.value) == (ANA, "industry", "Healthcare")
    assert (suggestion.wins, suggestion.deals) == (15, 20)
    assert suggestion.sentence == "won 15 of 20 Healthcare deals in 12 months; by chance about 6"
    assert suggestion.expected == pytest.approx(6, abs=0.5)
    assert suggestion.p_value < 0.002


def test_fifteen_wins_are_no_evidence_where_everybody_wins_as_often() -> None:
    deals = [deal for rep in range(1, 9) for deal in deals_of(rep, "Healthcare", 15, 5)]
    deals += [deal for rep in range(1, 9) for deal in deals_of(rep, "Retail", 12, 28)]
    assert proposed(deals).suggestions == []


def test_tails_of_three_deals_are_the_poisson_binomial_ones() -> None:
    """Chances .5, .5, .2 without uncertainty: P(3) = .05, P(2) = .3, P(1) = .45, P(0) = .2."""
    pairs = Pairs(rep=np.array([0]), deal=np.arange(3), pair=np.zeros(3, dtype=np.int64))
    log_odds = np.array([0.0, 0.0, np.log(0.25)])
    found = _tails(pairs, np.array([3]), np.array([2]), log_odds, np.zeros(1))
    assert found.upper[0] == pytest.approx(0.05 + 0.3 / 2)
    assert found.lower[0] == pytest.approx(0.2 + 0.45 + 0.3 / 2)
    assert found.expected[0] == pytest.approx(1.2)
    assert found.best_upper[0] == pytest.approx(0.05 / 2)


def test_one_more_win_never_weakens_the_evidence() -> None:
    rng = np.random.default_rng(3)
    rep = rng.integers(0, 6, 300)
    value = rng.integers(0, 2, 300)
    won = (rng.random(300) < 0.35).astype(float)
    before = _one_pair(rep, value, won).upper[0]
    for _ in range(6):
        rep, value, won = np.append(rep, 0), np.append(value, 1), np.append(won, 1.0)
        after = _one_pair(rep, value, won).upper[0]
        assert after < before
        before = after


def _one_pair(rep: np.ndarray, value: np.ndarray, won: np.ndarray) -> Evidence:
    inside = np.flatnonzero((rep == 0) & (value == 1))
    pairs = Pairs(np.array([0]), inside, np.zeros(len(inside), dtype=np.int64))
    lead = np.column_stack([np.ones(len(rep)), value]).astype(float)
    return evidence_of(pairs, rep, won, lead, level_sd=0.5)


def test_the_order_of_the_deals_is_irrelevant() -> None:
    deals = team()
    shuffled = deals.copy()
    random.Random(1).shuffle(shuffled)
    assert proposed(shuffled) == proposed(deals)


def test_what_is_held_already_is_not_suggested_in_any_spelling() -> None:
    held = [HeldTag(ANA, "industry", " healthcare", 30)]
    assert proposed(team(), held).suggestions == []


def test_hardly_anything_is_suggested_where_nobody_differs() -> None:
    """Different reps get different mixes; 4 organisations of 30 reps with 60 deals each."""
    suggestions = 0
    for seed in range(4):
        suggestions += len(proposed(_nobody_differs(seed)).suggestions)
    assert suggestions / 120 <= 0.05


def _nobody_differs(seed: int) -> list[ClosedDeal]:
    rng = np.random.default_rng(seed)
    mixes = rng.dirichlet(np.ones(8), 30)
    chance = rng.uniform(0.15, 0.6, 8)
    deals = []
    for rep in range(30):
        for industry in rng.choice(8, 60, p=mixes[rep]):
            won = bool(rng.random() < chance[industry])
            value = float(rng.lognormal(9, 1))
            product = f"P{rng.integers(4)}"
            deals.append(
                ClosedDeal(rep, won, float(rng.uniform(0, 365)), f"I{industry}", product, value=value)
            )
    return deals


def test_a_range_of_deal_sizes_is_suggested_with_its_bounds() -> None:
    values = [1_000.0, 4_000.0, 16_000.0, 64_000.0]
    deals = []
    for rep in range(1, 9):
        for value in values:
            won = 13 if rep == ANA and value == 64_000 else 4
            same = deals_of(rep, "Retail", won, 15 - won)
            deals += [replace(deal, value=value) for deal in same]
    (suggestion,) = proposed(deals).suggestions
    assert (suggestion.rep_id, suggestion.kind) == (ANA, "deal size")
    assert (suggestion.low, suggestion.high) == (28_000.0, None)
    assert suggestion.value == "28,000 and more"


def test_the_default_language_is_never_suggested_and_another_one_with_evidence() -> None:
    spoken = {"Healthcare": "German", "Retail": "English"}
    deals = [replace(deal, industry="", language=spoken[deal.industry]) for deal in team()]
    assert [(one.rep_id, one.value) for one in proposed(deals).suggestions] == [(ANA, "German")]
    swapped = {"Healthcare": "English", "Retail": "German"}
    deals = [replace(deal, industry="", language=swapped[deal.industry]) for deal in team()]
    assert proposed(deals).suggestions == []


def test_stale_tags_are_proposed_for_removal_with_the_reason() -> None:
    deals = team() + deals_of(2, "Energy", 0, 12, days_ago=380)
    deals += deals_of(3, "Media", 0, 20) + deals_of(4, "Media", 12, 8) + deals_of(5, "Media", 12, 8)
    held = [
        HeldTag(2, "industry", "Energy", 800),
        HeldTag(3, "industry", "Media", 200),
        HeldTag(4, "industry", "Logistics", 800),
        HeldTag(4, "industry", "Education", 100),
        HeldTag(4, "industry", "Media", 800),
    ]
    found = {(one.rep_id, one.value): one for one in proposed(deals, held).removals}
    assert {key: one.reason for key, one in found.items()} == {
        (2, "Energy"): "no win",
        (3, "Media"): "worse than chance",
        (4, "Logistics"): "no deal",
    }
    assert found[2, "Energy"].sentence == "won none of 12 Energy deals in 18 months"
    assert found[4, "Logistics"].sentence == "closed no Logistics deal in 18 months, and 80 others"


@pytest.mark.parametrize(
    ("deals", "reason"),
    [
        ([], "fewer than 30 deals were closed in 12 months"),
        (deals_of(1, "Retail", 20, 20), "only one rep closed deals, so that there is nobody to compare with"),
        (deals_of(1, "Retail", 20, 0) + deals_of(2, "Retail", 20, 0), "all deals ended the same way"),
        (deals_of(1, "Retail", 20, 20, days_ago=400) + deals_of(2, "Retail", 5, 5),
         "fewer than 30 deals were closed in 12 months"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_says_why(deals: list[ClosedDeal], reason: str) -> None:
    assert propose_tags(deals, []) == Unavailable(reason)


def test_thresholds_are_settings() -> None:
    strict = TagSettings(least_wins=16)
    proposals = propose_tags(team(), [], strict)
    assert isinstance(proposals, TagProposals)
    assert proposals.suggestions == []
