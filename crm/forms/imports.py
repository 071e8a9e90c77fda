"""Forms of an import: the files, what their columns mean, which spellings mean which words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from crm.engine.imports import fields, reading
from crm.engine.imports.values import STAGES, URGENCIES
from crm.models import CustomField, ImportFile, Opportunity
from crm.models.accounts import SizeBand
from crm.models.imports import ImportTarget

NEW_FIELD = "new"
ENCODINGS = [
    ("utf-8", "UTF-8"),
    ("utf-8-sig", "UTF-8 with a mark"),
    ("utf-16", "UTF-16"),
    ("cp1252", "Western European (Windows-1252)"),
    ("latin-1", "Western European (Latin-1)"),
    ("cp1250", "Central European (Windows-1250)"),
    ("cp1251", "Cyrillic (Windows-1251)"),
    ("mac_roman", "Mac Roman"),
]
DELIMITERS = [(mark, name.capitalize()) for mark, name in reading.DELIMITERS.items()]
DATE_ORDERS = [
    ("", "As the file tells"),
    ("dmy", "Day first: 31.12.2025"),
    ("mdy", "Month first: 12/31/2025"),
]
DECIMALS = [("", "As the file tells"), (".", "Point: 1,234.50"), (",", "Comma: 1.234,50")]
MEANINGS: dict[str, list[tuple[str, str]]] = {
    "stage": [(stage, str(Opportunity.Stage(stage).label)) for stage in STAGES],
    "urgency": [(urgency, str(Opportunity.Urgency(urgency).label)) for urgency in URGENCIES],
    "size_band": [(str(value), str(label)) for value, label in SizeBand.choices],
}


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One file or many, checked for size before anything is read."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        if not given:
            raise forms.ValidationError("Choose at least one file.")
        for file in given:
            if file.size > reading.MAX_BYTES:
                raise forms.ValidationError(
                    f"{file.name} has {file.size / 2**20:,.0f} MB; at most {reading.MAX_BYTES // 2**20} MB and "
                    f"{reading.MAX_ROWS:,} rows can be imported at once. Split it into several files."
                )
        return list(given)


class UploadForm(forms.Form):
    uploads = FilesField(
        label="CSV files",
        help_text="Linked files go together, such as accounts, products, people and opportunities. "
        f"Up to {reading.MAX_BYTES // 2**20} MB and {reading.MAX_ROWS:,} rows each; CSV with commas, semicolons, "
        "tabs or pipes.",
        widget=SeveralFiles(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain", "multiple": True}),
    )

    def contents(self) -> list[tuple[str, bytes]]:
        return [(str(file.name), file.read()) for file in self.cleaned_data["uploads"]]


class RunForm(forms.Form):
    """What holds for all files of an import."""

    create_reps = forms.BooleanField(
        required=False, label="Owners nobody knows become reps, without a user, in the default team"
    )
    create_accounts = forms.BooleanField(required=False, label="Companies nobody knows become accounts")
    route = forms.BooleanField(required=False, label="Route open opportunities that have no owner")
    source = forms.CharField(
        max_length=80,
        required=False,
        label="Source of rows that name none",
        help_text="Such as Event, List or Nurture. Policies go by it: a list can be decided together, in a batch.",
    )


class FileForm(forms.Form):
    """How one file is written, what it holds, and where each column goes. A new target proposes the columns anew."""

    target = forms.ChoiceField(choices=ImportTarget.choices, label="This file holds")
    encoding = forms.ChoiceField(required=False, label="Letters")
    delimiter = forms.ChoiceField(required=False, label="Columns are separated by")
    date_order = forms.ChoiceField(choices=DATE_ORDERS, required=False, label="Dates")
    decimal = forms.ChoiceField(choices=DECIMALS, required=False, label="Decimal mark")
    kind = forms.ChoiceField(
        choices=[("", "As the columns tell"), *Opportunity.Kind.choices], required=False, label="Rows are"
    )
    mapping_name = forms.CharField(
        max_length=120,
        required=False,
        label="Remember these columns as",
        help_text="The next file with the same columns is read the same way.",
    )

    def __init__(
        self, data: Any, *, file: ImportFile, table: reading.Table, custom: Mapping[str, str]
    ) -> None:
        self.file, self.table, self.custom = file, table, custom
        super().__init__(data, prefix=f"file{file.pk}", initial=self._present())
        self._offer("encoding", ENCODINGS, file.options["encoding"])
        self._offer("delimiter", DELIMITERS, file.options["delimiter"])
        for place, _ in enumerate(table.layout.header):
            self.fields[f"column{place}"] = forms.ChoiceField(
                choices=self._choices(file.target), required=False
            )
            self.fields[f"type{place}"] = forms.ChoiceField(
                choices=[("", "Type: as its values tell"), *CustomField.Type.choices], required=False
            )

    def _offer(self, name: str, choices: list[tuple[str, str]], present: str) -> None:
        known = present in dict(choices)
        self.fields[name].choices = choices if known else [*choices, (present, present)]  # type: ignore[attr-defined]

    def _present(self) -> dict[str, Any]:
        options = self.file.options
        found = {
            name: options.get(name, "") for name in ("encoding", "delimiter", "date_order", "decimal", "kind")
        }
        found |= {"target": self.file.target, "mapping_name": options.get("mapping", "")}
        for place, column in enumerate(self.table.layout.header):
            name = self.file.columns.get(column, "")
            is_new = name.startswith(fields.CUSTOM) and name.removeprefix(fields.CUSTOM) not in self.custom
            found[f"column{place}"] = NEW_FIELD if is_new else name
            found[f"type{place}"] = options.get("types", {}).get(name.removeprefix(fields.CUSTOM), "")
        return found

    def _choices(self, target: str) -> list[Any]:
        catalogue = fields.FIELDS.get(target, {})
        choices: list[Any] = [("", "Leave out"), *((field.name, field.label) for field in catalogue.values())]
        if target == fields.OPPORTUNITIES:
            own = [(fields.CUSTOM + key, label) for key, label in self.custom.items()]
            choices.append(("Custom fields", [*own, (NEW_FIELD, "New custom field")]))
        return choices

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("target") == self.file.target:
            self._refuse_twice(cleaned)
        return cleaned

    def _refuse_twice(self, cleaned: Mapping[str, Any]) -> None:
        first: dict[str, str] = {}
        for place, column in enumerate(self.table.layout.header):
            name = cleaned.get(f"column{place}", "")
            if name and name != NEW_FIELD and first.setdefault(name, column) != column:
                self.add_error(
                    f"column{place}", f"“{first[name]}” goes there already. Choose one of the two."
                )

    def columns(self) -> dict[str, str]:
        """Column → field as chosen."""
        chosen: dict[str, str] = {}
        for place, column in enumerate(self.table.layout.header):
            name = self.cleaned_data.get(f"column{place}", "")
            if name == NEW_FIELD:
                name = fields.CUSTOM + fields.custom_key(column, taken={*chosen.values()})
            if name:
                chosen[column] = name
        return chosen

    def options(self) -> dict[str, Any]:
        kept = {
            name: self.cleaned_data[name]
            for name in ("encoding", "delimiter", "date_order", "decimal", "kind")
        }
        types = {
            name.removeprefix(fields.CUSTOM): self.cleaned_data[f"type{place}"]
            for place, column in enumerate(self.table.layout.header)
            if (name := self.columns().get(column, "")).startswith(fields.CUSTOM)
            and self.cleaned_data.get(f"type{place}")
        }
        for name in ("encoding", "delimiter"):  # a file that is left out does not show them
            kept[name] = kept[name] or self.file.options[name]
        return {**kept, "types": types}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each column with its first values, its select, and (for a new custom field) the select of the type."""
        for place, column in enumerate(self.table.layout.header):
            bound = self[f"column{place}"]
            texts = [text for text in self.table.frame[column].unique() if text.strip()][:3]
            yield {
                "column": column,
                "samples": texts,
                "field": bound,
                "type": self[f"type{place}"] if bound.value() == NEW_FIELD else None,
            }

    def written(self) -> list[forms.BoundField]:
        """The fields that say how the file is written."""
        names = ["encoding", "delimiter", "date_order", "decimal"]
        return [
            self[name] for name in [*names, *(["kind"] if self.file.target == fields.OPPORTUNITIES else [])]
        ]


