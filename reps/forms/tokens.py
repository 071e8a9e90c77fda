"""The form of a new API token."""

from django import forms


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="What will use it", help_text="Such as “Website form”.")
    days = forms.IntegerField(
        min_value=1,
        max_value=3650,
        required=False,
        label="Valid for days",
        help_text="Empty: until it is revoked.",
    )
