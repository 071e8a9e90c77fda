"""The forms of a new API token, and of one made anew."""

from typing import Any

from django import forms

from reps.models import User
from reps.permissions import SCOPES

LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("730", "Two years"))
NEVER = ("never", "Until it is revoked")
SCOPE_WORDS = {
    "leads:write": "send leads and deals",
    "records:read": "read opportunities, accounts, contacts and activities",
    "records:write": "write accounts, contacts, activities and scores",
    "assignments:answer": "accept and decline for a rep",
    "people:read": "read reps and suggested expertise",
    "people:write": "write reps, decide suggested expertise",
    "batches:read": "read batches",
    "batches:write": "run and decide batches",
    "changes:read": "follow all changes",
    "audit:read": "read the audit log",
}


class LifetimeForm(forms.Form):
    """How long a token holds. Without an end only for admins."""

    lifetime = forms.ChoiceField(label="Holds for", initial="365")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        endless = (NEVER,) if user.role == User.Role.ADMIN else ()
        lifetime = self.fields["lifetime"]
        assert isinstance(lifetime, forms.ChoiceField)
        lifetime.choices = [*LIFETIMES, *endless]

    @property
    def days(self) -> int | None:
        chosen = self.cleaned_data["lifetime"]
        return None if chosen == NEVER[0] else int(chosen)


class TokenForm(LifetimeForm):
    name = forms.CharField(max_length=80, label="What will use it", help_text="Such as “Website form”.")
    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(scope, f"{scope}: {SCOPE_WORDS[scope]}") for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        label="What it may do",
        help_text="Nothing ticked: everything that you may. Never more than that.",
    )
    field_order = ("name", "lifetime", "scopes")


class RenewForm(LifetimeForm):
    keeps_hours = forms.ChoiceField(
        label="The one of now holds for",
        choices=[("0", "no longer"), ("1", "an hour more"), ("24", "a day more"), ("168", "a week more")],
        initial="24",
    )
