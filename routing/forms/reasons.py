"""The form of a reason that people choose when they decide otherwise."""

from typing import ClassVar

from reps.forms.records import RecordForm
from routing.models import OverrideReason
from routing.services.reasons import refusals


class ReasonRecordForm(RecordForm):
    class Meta:
        model = OverrideReason
        fields = ("label", "is_about_fit")
        labels: ClassVar[dict[str, str]] = {"label": "Reason", "is_about_fit": "It is about fit"}
        help_texts: ClassVar[dict[str, str]] = {
            "label": "As it is offered and told: “Wrong expertise”.",
            "is_about_fit": "The model then learns that the rep it had chosen fits such leads less well. The other "
            "reasons (overloaded, on leave) feed reports only.",
        }

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        for name, text in refusals(self.instance).items():
            if name not in self.errors:
                self.add_error(name, text)
