"""How long the months of each history stay whole."""

from collections.abc import Mapping
from typing import Any

from django import forms

from operations.queries.histories import HISTORIES, History

MOST_MONTHS = 1_200
SETTABLE = [one for one in HISTORIES if one.least_months is not None]


class RetentionForm(forms.Form):
    """One field for each history, by its kind; empty is for ever."""

    def __init__(self, data: Mapping[str, Any] | None = None, *, kept: Mapping[str, int | None]) -> None:
        super().__init__(data, initial=dict(kept))
        for history in SETTABLE:
            self.fields[history.kind] = forms.IntegerField(
                required=False,
                min_value=history.least_months,
                max_value=MOST_MONTHS,
                label=history.label,
                help_text=f"Months, {history.least_months} at least. Empty: for ever.",
                error_messages={
                    "min_value": f"{history.least_months} months have to stay: training and analytics read a year.",
                    "invalid": "A whole number of months, or nothing.",
                },
            )

    @property
    def changed(self) -> list[tuple[History, int | None]]:
        """Of a valid form."""
        return [(one, self.cleaned_data[one.kind]) for one in SETTABLE if one.kind in self.changed_data]
