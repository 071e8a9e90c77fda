"""The learned model: priors as data, scales, posterior, artifacts. No database."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from scipy import linalg

from routing.engine.learning.design import PAIR_PRIORS, Scales, imaginary_deals, make_design
from routing.engine.learning.fit import (
    CannotTrain,
    calibrate,
    choose_lead_scale,
    fit,
    lead_only_log_odds,
    log_loss,
)
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.solve import posterior_sd, solve
from routing.engine.learning.table import Category, DealTable, recency
from routing.engine.model import logistic


def table(m: int = 300, reps: int = 6, *, seed: int = 0, rep_sd: float = 0.0) -> DealTable:
    """Simulated deals: an industry effect, and reps who differ by `rep_sd`."""
    rng = np.random.default_rng(seed)
    industry = rng.integers(0, 3, m)
    rep = rng.integers(0, reps, m)
    skill = rng.normal(0, rep_sd, reps)
    tag = (rng.random(m) < 0.4).astype(float)
    odds = np.array([-0.8, 0.0, 0.8])[industry] + skill[rep] + 0.3 * tag
    return DealTable(
        won=(rng.random(m) < logistic(odds)).astype(float),
        rep=rep,
        rep_ids=tuple(range(100, 100 + reps)),
        weight=np.ones(m),
        value=rng.lognormal(9, 1, m),
        season=np.full(m, np.nan),
        lead={
            "industry": Category(industry, ("Energy", "Health", "Retail")),
            "source": Category(rng.integers(0, 2, m), ("Event", "Web")),
        },
        pair={"industry_tag": tag, "load_above_80": np.zeros(m)},
    )


def test_recency_halves_in_240_days_and_forgives_missing_dates() -> None:
    np.testing.assert_allclose(recency(np.array([0.0, 240.0, 480.0, np.nan])), [1, 0.5, 0.25, 1])


def test_without_deals_the_fit_is_the_prior() -> None:
    none = table().take(np.zeros(300, dtype=bool))
    design = make_design(none, Scales())
    beta = solve(design, none, PAIR_PRIORS) * design.sd
    found = dict(zip(design.layout.shared, beta, strict=False))
    assert found["industry_tag"] == pytest.approx(0.2, abs=0.003)
    assert found["load_above_80"] == pytest.approx(-0.3, abs=0.005)
    assert found["intercept"] == pytest.approx(0, abs=1e-6)
    assert np.abs(beta[len(design.layout.shared) :]).max() < 1e-9


def test_imaginary_deals_carry_the_prior_sd() -> None:
    design = make_design(table(), Scales())
    rows, _, weights = imaginary_deals(design.layout, design.sd, PAIR_PRIORS)
    column = design.layout.shared.index("industry_tag")
    x = np.asarray(rows[:, column].todense()).ravel() / design.sd[column]
    p = logistic(x * 0.2)
    information = (weights * x**2 * p * (1 - p)).sum()
    assert 1 / np.sqrt(information) == pytest.approx(0.3, rel=1e-3)


def test_block_arrow_posterior_is_that_of_the_dense_inverse() -> None:
    deals = table(200, 4)
    design = make_design(deals, Scales())
    theta = solve(design, deals, PAIR_PRIORS)
    extra, _, weights = imaginary_deals(design.layout, design.sd, PAIR_PRIORS)
    x, z = design.matrix.toarray(), extra.toarray()
    p, q = logistic(x @ theta), logistic(z @ theta)
    hessian = (
        np.eye(x.shape[1]) + x.T @ (x * (p * (1 - p))[:, None]) + z.T @ (z * (weights * q * (1 - q))[:, None])
    )
    dense = np.sqrt(np.diag(linalg.inv(hessian))) * design.sd
    np.testing.assert_allclose(posterior_sd(design, deals, theta, PAIR_PRIORS), dense, rtol=1e-8)


def test_scales_follow_how_much_reps_differ() -> None:
    alike = fit(table(1500, 20, seed=1, rep_sd=0.0))
    unlike = fit(table(1500, 20, seed=1, rep_sd=0.8))
    assert alike.scales.rep < 0.25
    assert unlike.scales.rep > 0.5


def test_learns_who_is_better() -> None:
    deals = table(2000, 10, seed=3, rep_sd=0.8)
    fitted = fit(deals)
    model = LearnedModel.from_fit(fitted, deals, calibrate(deals))
    true = np.random.default_rng(3)
    true.integers(0, 3, 2000)
    true.integers(0, 10, 2000)
    skill = true.normal(0, 0.8, 10)
    learned = np.array([model.rep[100 + i] for i in range(10)])
    assert np.corrcoef(skill, learned)[0, 1] > 0.85


def test_calibration_of_a_good_model_is_near_one() -> None:
    found = calibrate(table(2000, 10, seed=2, rep_sd=0.5))
    assert found.slope == pytest.approx(1, abs=0.25)
    assert found.intercept == pytest.approx(0, abs=0.25)


def test_lead_scale_is_small_where_leads_do_not_differ() -> None:
    deals = table(1000)
    rng = np.random.default_rng(5)
    noise = DealTable(
        won=rng.integers(0, 2, 1000).astype(float),
        rep=deals.rep,
        rep_ids=deals.rep_ids,
        weight=deals.weight,
        value=deals.value,
        season=deals.season,
        lead=deals.lead,
    )
    assert choose_lead_scale(noise, 0) == 0.1
    assert choose_lead_scale(deals, 0) > 0.1


def test_lead_only_beats_the_base_rate_where_leads_differ() -> None:
    deals = table(2000)
    base = np.full(2000, np.log(deals.won.mean() / (1 - deals.won.mean())))
    assert log_loss(deals.won, lead_only_log_odds(deals), deals.weight) < log_loss(
        deals.won, base, deals.weight
    )


def test_artifact_is_plain_json_and_scores_the_same() -> None:
    deals = table(600, 5, rep_sd=0.5)
    model = LearnedModel.from_fit(fit(deals), deals, calibrate(deals))
    again = LearnedModel.from_artifact(json.loads(json.dumps(model.to_artifact())))
    twice = LearnedModel.from_artifact(json.loads(json.dumps(again.to_artifact())))
    some = deals.take(np.arange(50))
    np.testing.assert_array_equal(again.base(some), twice.base(some))
    np.testing.assert_allclose(again.base(some), model.base(some), atol=1e-6)
    np.testing.assert_allclose(
        again.rep_log_odds(some, deals.rep_ids), model.rep_log_odds(some, deals.rep_ids), atol=1e-6
    )


def test_factored_scores_are_those_of_the_design_matrix() -> None:
    deals = table(400, 5, rep_sd=0.5)
    fitted = fit(deals)
    model = LearnedModel.from_fit(fitted, deals, calibrate(deals))
    design = make_design(deals, fitted.scales)
    direct = design.matrix @ (fitted.beta / design.sd)
    rows = np.arange(400)
    pairs = model.rep_log_odds(deals, deals.rep_ids)[rows, deals.rep]
    own = model.pair_log_odds(deals.pair)
    np.testing.assert_allclose(model.base(deals) + pairs + own, direct, atol=1e-9)


def test_unknown_levels_and_reps_score_as_nobody_knows() -> None:
    deals = table(400, 5, rep_sd=0.5)
    model = LearnedModel.from_fit(fit(deals), deals, calibrate(deals))
    strange = Category(np.array([0]), ("Fishing",))
    lead = DealTable(
        won=np.zeros(1),
        rep=np.array([-1]),
        rep_ids=(),
        weight=np.ones(1),
        value=np.array([np.nan]),
        season=np.array([np.nan]),
        lead={"industry": strange},
    )
    found = model.rep_log_odds(lead, (100, 999))
    assert found[0, 0] == pytest.approx(model.rep[100])
    assert found[0, 1] == 0
    assert model.base(lead)[0] == pytest.approx(model.lead["intercept"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.take(np.zeros(300, dtype=bool)), "no won or lost deals"),
        (lambda t: t.take(t.won == 1), "were won"),
        (lambda t: t.take(t.won == 0), "were lost"),
        (lambda t: t.take(t.rep == 0), "one rep"),
    ],
)
def test_what_cannot_train_says_why(change: Callable[[DealTable], DealTable], why: str) -> None:
    with pytest.raises(CannotTrain, match=why):
        fit(change(table()))
