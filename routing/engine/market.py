"""What territories make of many opportunities: who wins how many, which compete, what falls in none.

Opportunities come counted, by which territories' own conditions they meet (`Cell`), so that the work grows with the
number of different patterns and not with the number of opportunities. A territory matches where its whole lineage
does; the deepest match wins, then the most specific condition, then the older one (as the ladder decides). What it does
not do: coverage, which changes who may have an opportunity and not where it falls.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from routing.engine.configuration import Configuration, Territory


@dataclass(frozen=True)
class Cell:
    """Opportunities alike: `own` the territories whose own condition they meet, `example` one that may be shown."""

    own: frozenset[int]
    count: int
    example: int | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Overlap:
    """Two territories of the same depth that match the same opportunities; `winner` would get them."""

    winner: int
    other: int
    count: int
    example: int | None


@dataclass(frozen=True)
class Use:
    """`got` by territory: how often it was the most specific match."""

    total: int
    got: dict[int, int]
    overlaps: tuple[Overlap, ...]


def landing(configuration: Configuration) -> Callable[[Cell], list[Territory]]:
    """Tells the territories that match, the winner first; looked up once for each set of conditions met."""
    known: dict[frozenset[int], list[Territory]] = {}

    def matching(cell: Cell) -> list[Territory]:
        if cell.own not in known:
            known[cell.own] = [t for t in configuration.territories if cell.own.issuperset(t.lineage)]
        return known[cell.own]

    return matching


def tied(found: Sequence[Territory]) -> list[Territory]:
    """The winner and those of its depth; empty where nothing competes with it."""
    level = [t for t in found if len(t.lineage) == len(found[0].lineage)]
    return level if len(level) > 1 else []


def use_of(configuration: Configuration, cells: Iterable[Cell], *, deepest_only: bool = False) -> Use:
    """Overlaps at any depth, also where a territory further inside decides; or only those that leave a tie."""
    got: Counter[int] = Counter()
    counts: Counter[tuple[int, int]] = Counter()
    examples: dict[tuple[int, int], int] = {}
    matching, total = landing(configuration), 0
    for cell in cells:
        total += cell.count
        found = matching(cell)
        if not found:
            continue
        got[found[0].id] += cell.count
        for one, other in combinations(tied(found) if deepest_only else found, 2):
            if len(one.lineage) != len(other.lineage):
                continue
            counts[one.id, other.id] += cell.count
            if cell.example is not None:
                examples.setdefault((one.id, other.id), cell.example)
    overlaps = (
        Overlap(one, other, count, examples.get((one, other)))
        for (one, other), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return Use(total, dict(got), tuple(overlaps))


@dataclass(frozen=True)
class Gap:
    """One value of a field: of `total` opportunities, `none` fall in no territory and `tied` in several."""

    values: tuple[str, ...]
    total: int
    none: int
    tied: int
    examples: tuple[int, ...]

    @property
    def missed(self) -> int:
        return self.none + self.tied


def gaps(
    configuration: Configuration, cells: Iterable[Cell], places: Sequence[int], examples: int
) -> list[Gap]:
    """Totals by the values at `places`; those with the most in no territory or in several first."""
    totals: dict[tuple[str, ...], list[int]] = {}
    shown: dict[tuple[str, ...], list[int]] = {}
    matching = landing(configuration)
    for cell in cells:
        key = tuple(cell.values[place] for place in places)
        found = matching(cell)
        numbers = totals.setdefault(key, [0, 0, 0])
        numbers[0] += cell.count
        is_tied = bool(found) and bool(tied(found))
        numbers[1] += 0 if found else cell.count
        numbers[2] += cell.count if is_tied else 0
        if cell.example is not None and (not found or is_tied):
            shown.setdefault(key, []).append(cell.example)
    made = [
        Gap(key, total, none, both, tuple(shown.get(key, [])[:examples]))
        for key, (total, none, both) in totals.items()
    ]
    return sorted(made, key=lambda gap: (-gap.missed, -gap.total, gap.values))
