"""Columns that give the outcome away, and ordinary ones, which do not. No database."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.model.cases import deal_table, settings_of
from routing.engine.learning.leaks import Leak, find_leaks, value_parts
from routing.engine.learning.table import Category, DealTable, Floats, Ints
from routing.engine.worlds import draw_leads, make_world, play_history
from tests.routing.engine.test_learning import table


def with_column(deals: DealTable, name: str, codes: Ints, levels: tuple[str, ...]) -> DealTable:
    return replace(deals, lead={**deals.lead, name: Category(codes, levels)})


def loss_reasons(deals: DealTable, *, filled: float, seed: int = 0) -> DealTable:
    """`filled` of the lost deals have one of four reasons, the won none."""
    rng = np.random.default_rng(seed)
    has_one = (deals.won == 0) & (rng.random(len(deals)) < filled)
    codes = np.where(has_one, rng.integers(0, 4, len(deals)), -1)
    return with_column(deals, "custom.loss_reason", codes, ("Budget", "Competitor", "No decision", "Timing"))


def strong(seed: int, levels: int, m: int = 600) -> DealTable:
    """A custom field whose levels are won in 10 to 90 %."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, m)
    won = (rng.random(m) < np.linspace(0.1, 0.9, levels)[codes]).astype(float)
    deals = replace(table(m, seed=seed + 1000), won=won)
    return with_column(deals, "custom.budget", codes, tuple(f"level {i}" for i in range(levels)))


def test_a_loss_reason_is_told_with_its_figures() -> None:
    deals = replace(table(300), won=(np.arange(300) < 100).astype(float))
    codes = np.where(np.arange(300) >= 110, 0, -1)
    codes[:3] = 0
    found = find_leaks(with_column(deals, "loss_reason", codes, ("Budget",)))
    assert found == (
        Leak(
            "loss_reason",
            "“Loss reason” gives the outcome away: 190 of 193 deals that have it were lost, of all deals 67%. "
            "It seems to be known only after the deal closed; leave it out.",
        ),
    )


@pytest.mark.parametrize("filled", [1.0, 0.6])
def test_a_reason_that_only_lost_deals_have_is_found_even_if_not_all_have_it(filled: float) -> None:
    (leak,) = find_leaks(loss_reasons(table(400), filled=filled), labels={"custom.loss_reason": "Why lost?"})
    assert leak.column == "custom.loss_reason"
    assert leak.sentence.startswith("“Why lost?” gives the outcome away: ")
    assert "deals that have it were lost" in leak.sentence


def test_a_reason_that_few_lost_deals_have_is_left_to_the_model() -> None:
    assert find_leaks(loss_reasons(table(400), filled=0.4)) == ()


def test_levels_that_are_all_won_are_told_by_name() -> None:
    deals = table(400)
    rng = np.random.default_rng(1)
    lost = rng.integers(0, 2, 400)
    codes = np.where((deals.won == 1) & (rng.random(400) < 0.8), 2, lost)
    (leak,) = find_leaks(with_column(deals, "custom.phase", codes, ("Demo", "Talks", "Contract")))
    wins = int((codes == 2).sum())
    assert f"{wins} of {wins} deals with “Contract” were won" in leak.sentence
    # the same in a column of the lead's own is not pure enough to part all deals
    assert find_leaks(with_column(deals, "phase", codes, ("Demo", "Talks", "Contract"))) == ()


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_values_that_lost_deals_do_not_have_are_a_leak(nothing: float) -> None:
    deals = table(400)
    (leak,) = find_leaks(replace(deals, value=np.where(deals.won == 1, deals.value, nothing)))
    assert leak.column == "value"
    wins = int(deals.won.sum())
    assert leak.sentence.startswith(
        f"“Value” gives the outcome away: {wins} of {wins} deals that have it were won"
    )


def test_values_above_a_threshold_that_parts_the_outcomes_are_a_leak() -> None:
    deals = table(400)
    found = find_leaks(replace(deals, value=np.where(deals.won == 1, deals.value + 1e6, deals.value)))
    assert [leak.column for leak in found] == ["value"]


@pytest.mark.parametrize("seed", range(4))
def test_columns_of_simulated_worlds_are_not_told(seed: int) -> None:
    settings = settings_of("affinity_0.6", (150, 500, 2000)[seed % 3])
    world = make_world(settings, seed)
    rng = np.random.default_rng(seed)
    leads = draw_leads(world, settings.deals, rng)
    deals = deal_table(world, leads, play_history(world, leads, rng))
    custom = {f"custom.{name}": column for name, column in deals.lead.items()}
    assert find_leaks(replace(deals, lead={**deals.lead, **custom})) == ()


@pytest.mark.parametrize("levels", [2, 5, 9])
def test_an_honest_column_with_win_rates_from_10_to_90_pct_is_not_told(levels: int) -> None:
    for seed in range(10):
        assert find_leaks(strong(seed, levels)) == ()


def test_many_rare_levels_prove_nothing() -> None:
    deals = table(400)
    names = tuple(f"customer {i}" for i in range(400))
    assert find_leaks(with_column(deals, "custom.customer", np.arange(400), names)) == ()


def test_a_column_that_nobody_fills_is_not_told() -> None:
    assert find_leaks(with_column(table(400), "custom.nothing", np.full(400, -1), ())) == ()


def test_few_deals_tell_nothing() -> None:
    deals = loss_reasons(replace(table(40), won=(np.arange(40) < 20).astype(float)), filled=1.0)
    assert len(find_leaks(deals)) == 1
    assert find_leaks(deals.take(np.arange(39))) == ()
    nine_won = loss_reasons(replace(table(60), won=(np.arange(60) < 9).astype(float)), filled=1.0)
    assert find_leaks(nine_won) == ()


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (np.array([0.0, np.nan, -5.0]), [-1, -1, -1]),
        (np.array([7.0, 7.0, np.nan]), [0, 0, -1]),
        (np.append(np.arange(1.0, 21.0), 0.0), [*np.repeat(np.arange(10), 2), -1]),
    ],
)
def test_value_parts(value: Floats, codes: list[int]) -> None:
    found = value_parts(value)
    assert found.codes.tolist() == codes
    assert found.codes.max() < len(found.levels)
