"""How large the tables are, noted once a day, so that the page can say how fast they grow."""

import datetime

from django.db import transaction

from operations.models import GrowthSample
from operations.queries.sizes import database_bytes, table_sizes

KEPT = datetime.timedelta(days=400)
LARGEST = 40  # tables


@transaction.atomic
def note_sizes(*, at: datetime.datetime) -> int:
    """Of the largest tables and of the whole; a second time on a day takes the place of the first."""
    day = at.astimezone(datetime.UTC).date()
    sizes = [
        GrowthSample(day=day, table=one.table, rows=one.rows, size_bytes=one.size_bytes)
        for one in table_sizes()
    ]
    whole = GrowthSample(day=day, table="", rows=sum(one.rows for one in sizes), size_bytes=database_bytes())
    GrowthSample.objects.bulk_create(
        [whole, *sizes[:LARGEST]],
        update_conflicts=True,
        unique_fields=["day", "table"],
        update_fields=["rows", "size_bytes"],
    )
    GrowthSample.objects.filter(day__lt=day - KEPT).delete()
    return len(sizes[:LARGEST])
