"""The filters of Analytics › Routing, which live in the address."""

import datetime
from collections.abc import Mapping
from typing import Any

from django import forms

from analytics.models import Fact
from analytics.queries.behind import HITS
from analytics.queries.filters import DAY, Filters, whose
from analytics.queries.offered import offered_policies, offered_sources
from analytics.queries.segments import DIMENSIONS, phrase
from crm.models import Opportunity
from reps.models import Rep, Team, User
from reps.queries.people import reps_visible_to, teams_visible_to
from territories.models import Territory

DAYS = 90
MOST_DAYS = 3 * 366
EARLIEST = datetime.date(1990, 1, 1)
PERIODS = (("", "Last 90 days"), ("30", "Last 30 days"), ("180", "Last 180 days"), ("365", "Last 365 days"))
YEAR_FIRST = (("", "Last 365 days"), ("30", "Last 30 days"), ("90", "Last 90 days"), ("180", "Last 180 days"))


class Calendar(forms.DateInput):
    input_type = "date"


class DaysFilter(forms.Form):
    """`from` and `to` go before `days`. What is malformed is said and left out."""

    default_days = DAYS
    days = forms.ChoiceField(label="Period", required=False, choices=PERIODS)
    from_day = forms.DateField(label="From", required=False, widget=Calendar)
    to = forms.DateField(label="To", required=False, widget=Calendar)

    def __init__(self, data: Mapping[str, Any], *, today: datetime.date) -> None:
        super().__init__(data)
        self.today = today
        self.fields["from"] = self.fields.pop("from_day")
        self.order_fields(["days", "from", "to"])

    def clean(self) -> dict[str, Any]:
        chosen: dict[str, Any] = super().clean() or {}
        for name in ("from", "to"):
            if chosen.get(name) and not EARLIEST <= chosen[name] <= self.today + MOST_DAYS * DAY:
                self.add_error(name, "There is nothing from that time.")
        first, last = chosen.get("from"), chosen.get("to")
        if first and last and first > last:
            self.add_error("to", "The last day is before the first.")
        elif first and ((last or self.today) - first).days >= MOST_DAYS:
            self.add_error("from", f"At most {MOST_DAYS:,} days at once.")
        return chosen

    def period(self) -> tuple[datetime.date, datetime.date]:
        """First and last day; where something is wrong with them, without that."""
        self.is_valid()
        chosen = self.cleaned_data
        last = chosen.get("to") or self.today
        days = int(chosen.get("days") or self.default_days)
        first = chosen.get("from") or last - (days - 1) * DAY
        if first > last or (last - first).days >= MOST_DAYS:
            first = last - (days - 1) * DAY
        return first, last

    def chosen(self) -> dict[str, str]:
        """The filters as the address has them, without what is empty or wrong."""
        self.is_valid()
        return {
            name: str(self.data[name])
            for name in self.fields
            if self.data.get(name) and name not in self.errors
        }


class YearFilter(DaysFilter):
    """A year where nothing is said: what is looked at takes its time to close."""

    default_days = 365
    days = forms.ChoiceField(label="Period", required=False, choices=YEAR_FIRST)


class RoutingFilter(DaysFilter):
    """What is not the reader's to see is said and left out as well."""

    team = forms.ModelChoiceField(Team.objects.none(), label="Team", required=False, empty_label="All teams")
    rep = forms.ModelChoiceField(Rep.objects.none(), label="Rep", required=False, empty_label="All reps")
    territory = forms.ModelChoiceField(
        Territory.objects.order_by("name"), label="Territory", required=False, empty_label="All territories"
    )
    source = forms.ChoiceField(label="Source", required=False)
    policy = forms.ChoiceField(label="Policy", required=False)
    kind = forms.ChoiceField(
        label="Kind", required=False, choices=[("", "Leads and deals"), *Opportunity.Kind.choices]
    )

    def __init__(self, data: Mapping[str, Any], *, user: User, today: datetime.date) -> None:
        super().__init__(data, today=today)
        self.user = user
        fields: Any = self.fields
        fields["team"].queryset = teams_visible_to(user).order_by("name")
        fields["rep"].queryset = reps_visible_to(user).order_by("name")
        fields["source"].choices = [("", "All sources"), *((one, one) for one in offered_sources())]
        fields["policy"].choices = [("", "All policies"), *((one, one) for one in offered_policies())]
        self.order_fields(["days", "from", "to", "team", "rep", "territory", "source", "policy", "kind"])

    def filters(self) -> Filters:
        """What is chosen; where something is wrong with it, without that."""
        first, last = self.period()
        chosen = self.cleaned_data
        team, rep, territory = chosen.get("team"), chosen.get("rep"), chosen.get("territory")
        return Filters(
            first=first,
            last=last,
            territory_id=territory.pk if territory else None,
            source=chosen.get("source", ""),
            policy=chosen.get("policy", ""),
            kind=chosen.get("kind", ""),
            **whose(self.user, team_id=team.pk if team else None, rep_id=rep.pk if rep else None),
        )


class BehindForm(forms.Form):
    """What of the period is behind a point, as the address says it; what is malformed is left out."""

    event = forms.ChoiceField(choices=Fact.Event.choices, required=False)
    path = forms.ChoiceField(
        choices=[("", "Any way"), *Fact.Path.choices], required=False, label="How it came"
    )
    mode = forms.ChoiceField(choices=[("", "Any mode"), *Fact.Mode.choices], required=False, label="Mode")
    hit = forms.NullBooleanField(required=False)
    bins = forms.RegexField(r"^[0-9](-[0-9])?$", required=False)
    dimension = forms.ChoiceField(
        choices=[(name, one.label) for name, one in DIMENSIONS.items()], required=False
    )
    level = forms.CharField(required=False, max_length=120)

    @property
    def event_asked(self) -> str:
        self.is_valid()
        return self.cleaned_data.get("event") or Fact.Event.ASSIGNED

    def narrower(self) -> dict[str, Any]:
        self.is_valid()
        chosen = self.cleaned_data
        bins = chosen.get("bins")
        return {
            "path": chosen.get("path", ""),
            "mode": chosen.get("mode", ""),
            "hit": chosen.get("hit"),
            "bins": (int(bins[0]), int(bins[-1])) if bins else None,
            "segment": (chosen["dimension"], chosen["level"]) if self._has_segment else None,
        }

    @property
    def _has_segment(self) -> bool:
        return bool(self.cleaned_data.get("dimension") and self.cleaned_data.get("level"))

    def words(self) -> list[str]:
        """What is asked for, in words: “match score 70 to 100”, “by the model”."""
        narrower = self.narrower()
        found = []
        if narrower["bins"]:
            first, last = narrower["bins"]
            found.append(f"match score {10 * first} to {100 if last == 9 else 10 * last + 9}")
        for name, labels in (("path", dict(Fact.Path.choices)), ("mode", dict(Fact.Mode.choices))):
            if narrower[name]:
                found.append(str(labels[narrower[name]]).lower())
        if narrower["hit"] is not None:
            found.append(HITS[self.event_asked][0 if narrower["hit"] else 1])
        if narrower["segment"]:
            found.append(phrase(*narrower["segment"]))
        return found
