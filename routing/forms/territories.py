"""The form of a territory, the period of the coverage page, and the file that territories are imported from."""

import base64
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from django.forms.utils import ErrorDict
from django.utils import timezone

from crm.engine.imports.reading import Unreadable
from reps.models import Rep, Team, User
from routing.forms.conditions import NEW_CONDITION, ConditionRecordForm
from routing.queries.territories import day_of_newest
from routing.queries.territory_import import Plan, plan_import
from routing.services.territories import Cover, refusals
from territories.models import Territory

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
        first = self._day("first") or self._proposed(last)
        return min(first, last), max(first, last)

    def _proposed(self, last: datetime.date) -> datetime.date:
        """A year; less where so much came in that counting it would keep the reader waiting."""
        return max(last - datetime.timedelta(days=DAYS_PROPOSED), day_of_newest(last) or datetime.date.min)

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


class TerritoryForm(ConditionRecordForm):
    settled_by_service = frozenset({"parent", "name"})  # `refusals` says in words what the constraints hold

    class Meta:
        model = Territory
        fields = ("name", "condition", "parent", "is_active", "note")
        labels: ClassVar[dict[str, str]] = {"parent": "Inside", "is_active": "Active"}
        help_texts: ClassVar[dict[str, str]] = {
            "parent": "What falls in this one also has to meet the conditions around it. Where nobody covers this one, "
            "those who cover the one around it do.",
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["condition"].label = "What falls in it"
        self.fields["parent"].queryset = Territory.objects.exclude(pk=self.instance.pk).order_by("name")  # type: ignore[attr-defined]
        self.fields["parent"].empty_label = "No other territory"  # type: ignore[attr-defined]
        if not self.instance.pk:
            self.initial["condition"] = NEW_CONDITION
        self.coverage = CoverageRows(self.data if self.is_bound else None, self.instance)

    @property
    def is_building(self) -> bool:
        """Also where another row of the coverage was asked for."""
        if not super().is_building and not (self.is_bound and "coverage-more" in self.data):
            return False
        self._errors, self.cleaned_data = ErrorDict(), {}
        self.coverage.ask()
        return True

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        complete = self.coverage.is_valid()
        if not complete:
            self.add_error(None, "Who covers it: please look at the marked rows.")
        if "condition" in self.cleaned_data:
            self.refuse(refusals(self.instance, self.coverage.covers() if complete else ()))


class CoverForm(forms.Form):
    """A row: who, from when, until when. Without anybody it counts for nothing."""

    who = forms.ChoiceField(required=False, label="Who")
    starts_on = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    ends_on = forms.DateField(required=False, label="Until", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, offered: "Offered", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = offered
        self.fields["who"].choices = offered.choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("starts_on"), values.get("ends_on")
        if not values.get("who") and (first or last):
            self.add_error("who", "Say who, or leave the dates empty.")
        if first and last and first > last:
            self.add_error("ends_on", "It would end before it starts.")
        return values

    def forget(self) -> None:
        """Nothing is checked: it is still being filled in."""
        self._errors, self.cleaned_data = ErrorDict(), {}

    def cover(self) -> Cover | None:
        chosen = self.offered.people.get(self.cleaned_data.get("who", ""))
        if chosen is None:
            return None
        days = self.cleaned_data["starts_on"], self.cleaned_data["ends_on"]
        return Cover(chosen, None, *days) if isinstance(chosen, Team) else Cover(None, chosen, *days)


@dataclass(frozen=True)
class Offered:
    """Teams and reps by the value of their option; those who left only where they cover it already."""

    people: Mapping[str, Team | Rep]
    choices: list[tuple[str, Any]]

    @classmethod
    def for_(cls, territory: Territory) -> "Offered":
        kept = [one.rep_id for one in territory.coverage.all()] if territory.pk else []
        found = Rep.objects.filter(Q(left_at__isnull=True) | Q(pk__in=[pk for pk in kept if pk]))
        teams: dict[str, Team | Rep] = {f"team-{team.pk}": team for team in Team.objects.order_by("name")}
        reps: dict[str, Team | Rep] = {f"rep-{rep.pk}": rep for rep in found.order_by("name", "pk")}
        groups = (("Teams", teams), ("Reps", reps))
        choices = [(title, [(key, str(one)) for key, one in many.items()]) for title, many in groups if many]
        return cls(teams | reps, [("", "Nobody"), *choices])


class CoverageRows:
    """The rows of the coverage with an empty one behind; "Another" adds one more."""

    PREFIX, MOST = "coverage", 200

    def __init__(self, data: Any, territory: Territory) -> None:
        self.offered = Offered.for_(territory)
        stored = list(territory.coverage.all()) if territory.pk else []
        shown = [
            {
                "who": f"team-{one.team_id}" if one.team_id else f"rep-{one.rep_id}",
                "starts_on": one.starts_on,
                "ends_on": one.ends_on,
            }
            for one in stored
        ]
        if data is None:
            self.rows = [self._row(place, initial=one) for place, one in enumerate([*shown, {}])]
        else:
            sent = data.get(f"{self.PREFIX}-rows", "")
            count = min(int(sent), self.MOST) if sent.isascii() and sent.isdigit() else 0
            self.rows = [self._row(place, data=data) for place in range(count)]

    def _row(self, place: int, **values: Any) -> CoverForm:
        return CoverForm(
            prefix=f"{self.PREFIX}-{place}", offered=self.offered, use_required_attribute=False, **values
        )

    def ask(self) -> None:
        """Shows what was typed, with one more row, and complains about nothing."""
        for row in self.rows:
            row.forget()
        self.rows.append(self._row(len(self.rows)))

    def is_valid(self) -> bool:
        found = [row.is_valid() for row in self.rows]  # each says what is wrong with it
        return all(found)

    def covers(self) -> list[Cover]:
        return [cover for row in self.rows if (cover := row.cover()) is not None]
