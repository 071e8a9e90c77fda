"""Off-policy values: worked figures, coverage of the truth over simulated logs, refusals. No database."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reps.engine.unavailable import Unavailable
from routing.engine.estimate import Estimate
from routing.engine.off_policy import Floats, LoggedDecisions, OffPolicy, Valued, effective_size, evaluate

SKILL = np.array([-0.6, 0.0, 0.5])  # log-odds of three reps, of which the third is worse with large x
SLOPE = np.array([0.6, 0.0, -0.8])


def chances(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-(SKILL + SLOPE * x[:, None] - 0.5)))


def softmax(wishes: Floats) -> Floats:
    raised = np.exp(wishes)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def logged_policy(x: Floats) -> Floats:
    return softmax(0.5 * SKILL + 0.3 * x[:, None] * np.array([1.0, 0.0, -0.5]))


def target_policy(x: Floats) -> Floats:
    return softmax(1.5 * (SKILL + SLOPE * x[:, None]))


def simulated(seed: int, *, decisions: int = 1000, model: float = 0.7) -> LoggedDecisions:
    """`model`: the model's log-odds are this share of the true ones, so it is wrong throughout."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, decisions)
    mine, other, p = logged_policy(x), target_policy(x), chances(x)
    action = (rng.random(decisions)[:, None] > np.cumsum(mine, axis=1)).sum(axis=1)
    own = (np.arange(decisions), action)
    q = 1 / (1 + (1 / p - 1) ** model)
    return LoggedDecisions(
        reward=(rng.random(decisions) < p[own]).astype(float),
        propensity=mine[own],
        target=other[own],
        q_logged=q[own],
        q_target=(other * q).sum(axis=1),
        has_overlap=np.ones(decisions, dtype=bool),
        squared=(other**2 / mine).sum(axis=1),
        account=np.arange(decisions),
    )


def true_values() -> tuple[float, float]:
    """Of the target and of the logged policy, over the distribution of x."""
    x = np.linspace(-8, 8, 4001)
    density = np.exp(-(x**2) / 2)
    density /= density.sum()
    p = chances(x)
    target, logged = (
        float(density @ (policy(x) * p).sum(axis=1)) for policy in (target_policy, logged_policy)
    )
    return target, logged


def worked(copies: int = 50) -> LoggedDecisions:
    """Weights 2, .5, 1, .5 for rewards 1, 0, 0, 1, `copies` times."""
    return LoggedDecisions(
        reward=np.tile([1.0, 0.0, 0.0, 1.0], copies),
        propensity=np.tile([0.4, 0.8, 0.5, 0.6], copies),
        target=np.tile([0.8, 0.4, 0.5, 0.3], copies),
        q_logged=np.tile([0.6, 0.2, 0.3, 0.4], copies),
        q_target=np.tile([0.5, 0.4, 0.3, 0.2], copies),
        has_overlap=np.ones(4 * copies, dtype=bool),
        squared=np.tile([2.0, 1.0, 1.0, 1.0], copies),
        account=np.arange(4 * copies),
    )


def valued(found: Valued | Unavailable) -> Valued:
    assert isinstance(found, Valued), found
    return found


def both(found: OffPolicy) -> tuple[Valued, Valued]:
    return valued(found.snips), valued(found.doubly_robust)


def test_worked_example() -> None:
    found = evaluate(worked())
    snips, robust = both(found)
    assert found.decisions == 200
    # (2 + .5 + 1 + .5)² / (4 + .25 + 1 + .25) = 16 / 5.5 for each four
    assert found.effective_size == pytest.approx(50 * 16 / 5.5)
    assert snips.value.value == pytest.approx(2.5 / 4)
    # influences 2·.375, −.5·.625, −.625, .5·.375 of sum 0 and sum of squares 1.0859375, of 199 degrees of freedom
    assert snips.value.standard_error == pytest.approx(np.sqrt(50 * 1.0859375 / 199 / 200))
    # .5 + 2·.4, .4 − .5·.2, .3 − .3, .2 + .5·.6 = 1.3, .3, 0, .5
    assert robust.value.value == pytest.approx(2.1 / 4)
    assert robust.value.standard_error == pytest.approx(
        np.sqrt(50 * (1.69 + 0.09 + 0 + 0.25 - 2.1**2 / 4) / 199 / 200)
    )
    assert isinstance(found.logged, Estimate)
    assert found.logged.value == 0.5
    assert found.logged.standard_error == pytest.approx(np.sqrt(0.25 / 199))
    assert snips.gain.value == pytest.approx(0.125)
    assert robust.gain.value == pytest.approx(0.025)
    # paired: .3, .3, 0, −.5, mean .025
    assert robust.gain.standard_error == pytest.approx(np.sqrt(50 * (0.43 - 4 * 0.025**2) / 199 / 200))
    assert snips.value.low == pytest.approx(0.625 - 1.959964 * snips.value.standard_error)


def test_the_logged_policy_is_valued_as_what_it_won_with_no_gain_at_all() -> None:
    log = simulated(1)
    snips, _ = both(evaluate(replace(log, target=log.propensity)))
    assert snips.value.value == pytest.approx(log.reward.mean())
    assert snips.gain == Estimate(0.0, 0.0, 0.0, 0.0)


def test_a_perfect_model_leaves_only_its_own_mean() -> None:
    log = simulated(2)
    _, robust = both(evaluate(replace(log, q_logged=log.reward)))
    assert robust.value.value == pytest.approx(log.q_target.mean())