class WordsForm(forms.Form):
    """Which proposed spellings are right, what unknown stages mean, which unknown words are right as they are."""

    def __init__(self, data: Any, *, report: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        super().__init__(data)
        accepted = {(kind, spelling): term for kind, spelling, term in options.get("aliases", [])}
        known = {(kind, word) for kind, word in options.get("known", [])}
        self.proposals = proposals_of(report, options)
        self.unknown = [tuple(one) for one in report.get("unknown", [])] + [
            (kind, word, 0)
            for kind, word in sorted(known)
            if (kind, word) not in {tuple(one[:2]) for one in report["unknown"]}
        ]
        self.unmapped = unmapped_of(report, accepted)
        first_time = not options.get("words_seen")
        for place, one in enumerate(self.proposals):
            ticked = first_time or (one["kind"], one["spelling"]) in accepted
            self.fields[f"alias{place}"] = forms.BooleanField(required=False, initial=ticked)
        for place, (kind, text, _) in enumerate(self.unmapped):
            choices = [("", "Leave these rows out"), *MEANINGS[kind]]
            self.fields[f"means{place}"] = forms.ChoiceField(
                choices=choices, required=False, initial=accepted.get((kind, text), "")
            )
        for place, (kind, word, _) in enumerate(self.unknown):
            self.fields[f"known{place}"] = forms.BooleanField(required=False, initial=(kind, word) in known)

    def aliases(self) -> list[list[str]]:
        ticked = [
            [one["kind"], one["spelling"], one["term"]]
            for place, one in enumerate(self.proposals)
            if self.cleaned_data[f"alias{place}"]
        ]
        meant = [
            [kind, text, self.cleaned_data[f"means{place}"]]
            for place, (kind, text, _) in enumerate(self.unmapped)
            if self.cleaned_data[f"means{place}"]
        ]
        return ticked + meant

    def known(self) -> list[list[str]]:
        spelt = {(kind, spelling) for kind, spelling, _ in self.aliases()}
        return [
            [kind, word]
            for place, (kind, word, _) in enumerate(self.unknown)
            if self.cleaned_data[f"known{place}"] and (kind, word) not in spelt
        ]

    def proposal_rows(self) -> list[tuple[dict[str, Any], forms.BoundField]]:
        return [(one, self[f"alias{place}"]) for place, one in enumerate(self.proposals)]

    def unmapped_rows(self) -> list[tuple[str, str, int, forms.BoundField]]:
        return [(*one, self[f"means{place}"]) for place, one in enumerate(self.unmapped)]

    def unknown_rows(self) -> list[tuple[str, str, int, forms.BoundField]]:
        spelt = {(one["kind"], one["spelling"]) for one in self.proposals}
        rows = [(*one, self[f"known{place}"]) for place, one in enumerate(self.unknown)]
        return [row for row in rows if row[:2] not in spelt]


def proposals_of(report: Mapping[str, Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is proposed now, and what was confirmed before (which is not proposed any more)."""
    proposed = list(report.get("aliases", []))
    spelt = {(one["kind"], one["spelling"]) for one in proposed}
    confirmed = [
        {"kind": kind, "spelling": spelling, "term": term, "rows": None}
        for kind, spelling, term in options.get("aliases", [])
        if kind not in MEANINGS and (kind, spelling) not in spelt
    ]
    return proposed + confirmed


def unmapped_of(
    report: Mapping[str, Any], accepted: Mapping[tuple[str, str], str]
) -> Sequence[tuple[str, str, int]]:
    found = [(kind, text, rows) for kind, text, rows in report.get("unmapped", [])]
    present = {(kind, text) for kind, text, _ in found}
    return found + [
        (kind, text, 0) for kind, text in accepted if kind in MEANINGS and (kind, text) not in present
    ]
