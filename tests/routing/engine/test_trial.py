"""Champion and challenger: who is held out, how the champion is judged, and the rule."""

import datetime
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.organisation import make_organisation
from routing.engine.learning.dataset import Dataset
from routing.engine.learning.design import PAIR_PRIORS, Scales
from routing.engine.learning.fit import cross_fit, fit
from routing.engine.learning.training import train
from routing.engine.learning.trial import Champion, Trial, held_out, try_challenger
from routing.engine.model import MatchModel
from routing.engine.worlds import WorldSettings

RULES = Champion(1, MatchModel.prior_artifact(), None)
ORGANISATION = make_organisation(WorldSettings(reps=12, deals=800, max_open=20), 5)
DATASET = ORGANISATION.dataset()


def trial(champion: Champion, dataset: Dataset = DATASET) -> Trial:
    scales = fit(dataset.deals).scales
    return try_challenger(dataset, champion, cross_fit(dataset.deals, scales), scales, priors=PAIR_PRIORS)


def learned(days_ago: int) -> Champion:
    """A champion that was trained on what had closed so many days before."""
    as_of = ORGANISATION.as_of - datetime.timedelta(days=days_ago)
    then = replace(
        ORGANISATION, deals=tuple(d for d in ORGANISATION.deals if d.closed and d.closed < as_of), as_of=as_of
    )
    dataset = then.dataset()
    return Champion(2, train(dataset, then.candidates(dataset), RULES).artifact, as_of)


def test_held_out_are_the_newest_four_weeks_or_fifteen_per_cent() -> None:
    away = held_out(DATASET)
    assert away.sum() == max(round(0.15 * len(away)), int((DATASET.ages_days <= 28).sum()))
    assert DATASET.ages_days[away].max() <= DATASET.ages_days[~away].min()


def test_undated_deals_are_held_out_by_their_share() -> None:
    undated = replace(DATASET, ages_days=np.full(len(DATASET.deals), np.nan))
    assert held_out(undated).sum() == round(0.15 * len(DATASET.deals))


def test_a_model_that_learned_replaces_the_rules() -> None:
    found = trial(RULES)
    assert (found.how, found.champion_judged) == ("held_out", "rules")
    assert found.is_promoted
    assert found.worse_by == pytest.approx(found.challenger_loss - found.champion_loss)
    assert found.deals == int(held_out(DATASET).sum())


@pytest.mark.slow
def test_a_champion_is_judged_only_by_what_it_has_not_learned_from() -> None:
    old = trial(learned(days_ago=90))
    assert (old.champion_judged, old.deals) == ("as_it_was", int(held_out(DATASET).sum()))
    fresh = trial(learned(days_ago=1))
    assert fresh.champion_judged == "refitted"
    assert fresh.is_promoted  # the same recipe on the same deals is no worse
    assert abs(fresh.worse_by) < 0.01


@pytest.mark.slow
def test_a_much_better_champion_stays() -> None:
    """What the challenger learns from is turned round; the champion learned before that."""
    away = held_out(DATASET)
    won = np.where(away, DATASET.deals.won, 1 - DATASET.deals.won)
    found = trial(learned(days_ago=90), replace(DATASET, deals=replace(DATASET.deals, won=won)))
    assert found.champion_judged == "as_it_was"
    assert not found.is_promoted
    assert "higher than the champion's" in found.why


def test_probabilities_that_cannot_be_trusted_are_not_promoted() -> None:
    outcomes = DATASET.deals.won.copy()
    away = held_out(DATASET)
    outcomes[away] = 1 - outcomes[away]  # the newest weeks turn everything round
    found = trial(RULES, replace(DATASET, deals=replace(DATASET.deals, won=outcomes)))
    assert not found.is_promoted


def test_few_deals_are_compared_by_cross_validation() -> None:
    rows = np.arange(150)
    few = replace(
        DATASET,
        deals=DATASET.deals.take(rows),
        ages_days=DATASET.ages_days[rows],
        average={name: column[rows] for name, column in DATASET.average.items()},
    )
    found = trial(RULES, few)
    assert (found.how, found.deals) == ("cross_validation", 150)


def test_scales_of_the_champion_are_used_when_it_is_refitted() -> None:
    champion = learned(days_ago=1)
    wild = {**champion.artifact, "scales": {"lead": 1.8, "rep": 1.5, "cross": 1.5}}
    assert Scales(**wild["scales"]).rep == 1.5
    found = trial(Champion(2, wild, champion.as_of))
    assert found.champion_judged == "refitted"
    assert found.worse_by < -0.01  # a recipe that believes everything does worse
