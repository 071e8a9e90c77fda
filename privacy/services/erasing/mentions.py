"""Every text that may name anybody, read once for all who are erased together; a mention is replaced."""

from collections import Counter
from typing import Any

from django.db import IntegrityError, transaction

from privacy.engine.identity import Crowd
from privacy.queries.catalogue import TABLES, Table
from privacy.queries.catalogue.mentions import saying
from privacy.services.erasing.linked import fitting

EXTRA = {"crm.Opportunity": ("name", "custom")}  # special for the contact's own, and may name anybody else


def erase_mentions(crowd: Crowd, counts: Counter[str]) -> None:
    if not crowd.query:
        return
    for one in TABLES:
        if one.dropped:
            rows = saying(one, [one.dropped], crowd)
            counts[one.model] += rows.delete()[0]
        columns = (*one.named, *EXTRA.get(one.model, ()))
        if columns:
            counts[one.model] += _replace(one, columns, crowd)


def _replace(one: Table, columns: tuple[str, ...], crowd: Crowd) -> int:
    changed = 0
    for row in list(saying(one, columns, crowd).order_by("pk").values("pk", *columns)):
        new = {name: said for name in columns if (said := crowd.scrubbed(row[name])) != row[name]}
        if new:
            changed += _write(one, row["pk"], fitting(one, new))
    return changed


def _write(one: Table, pk: Any, new: dict[str, Any]) -> int:
    """Two spellings of a name may become the same words where each may stand only once."""
    rows = one.rows_model._base_manager.filter(pk=pk)
    try:
        with transaction.atomic():
            return rows.update(**new)
    except IntegrityError:
        return rows.update(
            **{name: f"{value} ({pk})" if isinstance(value, str) else value for name, value in new.items()}
        )
