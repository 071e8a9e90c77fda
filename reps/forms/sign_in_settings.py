"""Forms of the sign-in settings: the provider, the roles of its groups, who needs a second factor."""

from typing import Any

from django import forms

from reps.forms.records import RecordForm
from reps.models import GroupRole, SignInSettings, Team, User
from reps.services.sign_in_settings import Line

SPARE_LINES = 3


class SignInSettingsForm(RecordForm):
    server_url = forms.URLField(
        required=False,
        max_length=400,
        assume_scheme="https",
        label="Address of the provider (issuer)",
        help_text="What comes before /.well-known/openid-configuration.",
    )
    client_secret = forms.CharField(
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Stored sealed and never shown again. Empty: what is stored stays.",
    )
    break_glass = forms.ModelMultipleChoiceField(
        queryset=User.objects.filter(role=User.Role.ADMIN, is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Admins who keep their password",
        help_text="They get in when the provider is away. Their role never follows from its groups.",
    )
    default_role = forms.ChoiceField(
        required=False,
        choices=[("", "Nobody: they stay out"), *User.Role.choices],
        label="Role of those whose groups are not mapped",
    )
    second_factor_roles = forms.MultipleChoiceField(
        required=False,
        choices=User.Role.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Roles that need a second factor",
        help_text="Who has none is led to set one up after signing in, and comes no further before.",
    )
    groups = (
        (
            "Provider",
            (
                "uses_sso",
                "server_url",
                "client_id",
                "client_secret",
                "token_auth_method",
                "button_label",
                "scopes",
            ),
        ),
        ("Who gets in", ("groups_claim", "default_role", "trusts_unmarked_email", "only_sso", "break_glass")),
        ("Second factor", ("second_factor_roles",)),
    )
    marks_optional = False

    class Meta:
        model = SignInSettings
        fields = (
            "uses_sso", "server_url", "client_id", "token_auth_method", "button_label", "scopes", "groups_claim",
            "default_role", "trusts_unmarked_email", "only_sso", "break_glass", "second_factor_roles",
        )  # fmt: skip
        labels = {
            "uses_sso": "People can sign in through this provider",
            "client_id": "Client ID",
            "token_auth_method": "How the secret is sent",
            "button_label": "Words on the button",
            "groups_claim": "Claim with the groups",
            "trusts_unmarked_email": "Addresses that the provider does not mark are verified",
            "only_sso": "Single sign-on is the only way in",
        }
        help_texts = {
            "trusts_unmarked_email": "Some providers never say “email_verified”. Tick this only if people there cannot "
            "choose their address themselves. An address marked as not verified is refused anyway.",
            "only_sso": "Passwords let in nobody but the admins named below. Sessions of now stay.",
        }

    def clean_server_url(self) -> str:
        return str(self.cleaned_data["server_url"]).rstrip("/")


class LineForm(forms.Form):
    """One line of the mapping. Its place is the order; one without a group is none."""

    group = forms.CharField(max_length=200, required=False)
    role = forms.ChoiceField(choices=User.Role.choices)
    team = forms.ModelChoiceField(queryset=Team.objects.all(), required=False, empty_label="No team")


LineFormSet = forms.formset_factory(LineForm, extra=SPARE_LINES, can_order=True, max_num=200)


def line_forms(roles: list[GroupRole], posted: Any = None) -> Any:
    initial = [{"group": line.group, "role": line.role, "team": line.team_id} for line in roles]
    return LineFormSet(posted, initial=initial, prefix="line")


def lines_of(formset: Any) -> list[Line]:
    """In the order that the numbers say; a line whose group was emptied is left out."""
    filled = [form for form in formset.ordered_forms if form.cleaned_data.get("group")]
    return [
        Line(form.cleaned_data["group"].strip(), form.cleaned_data["role"], form.cleaned_data["team"])
        for form in filled
    ]
