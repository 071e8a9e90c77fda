"""The rep's no to what was assigned, with the reason."""

from typing import Any

from django import forms

from routing.forms.queue import ReasonForm


class DeclineForm(ReasonForm):
    """One of the organisation's reasons, or words of the own, or both."""

    marks_optional = False
    conflict = None

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        return [("", [self["reason"], self["note"]], False)]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not self.errors and not values.get("reason") and not values.get("note", "").strip():
            raise forms.ValidationError("Say why you decline it: choose a reason or write a few words.")
        return values
