"""Rows whose texts name somebody."""

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Q, QuerySet, TextField
from django.db.models.functions import Cast

from privacy.engine.identity import Crowd
from privacy.queries.catalogue.tables import Table


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
