"""A file that counts as a whole, or not at all, with every cell that is wrong."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django import forms

from crm.engine.imports.reading import Problem, Table, Unreadable, read_table

MOST_BYTES = 10 * 2**20
Row = TypeVar("Row")
Rows = list[dict[str, str]]


class WholeTableForm(forms.Form):
    """`label` and `help_text` are the file's. `fields_of_rows` are the columns that are read, `needed` those that it
    must have. Others are passed over, but for where one that is spelt wrong would change what the rows say
    (`refuses_others`)."""

    label, help_text = "", ""
    fields_of_rows: Sequence[str] = ()
    needed: Sequence[str] = ()
    refuses_others = False
    most_rows = 100_000
    table = forms.FileField(
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["table"].label, self.fields["table"].help_text = self.label, self.help_text

    def clean_table(self) -> Any:
        file = self.cleaned_data["table"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file has {file.size / 2**20:,.1f} MB; at most 10 MB are read.")
        return file

    def checked(
        self, check: Callable[[Rows, Sequence[int]], tuple[list[Row], list[Problem]]]
    ) -> tuple[list[Row], list[Problem]] | None:
        """What `check` makes of its rows (texts by column) and their numbers in the file, and all that is wrong; None
        where it is no such table, with the reason beside the field."""
        try:
            table = read_table(self.cleaned_data["table"].read())
        except Unreadable as refusal:
            self.add_error("table", str(refusal))
            return None
        columns = [str(name).strip().casefold().replace(" ", "_") for name in table.layout.header]
        if wrong := self._wrong(table, columns):
            self.add_error("table", wrong)
            return None
        cells = table.frame.fillna("").itertuples(index=False, name=None)
        places = [(name, place) for place, name in enumerate(columns) if name in self.fields_of_rows]
        rows = [{name: str(row[place]) for name, place in places} for row in cells]
        found, problems = check(rows, table.rows)
        return found, sorted([*table.problems, *problems], key=lambda one: one.row)

    def _wrong(self, table: Table, columns: Sequence[str]) -> str:
        missing = [name for name in self.needed if name not in columns]
        others = [name for name in columns if name not in self.fields_of_rows]
        read = [name for name in columns if name in self.fields_of_rows]
        if missing:
            return f"A column is missing: {', '.join(missing)}."
        if others and self.refuses_others:
            return f"There is no such column: {', '.join(others[:5])}."
        if len(set(read)) < len(read):
            return "A column stands there twice."
        if not table.rows and not table.problems:
            return "The table has no rows."
        return f"At most {self.most_rows:,} rows are read." if len(table.rows) > self.most_rows else ""
