"""A whole training on simulated organisations: what is learned, kept, told, and refused."""

import datetime
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.organisation import Organisation, make_organisation
from routing.engine.columns import DIMENSIONS, columns
from routing.engine.learning.dataset import DISQUALIFIED, LOST, WON, Deal, Feedback, make_dataset
from routing.engine.learning.fit import CannotTrain
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.training import Trained, believed, train
from routing.engine.learning.trial import Champion
from routing.engine.model import PRIOR_EFFECTS, MatchModel, Scores, score
from routing.engine.worlds import WorldSettings

RULES = Champion(1, MatchModel.prior_artifact(), None)
AT = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)


@cache
def organisation() -> Organisation:
    return make_organisation(WorldSettings(reps=15, deals=900, max_open=20), 3)


@cache
def trained() -> Trained:
    dataset = organisation().dataset()
    return train(dataset, organisation().candidates(dataset), RULES)


def scores(model: MatchModel, place: int = 0) -> Scores:
    roster, facts = organisation().roster, organisation().recent[place]
    nobody = np.zeros(len(roster))
    found = columns(
        facts, roster, covers=nobody, load_share=nobody, default_language="English", only=model.pair
    )
    return score(model, found, np.ones(len(roster), dtype=bool), facts=facts, roster=roster, at=AT)


# --- one scorer ------------------------------------------------------------------------------------------------------


def test_one_opportunity_and_many_are_scored_alike() -> None:
    dataset = organisation().dataset()
    candidates = organisation().candidates(dataset)
    learned = LearnedModel.from_artifact(trained().artifact)
    many = learned.base(candidates.leads)[:, None] + learned.rep_log_odds(
        candidates.leads, candidates.rep_ids
    )
    many = many + learned.pair_log_odds(candidates.pair)
    model = MatchModel.from_artifact(2, trained().artifact)
    for place in range(40):
        one = scores(model, place)
        np.testing.assert_allclose(one.log_odds_ratio, many[place] - many[place].mean(), atol=1e-7)
        assert model.learned is not None
        line = learned.calibration
        expected = 1 / (1 + np.exp(-(line.intercept + line.slope * many[place])))
        assert one.win_probability is not None
        np.testing.assert_allclose(one.win_probability, expected, atol=1e-9)


def test_five_parts_add_up_and_effects_add_up_to_them() -> None:
    found = scores(MatchModel.from_artifact(2, trained().artifact))
    assert found.parts.shape == (15, len(DIMENSIONS))
    np.testing.assert_allclose(found.parts.sum(axis=1), found.log_odds_ratio, atol=1e-9)
    np.testing.assert_allclose(sum(found.effects.values()), found.log_odds_ratio, atol=1e-9)


def test_without_deals_the_learned_model_is_the_rules() -> None:
    """No cliff: an artifact with nothing learned in it scores as the rules do."""
    empty = trained().artifact | {"pair": dict(PRIOR_EFFECTS), "rep": {}, "cross": {}}
    ours, rules = (
        scores(MatchModel.from_artifact(2, empty)),
        scores(MatchModel.from_artifact(1, RULES.artifact)),
    )
    np.testing.assert_array_equal(ours.score, rules.score)
    assert rules.win_probability is None


def test_what_outlasts_the_choosing_lies_between_average_and_full() -> None:
    found = scores(MatchModel.from_artifact(2, trained().artifact))
    assert found.win_probability is not None
    assert found.win_probability_low is not None
    best = int(np.argmax(found.score))
    average = found.win_probability.mean()
    assert average < found.win_probability_low[best] < found.win_probability[best]
    assert found.win_probability_low.min() == found.win_probability.min()


def test_artifact_and_report_are_plain_json() -> None:
    again = json.loads(json.dumps(trained().artifact))
    np.testing.assert_array_equal(
        scores(MatchModel.from_artifact(2, again)).score,
        scores(MatchModel.from_artifact(2, trained().artifact)).score,
    )
    assert json.loads(json.dumps(trained().report))["trained_on"]["deals"] == len(
        organisation().dataset().deals
    )


def test_training_is_a_function_of_its_inputs() -> None:
    backwards = replace(organisation(), deals=tuple(reversed(organisation().deals)))
    dataset = backwards.dataset()
    again = train(dataset, backwards.candidates(dataset), RULES)
    assert json.dumps(again.artifact, sort_keys=True) == json.dumps(trained().artifact, sort_keys=True)


# --- what it learns and tells ----------------------------------------------------------------------------------------


