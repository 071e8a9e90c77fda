"""What the team's board is narrowed to, and its order."""

from typing import Any

from django import forms

from reps.engine.capacity import Band
from reps.models import Team

STATES = [
    ("", "Everybody"),
    *((band.name.lower(), band.label.capitalize()) for band in Band),
    ("away", "Away now"),
    ("soon", "Away soon"),
    ("working", "Working now"),
    ("room", "With room this week"),
]
ORDERS = [
    ("", "Fullest first"),
    ("room", "Most room first"),
    ("back", "Away and back"),
    ("name", "By name"),
]


class BoardFilter(forms.Form):
    """Unknown values count as none."""

    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")
    state = forms.ChoiceField(required=False, choices=STATES, label="State")
    sort = forms.ChoiceField(required=False, choices=ORDERS, label="Order")

    def __init__(self, data: Any, *, teams: Any) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    @property
    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        return {name: self.cleaned_data.get(name) for name in self.fields}
