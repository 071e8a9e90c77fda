"""The words of the catalogue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import Field, JSONField, Model

from privacy.models import Kind

TEXTS = {
    "CharField", "TextField", "EmailField", "URLField", "SlugField", "FileField", "JSONField", "BinaryField",
    "GenericIPAddressField",
}  # fmt: skip


@dataclass(frozen=True)
class Linked:
    """Rows that belong to the person, found by `path`. `blank`: emptied; `label`: what is said instead of the name;
    `reset`: set to this. What else is `named` in the table is searched for the person's name even where others have the
    same one."""

    path: str
    blank: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    reset: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gone:
    """Rows that belong to the person and are deleted."""

    path: str


@dataclass(frozen=True)
class Table:
    """`none`: columns with nothing personal. `named`: texts that may name anybody; a mention of the person is replaced.
    `special`: column → what a function of its own does. `dropped`: a row whose column names the person is deleted."""

    model: str
    none: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    special: Mapping[str, str] = field(default_factory=dict)
    dropped: str = ""
    of: Mapping[Kind, tuple[Linked | Gone, ...]] = field(default_factory=dict)

    @property
    def rows_model(self) -> type[Model]:
        return apps.get_model(self.model)

    @property
    def linked_columns(self) -> set[str]:
        return {
            name
            for links in self.of.values()
            for link in links
            if isinstance(link, Linked)
            for name in (*link.blank, *link.label, *link.reset)
        }

    @property
    def is_gone_with_its_person(self) -> bool:
        return any(isinstance(link, Gone) for links in self.of.values() for link in links)


def on(path: str, blank: str = "", label: str = "", **reset: Any) -> Linked:
    return Linked(path, tuple(blank.split()), tuple(label.split()), reset)


def gone(path: str) -> Gone:
    return Gone(path)


def table(
    model: str,
    *,
    none: str = "",
    named: str = "",
    special: Mapping[str, str] | None = None,
    dropped: str = "",
    contact: Iterable[Linked | Gone] = (),
    rep: Iterable[Linked | Gone] = (),
    user: Iterable[Linked | Gone] = (),
) -> Table:
    of = {Kind.CONTACT: tuple(contact), Kind.REP: tuple(rep), Kind.USER: tuple(user)}
    return Table(
        model=model,
        none=tuple(none.split()),
        named=tuple(named.split()),
        special=dict(special or {}),
        dropped=dropped,
        of={kind: links for kind, links in of.items() if links},
    )


def is_text(column: "Field[Any, Any]") -> bool:
    """Whether it can say something of a person: free text, JSON, bytes, an address, or a list of such."""
    base = getattr(column, "base_field", column)
    if column.choices or base.choices:
        return False
    return base.get_internal_type() in TEXTS


def empty_value(column: "Field[Any, Any]") -> Any:
    """What a column says that says nothing."""
    if column.null:
        return None
    if isinstance(column, JSONField):
        return column.get_default() if column.has_default() else {}
    return b"" if column.get_internal_type() == "BinaryField" else ""
