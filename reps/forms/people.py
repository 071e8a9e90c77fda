"""Forms of users, teams and the organisation."""

import zoneinfo
from functools import cache
from typing import Any

from django import forms

from reps.forms.records import RecordForm
from reps.models import Organisation, Team, User


@cache
def time_zones() -> list[tuple[str, str]]:
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class TimeZoneField(forms.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=time_zones, **kwargs)


class UserForm(RecordForm):
    time_zone = TimeZoneField(help_text="Times are shown in this zone.")
    groups = (("Person", ("name", "email")), ("Access", ("role", "time_zone")))

    class Meta:
        model = User
        fields = ("name", "email", "role", "time_zone")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class UserFilter(forms.Form):
    q = forms.CharField(required=False, label="Search")
    role = forms.ChoiceField(required=False, choices=[("", "Any role"), *User.Role.choices])
    inactive = forms.BooleanField(required=False, label="Also deactivated")


class TeamForm(RecordForm):
    managers = forms.ModelMultipleChoiceField(
        queryset=User.objects.filter(role=User.Role.MANAGER, is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They see the team's queue and pipeline, and get what is routed to the manager.",
    )
    settled_by_service = frozenset({"is_default"})

    class Meta:
        model = Team
        fields = ("name", "managers", "is_default", "external_id")
        labels = {"is_default": "The organisation's default team", "external_id": "ID in your other systems"}

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


class OrganisationForm(RecordForm):
    groups = (
        ("", ("name", "base_currency", "default_language", "time_zone", "top_tier_share")),
        ("Rep profiles", ("own_profile_edits", "profile_review_months")),
    )
    time_zone = TimeZoneField(help_text="Batches and reports that belong to nobody's zone use this one.")

    class Meta:
        model = Organisation
        fields = (
            "name", "base_currency", "default_language", "time_zone", "top_tier_share", "own_profile_edits",
            "profile_review_months",
        )  # fmt: skip
        labels = {
            "top_tier_share": "Share of top performers",
            "own_profile_edits": "What reps may do with their own expertise",
            "profile_review_months": "Profiles are reviewed",
        }
        help_texts = {
            "own_profile_edits": "Managers and ops always change it at once, with its line in the history.",
            "profile_review_months": "A profile that nobody has looked over for so long is due. Managers and reps are "
            "reminded once in each period.",
        }

    def clean_base_currency(self) -> str:
        currency = str(self.cleaned_data["base_currency"]).upper()
        if len(currency) != 3 or not currency.isalpha():
            raise forms.ValidationError("Use a three-letter code such as USD or EUR.")
        return currency
