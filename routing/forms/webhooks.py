"""The form of a webhook, and what narrows its messages."""

from typing import Any

from django import forms

from reps.forms.records import RecordForm
from routing.models import Change, Webhook, WebhookDelivery
from routing.services.webhooks.settings import WebhookInput

WORDS = {
    Change.Event.ASSIGNED: "Assigned: nobody had it, now somebody owns it",
    Change.Event.REASSIGNED: "Reassigned: from one rep to another",
    Change.Event.HELD: "Held: it waits for a person",
    Change.Event.UNASSIGNED: "Unassigned: its owner no longer has it",
}


class WebhookForm(RecordForm):
    """Where to, and what is told."""

    events = forms.MultipleChoiceField(
        label="What is told",
        choices=[(event.value, words) for event, words in WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=list(Change.Event.values),
    )
    marks_optional = False

    class Meta:
        model = Webhook
        fields = ("name", "address", "events", "is_active")
        labels = {"is_active": "Send here"}
        help_texts = {
            "name": "Such as “Salesforce” or “Data warehouse”.",
            "address": "Where the receiver listens, https://…",
        }

    @property
    def given(self) -> WebhookInput:
        values: dict[str, Any] = self.cleaned_data
        return WebhookInput(
            name=values["name"],
            address=values["address"].strip(),
            events=values["events"],
            is_active=values["is_active"],
        )


class DeliveryFilter(forms.Form):
    """What the address may say of the list. What is malformed is ignored."""

    state = forms.ChoiceField(
        required=False, label="State", choices=[("", "Any state"), *WebhookDelivery.State.choices]
    )

    def chosen(self) -> str:
        self.is_valid()
        return str(self.cleaned_data.get("state", ""))
