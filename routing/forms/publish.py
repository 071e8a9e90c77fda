"""How a draft is published: now, or kept for an experiment, with a note."""

from typing import Any, cast

from django import forms
from django.http import QueryDict

from routing.models import ConfigurationVersion

NOW, EXPERIMENT = "now", "experiment"


class PublishForm(forms.Form):
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    note = forms.CharField(
        label="Note for this version",
        required=False,
        max_length=200,
        help_text="What changes and why; the list of versions shows it.",
    )
    how = forms.ChoiceField(
        label="When it decides",
        choices=[
            (NOW, "Now: the next opportunity is decided by it"),
            (
                EXPERIMENT,
                "As an experiment: it is kept, and the live version goes on deciding as its control",
            ),
        ],
        initial=NOW,
        widget=forms.RadioSelect,
    )

    def clean_note(self) -> str:
        return str(self.cleaned_data["note"]).strip()

    def values(self) -> dict[str, Any]:
        """As `publish_configuration` takes them."""
        return {
            "note": self.cleaned_data["note"],
            "seen": self.cleaned_data["seen"],
            "as_candidate": self.cleaned_data["how"] == EXPERIMENT,
        }

    def told(self, version: ConfigurationVersion, *, is_new: bool) -> str:
        if not is_new:
            return f"There was nothing to publish: version {version.number} is the same."
        if version.is_candidate:
            return f"Version {version.number} is kept for an experiment. The live version goes on deciding."
        return f"Version {version.number} is live."

    def seeing(self, digest: str) -> "PublishForm":
        """The same form about the draft that is shown now."""
        data = cast(QueryDict, self.data).copy()
        data["seen"] = digest
        self.data = data
        return self
