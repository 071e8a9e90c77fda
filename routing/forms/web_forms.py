"""The form of a web form: its names for our fields, values that are always the same, and its limits."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django import forms

from reps.forms.records import RecordForm
from routing.engine.web_forms import FIELDS, LONGEST_NAME, OFFERED
from routing.models import WebForm
from routing.services.web_forms import WebFormInput

NAME = r"^[A-Za-z_][A-Za-z0-9_.\-]*$"
SAY_NAME = "Letters, digits, _, . and -, beginning with a letter."


def part(kind: str, path: str) -> str:
    """The name of our own input for a field: its name there, or its fixed value."""
    return f"{kind}_{path.replace('.', '_')}"


class WebFormForm(RecordForm):
    origins = forms.CharField(
        required=False,
        max_length=2000,
        label="Websites",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One on each line, such as https://www.example.com. Browsers may send from these only.",
    )
    trap = forms.RegexField(
        NAME,
        max_length=40,
        label="Field for robots",
        error_messages={"invalid": SAY_NAME},
        help_text="People do not see it. What fills it in is thanked and stored nowhere.",
    )
    thanks = forms.URLField(
        required=False, max_length=300, assume_scheme="https", label="Page afterwards",
        help_text="Where a browser goes after a plain form, on one of the websites above.",
    )  # fmt: skip
    marks_optional = False

    class Meta:
        model = WebForm
        fields = (
            "name", "is_active", "origins", "thanks", "trap", "refuses_unknown", "most_by_address", "most"
        )  # fmt: skip
        labels = {"is_active": "Takes leads"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["trap"].initial = WebForm().trap  # nobody has to think of one
        if self.instance.pk:
            self.initial["origins"] = "\n".join(self.instance.origins)
        theirs = {ours: name for name, ours in self.instance.mapping.items()}
        for path, (label, name) in FIELDS.items():
            offered = theirs.get(path, "") if self.instance.pk else name if path in OFFERED else ""
            self.fields[part("field", path)] = forms.RegexField(
                NAME, required=False, max_length=LONGEST_NAME, label=f"{label}: name in the form",
                initial=offered, error_messages={"invalid": SAY_NAME},
            )  # fmt: skip
            self.fields[part("fixed", path)] = forms.CharField(
                required=False, max_length=200, label=f"{label}: always",
                initial=self.instance.fixed.get(path, "Website" if path == "source" and not self.instance.pk else ""),
            )  # fmt: skip

    def own_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.Meta.fields]

    def rows(self) -> Iterator[tuple[str, forms.BoundField, forms.BoundField]]:
        """By our field: its label, its name in the form, its fixed value."""
        for path, (label, _) in FIELDS.items():
            yield label, self[part("field", path)], self[part("fixed", path)]

    def clean_origins(self) -> list[str]:
        found = []
        for line in self.cleaned_data["origins"].split():
            parts = urlsplit(line.rstrip("/").lower())
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or "@" in parts.netloc:
                raise forms.ValidationError(f"“{line[:80]}” is no website: write https://www.example.com.")
            found.append(f"{parts.scheme}://{parts.netloc}")
        return list(dict.fromkeys(found))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        names: dict[str, str] = {cleaned.get("trap", ""): "trap", "submission_id": "submission_id"}
        for path in FIELDS:
            field = part("field", path)
            name = cleaned.get(field, "")
            if name and name in names:
                self.add_error(field, "Another field has this name already.")
            elif name and cleaned.get(part("fixed", path)):
                self.add_error(part("fixed", path), "Either the form says it, or it is always the same.")
            names[name] = field
        if not any(cleaned.get(part("field", path)) for path in FIELDS) and not self.errors:
            self.add_error(None, "Give the name of one field at least.")
        thanks, origins = cleaned.get("thanks"), cleaned.get("origins", [])
        if thanks and "{0.scheme}://{0.netloc}".format(urlsplit(thanks.lower())) not in origins:
            self.add_error("thanks", "This page is on none of the websites above.")
        return cleaned

    @property
    def given(self) -> WebFormInput:
        values = self.cleaned_data
        return WebFormInput(
            mapping={values[part("field", path)]: path for path in FIELDS if values[part("field", path)]},
            fixed={path: values[part("fixed", path)] for path in FIELDS if values[part("fixed", path)]},
            **{name: values[name] for name in self.Meta.fields},
        )
