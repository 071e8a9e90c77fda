"""A table of satisfaction scores, read as a whole."""

import datetime

from django.db.models import QuerySet

from crm.engine.imports.reading import Problem
from crm.forms.whole_table import WholeTableForm
from crm.models import Opportunity
from experiments.services.satisfaction import FIELDS, Given, check_scores


class ScoresForm(WholeTableForm):
    label = "Satisfaction scores (CSV)"
    help_text = (
        "Columns: opportunity (our id, or ext: and yours), score (0 to 10), given_at (2026-03-02), and external_id "
        "if there is one."
    )
    fields_of_rows, needed = FIELDS, FIELDS[:3]

    def check(
        self, opportunities: QuerySet[Opportunity], *, at: datetime.datetime
    ) -> tuple[list[Given], list[Problem]] | None:
        """Its scores and all that is wrong; None where it is no such table, with the reason beside the field."""
        return self.checked(lambda rows, numbers: check_scores(rows, opportunities, at=at, numbers=numbers))
