"""What a reason that keeps winning proposes: a tag for the rep whom people choose, or a rule towards the team."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from analytics.engine.grades import Grade
from analytics.queries.segments import DIMENSIONS, level_name, phrase, tag_kind
from reps.models import Rep, Skill, TagSuggestion

MOST = 0.5  # share of a reason's closed ones that one segment and rep must have to be named
LEAST_NAMED = 4


@dataclass(frozen=True)
class Proposal:
    """`tag` and `rep`: to be suggested; `is_suggested`: it is already. Without a tag, `rule` in words, or "" where no
    one segment stands behind the reason."""

    reason: str
    grade: Grade
    q: float
    mostly: str = ""
    rep: Rep | None = None
    kind: str = ""
    tag: str = ""
    is_suggested: bool = False
    rule: str = ""

    @property
    def can_suggest(self) -> bool:
        return self.rep is not None and not self.is_suggested

    @property
    def sentence(self) -> str:
        one = self.grade
        said = f"“{self.reason}” won {one.won} of {one.closed} where {one.router:.1f} were forecast"
        return f"{said}, mostly {self.mostly}." if self.mostly else f"{said}."


def propose(
    closed: pd.DataFrame, winning: Mapping[str, float], grades: Mapping[str, Grade]
) -> list[Proposal]:
    """For each reason that keeps winning, the surest first. `closed` the overrides that were graded."""
    if not winning:
        return []
    ids = {int(one) for one in closed[closed.reason.isin(list(winning))].rep_id}
    reps = Rep.objects.filter(left_at__isnull=True).in_bulk(ids)
    held = {
        (rep, kind, name.casefold())
        for rep, kind, name in Skill.objects.filter(rep__in=ids).values_list("rep", "kind", "name")
    }
    suggested = {
        (rep, kind, name.casefold())
        for rep, kind, name in TagSuggestion.objects.filter(
            rep__in=ids, state=TagSuggestion.State.OPEN, action=TagSuggestion.Action.ADD
        ).values_list("rep", "kind", "name")
    }
    return [
        _proposal(reason, grades[reason], q, closed[closed.reason == reason], reps, held, suggested)
        for reason, q in sorted(winning.items(), key=lambda pair: (pair[1], pair[0]))
    ]


Tags = set[tuple[int, str, str]]


def _proposal(
    reason: str,
    grade: Grade,
    q: float,
    rows: pd.DataFrame,
    reps: Mapping[int, Rep],
    held: Tags,
    suggested: Tags,
) -> Proposal:
    tags = _most_common(rows, [name for name in DIMENSIONS if tag_kind(name)], "rep_id")
    if tags is not None and tags[2] in reps:
        dimension, level, rep_id = tags
        rep, kind = reps[rep_id], tag_kind(dimension)
        key = (rep_id, kind, level.casefold())
        if key not in held:
            mostly = f"{level_name(dimension, level)} → {rep}"
            return Proposal(reason, grade, q, mostly, rep, kind, level, key in suggested)
    found = _most_common(rows, list(DIMENSIONS), "team_id")
    if found is None:
        return Proposal(reason, grade, q)
    dimension, level, team_id = found
    team = rows[rows.team_id == team_id].team.iloc[0]
    mostly = f"{level_name(dimension, level)} → team {team}"
    return Proposal(
        reason, grade, q, mostly, rule=f"opportunities {phrase(dimension, level)} → team {team}"
    )  # fmt: skip


def _most_common(rows: pd.DataFrame, dimensions: list[str], to: str) -> tuple[str, str, int] | None:
    """The level and rep (or team) that most of the rows have; None where none has most."""
    best: tuple[int, str, str, int] | None = None
    for name in dimensions:
        known = rows[rows[name].notna() & (rows[name] != "")]
        if known.empty:
            continue
        (level, target), number = Counter(zip(known[name], known[to], strict=True)).most_common(1)[0]
        if best is None or number > best[0]:
            best = (number, name, str(level), int(target))
    if best is None or best[0] < max(LEAST_NAMED, MOST * len(rows)):
        return None
    return best[1:]
