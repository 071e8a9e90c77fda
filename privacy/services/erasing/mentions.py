"""Every text that may name anybody, read once for all who are erased together; a mention is replaced."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Q, QuerySet, TextField
from django.db.models.functions import Cast

from privacy.engine.identity import Crowd
from privacy.queries.catalogue import TABLES, Table
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


def saying(one: Table, columns: Iterable[str], crowd: Crowd) -> "QuerySet[Any]":
    """The rows with a mention."""
    said, rows = Q(), one.rows_model._base_manager.all()
    for name in columns:
        if isinstance(one.rows_model._meta.get_field(name), CharField | TextField):
            said |= Q(**{f"{name}__iregex": crowd.query})
        else:
            rows = rows.alias(**{f"said_{name}": Cast(name, TextField())})
            said |= Q(**{f"said_{name}__iregex": crowd.query})
    return rows.filter(said)


def _replace(one: Table, columns: tuple[str, ...], crowd: Crowd) -> int:
    changed = 0
    for row in list(saying(one, columns, crowd).values("pk", *columns)):
        new = {name: said for name in columns if (said := crowd.scrubbed(row[name])) != row[name]}
        if new:
            changed += one.rows_model._base_manager.filter(pk=row["pk"]).update(**fitting(one, new))
    return changed
