import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from analytics.engine.shares import ENOUGH, Share, adjusted_difference, trend


class TestShare:
    @pytest.mark.parametrize(("hits", "known"), [(0, 5), (3, 10), (41, 120), (7, 7)])
    def test_has_wilsons_interval(self, hits: int, known: int) -> None:
        low, high = proportion_confint(hits, known, method="wilson")
        share = Share(hits, known)
        assert share.low == pytest.approx(low, abs=1e-6)
        assert share.high == pytest.approx(high, abs=1e-6)

    def test_of_nothing_is_unknown(self) -> None:
        share = Share(0, 0)
        assert (share.value, share.low, share.high) == (None, None, None)

    def test_adds_up(self) -> None:
        assert Share(1, 2) + Share(3, 4) == Share(4, 6)


class TestTrend:
    def test_finds_what_rises_and_what_falls(self) -> None:
        rising = [(place, Share(20 * place, 100)) for place in (1, 2, 3, 4)]
        found = trend(rising)
        assert found is not None
        assert found.rises is True
        fell = trend([(-place, share) for place, share in rising])
        assert fell is not None
        assert fell.rises is False
        assert fell.z == pytest.approx(-found.z)

    def test_is_the_correlation_of_place_and_outcome(self) -> None:
        """Cochran and Armitage's z² is n times the squared correlation."""
        groups = [(0.0, Share(3, 10)), (1.0, Share(9, 20)), (5.0, Share(14, 21))]
        x = np.concatenate([np.full(share.known, place) for place, share in groups])
        y = np.concatenate([[1] * share.hits + [0] * (share.known - share.hits) for _, share in groups])
        found = trend(groups)
        assert found is not None
        assert found.z == pytest.approx(math.sqrt(len(x)) * np.corrcoef(x, y)[0, 1])

    def test_errs_about_one_time_in_twenty(self) -> None:
        rng = np.random.default_rng(1)
        worlds = 2000
        finds = 0
        for _ in range(worlds):
            found = trend([(place, Share(int(rng.binomial(60, 0.3)), 60)) for place in range(5)])
            finds += found is not None and found.rises is not None
        assert 0.035 < finds / worlds < 0.065

    @pytest.mark.parametrize("groups", [[], [(1.0, Share(0, 9))], [(1.0, Share(9, 9))], [(1.0, Share(4, 9))]])
    def test_cannot_be_told_from_one_place_or_one_outcome(self, groups: list[tuple[float, Share]]) -> None:
        assert trend(groups) is None


class TestAdjustedDifference:
    def test_is_mantel_and_haenszels(self) -> None:
        """Strata weigh by n·m / (n + m)."""
        strata = [(Share(20, 50), Share(10, 40)), (Share(30, 60), Share(9, 30)), (Share(5, 25), Share(2, 35))]
        found = adjusted_difference(strata)
        assert found is not None
        assert found.value == pytest.approx(_pooled(strata))
        assert found.low < found.value < found.high
        assert (found.strata, found.cases, found.left_out) == (3, 240, 0)

    def test_takes_away_what_the_strata_differ_in(self) -> None:
        """Each stratum has no difference, the whole has one (Simpson)."""
        strata = [(Share(80, 100), Share(8, 10)), (Share(2, 10), Share(20, 100))]
        found = adjusted_difference(strata)
        assert found is not None
        assert found.value == pytest.approx(0)
        assert found.low < 0 < found.high

    def test_holds_the_truth_nineteen_times_of_twenty(self) -> None:
        rng = np.random.default_rng(2)
        worlds, held = 1500, 0
        for _ in range(worlds):
            base = rng.uniform(0.15, 0.5, 8)
            sizes = rng.integers(5, 60, (8, 2))
            strata = [
                (Share(int(rng.binomial(n, p + 0.1)), int(n)), Share(int(rng.binomial(m, p)), int(m)))
                for p, (n, m) in zip(base, sizes, strict=True)
            ]
            found = adjusted_difference(strata)
            assert found is not None
            held += found.low <= 0.1 <= found.high
        assert 0.93 < held / worlds < 0.97

    def test_is_not_drawn_from_too_few(self) -> None:
        assert adjusted_difference([(Share(5, ENOUGH - 1), Share(5, 100))]) is None
        assert adjusted_difference([(Share(5, 100), Share(0, 0)), (Share(0, 0), Share(5, 100))]) is None


def _pooled(strata: list[tuple[Share, Share]]) -> float:
    weights = [a.known * b.known / (a.known + b.known) for a, b in strata]
    return sum(
        w * ((a.value or 0) - (b.value or 0)) for w, (a, b) in zip(weights, strata, strict=True)
    ) / sum(weights)