def test_beats_the_base_rate_and_finds_the_better_fitting_reps() -> None:
    quality = trained().report["quality"]
    assert (
        quality["log_loss"]["model"] < quality["log_loss"]["without_reps"] < quality["log_loss"]["base_rate"]
    )
    assert quality["concordance"]["value"] > 0.52
    assert quality["calibration"]["slope"] == pytest.approx(1, abs=0.2)
    assert sum(one["count"] for one in quality["reliability"]) == len(organisation().dataset().deals)


def test_tallies_count_every_deal_once() -> None:
    dataset, tallies = organisation().dataset(), trained().artifact["tallies"]
    for levels in tallies.values():
        closed = sum(pair[1] for by in levels.values() for pair in by.values())
        won = sum(pair[0] for by in levels.values() for pair in by.values())
        assert (won, closed) == (int(dataset.deals.won.sum()), len(dataset.deals))


def test_disqualified_deals_are_not_lost_ones() -> None:
    dataset = organisation().dataset()
    outcomes = [deal.outcome for deal in organisation().deals]
    assert len(dataset.deals) == outcomes.count(WON) + outcomes.count(LOST)
    assert dataset.dropped.won.sum() == outcomes.count(DISQUALIFIED)


def test_a_rejection_about_fit_lowers_that_pairing_a_little() -> None:
    facts, rep = organisation().recent[0], 4
    told = [Feedback(facts, rep, "Wrong expertise", 0.25)] * 8
    dataset = make_dataset(
        organisation().deals, organisation().roster, as_of=organisation().as_of, feedback=told
    )
    assert dataset.feedback.weight.sum() == 2.0
    after = train(
        dataset, organisation().candidates(dataset), RULES, feedback_by_reason={"Wrong expertise": 8}
    )
    assert after.report["trained_on"]["feedback"] == {"Wrong expertise": 8}
    assert after.report["trained_on"]["feedback_weight"] == 2.0
    place = organisation().roster.index[rep]
    before_score = scores(MatchModel.from_artifact(2, trained().artifact)).score[place]
    after_score = scores(MatchModel.from_artifact(2, after.artifact)).score[place]
    assert before_score - 12 < after_score < before_score - 0.2


def test_undated_deals_weigh_one_and_are_counted() -> None:
    deals = [replace(deal, closed=None, opened=None) for deal in organisation().deals]
    dataset = make_dataset(deals, organisation().roster, as_of=organisation().as_of)
    assert dataset.undated == len(dataset.deals)
    assert set(dataset.deals.weight.tolist()) == {1.0}


def test_left_out_columns_are_no_inputs() -> None:
    dataset = make_dataset(
        organisation().deals,
        organisation().roster,
        as_of=organisation().as_of,
        left_out=frozenset({"source", "value"}),
    )
    assert "source" not in dataset.deals.lead
    assert np.isnan(dataset.deals.value).all()


def test_managers_say_how_much_the_tags_are_believed() -> None:
    assert believed(0)["industry_tag"].mean == 0
    assert believed(2)["industry_tag"].mean == pytest.approx(0.4)
    assert believed(0)["load_above_80"].mean == -0.3


# --- what cannot be trained ------------------------------------------------------------------------------------------


def change(deals: tuple[Deal, ...], how: str) -> list[Deal]:
    if how == "few":
        return list(deals[:80])
    if how == "all won":
        return [replace(deal, outcome=WON) for deal in deals]
    if how == "one rep":
        return [replace(deal, rep_id=1) for deal in deals]
    if how == "nothing":
        return []
    reason = {WON: "", LOST: "Price", DISQUALIFIED: "Junk"}
    return [
        replace(deal, facts=replace(deal.facts, custom={"loss_reason": reason[deal.outcome]}))
        for deal in deals
    ]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("few", r"\d+ won and lost deals with an owner in 12 months; 100 are needed"),
        ("all won", "were won: there is nothing to tell apart"),
        ("one rep", "All deals belong to one rep"),
        ("nothing", "There are no won or lost deals"),
        ("leak", "“Why lost” gives the outcome away"),
    ],
)
def test_what_cannot_train_says_why(how: str, why: str) -> None:
    dataset = make_dataset(
        change(organisation().deals, how),
        organisation().roster,
        as_of=organisation().as_of,
        inputs=["loss_reason"] if how == "leak" else [],
    )
    with pytest.raises(CannotTrain, match=why):
        train(dataset, organisation().candidates(dataset), RULES, labels={"custom.loss_reason": "Why lost"})
