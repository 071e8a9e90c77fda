"""What the address may say of the audit log."""

from typing import Any

from django import forms

from reps.models import AuditEntry
from reps.queries.audit import AuditSearch


class AuditFilter(forms.Form):
    """What is malformed is ignored."""

    q = forms.CharField(required=False, max_length=100)
    who = forms.ChoiceField(required=False, label="Who")
    kind = forms.ChoiceField(required=False, label="What kind of record")
    action = forms.ChoiceField(
        required=False, label="What happened", choices=[("", "Anything done"), *AuditEntry.Action.choices]
    )
    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    address = forms.GenericIPAddressField(required=False, label="Address")
    record = forms.RegexField(r"^[a-z -]{1,40}:[^\x00]{1,40}$", required=False)

    def __init__(self, data: Any, *, actors: list[tuple[str, str]], kinds: list[str]) -> None:
        super().__init__(data)
        self.fields["who"].choices = [("", "Anybody"), *actors]  # type: ignore[attr-defined]
        self.fields["kind"].choices = [("", "Any record"), *((one, one.capitalize()) for one in kinds)]  # type: ignore[attr-defined]

    def search(self) -> AuditSearch:
        self.is_valid()
        chosen = self.cleaned_data
        kind, _, pk = (chosen.get("record") or "").partition(":")
        return AuditSearch(
            who=chosen.get("who", ""),
            kind=chosen.get("kind", ""),
            action=chosen.get("action", ""),
            first=chosen.get("first"),
            last=chosen.get("last"),
            address=chosen.get("address", ""),
            text=chosen.get("q", ""),
            record=(kind, pk) if kind else None,
        )
