"""A team's skills at a glance: reps by the names of one kind, held against what opportunities ask for.

Names are columns, the most asked for first; who is learning something has it, but closes no gap. The number of queries
does not grow with reps or names.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.utils import timezone

from crm.queries.expertise import Demand, demand
from reps.engine.skills_matrix import gap_words
from reps.models import Organisation, Rep, Skill, Team, User

MOST_COLUMNS = 40  # shown; the table to download has all


@dataclass(frozen=True)
class MatrixSearch:
    """What the address says."""

    team: Team | None = None
    kind: str = Skill.Kind.INDUSTRY
    only_gaps: bool = False


@dataclass(frozen=True)
class Cell:
    """What one rep has of one name."""

    rep: Rep
    proficiency: int
    word: str
    won: int = 0
    closed: int = 0
    is_expired: bool = False
    is_assumed: bool = False  # the organisation's language, of who states none

    @property
    def is_able(self) -> bool:
        return self.proficiency >= Skill.Proficiency.SOLID and not self.is_expired


@dataclass(frozen=True)
class Column:
    name: str
    demand: Demand
    cells: Mapping[int, Cell] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(not cell.is_expired for cell in self.cells.values())

    @property
    def able(self) -> int:
        return sum(cell.is_able for cell in self.cells.values())

    @property
    def gap(self) -> str:
        return gap_words(asked=self.demand.asked, able=self.able)

    @property
    def people(self) -> list[Cell]:
        """Best first, for the list by skill."""
        return sorted(
            self.cells.values(), key=lambda cell: (cell.is_expired, -cell.proficiency, cell.rep.name)
        )


@dataclass(frozen=True)
class Matrix:
    reps: Sequence[Rep]
    columns: Sequence[Column]  # all
    kind: str
    gaps: int

    @property
    def shown(self) -> Sequence[Column]:
        return self.columns[:MOST_COLUMNS]

    @property
    def hidden(self) -> int:
        return max(len(self.columns) - MOST_COLUMNS, 0)

    def rows(self, reps: Iterable[Rep]) -> list[tuple[Rep, list[Cell | None]]]:
        return [(rep, [column.cells.get(rep.pk) for column in self.shown]) for rep in reps]


def skills_matrix(
    reps: QuerySet[Rep], search: MatrixSearch, *, user: User, ours: Organisation, at: datetime.datetime
) -> Matrix:
    """`reps` are those of the rows, in their order."""
    people = {rep.pk: rep for rep in reps}
    asked = demand(search.kind, user=user, team=search.team, at=at)
    cells: dict[str, dict[int, Cell]] = defaultdict(dict)
    names = {folded: one.name for folded, one in asked.items()}
    for skill in Skill.objects.filter(kind=search.kind, rep__in=list(people)).order_by("name"):
        folded = skill.name.strip().casefold()
        names.setdefault(folded, skill.name)
        cells[folded][skill.rep_id] = _cell(skill, people[skill.rep_id], timezone.localtime(at).date())
    if search.kind == Skill.Kind.LANGUAGE:
        _assume_default(cells, names, people, ours.default_language)
    columns = [
        Column(name, asked.get(folded, Demand(name, 0, 0)), cells.get(folded, {}))
        for folded, name in names.items()
    ]
    columns.sort(key=lambda one: (-one.demand.recent, -one.demand.open, -one.held, one.name.casefold()))
    gaps = [one for one in columns if one.gap]
    return Matrix(list(people.values()), gaps if search.only_gaps else columns, search.kind, len(gaps))


def _cell(skill: Skill, rep: Rep, today: datetime.date) -> Cell:
    is_expired = skill.valid_until is not None and skill.valid_until < today
    word = skill.get_proficiency_display().lower()
    if is_expired:
        word = f"expired {skill.valid_until:%-d %b %Y}"
    return Cell(rep, skill.proficiency, word, skill.evidence_won, skill.evidence_closed, is_expired)


def _assume_default(
    cells: dict[str, dict[int, Cell]], names: dict[str, str], people: Mapping[int, Rep], language: str
) -> None:
    """Who states no language speaks the organisation's, as routing takes it."""
    stating = {pk for held in cells.values() for pk in held}
    silent = [rep for pk, rep in people.items() if pk not in stating]
    if not silent or not language:
        return
    folded = language.strip().casefold()
    names.setdefault(folded, language)
    for rep in silent:
        cells[folded][rep.pk] = Cell(rep, Skill.Proficiency.SOLID, "assumed", is_assumed=True)


def matrix_lines(matrix: Matrix) -> Iterator[list[str]]:
    """The whole matrix as a table: a line for each rep, and at its foot who has it and who asks for it."""
    yield ["rep", "team", *(column.name for column in matrix.columns)]
    for rep in matrix.reps:
        found = [column.cells.get(rep.pk) for column in matrix.columns]
        yield [rep.name, rep.team.name, *(_cell_words(cell) for cell in found)]
    for label, numbers in (
        ("reps who have it", [column.held for column in matrix.columns]),
        ("opportunities in 90 days", [column.demand.recent for column in matrix.columns]),
        ("open opportunities", [column.demand.open for column in matrix.columns]),
    ):
        yield [label, "", *map(str, numbers)]
    yield ["gap", "", *(column.gap for column in matrix.columns)]


def _cell_words(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{cell.word}, won {cell.won} of {cell.closed}" if cell.closed else cell.word
