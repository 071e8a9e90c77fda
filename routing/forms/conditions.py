"""What every form with a condition does: the builder's buttons, what is wrong in words, conflicts with sentences."""

from typing import Any

from django.db.models import Model
from django.forms.utils import ErrorDict

from crm.forms.conditions import ConditionField
from crm.queries.condition_words import condition_words
from reps.forms.records import RecordForm
from reps.models import User

NEW_CONDITION = {"all": [{"field": "", "op": ""}]}  # the first test, to be filled in


class ConditionRecordForm(RecordForm):
    """A record that holds for some opportunities. Its page has a region `condition` around the builder."""

    condition = ConditionField(label="When")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["condition"].know_ours(user)  # type: ignore[attr-defined]

    @property
    def is_building(self) -> bool:
        """Whether a button of the condition was pressed. Then nothing is checked or saved."""
        pressed = self.is_bound and self.fields["condition"].was_pressed(self.data, "condition")  # type: ignore[attr-defined]
        if pressed:
            self._errors, self.cleaned_data = ErrorDict(), {}
        return bool(pressed)

    def refuse(self, refusals: dict[str, str]) -> None:
        """What the service would refuse, beside the fields that have no problem yet."""
        for name, text in refusals.items():
            field = name if name in self.fields else None
            if field is None or field not in self.errors:
                self.add_error(field, text)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """(id of what it links to, words) for the summary; a line for each wrong test of the condition."""
        found: list[tuple[str, str]] = [("", str(text)) for text in self.non_field_errors()]
        for bound in self:
            if isinstance(bound.field, ConditionField) and bound.field.problems:
                found += [(anchor, f"{bound.label}: {text}") for anchor, text in bound.field.problems]
            else:
                target = bound.id_for_label or bound.auto_id
                found += [(str(target), f"{bound.label}: {text}") for text in bound.errors]
        return found

    def show_conflict(self, current: Model) -> None:
        super().show_conflict(current)
        condition = getattr(current, "condition", None)
        if self.conflict is not None and condition is not None:
            label, sentence = self.fields["condition"].label, condition_words(condition)
            self.conflict["differences"] = [
                (name, sentence if name == label else theirs) for name, theirs in self.conflict["differences"]
            ]
