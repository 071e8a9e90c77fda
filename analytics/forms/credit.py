"""A crediting table, read as a whole."""

from typing import Any

from django import forms

from analytics.engine.credit import CreditRow
from analytics.services.credit_table import FIELDS, MOST_ROWS, Problem, check_table
from crm.engine.imports.reading import Table, Unreadable, read_table

MOST_BYTES = 10 * 2**20


class CreditTableForm(forms.Form):
    table = forms.FileField(
        label="Crediting table (CSV)",
        help_text="Columns: rep (email or name), territory, industry, size_band, product, kind, source, share (0 to "
        "100), valid_from and valid_until. Only rep is needed; what is empty or left out is any.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )

    def clean_table(self) -> Any:
        file = self.cleaned_data["table"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file has {file.size / 2**20:,.1f} MB; at most 10 MB are read.")
        return file

    def check(self) -> tuple[list[CreditRow], list[Problem]] | None:
        """Its rows and all that is wrong; None where it is no such table, with the reason beside the field."""
        try:
            table = read_table(self.cleaned_data["table"].read())
        except Unreadable as refusal:
            self.add_error("table", str(refusal))
            return None
        columns = [str(name).strip().casefold().replace(" ", "_") for name in table.layout.header]
        wrong = self._wrong(table, columns)
        if wrong:
            self.add_error("table", wrong)
            return None
        rows, problems = check_table(_rows(table, columns), table.rows)
        unread = [Problem(one.row, one.field, one.reason) for one in table.problems]
        return rows, sorted([*unread, *problems], key=lambda one: one.row)

    def _wrong(self, table: Table, columns: list[str]) -> str:
        unknown = [name for name in columns if name not in FIELDS]
        if "rep" not in columns:
            return "A column is missing: rep."
        if unknown:
            return f"There is no such column: {', '.join(unknown[:5])}."
        if len(set(columns)) < len(columns):
            return "A column stands there twice."
        if not table.rows and not table.problems:
            return "The table has no rows."
        return f"At most {MOST_ROWS:,} rows are read." if len(table.rows) > MOST_ROWS else ""


def _rows(table: Table, columns: list[str]) -> list[dict[str, str]]:
    cells = table.frame.fillna("").itertuples(index=False, name=None)
    return [dict(zip(columns, map(str, row), strict=True)) for row in cells]
