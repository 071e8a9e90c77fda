"""What the pages of gaps and credit are narrowed to by their address."""

import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet

from analytics.queries.period import Chosen
from crm.models import Opportunity
from reps.models import Team

DAYS_PROPOSED = 90


class PeriodFilter(forms.Form):
    """What is malformed is ignored."""

    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team", label="Team")
    source = forms.ChoiceField(required=False, label="Source")
    kind = forms.ChoiceField(
        required=False, label="Kind", choices=[("", "Leads and deals"), *Opportunity.Kind.choices]
    )

    def __init__(self, data: Any, *, teams: QuerySet[Team], sources: list[str]) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        self.fields["source"].choices = [("", "Any source"), *((name, name) for name in sources)]  # type: ignore[attr-defined]

    def showing(self, chosen: Chosen) -> "PeriodFilter":
        """The form with the days that are looked at, also where the address names none."""
        given = {name: self.data.get(name, "") for name in self.fields}
        self.data = given | {"first": chosen.first, "last": chosen.last}
        return self

    def chosen(self, today: datetime.date) -> Chosen:
        self.is_valid()
        last = self._day("last") or today
        first = self._day("first") or last - datetime.timedelta(days=DAYS_PROPOSED - 1)
        return Chosen(
            min(first, last),
            max(first, last),
            self.cleaned_data.get("team"),
            self.cleaned_data.get("source") or "",
            self.cleaned_data.get("kind") or "",
        )

    def _day(self, name: str) -> datetime.date | None:
        day: datetime.date | None = self.cleaned_data.get(name)
        return day if day is not None and 1970 <= day.year <= 2200 else None
