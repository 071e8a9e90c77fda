"""The catalogue as the table of docs/privacy.md."""

from collections.abc import Iterator

from privacy.queries.catalogue import TABLES, WITHOUT_MODEL
from privacy.queries.catalogue.tables import Gone, Linked, Table

HEAD = (
    "| table | of whom | erasing | may name anybody: the name is replaced | nothing personal |",
    "|---|---|---|---|---|",
)


def catalogue_lines() -> Iterator[str]:
    yield from HEAD
    for one in sorted(TABLES, key=lambda one: one.rows_model._meta.db_table):
        cells = (
            f"`{one.rows_model._meta.db_table}`",
            _whose(one),
            _erasing(one),
            _listed(one.named),
            _none(one),
        )
        yield f"| {' | '.join(cells)} |"
    for name, said in sorted(WITHOUT_MODEL.items()):
        yield f"| `{name}` | | {said} | | |"


def _whose(one: Table) -> str:
    return "<br>".join(f"{kind.value}: `{link.path}`" for kind, links in one.of.items() for link in links)


def _erasing(one: Table) -> str:
    found = dict.fromkeys(_linked(link) for links in one.of.values() for link in links)
    if one.dropped:
        found[f"rows whose `{one.dropped}` is the person’s are deleted"] = None
    by_what: dict[str, list[str]] = {}
    for column, said in one.special.items():
        by_what.setdefault(said, []).append(column)
    for said, columns in by_what.items():
        found[f"{_listed(columns)}: {said}"] = None
    return "<br>".join(one for one in found if one)


def _linked(link: Linked | Gone) -> str:
    if isinstance(link, Gone):
        return "rows are deleted"
    parts = []
    if link.label:
        parts.append(f"{_listed(link.label)} becomes the label")
    if link.blank:
        parts.append(f"{_listed(link.blank)} emptied")
    if link.reset:
        parts.append(f"{_listed(link.reset)} set to what says nothing")
    return "; ".join(parts)


def _none(one: Table) -> str:
    goes = one.is_gone_with_its_person or one.dropped
    return f"{_listed(one.none)} (with their row)" if goes and one.none else _listed(one.none)


def _listed(names: object) -> str:
    assert isinstance(names, tuple | list | dict)
    return ", ".join(f"`{name}`" for name in names)
