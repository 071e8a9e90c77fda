"""The period of the coverage page, and the file that territories are imported from."""

import base64
import datetime
from typing import Any

from django import forms
from django.utils import timezone

from crm.engine.imports.reading import Unreadable
from routing.queries.territory_import import Plan, plan_import

DAYS_PROPOSED = 365
MOST_BYTES = 2**20


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


class TerritoryFileForm(forms.Form):
    table = forms.FileField(
        label="Territories (CSV)",
        help_text="As exported: id, name, parent, condition, active, coverage; a column that is left out changes "
        "nothing. Instead of a condition, or besides it: country, region, postal (10000-19999; 2*).",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    switch_off_missing = forms.BooleanField(
        label="Switch off territories that the file does not name", required=False
    )
    marks_optional = False

    def clean_table(self) -> Any:
        file = self.cleaned_data["table"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file has {file.size / 2**20:,.1f} MB; at most 1 MB is read.")
        return file

    def plan(self) -> tuple[Plan, "ConfirmForm"] | None:
        """What the file would do, and the form that confirms it; None where it is no such table, with the reason beside
        the field."""
        content, off = self.cleaned_data["table"].read(), self.cleaned_data["switch_off_missing"]
        try:
            plan = plan_import(content, switch_off_missing=off)
        except Unreadable as refusal:
            self.add_error("table", str(refusal))
            return None
        return plan, ConfirmForm.of(content, off, plan)


class ConfirmForm(forms.Form):
    """The same file again, with what was shown of it."""

    content = forms.CharField(widget=forms.HiddenInput, max_length=2 * MOST_BYTES)
    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    switch_off_missing = forms.BooleanField(widget=forms.HiddenInput, required=False)

    @classmethod
    def of(cls, content: bytes, switch_off_missing: bool, plan: Plan) -> "ConfirmForm":
        text = base64.b64encode(content).decode()
        return cls(initial={"content": text, "digest": plan.digest, "switch_off_missing": switch_off_missing})

    def clean_content(self) -> bytes:
        try:
            return base64.b64decode(self.cleaned_data["content"], validate=True)
        except ValueError:
            raise forms.ValidationError("Choose the file again.") from None
