"""What belongs to the person by a reference: emptied, renamed or deleted, as the catalogue says."""

from collections import Counter
from typing import Any

from django.db.models import Field, Q, QuerySet

from privacy.engine.identity import scrubbed
from privacy.models import Kind
from privacy.queries.catalogue import TABLES, Gone, Linked, Table
from privacy.queries.catalogue.tables import empty_value
from privacy.queries.people import NOBODY, Subject
from reps.models import User


def erase_linked(subject: Subject, counts: Counter[str]) -> None:
    """Rows that refer to the person come first, the person's own records last: by those the others are found."""
    for one in sorted(TABLES, key=_is_own):
        for kind, pk in subject.members.items():
            for link in one.of.get(kind, ()):
                rows = one.rows_model._base_manager.filter(**{link.path: pk})
                if isinstance(link, Gone):
                    counts[one.model] += _delete(rows)
                else:
                    _scrub_beside(one, rows, subject)
                    counts[one.model] += _empty(one, link, rows, subject.label)
    if (user_id := subject.members.get(Kind.USER)) is not None:
        User.objects.filter(pk=user_id).update(email=f"erased-user-{user_id}@{NOBODY}")


def _is_own(one: Table) -> bool:
    return any(link.path == "pk" for links in one.of.values() for link in links)


def _delete(rows: "QuerySet[Any]") -> int:
    return rows.delete()[0]


def _empty(one: Table, link: Linked, rows: "QuerySet[Any]", label: str) -> int:
    changes: dict[str, Any] = {name: empty_value(_column(one, name)) for name in link.blank}
    changes |= dict.fromkeys(link.label, label) | dict(link.reset)
    if not changes:
        return 0
    differs = Q()
    for name, value in changes.items():
        same = Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
        differs |= ~same
    ids = list(rows.filter(differs).values_list("pk", flat=True).distinct())
    return one.rows_model._base_manager.filter(pk__in=ids).update(**changes)


def _column(one: Table, name: str) -> "Field[Any, Any]":
    column = one.rows_model._meta.get_field(name)
    assert isinstance(column, Field)
    return column


def _scrub_beside(one: Table, rows: "QuerySet[Any]", subject: Subject) -> None:
    """Where others have the same name, it is the person's in what belongs to the person."""
    pattern = subject.identity.pattern_beside
    if not one.named or not subject.identity.beside or pattern is None:
        return
    for row in rows.values("pk", *one.named):
        changed = {
            name: new
            for name in one.named
            if (new := scrubbed(row[name], pattern, subject.label)) != row[name]
        }
        if changed:
            one.rows_model._base_manager.filter(pk=row["pk"]).update(**fitting(one, changed))


def fitting(one: Table, values: dict[str, Any]) -> dict[str, Any]:
    """Cut to what the columns hold: a label may be longer than a name."""
    most = {name: getattr(_column(one, name), "max_length", None) for name in values}
    return {
        name: value[: most[name]] if isinstance(value, str) and most[name] else value
        for name, value in values.items()
    }
