"""Cumulative incidence: published figures, statsmodels, clusters, what was naive. No database."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight

from experiments.engine import incidence
from experiments.engine.effect import ArmEstimate, Effect, difference
from experiments.engine.incidence import Curve, Floats, Followed, Ints, curve, won_within
from reps.engine.unavailable import Unavailable

STATA_DAYS = np.array([1, 1, 2, 4, 4, 4, 6, 6, 7, 8, 9, 9, 9, 1, 2, 2, 4, 4], dtype=float)
STATA_CAUSES = np.array([1, 1, 1, 2, 2, 2, 3, 3, 3] + [0] * 9)


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published examples are small."""
    monkeypatch.setattr(incidence, "LEAST_MATURED", 1)


def old(days: Floats, outcome: Ints, cluster: Ints | None = None) -> Followed:
    """All were assigned long ago."""
    return Followed(days, outcome, np.maximum(days, 365.0), cluster)


def estimate(found: ArmEstimate | Unavailable) -> ArmEstimate:
    assert isinstance(found, ArmEstimate), found
    return found


def drawn(seed: int, n: int = 400, accounts: int | None = None) -> Followed:
    """Entered over 120 days; about 25 % of all are won in the end, losses come sooner than wins."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(0, 120, n)
    outcome = rng.choice([1, 2, 3], n, p=[0.25, 0.6, 0.15])
    exit_at = np.ceil(rng.exponential(np.where(outcome == 1, 50, 20)))
    cluster = None if accounts is None else rng.integers(0, accounts, n)
    return Followed(np.minimum(exit_at, age), np.where(exit_at <= age, outcome, 0), age, cluster)


def test_published_figure_of_stata(few_are_enough: None) -> None:
    found = estimate(won_within(old(STATA_DAYS, STATA_CAUSES), 9))
    assert found.value == pytest.approx(0.17037037, abs=5e-9)
    assert found.standard_error == pytest.approx(0.08976251, abs=5e-9)


def test_each_opportunity_its_own_cluster_differs_by_the_small_sample_factor_only(
    few_are_enough: None,
) -> None:
    plain = estimate(won_within(old(STATA_DAYS, STATA_CAUSES), 9))
    found = estimate(won_within(old(STATA_DAYS, STATA_CAUSES, np.arange(18)), 9))
    assert found.value == plain.value
    assert found.standard_error == pytest.approx(plain.standard_error * np.sqrt(18 / 17), rel=1e-12)
    assert found.clusters == 18


@pytest.mark.parametrize("seed", range(5))
def test_equals_statsmodels_at_every_time(seed: int) -> None:
    arm = drawn(seed)
    theirs = CumIncidenceRight(arm.days, arm.outcome)
    ours = curve(arm)
    assert isinstance(ours, Curve)
    assert ours.days.tolist() == theirs.times.tolist()
    assert ours.share == pytest.approx(theirs.cinc[0], abs=1e-12)
    defined = ~np.isnan(theirs.cinc_se[0])
    assert ours.standard_error[defined] == pytest.approx(theirs.cinc_se[0][defined], abs=1e-10)
    for day in (20, 60, 90):
        place = np.searchsorted(theirs.times, day, side="right") - 1
        found = estimate(won_within(arm, day))
        assert found.value == pytest.approx(theirs.cinc[0][place], abs=1e-12)
        assert found.standard_error == pytest.approx(theirs.cinc_se[0][place], abs=1e-10)


def test_all_that_remain_leave_at_once(few_are_enough: None) -> None:
    """statsmodels divides by zero there and has no standard error."""
    days, outcome = np.array([1.0, 2, 3, 3, 3]), np.array([1, 0, 1, 2, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimate(won_within(old(days, outcome), 30))
        drawn_curve = curve(old(days, outcome))
    assert found.value == pytest.approx(1 / 5 + 4 / 5 * 2 / 3, abs=1e-12)
    assert isinstance(drawn_curve, Curve)
    assert drawn_curve.standard_error[-1] == pytest.approx(found.standard_error, abs=1e-12)
    assert 0 < found.standard_error < 0.3


def test_everybody_followed_is_a_plain_share() -> None:
    outcome = np.array([1] * 30 + [2] * 50 + [0] * 20)
    found = estimate(won_within(old(np.where(outcome == 0, 100.0, 10.0), outcome), 90))
    assert found.value == pytest.approx(0.3, abs=1e-12)
    assert found.standard_error == pytest.approx(np.sqrt(0.3 * 0.7 / 100), abs=1e-12)


def test_wins_after_the_horizon_do_not_count(few_are_enough: None) -> None:
    days, outcome = np.array([10.0, 91.0, 90.0, 100.0]), np.array([1, 1, 1, 0])
    assert estimate(won_within(old(days, outcome), 90)).value == 0.5


def ratio_by_hand(won: Ints, cluster: Ints) -> tuple[float, float]:
    """r = Σx/Σk, variance G/(G−1) · Σ(x_g − r k_g)²/(Σk)²."""
    groups = np.unique(cluster)
    x = np.array([won[cluster == g].sum() for g in groups])
    k = np.array([(cluster == g).sum() for g in groups])
    r = x.sum() / k.sum()
    count = len(groups)
    return r, float(np.sqrt(count / (count - 1) * ((x - r * k) ** 2).sum() / k.sum() ** 2))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=50, max_size=80))
def test_clusters_of_closed_opportunities_are_the_ratio_form(rows: list[tuple[bool, int]]) -> None:
    won = np.array([row[0] for row in rows], dtype=np.int64)
    cluster = np.array([row[1] for row in rows])
    found = won_within(old(np.full(len(rows), 5.0), np.where(won == 1, 1, 2), cluster), 90)
    if len(np.unique(cluster)) < 5:
        assert isinstance(found, Unavailable)
        return
    share, error = ratio_by_hand(won, cluster)
    assert estimate(found).value == pytest.approx(share, abs=1e-12)
    assert estimate(found).standard_error == pytest.approx(error, abs=1e-12)


def test_cluster_error_is_that_of_repeated_draws() -> None:
    """40 accounts of 10 opportunities each that win or lose alike, some still open."""
    rng = np.random.default_rng(3)

    def once() -> ArmEstimate:
        cluster = np.repeat(np.arange(40), 10)
        chance = rng.choice([0.1, 0.5], 40)[cluster]
        won = rng.random(400) < chance
        exit_at, age = rng.exponential(40, 400), rng.uniform(0, 150, 400)
        outcome = np.where(exit_at > age, 0, np.where(won, 1, 2))
        return estimate(won_within(Followed(np.minimum(exit_at, age), outcome, age, cluster), 90))

    found = [once() for _ in range(400)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.1)


def test_one_arm_that_loses_faster_wins_no_more() -> None:
    """won / closed would differ by 20 points, 1 − KM with losses censored by 10."""
    rng = np.random.default_rng(5)
    n = 20_000
    age = rng.uniform(0, 120, n)
    shares, naive = [], []
    for days_to_lose in (10, 60):
        won = rng.random(n) < 0.2
        exit_at = rng.exponential(np.where(won, 40, days_to_lose))
        outcome = np.where(exit_at > age, 0, np.where(won, 1, 2))
        shares.append(estimate(won_within(Followed(np.minimum(exit_at, age), outcome, age), 90)).value)
        naive.append((outcome == 1).sum() / (outcome > 0).sum())
    truth = 0.2 * (1 - np.exp(-90 / 40))
    assert shares == pytest.approx([truth, truth], abs=0.015)
    assert naive[1] - naive[0] > 0.03


def test_standard_error_is_that_of_repeated_draws() -> None:
    found = [estimate(won_within(drawn(seed), 60)) for seed in range(600)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.1)


def test_order_of_rows_is_irrelevant() -> None:
    arm = drawn(8, accounts=60)
    turned = Followed(arm.days[::-1], arm.outcome[::-1], arm.age_days[::-1], arm.cluster[::-1])
    one, other = estimate(won_within(arm, 60)), estimate(won_within(turned, 60))
    assert one.value == other.value
    assert one.standard_error == pytest.approx(other.standard_error, abs=1e-15)


def test_the_end_of_the_curve_rests_on_enough() -> None:
    """The curve of those 30 days old may have ended by chance; it says nothing of 90 days."""
    young = Followed(np.array([3.0, 10.0] * 30), np.array([1, 2] * 30), np.full(60, 30.0))
    assert won_within(young, 90) == Unavailable("0 opportunities are 90 days old; at least 50 are needed")
    assert estimate(won_within(young, 30)).value == 0.5
    assert (young.matured(30), young.matured(31)) == (60, 0)


def test_nothing_to_say() -> None:
    none = np.array([])
    nobody = Followed(none, none.astype(np.int64), none)
    assert won_within(nobody, 90) == Unavailable("there are no opportunities yet")
    assert curve(nobody) == Unavailable("there are no opportunities yet")
    few = old(np.full(60, 5.0), np.array([1, 2] * 30), np.repeat([1, 2, 3, 4], 15))
    assert won_within(few, 90) == Unavailable("only 4 independent groups; at least 5 are needed")
    with pytest.raises(ValueError, match="same length"):
        Followed(np.array([1.0]), np.array([1, 2]), np.array([1.0]))
    with pytest.raises(ValueError, match="within 0 and the age"):
        Followed(np.array([-1.0]), np.array([1]), np.array([5.0]))
    with pytest.raises(ValueError, match="within 0 and the age"):
        Followed(np.array([6.0]), np.array([1]), np.array([5.0]))


def test_bounds_of_the_curve_hold_it_and_stay_within_0_and_1() -> None:
    found = curve(drawn(2))
    assert isinstance(found, Curve)
    assert np.all((found.low <= found.share) & (found.share <= found.high))
    assert found.low.min() >= 0
    assert found.high.max() <= 1


def test_difference_adds_variances_and_counts_clusters() -> None:
    found = difference(ArmEstimate(0.25, 0.03, 200, 25), ArmEstimate(0.20, 0.04, 200, 30))
    assert found == Effect(pytest.approx(0.05), pytest.approx(0.05), 53.0)  # type: ignore[arg-type]
    assert isinstance(found, Effect)
    assert found.information == pytest.approx(400)
    many = difference(ArmEstimate(0.25, 0.03, 200, 30), ArmEstimate(0.20, 0.04, 200, 30))
    assert isinstance(many, Effect)
    assert many.degrees == float("inf")
    assert difference(Unavailable("nobody came"), ArmEstimate(0.2, 0.1, 5)) == Unavailable(
        "in treatment nobody came"
    )
    assert difference(ArmEstimate(0.2, 0.0, 5), ArmEstimate(0.2, 0.0, 5)) == Unavailable(
        "all opportunities of both arms had the same outcome"
    )


def test_of_a_short_bound_the_age_is_told_in_minutes() -> None:
    young = Followed(np.zeros(3), np.zeros(3, dtype=int), np.zeros(3))
    assert won_within(young, 240 / 1440) == Unavailable(
        "0 opportunities are 240 minutes old; at least 50 are needed"
    )
