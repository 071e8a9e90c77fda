"""Which opportunities of some days fall in no territory or in several, and where these gaps are."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reps.models import User
from routing.engine.market import Gap, gaps, use_of
from routing.queries.territories import cells_of, load_draft, names_of, opened_within

COLUMNS = ("country", "region", "source", "industry")
PARTS = (("Country and region", (0, 1)), ("Source", (2,)), ("Industry", (3,)))
SHOWN_GAPS = 15
SHOWN_PAIRS = 15
EXAMPLES = 3

Example = tuple[int, str]


@dataclass(frozen=True)
class GapLine:
    """One value of a field: how many fall in no territory, how many in several."""

    name: str
    total: int
    none: int
    tied: int
    examples: tuple[Example, ...]

    @property
    def share(self) -> float:
        return (self.none + self.tied) / self.total


@dataclass(frozen=True)
class Part:
    """A field with its values where the gaps are, the largest first; `more` values have smaller ones."""

    label: str
    lines: tuple[GapLine, ...]
    more: int


@dataclass(frozen=True)
class Pair:
    """Two territories that compete for the same opportunities; the first gets them."""

    winner: str
    other: str
    count: int
    example: Example | None


@dataclass(frozen=True)
class CoveragePage:
    """Of `total` opportunities `none` fall in no territory, `tied` in several, the others in one and those around it.
    `unusable` names the territories that are left out."""

    total: int
    none: int
    tied: int
    parts: tuple[Part, ...]
    pairs: tuple[Pair, ...]
    more_pairs: int
    territories: int
    unusable: tuple[str, ...]

    @property
    def one(self) -> int:
        return self.total - self.none - self.tied

    @property
    def has_gaps(self) -> bool:
        return self.none + self.tied > 0


def coverage_page(*, user: User, first: datetime.datetime, last: datetime.datetime) -> CoveragePage:
    """All opportunities that came in during the period, counted in one query; seven queries in all."""
    draft = load_draft()
    cells = cells_of(draft, opened_within(first, last), user=user, by=COLUMNS)
    configuration = draft.configuration
    use = use_of(configuration, cells, deepest_only=True)
    (everything,) = gaps(configuration, cells, (), 0) or [Gap((), 0, 0, 0, ())]
    by_part = {label: gaps(configuration, cells, places, EXAMPLES) for label, places in PARTS}
    listed = {label: [gap for gap in found if gap.missed] for label, found in by_part.items()}
    pairs = use.overlaps[:SHOWN_PAIRS]
    ids = {id_ for found in listed.values() for gap in found[:SHOWN_GAPS] for id_ in gap.examples}
    names = names_of(ids | {pair.example for pair in pairs if pair.example is not None})
    return CoveragePage(
        total=everything.total,
        none=everything.none,
        tied=everything.tied,
        parts=tuple(_part(label, found, names) for label, found in listed.items() if found),
        pairs=tuple(
            Pair(
                draft.territories[pair.winner].name,
                draft.territories[pair.other].name,
                pair.count,
                next(iter(_named([pair.example], names)), None),
            )
            for pair in pairs
        ),
        more_pairs=len(use.overlaps) - len(pairs),
        territories=len(configuration.territories),
        unusable=tuple(draft.territories[pk].name for pk in draft.unusable),
    )


def _part(label: str, found: Sequence[Gap], names: Mapping[int, str]) -> Part:
    lines = tuple(
        GapLine(
            ", ".join(value for value in gap.values if value) or "not given",
            gap.total,
            gap.none,
            gap.tied,
            _named(gap.examples, names),
        )
        for gap in found[:SHOWN_GAPS]
    )
    return Part(label, lines, max(0, len(found) - SHOWN_GAPS))


def _named(ids: Iterable[int | None], names: Mapping[int, str]) -> tuple[Example, ...]:
    return tuple((id_, names[id_]) for id_ in ids if id_ is not None and id_ in names)
