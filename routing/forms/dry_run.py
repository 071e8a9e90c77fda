"""The days on which a draft is tried."""

import datetime
from typing import Any

from django import forms
from django.utils import timezone

DAYS_PROPOSED = 90
MOST_DAYS = 1100


class DryRunForm(forms.Form):
    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="Until", widget=forms.DateInput(attrs={"type": "date"}))
    marks_optional = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.localdate()
        self.fields["first"].initial = today - datetime.timedelta(days=DAYS_PROPOSED)
        self.fields["last"].initial = today

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and first > last:
            self.add_error("last", "The last day lies before the first.")
        if first and last and (last - first).days > MOST_DAYS:
            self.add_error("first", "Three years at most are tried at once.")
        return values

    def moments(self) -> tuple[datetime.datetime, datetime.datetime]:
        """From the begin of the first day to the end of the last, in the reader's time zone."""
        zone = timezone.get_current_timezone()
        first = datetime.datetime.combine(self.cleaned_data["first"], datetime.time.min, zone)
        last = datetime.datetime.combine(self.cleaned_data["last"], datetime.time.max, zone)
        return first, last
