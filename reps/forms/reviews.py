"""Forms of reviews: what narrows the lists, and the answer to a proposal."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from reps.models import Rep, Team
from reps.queries.profiles import CHANGE_FIELDS, ChangeSearch

DAYS = (7, 30, 90, 365)


class ReviewFilter(forms.Form):
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")

    def __init__(self, data: Any, *, teams: QuerySet[Team]) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def team_chosen(self) -> Team | None:
        self.is_valid()
        return self.cleaned_data.get("team")


class ChangeFilter(forms.Form):
    """What the address may say of the list. What is malformed is ignored."""

    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")
    rep = forms.ModelChoiceField(Rep.objects.none(), required=False, empty_label="Any rep")
    field = forms.ChoiceField(
        required=False, label="What changed", choices=[("", "Anything"), *CHANGE_FIELDS]
    )
    days = forms.TypedChoiceField(
        required=False,
        label="How far back",
        coerce=int,
        choices=[("", "Last 90 days"), *((days, f"Last {days} days") for days in DAYS if days != 90)],
    )

    def __init__(self, data: Any, *, teams: QuerySet[Team], reps: QuerySet[Rep]) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        self.fields["rep"].queryset = reps  # type: ignore[attr-defined]

    def search(self) -> ChangeSearch:
        self.is_valid()
        chosen = self.cleaned_data
        return ChangeSearch(
            days=chosen.get("days") or 90,
            team=chosen.get("team"),
            rep=chosen.get("rep"),
            field=chosen.get("field", ""),
        )


class DeclineForm(forms.Form):
    reason = forms.CharField(required=False, max_length=300)
