"""A crediting table, read as a whole."""

from analytics.engine.credit import CreditRow
from analytics.services.credit_table import FIELDS, MOST_ROWS, check_table
from crm.engine.imports.reading import Problem
from crm.forms.whole_table import WholeTableForm


class CreditTableForm(WholeTableForm):
    label = "Crediting table (CSV)"
    help_text = (
        "Columns: rep (email or name), territory, industry, size_band, product, kind, source, share (0 to 100), "
        "valid_from and valid_until. Only rep is needed; what is empty or left out is any."
    )
    fields_of_rows, needed, most_rows = FIELDS, ("rep",), MOST_ROWS
    refuses_others = True  # an empty cell means any: a column that is spelt wrong would credit everybody

    def check(self) -> tuple[list[CreditRow], list[Problem]] | None:
        """Its rows and all that is wrong; None where it is no such table, with the reason beside the field."""
        return self.checked(check_table)
