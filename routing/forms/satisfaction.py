"""A table of satisfaction scores, read as a whole."""

import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet

from crm.engine.imports.reading import Table, Unreadable, read_table
from crm.models import Opportunity
from experiments.services.satisfaction import FIELDS, Given, Problem, check_scores

MOST_BYTES = 10 * 2**20
NEEDED = FIELDS[:3]


class ScoresForm(forms.Form):
    table = forms.FileField(
        label="Satisfaction scores (CSV)",
        help_text="Columns: opportunity (our id, or ext: and yours), score (0 to 10), given_at (2026-03-02), and "
        "external_id if there is one.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )

    def clean_table(self) -> Any:
        file = self.cleaned_data["table"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file has {file.size / 2**20:,.1f} MB; at most 10 MB are read.")
        return file

    def check(
        self, opportunities: QuerySet[Opportunity], *, at: datetime.datetime
    ) -> tuple[list[Given], list[Problem]] | None:
        """Its scores and all that is wrong; None where it is no such table, with the reason beside the field."""
        try:
            table = read_table(self.cleaned_data["table"].read())
        except Unreadable as refusal:
            self.add_error("table", str(refusal))
            return None
        columns = [str(name).strip().casefold() for name in table.layout.header]
        if missing := [name for name in NEEDED if name not in columns]:
            self.add_error("table", f"A column is missing: {', '.join(missing)}.")
            return None
        return self._checked(table, columns, opportunities, at)

    def _checked(
        self, table: Table, columns: list[str], opportunities: QuerySet[Opportunity], at: datetime.datetime
    ) -> tuple[list[Given], list[Problem]]:
        places = {name: columns.index(name) for name in FIELDS if name in columns}
        rows = [
            {name: cells[place] for name, place in places.items()}
            for cells in table.frame.fillna("").itertuples(index=False, name=None)
        ]
        given, problems = check_scores(rows, opportunities, at=at, numbers=table.rows)
        unread = [Problem(one.row, one.field, one.reason) for one in table.problems]
        return given, sorted([*unread, *problems], key=lambda one: one.row)
