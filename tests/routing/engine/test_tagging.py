"""Suggested and stale tags: a worked example, calibration where nobody differs, and what must always hold."""

import random
from dataclasses import replace
from itertools import product
from math import comb

import numpy as np
import pytest

from reps.engine.unavailable import Unavailable
from routing.engine.tagging.columns import in_order, labels_of, lead_columns, pairs_of, values_of
from routing.engine.tagging.deals import ClosedDeal, HeldTag, TagProposals, TagSettings
from routing.engine.tagging.evidence import Evidence, Pairs, _tails, evidence_of
from routing.engine.tagging.proposals import propose_tags
from routing.engine.tagging.specialities import (
    EFFECT_SD,
    Prior,
    Values,
    prior_before_looking,
    sets_of_one_kind,
    specialities_of,
    weigh,
)

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


@pytest.mark.parametrize("skill_sd", [0.0, 0.5])
def test_hardly_anything_is_suggested_where_nobody_differs(skill_sd: float) -> None:
    """Different reps get different mixes, and some win more of all; 3 organisations of 30 reps, 60 deals each."""
    suggestions = 0
    for seed in range(3):
        suggestions += len(proposed(_nobody_differs(seed, skill_sd)).suggestions)
    assert suggestions / 90 <= 0.05


def _nobody_differs(seed: int, skill_sd: float) -> list[ClosedDeal]:
    rng = np.random.default_rng(seed)
    mixes = rng.dirichlet(np.ones(8), 30)
    chance = rng.uniform(0.15, 0.6, 8)
    skill = rng.normal(0, skill_sd, 30)
    deals = []
    for rep in range(30):
        for industry in rng.choice(8, 60, p=mixes[rep]):
            odds = np.log(chance[industry] / (1 - chance[industry])) + skill[rep]
            won = bool(rng.random() < 1 / (1 + np.exp(-odds)))
            value = float(rng.lognormal(9, 1))
            sold = f"P{rng.integers(4)}"
            deals.append(ClosedDeal(rep, won, float(rng.uniform(0, 365)), f"I{industry}", sold, value=value))
    return deals


def test_where_nobody_differs_it_is_learned_that_specialities_are_few() -> None:
    deals = in_order(_nobody_differs(1, 0.0))
    labels = labels_of(deals)
    rep = np.array([deal.rep_id for deal in deals])
    keys, pairs = pairs_of(deals, labels, rep, TagSettings())
    won = np.array([deal.won for deal in deals], dtype=float)
    values = values_of(keys, pairs, len(deals))
    found = specialities_of(pairs, values, rep, won, lead_columns(deals, labels), level_sd=0.5)
    before = prior_before_looking(values, 0.5)
    for learned, expected in zip(found.prior.counts, before.counts, strict=True):
        assert np.arange(len(learned)) @ learned <= 1.05 * (np.arange(len(expected)) @ expected)
    assert found.special.sum() / 30 < 0.5  # a rep, of 21 pairs


# --- the posterior of one rep against sums and integrals -----------------------------------------------


def test_sets_of_one_kind_are_summed_as_by_enumeration() -> None:
    odds = np.array([[1.2, -0.4, 2.0, 0.3]])
    counts = np.array([0.5, 0.3, 0.2])
    weights = {
        chosen: counts[sum(chosen)] / comb(4, sum(chosen)) * np.exp(np.dot(chosen, odds[0]))
        for chosen in product((0, 1), repeat=4)
        if sum(chosen) <= 2
    }
    total = sum(weights.values())
    chance, numbers = sets_of_one_kind(odds, counts)
    for v in range(4):
        assert chance[0, v] == pytest.approx(sum(w for c, w in weights.items() if c[v]) / total)
    for number in range(3):
        assert numbers[0, number] == pytest.approx(
            sum(w for c, w in weights.items() if sum(c) == number) / total
        )


def _two_pairs(won: np.ndarray) -> tuple[Pairs, Values, np.ndarray]:
    """One rep, 24 deals, 12 in an industry and 12 of a product, 6 of them in both."""
    deal = np.concatenate([np.arange(12), np.arange(6, 18)])
    pairs = Pairs(np.zeros(2, dtype=np.int64), deal, np.repeat([0, 1], 12))
    values = Values(np.array([0, 1]), np.zeros(2, dtype=np.int64), np.full(2, 0.25), (1, 1), frozenset())
    return pairs, values, np.where(np.arange(24) < 18, -0.5, -1.0)


