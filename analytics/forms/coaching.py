"""What a manager says to a coaching finding."""

from django import forms


class DismissForm(forms.Form):
    note = forms.CharField(
        label="Why",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Such as “these were two lost renewals of one customer”. Others who look here see it.",
        error_messages={"required": "Say in a few words why, so that others understand it later."},
    )
