"""Signing in with an email address, and coming in by an invitation."""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.contrib.auth.password_validation import validate_password

from reps.forms.people import TimeZoneField
from reps.models import Invitation, Team, User


class SignInForm(LoginForm):
    """allauth's; the link to a forgotten password stands on the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.widget.attrs |= {"autofocus": True, "autocomplete": "username webauthn", "placeholder": ""}
        password.widget.attrs["placeholder"] = ""
        password.help_text = ""


class InvitationForm(forms.Form):
    email = forms.EmailField(help_text="The link goes there, and it is what the person signs in with.")
    name = forms.CharField(
        max_length=120, required=False, help_text="Whoever is invited can write it differently."
    )
    role = forms.ChoiceField(choices=User.Role.choices, initial=User.Role.REP)
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="A manager looks after these. A rep works in the first one, with a new profile unless there is one "
        "with this address already.",
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class AcceptForm(forms.Form):
    """Name and password of somebody who was invited."""

    name = forms.CharField(max_length=120, label="Your name")
    password = forms.CharField(
        strip=False,
        label="A password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters; not your name, and none that many people use.",
    )
    time_zone = TimeZoneField(label="Your time zone", help_text="Times are shown in it.")

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("password"):
            somebody = User(email=self.invitation.email, name=values.get("name", ""))
            try:
                validate_password(values["password"], somebody)
            except forms.ValidationError as wrong:
                self.add_error("password", wrong)
        return values
