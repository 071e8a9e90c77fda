"""Which team the page of coaching shows, and what a manager says to a finding."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from reps.models import Team


class TeamFilter(forms.Form):
    """What is malformed is ignored."""

    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="All teams", label="Team")

    def __init__(self, data: Any, *, teams: QuerySet[Team]) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def chosen(self) -> Team | None:
        self.is_valid()
        team: Team | None = self.cleaned_data.get("team")
        return team


class DismissForm(forms.Form):
    note = forms.CharField(
        label="Why",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Such as “these were two lost renewals of one customer”. Others who look here see it.",
        error_messages={"required": "Say in a few words why, so that others understand it later."},
    )
