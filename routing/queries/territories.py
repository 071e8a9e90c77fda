"""Territories as their page tells them: the hierarchy, who covers it, what each got in a year, what is wrong."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from crm.engine.conditions import ConditionError, Field, condition_fields
from crm.engine.spoken import Said, described
from crm.models import Opportunity
from crm.queries.condition_words import say_for
from crm.queries.conditions import patterns, to_q
from crm.queries.opportunities import opportunities_visible_to
from crm.queries.words import own_fields
from reps.models import Team, User
from routing.engine.configuration import Configuration
from routing.engine.market import Cell, Overlap, Use, use_of
from routing.queries.configuration import lineage_of, territories_content
from territories.models import Coverage, Territory

DAYS_LOOKED_BACK = 365
LOOKED_AT = 50_000  # opportunities that a page of coverage counts unless other days are asked for
DEEPEST_INDENT = 6
SHOWN_OVERLAPS = 3  # for each territory; the coverage page has all


@dataclass(frozen=True)
class Draft:
    """All territories as they are drafted: `configuration` those that can be used, `unusable` why others cannot."""

    territories: Mapping[int, Territory]
    fields: Mapping[str, Field]
    configuration: Configuration
    unusable: Mapping[int, str]


@dataclass(frozen=True)
class Cover:
    """Somebody who covers a territory: "team East", "from 1 Jan 2026 until 30 Jun 2026"."""

    who: str
    dates: str
    is_now: bool


@dataclass(frozen=True)
class Warned:
    """What is wrong, and where there is one an opportunity that shows it."""

    text: str
    example: int | None = None
    example_name: str = ""


@dataclass(frozen=True)
class TerritoryLine:
    """A territory of the list. `through` names the territory around it whose coverage counts."""

    territory: Territory
    indent: int
    sentence: tuple[Said, ...]
    covers: tuple[Cover, ...]
    through: str
    off: str
    got: int
    warnings: tuple[Warned, ...]


# --- the draft ------------------------------------------------------------------------------------------------------


def load_draft() -> Draft:
    """Five queries, whatever the number of territories."""
    found = Territory.objects.select_related("parent").prefetch_related("coverage__team", "coverage__rep")
    territories = {territory.pk: territory for territory in found.order_by("pk")}
    custom = own_fields()
    fields = condition_fields(custom)
    content = territories_content(territories.values())
    unusable = {row["id"]: why for row in content if (why := _why_unusable(row, territories, fields))}
    rows = [row for row in content if not _inside_any(row["id"], territories, unusable)]
    configuration = Configuration.from_content(0, {"territories": rows, "custom_fields": custom})
    return Draft(territories, fields, configuration, unusable)


def _why_unusable(
    row: Mapping[str, Any], territories: Mapping[int, Territory], fields: Mapping[str, Field]
) -> str:
    if is_circular(row["id"], {pk: one.parent_id for pk, one in territories.items()}):
        return "It lies inside itself; change its parent."
    try:
        to_q(row["condition"], fields)
    except ConditionError as error:
        return f"Its condition cannot be used: {error}."
    return ""


def is_circular(start: Any, parents: Mapping[Any, Any]) -> bool:
    """Whether the way up from a territory meets a territory twice."""
    seen, current = set(), start
    while current is not None and current not in seen:
        seen.add(current)
        current = parents.get(current)
    return current is not None


def _inside_any(pk: int, territories: Mapping[int, Territory], some: Mapping[int, str]) -> bool:
    return any(above.pk in some for above in lineage_of(territories[pk], territories))


def opened_within(first: datetime.datetime, last: datetime.datetime) -> QuerySet[Opportunity]:
    """What came in during a period; where the day of an opportunity is not known, it belongs to none."""
    return Opportunity.objects.filter(opened_at__gte=first, opened_at__lte=last, dates_known=True)


def day_of_newest(last: datetime.date, most: int = LOOKED_AT) -> datetime.date | None:
    """From which day on so many came in; None where fewer did. Found by the index of the newest."""
    end = datetime.datetime.combine(last, datetime.time.max, datetime.UTC)
    came = Opportunity.objects.filter(opened_at__lte=end).order_by("-opened_at", "-pk")
    oldest = came.values_list("opened_at", flat=True)[most : most + 1].first()
    return None if oldest is None else oldest.date() + datetime.timedelta(days=1)


def cells_of(draft: Draft, base: QuerySet[Opportunity], *, user: User, by: Sequence[str] = ()) -> list[Cell]:
    """Opportunities by the territories whose own conditions they meet; one query. Examples are those of them that the
    user may open."""
    used = list(draft.configuration.by_id)
    conditions = [draft.territories[pk].condition for pk in used]
    shown = opportunities_visible_to(user)
    found = patterns(conditions, draft.fields, base, by=by, shown=shown)
    return [
        Cell(frozenset(used[place] for place in one.matched), one.count, one.example, one.values)
        for one in found
    ]


def names_of(ids: set[int]) -> dict[int, str]:
    return dict(Opportunity.objects.filter(pk__in=ids).values_list("pk", "name"))


@dataclass(frozen=True)
class TerritoryCounts:
    """How many there are, and of them how many are in use."""

    total: int
    active: int

    @property
    def off(self) -> int:
        return self.total - self.active


@dataclass(frozen=True)
class Reached:
    """Of `total` opportunities of the past 12 months, `inside` fall in a territory; `overlaps` pairs of territories
    compete for some."""

    total: int
    inside: int
    overlaps: int

    @property
    def share(self) -> float | None:
        return self.inside / self.total if self.total else None


def territory_counts() -> TerritoryCounts:
    counted = Territory.objects.aggregate(total=Count("pk"), active=Count("pk", filter=Q(is_active=True)))
    return TerritoryCounts(counted["total"], counted["active"])


def territories_reach(*, user: User, now: datetime.datetime) -> Reached:
    """As they are drafted, on what came in during the past 12 months."""
    draft = load_draft()
    year = opened_within(now - datetime.timedelta(days=DAYS_LOOKED_BACK), now)
    use = use_of(draft.configuration, cells_of(draft, year, user=user))
    return Reached(use.total, sum(use.got.values()), len(use.overlaps))


# --- the page -------------------------------------------------------------------------------------------------------


def territory_lines(*, user: User, now: datetime.datetime) -> list[TerritoryLine]:
    """Every territory, parents before their children; eight queries."""
    draft = load_draft()
    if not draft.territories:
        return []
    year = opened_within(now - datetime.timedelta(days=DAYS_LOOKED_BACK), now)
    use = use_of(draft.configuration, cells_of(draft, year, user=user))
    names = names_of({overlap.example for overlap in use.overlaps if overlap.example is not None})
    here = Q(reps__left_at__isnull=True)
    teams = dict(Team.objects.annotate(number=Count("reps", filter=here)).values_list("pk", "number"))
    page = _Page(draft, use, names, teams, now.date())
    return [page.line(territory, indent) for territory, indent in in_order(draft.territories)]


def in_order(territories: Mapping[int, Territory]) -> list[tuple[Territory, int]]:
    """Parents before their children, by name; with how far inside each lies. Circles stand at the end."""
    children: dict[int | None, list[Territory]] = {}
    for territory in sorted(territories.values(), key=lambda one: (one.name.casefold(), one.pk)):
        children.setdefault(territory.parent_id, []).append(territory)
    found: list[tuple[Territory, int]] = []
    waiting = [(territory, 0) for territory in reversed(children.get(None, []))]
    while waiting:
        territory, indent = waiting.pop()
        found.append((territory, min(indent, DEEPEST_INDENT)))
        waiting += [(child, indent + 1) for child in reversed(children.get(territory.pk, []))]
    listed = {territory.pk for territory, _ in found}
    return found + [(one, 0) for one in territories.values() if one.pk not in listed]


class _Page:
    """What the lines are made from."""

    def __init__(
        self, draft: Draft, use: Use, names: Mapping[int, str], teams: Mapping[int, int], today: datetime.date
    ) -> None:
        self.draft, self.use, self.names, self.teams, self.today = draft, use, names, teams, today
        self.say = say_for([one.condition for one in draft.territories.values()])
        self.children = Counter(one.parent_id for one in draft.territories.values() if one.is_active)

    def line(self, territory: Territory, indent: int) -> TerritoryLine:
        lineage = lineage_of(territory, self.draft.territories)
        nearest = next((one for one in lineage if self._current(one)), None)
        off = next((one for one in lineage if not one.is_active), None)
        return TerritoryLine(
            territory=territory,
            indent=indent,
            sentence=described(territory.condition, self.draft.fields, say=self.say),
            covers=tuple(self._cover(one) for one in territory.coverage.all()),
            through=nearest.name if nearest is not None and nearest != territory else "",
            off="" if off is None else "off" if off == territory else f"off with {off.name}",
            got=self.use.got.get(territory.pk, 0),
            warnings=() if off == territory else tuple(self._warnings(territory, nearest, off)),
        )

    def _current(self, territory: Territory) -> list[Coverage]:
        return [one for one in territory.coverage.all() if _holds_on(one, self.today)]

    def _cover(self, one: Coverage) -> Cover:
        who = f"team {one.team}" if one.team else str(one.rep)
        return Cover(who, coverage_dates(one), _holds_on(one, self.today))

    def _warnings(
        self, territory: Territory, nearest: Territory | None, off: Territory | None
    ) -> list[Warned]:
        if off is not None:
            return [Warned(f"{off.name}, around it, is off, so nothing falls in here.")]
        broken = [
            one for one in lineage_of(territory, self.draft.territories) if one.pk in self.draft.unusable
        ]
        if broken:
            why = self.draft.unusable[broken[0].pk]
            return [Warned(why if broken[0] == territory else f"It lies inside {broken[0].name}. {why}")]
        found = [*self._gone(territory), *self._uncovered(territory, nearest)]
        if not self.use.got.get(territory.pk) and not self.children[territory.pk]:
            found.append(Warned("It got no opportunity in the past 12 months."))
        return found + self._overlaps(territory.pk)

    def _gone(self, territory: Territory) -> list[Warned]:
        current = self._current(territory)
        left = [Warned(f"{one.rep} has left.") for one in current if one.rep and not one.rep.is_active]
        empty = [one.team for one in current if one.team_id and not self.teams.get(one.team_id)]
        return left + [Warned(f"Nobody is in team {team}.") for team in empty]

    def _uncovered(self, territory: Territory, nearest: Territory | None) -> list[Warned]:
        """Where all lies in the territories inside it, a territory needs nobody of its own."""
        only_around = self.children[territory.pk] and not self.use.got.get(territory.pk)
        if nearest is None and only_around:
            return []
        current = [] if nearest is None else self._current(nearest)
        working = [
            one for one in current if (one.rep and one.rep.is_active) or self.teams.get(one.team_id or 0)
        ]
        return [] if working else [Warned("Nobody covers it today.")]

    def _overlaps(self, pk: int) -> list[Warned]:
        concerned = [one for one in self.use.overlaps if pk in (one.winner, one.other)]
        found = [self._overlap(pk, one) for one in concerned[:SHOWN_OVERLAPS]]
        more = len(concerned) - SHOWN_OVERLAPS
        return [*found, Warned(f"It overlaps with {more} more.")] if more > 0 else found

    def _overlap(self, pk: int, one: Overlap) -> Warned:
        other = self.draft.territories[one.other if one.winner == pk else one.winner].name
        said = f"{one.count:,} {'opportunity matches' if one.count == 1 else 'opportunities match'} both"
        by_id = self.draft.configuration.by_id
        alike = by_id[one.winner].specificity == by_id[one.other].specificity
        reason = "is older" if alike else "is more specific"
        winner = "this one" if one.winner == pk else other
        text = f"Overlaps with {other}: {said}. Where both are the most specific, {winner} wins: it {reason}."
        return Warned(text, one.example, self.names.get(one.example or 0, ""))


def _holds_on(one: Coverage, day: datetime.date) -> bool:
    return (one.starts_on is None or one.starts_on <= day) and (one.ends_on is None or day <= one.ends_on)


def coverage_dates(one: Coverage) -> str:
    """ "from 1 Jan 2026 until 30 Jun 2026"; empty where it is open on both sides."""
    parts = (("from", one.starts_on), ("until", one.ends_on))
    return " ".join(f"{word} {day.day} {day:%b %Y}" for word, day in parts if day)
