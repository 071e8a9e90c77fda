"""The form that tries the product on a file of deals."""

import datetime
from typing import Any

from django import forms

from crm.engine.imports import reading
from reps.models import User
from routing.engine.learning.deal_file import BadDeals
from routing.engine.learning.fit import CannotTrain
from routing.models import HistoryCheck
from routing.services.evaluations import request_check


class HistoryCheckForm(forms.Form):
    deals = forms.FileField(
        label="Closed deals (CSV)",
        help_text="Columns id, created, closed, outcome, rep and value, then whatever else is known of each lead; the "
        "names of common CRM exports are understood. Your own export will do.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    as_of = forms.DateField(
        label="The day that parts training and test",
        help_text="Learned from are deals that closed in the twelve months before it; scored are those created since.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    marks_optional = False

    def clean_deals(self) -> Any:
        file = self.cleaned_data["deals"]
        if file.size > reading.MAX_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size / 2**20:,.0f} MB; at most {reading.MAX_BYTES // 2**20} MB can be read."
            )
        return file

    def clean_as_of(self) -> datetime.date:
        day: datetime.date = self.cleaned_data["as_of"]
        if not 1970 <= day.year <= 2200:
            raise forms.ValidationError("Choose a day within the deals of the file.")
        return day

    def request(self, by: User) -> HistoryCheck | None:
        """The check, once the file is accepted; None where it is not, with the reason beside the field."""
        file, as_of = self.cleaned_data["deals"], self.cleaned_data["as_of"]
        try:
            return request_check(name=str(file.name), content=file.read(), as_of=as_of, by=by)
        except (reading.Unreadable, BadDeals) as error:
            self.add_error("deals", str(error))
        except CannotTrain as error:
            self.add_error("as_of", str(error))
        return None
