"""Where fall-through is concentrated: planted truth is found, chance is not, and what is shown adds up."""

import numpy as np
import pytest

from analytics.engine.gaps import RATE, Cells, find_gaps, wilson

INDUSTRIES, COUNTRIES, SOURCES = 12, 20, 8


def drawn(rng: np.random.Generator, n: int, share: np.ndarray, columns: dict[str, np.ndarray]) -> Cells:
    """`n` opportunities of which each falls through for cause 0 with its share."""
    fell = rng.random(n) < share
    return Cells(
        count=np.ones(n, dtype=np.int64),
        worth=np.where(fell, 100.0, 0.0),
        cause=np.where(fell, 0, -1),
        values=columns,
    )


def columns(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    country = rng.integers(0, COUNTRIES, n)
    return {
        "industry": rng.integers(0, INDUSTRIES, n),
        "country": country,
        "territory": country // 5,  # says what country says, more coarsely
        "source": rng.choice(SOURCES, n, p=np.arange(1, 9) / 36),
    }


def test_wilson_is_that_of_the_textbook() -> None:
    low, high = wilson(1, 10)
    assert (round(low, 4), round(high, 4)) == (0.0179, 0.4042)
    assert wilson(0, 0) == (0.0, 1.0)


def test_nothing_fell_through() -> None:
    rng = np.random.default_rng(1)
    assert find_gaps(drawn(rng, 50, np.zeros(50), columns(rng, 50))) == []


def test_a_planted_segment_is_found_and_told_once() -> None:
    rng = np.random.default_rng(5)
    n = 6000
    by = columns(rng, n)
    share = np.where(by["country"] == 7, 0.5, 0.05)
    found = find_gaps(drawn(rng, n, share, by))
    assert [(gap.dimension, gap.value) for gap in found] == [("country", 7), ("", -1)]
    first = found[0]
    assert first.low < 0.5 < first.high
    assert abs(first.rest_share - 0.05) < 0.02
    assert found[1].without == (("country", 7),)


def test_two_planted_segments_are_both_found() -> None:
    rng = np.random.default_rng(6)
    n = 8000
    by = columns(rng, n)
    share = np.where(by["industry"] == 3, 0.4, np.where(by["source"] == 2, 0.3, 0.04))
    found = find_gaps(drawn(rng, n, share, by))
    assert {(gap.dimension, gap.value) for gap in found[:2]} == {("industry", 3), ("source", 2)}


def test_what_is_shown_adds_up_and_overlaps_nowhere() -> None:
    rng = np.random.default_rng(7)
    n = 8000
    by = columns(rng, n)
    share = np.where(by["industry"] == 3, 0.4, np.where(by["country"] >= 15, 0.3, 0.04))
    cells = drawn(rng, n, share, by)
    found = find_gaps(cells)
    assert sum(gap.fell for gap in found) == int((cells.cause == 0).sum())
    assert np.array_equal(np.sum([gap.rows for gap in found], axis=0), (cells.cause == 0).astype(int))
    assert sum(gap.worth for gap in found) == pytest.approx(float(cells.worth.sum()))


def test_counted_cells_say_what_single_rows_say() -> None:
    rng = np.random.default_rng(8)
    n = 4000
    by = {"industry": rng.integers(0, 5, n), "source": rng.integers(0, 3, n)}
    single = drawn(rng, n, np.where(by["industry"] == 1, 0.3, 0.05), by)
    keys = np.stack([single.cause, by["industry"], by["source"]])
    unique, where, counts = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    together = Cells(
        count=counts,
        worth=np.bincount(where.ravel(), weights=single.worth).astype(float),
        cause=unique[0],
        values={"industry": unique[1], "source": unique[2]},
    )

    def said(cells: Cells) -> list[tuple[str, int, int, int, int]]:
        return [(g.dimension, g.value, g.fell, g.total, g.rest) for g in find_gaps(cells)]

    assert said(together) == said(single)


def test_what_is_a_segment_itself_is_not_searched() -> None:
    rng = np.random.default_rng(5)
    by = columns(rng, 3000)
    cells = drawn(rng, 3000, np.where(by["country"] == 7, 0.6, 0.02), by)
    whole = Cells(cells.count, cells.worth, cells.cause, cells.values, whole=frozenset({0}))
    assert [gap.dimension for gap in find_gaps(whole)] == [""]


def test_by_chance_something_is_shown_no_more_often_than_stated() -> None:
    """400 looks at data without any concentration; 2.33 standard errors of room for the simulation."""
    looks, wrong = 400, 0
    rng = np.random.default_rng(11)
    for _ in range(looks):
        by = columns(rng, 1500)
        found = find_gaps(drawn(rng, 1500, np.full(1500, 0.15), by))
        wrong += any(gap.dimension for gap in found)
    assert wrong / looks <= RATE + 2.33 * np.sqrt(RATE * (1 - RATE) / looks)


def test_of_what_is_shown_no_more_is_false_than_stated() -> None:
    """With two planted segments, the share of others among all shown, over 150 looks."""
    rng = np.random.default_rng(12)
    true = {("industry", 3), ("source", 2)}
    shares = []
    for _ in range(150):
        by = columns(rng, 3000)
        share = np.where(by["industry"] == 3, 0.35, np.where(by["source"] == 2, 0.3, 0.06))
        shown = {(g.dimension, g.value) for g in find_gaps(drawn(rng, 3000, share, by)) if g.dimension}
        assert true & shown
        shares.append(len(shown - true) / max(len(shown), 1))
    assert np.mean(shares) <= RATE + 2.33 * np.std(shares) / np.sqrt(len(shares))
