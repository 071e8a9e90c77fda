"""Sample ratio: GrowthBook's published figures, stages, limits. No database."""

import pytest
from scipy import stats

from experiments.engine.sample_ratio import Balance, SampleRatio, Split, balance_of, over_stages, sample_ratio
from reps.engine.unavailable import Unavailable


def ratio(units: tuple[int, ...], shares: tuple[float, ...]) -> SampleRatio:
    found = sample_ratio(Split(units, shares))
    assert isinstance(found, SampleRatio), found
    return found


@pytest.mark.parametrize(
    ("units", "shares", "p", "balance"),
    [
        ((1000, 1200), (0.5, 0.5), 0.000020079, Balance.BLOCK),
        ((135, 115), (0.5, 0.5), 0.205903211, Balance.OK),
        ((310, 98), (0.75, 0.25), 0.647434186, Balance.OK),
        ((500, 500, 600), (0.34, 0.33, 0.33), 0.000592638, Balance.BLOCK),
    ],
)
def test_published_figures(
    units: tuple[int, ...], shares: tuple[float, ...], p: float, balance: Balance
) -> None:
    found = ratio(units, shares)
    assert found.p == pytest.approx(p, abs=5e-10)
    assert found.balance is balance


def test_equals_scipy() -> None:
    found = ratio((80, 31), (0.8, 0.2))
    theirs = stats.chisquare([80, 31], [111 * 0.8, 111 * 0.2])
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_stages_are_judged_by_their_own_shares() -> None:
    """Pooled these are 190 to 110 where 90 to 10 and 50 to 50 were asked for: in each stage there is nothing odd."""
    stages = [Split((90, 10), (0.9, 0.1)), Split((100, 100), (0.5, 0.5))]
    found = over_stages(stages)
    assert found == SampleRatio(pytest.approx(0.0), pytest.approx(1.0), Balance.OK)  # type: ignore[arg-type]
    odd = over_stages([Split((60, 40), (0.5, 0.5)), Split((60, 40), (0.5, 0.5))])
    assert isinstance(odd, SampleRatio)
    assert (odd.statistic, odd.p) == pytest.approx((8.0, float(stats.chi2.sf(8, 2))))


def test_limits() -> None:
    assert [balance_of(p) for p in (0.01, 0.0099, 0.001, 0.0009)] == [
        Balance.OK,
        Balance.WARN,
        Balance.WARN,
        Balance.BLOCK,
    ]


def test_too_few_say_nothing_and_nonsense_is_refused() -> None:
    assert sample_ratio(Split((40, 9), (0.9, 0.1))) == Unavailable("fewer than 5 units expected in an arm")
    assert sample_ratio(Split((0, 0), (0.5, 0.5))) == Unavailable("fewer than 5 units expected in an arm")
    small_first = over_stages([Split((3, 0), (0.9, 0.1)), Split((100, 100), (0.5, 0.5))])
    assert small_first == sample_ratio(Split((100, 100), (0.5, 0.5)))
    with pytest.raises(ValueError, match="above 0"):
        Split((5, 5), (1.0, 0.0))
    with pytest.raises(ValueError, match="units and a share"):
        Split((5,), (1.0,))