PRIOR = Prior((np.array([0.8, 0.2]), np.array([0.7, 0.3])), 1.3, 0.5)


@pytest.mark.parametrize("wins", [(9, 1, 1), (5, 5, 2), (3, 6, 3), (0, 0, 6), (6, 6, 6)])
def test_the_chances_of_a_rep_with_two_pairs_are_those_of_numeric_integration(
    wins: tuple[int, int, int],
) -> None:
    """`wins` of the first 6 and next 6 deals (industry, both) together, of the next 6, of the last 6."""
    won = np.zeros(24)
    for start, length, number in ((0, 12, wins[0]), (12, 6, wins[1]), (18, 6, wins[2])):
        won[start : start + min(number, length)] = 1
    pairs, values, log_odds = _two_pairs(won)
    found = weigh(pairs, values, np.zeros(24, dtype=np.int64), won, log_odds, PRIOR)
    assert found.special == pytest.approx(_integrated(pairs, won, log_odds), abs=0.02)


def _integrated(pairs: Pairs, won: np.ndarray, log_odds: np.ndarray) -> list[float]:
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    level, first, second = (
        PRIOR.level_sd * points[:, None, None, None],
        (PRIOR.mean + EFFECT_SD * points)[None, :, None, None],
        (PRIOR.mean + EFFECT_SD * points)[None, None, :, None],
    )
    inside = np.zeros((2, len(won)))
    inside[pairs.pair, pairs.deal] = 1
    chance = {}
    for z in product((0, 1), repeat=2):
        odds = log_odds + level + z[0] * first * inside[0] + z[1] * second * inside[1]
        likely = np.exp(-np.logaddexp(0, np.where(won > 0, -odds, odds)).sum(axis=-1))
        prior = PRIOR.counts[0][z[0]] * PRIOR.counts[1][z[1]]
        chance[z] = prior * np.einsum("ijk,i,j,k->", np.broadcast_to(likely, (40,) * 3), *[weights] * 3)
    total = sum(chance.values())
    return [sum(c for z, c in chance.items() if z[pair]) / total for pair in range(2)]


def test_one_more_win_never_weakens_the_chance() -> None:
    """Whichever lost deal of the pair is won instead, everything else as it was."""
    rng = np.random.default_rng(5)
    for _ in range(3):
        won = (rng.random(24) < 0.4).astype(float)
        pairs, values, log_odds = _two_pairs(won)
        rep = np.zeros(24, dtype=np.int64)
        before = weigh(pairs, values, rep, won, log_odds, PRIOR).chance[0]
        for deal in np.flatnonzero(won[:12] == 0):
            more = won.copy()
            more[deal] = 1
            assert weigh(pairs, values, rep, more, log_odds, PRIOR).chance[0] > before


def test_of_two_overlapping_values_the_wins_are_told_apart() -> None:
    """A rep wins in one industry whatever the product: the product that came along is not suggested."""
    deals = []
    for rep in range(1, 13):
        for industry in ("Healthcare", "Retail", "Media"):
            for name in ("Platform", "Mobile"):
                both = industry == "Healthcare" and name == "Platform"
                count = 16 if rep == ANA and both else 8
                won = count * 3 // 4 if rep == ANA and industry == "Healthcare" else count // 4
                same = deals_of(rep, industry, won, count - won)
                deals += [replace(deal, product=name) for deal in same]
    assert [(one.rep_id, one.value) for one in proposed(deals).suggestions] == [(ANA, "Healthcare")]


def test_q_is_the_mean_chance_of_being_none_up_to_there() -> None:
    deals = team() + deals_of(9, "Healthcare", 13, 7) + deals_of(9, "Retail", 12, 28)
    found = proposed(deals).suggestions
    assert [one.rep_id for one in found] == [ANA, 9]
    assert 0 < found[0].q_value < found[1].q_value <= TagSettings().false_share


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
