"""Forms of calendars: one feed by its kind, what counts as out of office, and closing days."""

from typing import Any

from django import forms

from reps.engine.calendars.reading import MOST_BYTES
from reps.engine.holidays import countries
from reps.forms.records import RecordForm
from reps.models import CalendarFeed, CalendarSettings, ClosingDay
from reps.services.calendars.feeds import FeedInput

ADDRESS_HELP = {
    CalendarFeed.Kind.ADDRESS: "Begins with https:// or webcal://. In Google: “Secret address in iCal format”; in "
    "Outlook: “Publish calendar”, the ICS link.",
    CalendarFeed.Kind.CALDAV: "Of the server, the account or one calendar: https://caldav.icloud.com/ for iCloud, "
    "https://cloud.example.com/remote.php/dav for Nextcloud.",
}


class FeedForm(RecordForm):
    """A calendar. What is secret is never shown again: an empty field keeps it."""

    address = forms.CharField(
        required=False,
        max_length=2000,
        label="Address",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=500,
        label="Password or app password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    file = forms.FileField(required=False, label="Calendar file (.ics)")
    marks_optional = False

    class Meta:
        model = CalendarFeed
        fields = ("name", "username")
        labels = {"username": "User name"}
        help_texts = {"name": "What you call it, such as Work."}

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        stored = bool(self.instance.pk)
        if kind == CalendarFeed.Kind.UPLOAD:
            for name in ("address", "username", "password"):
                del self.fields[name]
            self.fields["file"].help_text = (
                "Empty keeps the file that is stored."
                if stored
                else "As your calendar exports it, up to 5 MB. It is stored here, so that what repeats goes on."
            )
            return
        del self.fields["file"]
        self.fields["address"].help_text = ADDRESS_HELP[CalendarFeed.Kind(kind)]
        if kind == CalendarFeed.Kind.ADDRESS:
            self.fields["username"].help_text = "Only where the address asks for one."
        if stored:
            self.fields["address"].help_text = f"Empty keeps the one that is stored, at {self.instance.host}."
            self.fields[
                "password"
            ].help_text = "Empty keeps the one that is stored, for the same server and user."
        elif kind == CalendarFeed.Kind.CALDAV:
            self.fields[
                "password"
            ].help_text = "Make an app password for this; it is stored sealed and never shown."
        self.order_fields(["name", "address", "username", "password"])

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None and file.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB.")
        return file

    @property
    def given(self) -> FeedInput:
        values = self.cleaned_data
        file = values.get("file")
        return FeedInput(
            kind=self.kind,
            name=values["name"],
            address=values.get("address", ""),
            username=values.get("username", ""),
            password=values.get("password", ""),
            content=file.read() if file is not None else b"",
        )


class WordsField(forms.CharField):
    """Words and phrases, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 5}))
        super().__init__(required=False, max_length=4000, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = [" ".join(line.split()) for line in super().clean(value).splitlines()]
        words = list(dict.fromkeys(line for line in lines if line))
        for word in words:
            if len(word) > 60:
                raise forms.ValidationError(f"“{word[:60]}…” is longer than 60 letters.")
            if not any(letter.isalnum() for letter in word):
                raise forms.ValidationError(f"“{word}” has no letter: it would fit every title.")
        return words


class CalendarSettingsForm(RecordForm):
    vacation_words = WordsField(
        label="Words for vacation",
        help_text="One a line; whole words, whatever their case. *urlaub: any beginning.",
    )
    sick_words = WordsField(label="Words for sick leave")
    other_words = WordsField(label="Other words for being out")
    marks_optional = False
    paired = frozenset({"Reading"})
    groups = (
        (
            "Which events count as out of office",
            (
                "vacation_words",
                "sick_words",
                "other_words",
                "counts_flags",
                "counts_tentative",
                "only_all_day",
                "least_minutes",
            ),
        ),
        ("Reading", ("every_minutes", "horizon_days", "alarm_after_hours")),
        ("Privacy", ("keeps_titles",)),
    )

    class Meta:
        model = CalendarSettings
        fields = (
            "vacation_words", "sick_words", "other_words", "counts_flags", "counts_tentative", "only_all_day",
            "least_minutes", "every_minutes", "horizon_days", "alarm_after_hours", "keeps_titles",
        )  # fmt: skip
        labels = {
            "counts_flags": "Events that the calendar itself marks as out of office",
            "counts_tentative": "Tentative events too",
            "only_all_day": "All-day events only",
            "least_minutes": "Shortest event that counts, in minutes",
            "every_minutes": "Read every … minutes",
            "horizon_days": "Look ahead, in days",
            "alarm_after_hours": "Tell rep and managers after … hours without a reading",
            "keeps_titles": "Keep the titles of those events, for whoever sees the profile",
        }
        help_texts = {
            "counts_flags": "Outlook’s “Away”, Google’s “Out of office”, whatever the title.",
            "keeps_titles": "Otherwise only the reason is stored: vacation, sick leave or other.",
        }


class ClosingDayForm(RecordForm):
    country = forms.ChoiceField(required=False, label="Where")
    marks_optional = False

    class Meta:
        model = ClosingDay
        fields = ("name", "first_day", "last_day", "country")
        labels = {"first_day": "First day", "last_day": "Last day"}
        widgets = {
            "first_day": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "last_day": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [("", "Everywhere"), *countries().items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "This must not be before the first day.")
        if first and last and (last - first).days > 366:
            self.add_error("last_day", "This is more than a year after the first day.")
        return cleaned
