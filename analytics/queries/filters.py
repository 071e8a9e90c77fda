"""What an address of Analytics › Routing asks for, and the same as a condition on facts or on sums."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass, replace

from django.db.models import Q

from analytics.models import DaySum
from reps.models import Rep, User
from reps.queries.people import SEES_EVERYBODY, reps_visible_to, teams_visible_to

DAY = datetime.timedelta(days=1)
MOST_DAYS_BY_WEEK = 190


@dataclass(frozen=True)
class Filters:
    """`first` to `last`, both inclusive, in the organisation's days · `rep_ids` and `team_ids` whose facts and whose
    ownerless ones are meant; None: everybody's · the others as chosen, empty or None: any."""

    first: datetime.date
    last: datetime.date
    rep_ids: tuple[int, ...] | None = None
    team_ids: tuple[int, ...] | None = None
    territory_id: int | None = None
    source: str = ""
    policy: str = ""
    kind: str = ""

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def step(self) -> str:
        """What one point of a line covers: a week, or a month where there would be too many."""
        return "week" if self.days <= MOST_DAYS_BY_WEEK else "month"

    @property
    def before(self) -> "Filters":
        """The same, of as many days before: what a trend compares with."""
        return replace(self, first=self.first - self.days * DAY, last=self.first - DAY)

    @property
    def summed_by(self) -> tuple[str, str] | None:
        """Which sums have the answer (by, key); None where only facts do."""
        chosen = [(DaySum.By.SOURCE, self.source), (DaySum.By.POLICY, self.policy)]
        named = [(str(by), key) for by, key in chosen if key]
        if self.rep_ids is not None or self.territory_id is not None or len(named) > 1:
            return None
        return named[0] if named else (str(DaySum.By.ALL), "")

    def of_facts(self) -> Q:
        """A condition on facts."""
        found = Q(day__range=(self.first, self.last))
        given = {
            "territory_id": self.territory_id,
            "source": self.source,
            "policy": self.policy,
            "kind": self.kind,
        }
        found &= Q(**{name: value for name, value in given.items() if value})
        if self.rep_ids is not None:
            found &= Q(rep__in=self.rep_ids) | Q(rep__isnull=True, team_id__in=self.team_ids or ())
        return found

    def of_sums(self) -> Q:
        """The same on the sums of days, where `summed_by` names some."""
        return Q(day__range=(self.first, self.last)) & self.of_what_is_summed()

    def of_what_is_summed(self) -> Q:
        """The same on the sums of any days or months."""
        assert self.summed_by is not None
        by, key = self.summed_by
        return Q(by=by, key=key) & self.of_kind()

    def of_touch_sums(self) -> Q:
        """The same on the sums of first touches, which are of everything but for the kind."""
        return Q(day__range=(self.first, self.last)) & self.of_kind()

    def of_kind(self) -> Q:
        return Q(kind=self.kind) if self.kind else Q()

    @property
    def is_of_everybody(self) -> bool:
        """Whether nothing but days and kind is chosen."""
        return self.summed_by == (DaySum.By.ALL, "")


def whose(user: User, *, team_id: int | None, rep_id: int | None) -> dict[str, tuple[int, ...] | None]:
    """`rep_ids` and `team_ids` of what is chosen, within what the reader may see. A team's reps are those of today."""
    if user.role in SEES_EVERYBODY and team_id is None and rep_id is None:
        return {"rep_ids": None, "team_ids": None}
    reps, teams = reps_visible_to(user).order_by("pk"), teams_visible_to(user).order_by("pk")
    if team_id is not None:
        reps, teams = reps.filter(team=team_id), teams.filter(pk=team_id)
    if rep_id is not None:
        reps, teams = reps.filter(pk=rep_id), teams.none()
    return {
        "rep_ids": tuple(reps.values_list("pk", flat=True)),
        "team_ids": tuple(teams.values_list("pk", flat=True)),
    }


def reps_meant(filters: Filters) -> Q:
    """The reps of the filter, as a condition on `Rep`; those who are here."""
    here = Q(left_at__isnull=True)
    return here if filters.rep_ids is None else here & Q(pk__in=filters.rep_ids)


def names_of(rep_ids: Collection[int]) -> dict[int, str]:
    return dict(Rep.objects.filter(pk__in=rep_ids).values_list("pk", "name"))
