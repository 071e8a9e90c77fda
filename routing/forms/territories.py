"""The period of the coverage page, and the file that territories are imported from."""

import datetime

from django import forms
from django.utils import timezone

DAYS_PROPOSED = 365


class CoverageFilter(forms.Form):
    """What the address may say of the period. What is malformed is ignored."""

    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def period(self, today: datetime.date) -> tuple[datetime.date, datetime.date]:
        """From a day to a day, both inclusive: those of the address, else the past year."""
        self.is_valid()
        last = self._day("last") or today
        first = self._day("first") or last - datetime.timedelta(days=DAYS_PROPOSED)
        return min(first, last), max(first, last)

    def _day(self, name: str) -> datetime.date | None:
        day: datetime.date | None = self.cleaned_data.get(name)
        return day if day is not None and 1970 <= day.year <= 2200 else None


def moments(first: datetime.date, last: datetime.date) -> tuple[datetime.datetime, datetime.datetime]:
    """From the begin of the first day to the end of the last, in the reader's time zone."""
    zone = timezone.get_current_timezone()
    start = datetime.datetime.combine(first, datetime.time.min, zone)
    return start, datetime.datetime.combine(last, datetime.time.max, zone)