def test_order_of_the_log_is_irrelevant() -> None:
    log = simulated(3)
    order = np.random.default_rng(0).permutation(len(log))
    turned = LoggedDecisions(**{name: column[order] for name, column in vars(log).items()})
    for one, other in zip(both(evaluate(log)), both(evaluate(turned)), strict=True):
        assert one.value.value == pytest.approx(other.value.value)
        assert one.gain.standard_error == pytest.approx(other.gain.standard_error)


def test_intervals_cover_the_truth_in_about_95_of_100_logs() -> None:
    target, logged = true_values()
    assert target - logged > 0.05  # there is something to find
    truth = np.array([target, target - logged])
    covered, values = np.zeros((2, 2)), []
    for seed in range(300):
        found = both(evaluate(simulated(seed)))
        rows = np.array([[[e.low, e.high] for e in (one.value, one.gain)] for one in found])
        covered += (rows[:, :, 0] <= truth) & (truth <= rows[:, :, 1])
        values.append([one.value.value for one in found])
    # binomial at 95 % of 300: 273 to 295 holds in 998 of 1,000
    assert covered.min() >= 273
    assert covered.max() <= 296
    np.testing.assert_allclose(np.mean(values, axis=0), target, atol=0.005)


def test_weighing_by_a_wrong_propensity_misses_the_truth() -> None:
    target, _ = true_values()
    missed = 0
    for seed in range(60):
        log = simulated(seed)
        snips, _ = both(evaluate(replace(log, propensity=log.target)))
        missed += not snips.value.low <= target <= snips.value.high
    assert missed > 30


def test_effective_size() -> None:
    assert effective_size(np.ones(70)) == pytest.approx(70)
    assert effective_size(np.array([1.0] * 10 + [0.0] * 90)) == pytest.approx(10)
    assert effective_size(np.zeros(5)) == 0.0


def test_refuses_a_small_effective_size_in_words() -> None:
    found = evaluate(worked(34))  # 34 · 16 / 5.5 = 98.9
    why = Unavailable(
        "the 136 logged decisions tell as much of the other policy as 98 of its own would; at least 100 are needed"
    )
    assert found.snips == why
    assert found.doubly_robust == why
    assert isinstance(found.logged, Estimate)  # what was won is known all the same
    assert isinstance(evaluate(worked(35)).snips, Valued)


def test_refuses_where_a_tenth_has_no_overlap_in_words() -> None:
    log = worked()
    without = np.arange(200) >= 20
    found = evaluate(replace(log, has_overlap=without))
    assert found.share_without_overlap == pytest.approx(0.1)
    assert found.snips == Unavailable(
        "in 10% of the 200 logged decisions the other policy could take a rep who had no chance then; "
        "from 10% on its value cannot be told"
    )
    assert found.doubly_robust == found.snips
    assert isinstance(evaluate(replace(log, has_overlap=np.arange(200) >= 19)).snips, Valued)


def test_refuses_where_nothing_differs_or_nothing_was_logged() -> None:
    log = worked()
    lost = evaluate(replace(log, reward=np.zeros(200)))
    assert lost.logged == lost.snips == Unavailable("all 200 logged decisions had the same outcome")
    none = evaluate(LoggedDecisions(**{name: column[:0] for name, column in vars(log).items()}))
    assert none.logged == none.doubly_robust == Unavailable("there are no logged decisions")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"propensity": np.tile([0.0, 0.8, 0.5, 0.6], 50)}, "propensities lie above 0"),
        ({"target": np.full(200, 1.2)}, "target lies within 0 and 1"),
        ({"q_target": np.full(200, np.nan)}, "q_target lies within 0 and 1"),
        ({"reward": np.ones(3)}, "same length"),
    ],
)
def test_what_is_no_log_is_an_error(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(worked(), **change)


def test_a_choice_that_was_rarely_drawn_and_never_seen_is_refused() -> None:
    """200 decisions agree with the log but for half of the target, which leans on a choice of one in a hundred."""
    log = replace(worked(), target=worked().propensity, squared=np.tile([1.0, 1.0, 100.0, 100.0], 50))
    assert effective_size(log.weight) == pytest.approx(200)
    found = evaluate(log)
    assert found.effective_size == pytest.approx(200 / 50.5)
    assert isinstance(found.doubly_robust, Unavailable)
    assert "tell as much of the other policy as 3 of its own would" in found.doubly_robust.reason


def test_decisions_of_one_account_count_together() -> None:
    log, twice = worked(), worked()
    alone = both(evaluate(log))
    doubled = replace(
        LoggedDecisions(**{name: np.repeat(column, 2) for name, column in vars(twice).items()}),
        account=np.repeat(np.arange(200), 2),
    )
    together = both(evaluate(doubled))
    for one, other in zip(alone, together, strict=True):
        assert other.value.value == pytest.approx(one.value.value)
        assert other.value.standard_error == pytest.approx(one.value.standard_error)


def test_what_has_no_overlap_is_in_no_estimate() -> None:
    log = worked()
    kept = np.arange(200) >= 8
    spoilt = replace(log, has_overlap=kept, q_target=np.where(kept, log.q_target, 1.0))
    found, of_rest = evaluate(spoilt), evaluate(log.take(kept))
    assert both(found) == both(of_rest)
    assert found.logged == of_rest.logged
    assert (found.decisions, found.share_without_overlap) == (200, 0.04)
