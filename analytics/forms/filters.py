"""The filters of Analytics › Routing, which live in the address."""

import datetime
from collections.abc import Mapping
from typing import Any

from django import forms

from analytics.models import Fact
from analytics.queries.behind import HITS
from analytics.queries.filters import DAY, Filters, whose
from analytics.queries.offered import offered_policies, offered_sources
from crm.models import Opportunity
from reps.models import Rep, Team, User
from reps.queries.people import reps_visible_to, teams_visible_to
from territories.models import Territory

DAYS = 90
MOST_DAYS = 3 * 366
EARLIEST = datetime.date(1990, 1, 1)
PERIODS = (("", "Last 90 days"), ("30", "Last 30 days"), ("180", "Last 180 days"), ("365", "Last 365 days"))


class Calendar(forms.DateInput):
    input_type = "date"


class RoutingFilter(forms.Form):
    """`from` and `to` go before `days`. What is malformed, or not the reader's to see, is said and left out."""

    days = forms.ChoiceField(label="Period", required=False, choices=PERIODS)
    from_day = forms.DateField(label="From", required=False, widget=Calendar)
    to = forms.DateField(label="To", required=False, widget=Calendar)
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
        super().__init__(data)
        self.user, self.today = user, today
        fields: Any = self.fields
        fields["from"] = fields.pop("from_day")
        fields["team"].queryset = teams_visible_to(user).order_by("name")
        fields["rep"].queryset = reps_visible_to(user).order_by("name")
        fields["source"].choices = [("", "All sources"), *((one, one) for one in offered_sources())]
        fields["policy"].choices = [("", "All policies"), *((one, one) for one in offered_policies())]
        self.order_fields(["days", "from", "to", "team", "rep", "territory", "source", "policy", "kind"])

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

    def filters(self) -> Filters:
        """What is chosen; where something is wrong with it, without that."""
        self.is_valid()
        chosen = self.cleaned_data
        last = chosen.get("to") or self.today
        days = int(chosen.get("days") or DAYS)
        first = chosen.get("from") or last - (days - 1) * DAY
        if first > last or (last - first).days >= MOST_DAYS:
            first = last - (days - 1) * DAY
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

    def chosen(self) -> dict[str, str]:
        """The filters as the address has them, without what is empty or wrong."""
        self.is_valid()
        return {
            name: str(self.data[name])
            for name in self.fields
            if self.data.get(name) and name not in self.errors
        }


class BehindForm(forms.Form):
    """What of the period is behind a point, as the address says it; what is malformed is left out."""

    event = forms.ChoiceField(choices=Fact.Event.choices, required=False)
    path = forms.ChoiceField(
        choices=[("", "Any way"), *Fact.Path.choices], required=False, label="How it came"
    )
    mode = forms.ChoiceField(choices=[("", "Any mode"), *Fact.Mode.choices], required=False, label="Mode")
    hit = forms.NullBooleanField(required=False)
    bins = forms.RegexField(r"^[0-9](-[0-9])?$", required=False)

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
        }

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
        return found
