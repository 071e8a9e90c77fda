"""When somebody is away: in two clicks, or with dates and who stands in."""

import datetime
from typing import Any

from django import forms
from django.utils import timezone

from reps.engine.absence import KEYS, until_choices
from reps.models import Absence, Rep


class MomentField(forms.DateTimeField):
    """A day and a time, in the reader's time zone."""

    def __init__(self, label: str, help_text: str) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, label=label, help_text=help_text, widget=widget)


class QuickAwayForm(forms.Form):
    """From now until one of the choices that the page offers."""

    reason = forms.ChoiceField(choices=Absence.Reason.choices)
    until = forms.ChoiceField(choices=[(key, key) for key in KEYS])

    def ends_at(self, rep: Rep, now: datetime.datetime) -> datetime.datetime | None:
        """When the chosen span ends for the rep; where two choices end alike only one is offered, so "Monday" on a
        Sunday is the end of today."""
        key = self.cleaned_data["until"]
        offered = {until.key: until.ends_at for until in until_choices(timezone.localtime(now, rep.zone))}
        return offered.get(key, offered["today"])


class AwayForm(forms.Form):
    """Away from now (or then) until then; no end means until marked as back."""

    reason = forms.ChoiceField(choices=Absence.Reason.choices)
    starts_at = MomentField("From", "Empty: from now on.")
    ends_at = MomentField("Until", "Empty: until you say you are back.")
    covering = forms.ModelChoiceField(
        Rep.objects.none(),
        required=False,
        label="Who stands in",
        empty_label="Nobody",
        help_text="Gets what comes in for your named accounts meanwhile.",
    )

    def __init__(self, *args: Any, rep: Rep, absence: Absence | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.absence = absence
        colleagues = Rep.objects.filter(left_at__isnull=True, team=rep.team_id).exclude(pk=rep.pk)
        self.fields["covering"].queryset = colleagues.order_by("name")  # type: ignore[attr-defined]
        if absence is not None:
            for name in ("reason", "starts_at", "ends_at", "covering"):
                self.fields[name].initial = getattr(absence, name)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        starts = values.get("starts_at") or (self.absence.starts_at if self.absence else timezone.now())
        ends = values.get("ends_at")
        if ends is not None and ends <= starts:
            self.add_error("ends_at", "This is before the start.")
        if ends is not None and ends <= timezone.now():
            self.add_error("ends_at", "This is in the past.")
        return values | {"starts_at": starts}
