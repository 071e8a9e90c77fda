"""The lift of weeks, what moved in a distribution, and whether two figures differ."""

import pytest

from analytics.engine.changes import change, median_with_bounds
from analytics.engine.shares import Share
from analytics.engine.stability import shift
from analytics.engine.weekly_lift import together, weekly_lift


class TestWeeklyLift:
    def test_by_hand(self) -> None:
        """12 of 20 against 8 of 20: difference .2, variance n₁n₂m(N − m) ÷ N²(N − 1) ÷ 10²."""
        found = weekly_lift([[(Share(12, 20), Share(8, 20))]])
        assert found[0].place == 0
        assert found[0].week.value == pytest.approx(0.2)
        assert found[0].week.variance == pytest.approx(400 * 400 / (1600 * 39) / 100)

    def test_thin_weeks_are_counted_with_the_next(self) -> None:
        thin = [(Share(3, 6), Share(2, 6))]
        found = weekly_lift([thin, thin, thin])
        assert [one.place for one in found] == [1]
        assert found[0].week.value == pytest.approx(1 / 6)

    def test_strata_with_one_way_only_say_nothing(self) -> None:
        assert weekly_lift([[(Share(30, 40), Share(0, 0))]]) == []

    def test_where_all_were_won_nothing_is_known(self) -> None:
        assert weekly_lift([[(Share(20, 20), Share(20, 20))]]) == []

    def test_together_weighs_by_what_is_known(self) -> None:
        weeks = weekly_lift([[(Share(12, 20), Share(8, 20))], [(Share(120, 200), Share(120, 200))]])
        found = together(weeks)
        assert found is not None
        assert 0 < found[0] < 0.1
        assert together([]) is None


class TestShift:
    def test_the_levels_that_moved_most_come_first(self) -> None:
        found = shift({"Web": 300, "Event": 300}, {"Web": 50, "Event": 150})
        assert found is not None
        assert found.has_moved
        assert [level.name for level in found.levels] == ["Event", "Web"]
        assert found.psi == pytest.approx(0.27, abs=0.01)  # .25·ln(.5/.25) + .25·ln(.75/.5)

    def test_few_cases_that_differ_by_chance_do_not_count(self) -> None:
        found = shift({"Web": 100, "Event": 100}, {"Web": 7, "Event": 4})
        assert found is not None
        assert not found.has_moved

    def test_rare_levels_are_one(self) -> None:
        found = shift({"Web": 100, **{f"Fair {n}": 3 for n in range(5)}}, {"Web": 50})
        assert found is not None
        assert {level.name for level in found.levels} == {"Web", "others"}

    def test_nothing_to_compare(self) -> None:
        assert shift({}, {"Web": 5}) is None
        assert shift({"Web": 50}, {"Web": 50}) is None


class TestChange:
    def test_newcombes_example(self) -> None:
        """R. Newcombe 1998, table II, (a) 56/70 less 48/80: method 10 gives .0524 to .3339."""
        found = change(Share(56, 70), Share(48, 80))
        assert found is not None
        assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
        assert not found.could_be_chance

    def test_nothing_known(self) -> None:
        assert change(Share(0, 0), Share(1, 2)) is None

    def test_median_with_its_ranks(self) -> None:
        """Of 100: ranks 50 ∓ 9.8, so 40.2 → 41st and 60.8 → 61st."""
        found = median_with_bounds(list(range(1, 101)), [1] * 100)
        assert found is not None
        assert (found.value, found.low, found.high, found.cases) == (50, 41, 61, 100)

    def test_median_of_none(self) -> None:
        assert median_with_bounds([], []) is None
