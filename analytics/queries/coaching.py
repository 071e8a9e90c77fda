"""What coaching looks at, and what its page shows of what was found."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
import pandas as pd
from django.db.models import QuerySet
from django.urls import reverse

from analytics.engine.calibrated import Calibration
from analytics.engine.coaching import Closed
from analytics.models import CoachingFinding, CoachingLook, Fact
from analytics.queries.segments import DIMENSIONS, level_columns, phrase, tag_kind
from reps.models import Rep, Skill, TagSuggestion, Team, User
from reps.queries.people import SEES_EVERYBODY
from routing.engine.roster import Ints

LOOK_BACK = datetime.timedelta(days=365)
MOST = 200  # findings on the page
State, Kind = CoachingFinding.State, CoachingFinding.Kind


@dataclass(frozen=True, eq=False)
class Evidence:
    """The engine's arrays, and what their numbers stand for."""

    closed: Closed
    rep_ids: Sequence[int]
    levels: dict[str, Sequence[str]]


def load_evidence(*, first: datetime.date, last: datetime.date) -> Evidence | None:
    """What was won or lost in these days by somebody for whom there was a forecast; None where nothing was."""
    columns = level_columns()
    rows = Fact.objects.filter(
        event=Fact.Event.CLOSED,
        day__range=(first, last),
        hit__isnull=False,
        win_probability__isnull=False,
        rep__isnull=False,
    )
    table = pd.DataFrame(
        list(
            rows.annotate(**columns).order_by("pk").values_list("rep_id", "hit", "win_probability", *columns)
        ),
        columns=["rep", "won", "chance", *DIMENSIONS],
    )
    if table.empty:
        return None
    reps, rep_ids = pd.factorize(table.rep, sort=True)
    levels: dict[str, Ints] = {}
    names: dict[str, Sequence[str]] = {}
    for name in DIMENSIONS:
        texts = table[name].map(lambda level: "" if level is None or level != level else _text(level))
        codes, found = pd.factorize(texts.replace("", None), sort=True)
        levels[name], names[name] = codes.astype(np.int64), [str(one) for one in found]
    won, chance = table.won.to_numpy(dtype=bool), table.chance.to_numpy(dtype=float)
    return Evidence(Closed(reps.astype(np.int64), won, chance, levels), [int(one) for one in rep_ids], names)


def _text(level: object) -> str:
    return str(int(level)) if isinstance(level, float) else str(level)


def calibration() -> Calibration:
    """By the last look; before there was one, forecasts are taken as they are."""
    found = CoachingLook.objects.values_list("intercept", "slope").first()
    return Calibration() if found is None else Calibration(*found)


def findings_visible_to(user: User) -> QuerySet[CoachingFinding]:
    """A manager's are of the own teams, and nobody's are the own ones. Of who has left there are none."""
    found = CoachingFinding.objects.filter(rep__left_at__isnull=True).select_related(
        "rep__team", "decided_by"
    )
    if user.role in SEES_EVERYBODY:
        return found
    if user.role == User.Role.MANAGER:
        return found.filter(rep__team__in=Team.objects.filter(managers=user)).exclude(rep__user=user)
    return found.none()


@dataclass(frozen=True)
class Line:
    """A finding in words. `tag`: what the rep has stated of it, or None; `is_suggested`: whether it waits already;
    `pair` colleagues who do clearly better there."""

    finding: CoachingFinding
    sentence: str
    rest: str
    size: str
    behind: str
    tag: Skill | None
    may_have_tag: bool
    is_suggested: bool
    pair: tuple[Rep, ...]

    @property
    def is_worse(self) -> bool:
        return self.finding.kind == Kind.WORSE

    @property
    def can_suggest(self) -> bool:
        return not self.is_worse and self.may_have_tag and self.tag is None and not self.is_suggested


@dataclass(frozen=True)
class CoachingPage:
    """`left_out`: how many more findings there are than the surest MOST, which are shown."""

    look: CoachingLook | None
    reps: list[tuple[Rep, list[Line]]]
    dismissed: list[Line]
    left_out: int = 0

    @property
    def shown(self) -> int:
        return sum(len(lines) for _, lines in self.reps)

    @property
    def count(self) -> int:
        return self.shown + self.left_out


