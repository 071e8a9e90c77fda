"""Many items of the queue: what is to be done with them."""

from typing import Any

from django import forms

from routing.engine.bulk import ANEW, APPROVE, GIVE, REJECT
from routing.forms.queue import GiveForm
from routing.models import QueueItem
from routing.services.queue_bulk import Choice

ACTIONS = [
    (APPROVE, "Approve the suggestions"),
    (GIVE, "Give them all to one rep"),
    (REJECT, "Reject the suggestions; a person hands them out"),
    (ANEW, "Let the router choose anew, by the loads as they are now"),
]
MOST = 200


class BulkDecisionForm(GiveForm):
    """One choice for all. Items are looked up among those that the user may see, decided ones included, so that the
    second person is told which ones somebody else decided."""

    item = forms.ModelMultipleChoiceField(QueueItem.objects.none(), widget=forms.MultipleHiddenInput)
    action = forms.ChoiceField(choices=ACTIONS, widget=forms.RadioSelect, label="What to do", initial=APPROVE)

    def __init__(self, *args: Any, visible: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["item"].queryset = visible.select_related("opportunity", "rep").order_by(  # type: ignore[attr-defined]
            "waiting_since", "pk"
        )
        gone = "Something that was selected is not in the queue any more. Select again."
        self.fields["item"].error_messages |= {
            "required": "Select at least one that waits.", "invalid_choice": gone, "invalid_pk_value": gone,
        }  # fmt: skip
        self.order_fields(["item", "action", "rep", "reason", "note"])
        self.fields["rep"].required = False
        self.fields["rep"].help_text = "Only where all go to one rep."
        self.fields["reason"].help_text = "Of giving to somebody else and of rejecting."

    def clean_item(self) -> list[QueueItem]:
        return list(self.cleaned_data["item"][:MOST])

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("action") == GIVE and not values.get("rep") and "rep" not in self.errors:
            self.add_error("rep", "Choose a rep to give them to.")
        return values

    @property
    def choice(self) -> Choice:
        values = self.cleaned_data
        return Choice(values["action"], values["rep"], values["reason"], values["note"])
