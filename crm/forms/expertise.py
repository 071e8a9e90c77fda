"""What narrows the skills matrix."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from crm.queries.skills_matrix import MatrixSearch
from reps.models import Skill, Team


class MatrixFilter(forms.Form):
    """What the address may say. What is malformed is ignored."""

    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="All teams")
    kind = forms.ChoiceField(required=False, choices=Skill.Kind.choices)
    gaps = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, teams: QuerySet[Team]) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def search(self) -> MatrixSearch:
        self.is_valid()
        chosen = self.cleaned_data
        return MatrixSearch(
            team=chosen.get("team"),
            kind=chosen.get("kind") or Skill.Kind.INDUSTRY,
            only_gaps=bool(chosen.get("gaps")),
        )