def coaching_page(user: User, team: Team | None = None) -> CoachingPage:
    """Five queries, two where nothing was found."""
    seen = findings_visible_to(user) if team is None else findings_visible_to(user).filter(rep__team=team)
    open_ones = list(seen.filter(state=State.OPEN).order_by("p", "pk"))
    dismissed = list(seen.filter(state=State.DISMISSED).order_by("-decided_at", "pk")[:MOST])
    last = CoachingLook.objects.first()
    shown = sorted(
        open_ones[:MOST], key=lambda one: (one.rep.name, one.rep_id, one.kind != Kind.WORSE, one.p)
    )
    lines = _lines([*shown, *dismissed], last) if shown or dismissed else []
    by_rep: dict[Rep, list[Line]] = defaultdict(list)
    for line in lines[: len(shown)]:
        by_rep[line.finding.rep].append(line)
    return CoachingPage(last, list(by_rep.items()), lines[len(shown) :], len(open_ones) - len(shown))


def _lines(findings: list[CoachingFinding], last: CoachingLook | None) -> list[Line]:
    ids = {one.rep_id for one in findings}
    skills = {
        (skill.rep_id, skill.kind, skill.name.casefold()): skill
        for skill in Skill.objects.filter(rep__in=ids)
    }
    suggested = {
        (rep_id, kind, name.casefold())
        for rep_id, kind, name in TagSuggestion.objects.filter(
            rep__in=ids, state=TagSuggestion.State.OPEN, action=TagSuggestion.Action.ADD
        ).values_list("rep_id", "kind", "name")
    }
    better = defaultdict(list)
    for one in findings:
        if one.kind == Kind.BETTER and one.is_open:
            better[one.dimension, one.level].append(one.rep)
    return [_line(one, last, skills, suggested, better) for one in findings]


def _line(
    one: CoachingFinding,
    last: CoachingLook | None,
    skills: dict[tuple[int, str, str], Skill],
    suggested: set[tuple[int, str, str]],
    better: dict[tuple[str, str], list[Rep]],
) -> Line:
    kind = tag_kind(one.dimension)
    key = (one.rep_id, kind, one.level.casefold())
    pairs = better[one.dimension, one.level] if one.dimension and one.kind == Kind.WORSE else []
    return Line(
        finding=one,
        sentence=sentence(one),
        rest=_rest(one),
        size=_size(one),
        behind=_behind(one, last),
        tag=skills.get(key),
        may_have_tag=bool(kind),
        is_suggested=key in suggested,
        pair=tuple(pairs[:3]),
    )


def sentence(one: CoachingFinding) -> str:
    """`Ana won 2 of 14 opportunities in Healthcare, where 6.1 were expected.`"""
    where = phrase(one.dimension, one.level)
    what = f"opportunities {where}" if where else "opportunities in all"
    return f"{one.rep} won {one.won} of {one.closed} {what}, where {one.expected:.1f} were expected."


def _rest(one: CoachingFinding) -> str:
    if not one.dimension:
        return "This is over everything that closed, as it was forecast for this rep."
    return (
        f"Of the others {one.rest_won} of {one.rest_closed} were won, and {one.rest_expected:.1f} forecast."
    )


def _size(one: CoachingFinding) -> str:
    """`In 100 such, about 21 fewer are won than expected (6 to 36), discounted for chance.`"""
    sign, word = (-1, "fewer") if one.kind == Kind.WORSE else (1, "more")
    near, far = sorted((100 * sign * one.low, 100 * sign * one.high))
    reach = f"{near:.0f} to {far:.0f}".replace("-", "−")
    middle = 100 * sign * one.difference
    return f"In 100 such, about {middle:.0f} {word} are won than expected ({reach}), discounted for chance."


def _behind(one: CoachingFinding, last: CoachingLook | None) -> str:
    """The address of the opportunities behind it."""
    asked = {"event": "closed", "rep": one.rep_id, "dimension": one.dimension, "level": one.level}
    if last is not None:
        asked |= {"from": last.first_day.isoformat(), "to": one.last_seen.isoformat()}
    kept = {name: value for name, value in asked.items() if value != ""}
    return f"{reverse('analytics_opportunities')}?{urlencode(kept)}"
