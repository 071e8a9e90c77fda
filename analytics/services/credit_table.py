"""The crediting table: rows of a file checked as a whole, kept as a whole, taken back and used again."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.dateparse import parse_date
from django_q.tasks import async_task

from analytics.engine.credit import SEGMENT, CreditRow
from analytics.models import CreditTable, QuotaCredit
from analytics.queries.credit_table import current_table
from crm.engine.imports.reading import Problem
from crm.models import Alias, Opportunity, Product, Term
from crm.models.accounts import SizeBand
from crm.models.words import WordKind
from reps.models import Rep, User
from reps.permissions import may
from territories.models import Territory

FIELDS = ("rep", "territory", *SEGMENT, "share", "valid_from", "valid_until")
MOST_ROWS = 50_000


class _Refused(Exception):
    """A cell that says nothing; the reason is for people."""


def check_table(
    rows: Sequence[Mapping[str, str]], numbers: Sequence[int] | None = None
) -> tuple[list[CreditRow], list[Problem]]:
    """Rows of texts by field, and how each is called (else from 1 on). Five queries."""
    known, problems = _Known.load(), list[Problem]()
    found: list[CreditRow] = []
    seen: dict[CreditRow, int] = {}
    for number, row in zip(numbers or range(1, len(rows) + 1), rows, strict=True):
        values, wrong = known.read(number, row)
        problems += wrong
        if wrong:
            continue
        one = CreditRow(**values)
        if one in seen:
            problems.append(Problem(number, "", "", f"Row {seen[one]} says the same."))
            continue
        seen[one] = number
        found.append(one)
    return found, problems


class _Known:
    """What cells may name, by how it may be written."""

    def __init__(self, names: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        self.names = names

    @classmethod
    def load(cls) -> "_Known":
        terms: dict[str, dict[str, list[Any]]] = {WordKind.INDUSTRY: {}, WordKind.SOURCE: {}}
        for kind, name in Term.objects.filter(kind__in=terms).values_list("kind", "name"):
            terms[kind][_key(name)] = [name]
        for kind, spelling, name in Alias.objects.filter(kind__in=terms).values_list(
            "kind", "spelling", "term"
        ):
            terms[kind].setdefault(_key(spelling), [name])
        return cls(
            {
                "rep": _reps(),
                "territory": _territories(),
                "industry": terms[WordKind.INDUSTRY],
                "source": terms[WordKind.SOURCE],
                "product": {_key(name): [name] for name in Product.objects.values_list("name", flat=True)},
                "size_band": _choices(SizeBand.choices),
                "kind": _choices(Opportunity.Kind.choices),
            }
        )

    def read(self, number: int, row: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
        """The row's values, or all that is wrong with it."""
        values: dict[str, Any] = {}
        wrong: list[Problem] = []
        for field in FIELDS:
            text = (row.get(field) or "").strip()
            try:
                values |= self._value(field, text)
            except _Refused as refusal:
                wrong.append(Problem(number, field, text[:100], str(refusal)))
        first, last = values.get("valid_from"), values.get("valid_until")
        if first and last and first > last:
            wrong.append(Problem(number, "valid_until", str(last), "It ends before it begins."))
        return values, wrong

    def _value(self, field: str, text: str) -> dict[str, Any]:
        if field == "share":
            return {"share": _share(text)}
        if field in ("valid_from", "valid_until"):
            return {field: _day(text)}
        if field == "rep" and not text:
            raise _Refused("Whose credit is it? An email address or a name is expected.")
        name = f"{field}_id" if field in ("rep", "territory") else field
        if not text:
            return {name: None if field == "territory" else ""}
        found = self.names[field].get(_key(text), ())
        if not found:
            raise _Refused(f"There is no such {field.replace('_', ' ')}.")
        if len(found) > 1:
            raise _Refused(
                "Several are called so; " + ("give the email." if field == "rep" else "say where.")
            )
        return {name: found[0]}


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


def _choices(choices: Iterable[tuple[Any, Any]]) -> dict[str, list[Any]]:
    """By value and by label."""
    pairs = [(str(value), str(label)) for value, label in choices]
    return {_key(word): [value] for value, label in pairs for word in (value, label)}


def _reps() -> Mapping[str, Sequence[int]]:
    """By email, external id and name; those who have left as well, since assignments of theirs are checked."""
    found: dict[str, set[int]] = defaultdict(set)
    for pk, *words in Rep.objects.values_list("pk", "email", "external_id", "name", "user__email"):
        for word in filter(None, words):
            found[_key(word)].add(pk)
    return {word: sorted(pks) for word, pks in found.items()}


def _territories() -> Mapping[str, Sequence[int]]:
    """By name and by path: `Overseas / Iberia`."""
    rows = {pk: (name, parent) for pk, name, parent in Territory.objects.values_list("pk", "name", "parent")}
    found: dict[str, list[int]] = {}
    for pk, (name, parent) in rows.items():
        path, above = name, parent
        while above is not None:
            path, above = f"{rows[above][0]} / {path}", rows[above][1]
        found[_key(name)] = found[_key(path)] = [pk]
    return found


def _share(text: str) -> float:
    plain = text.removesuffix("%").strip().replace(",", ".")
    try:
        share = float(plain) if plain else 100.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise _Refused("A number from 0 to 100 is expected, in per cent.")
    return share


def _day(text: str) -> datetime.date | None:
    try:
        day = parse_date(text) if text else None
    except ValueError:
        day = None
    if text and (day is None or not 1970 <= day.year <= 2200):
        raise _Refused("A day is expected, such as 2026-03-02.")
    return day


@transaction.atomic
def replace_table(
    *, rows: Sequence[CreditRow], file_name: str, by: User | None, at: datetime.datetime
) -> CreditTable:
    """These rows count from now on, instead of all before; assignments are checked against them by a worker."""
    _refuse(by)
    table = CreditTable.objects.create(file_name=file_name[:200], imported_by=by, imported_at=at, used_at=at)
    QuotaCredit.objects.bulk_create(
        [QuotaCredit(table=table, **_plain(row)) for row in rows], batch_size=2000
    )
    _check_soon()
    return table


def _plain(row: CreditRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CreditRow.__dataclass_fields__}


@transaction.atomic
def take_back(*, table_id: int, by: User) -> CreditTable | None:
    """The table before it counts again, if there is one. Nothing happens to one that does not count."""
    _refuse(by)
    CreditTable.objects.filter(pk=table_id).update(used_at=None)
    before = current_table()
    if before is not None:
        CreditTable.objects.filter(pk=before.pk).update(checked_to=0)
        _check_soon()
    return before


@transaction.atomic
def use_table(*, table_id: int, by: User, at: datetime.datetime) -> None:
    """One of those before counts again."""
    _refuse(by)
    CreditTable.objects.filter(pk=table_id).update(used_at=at, checked_to=0)
    _check_soon()


def _refuse(by: User | None) -> None:
    if by is not None and not may(by, "edit_configuration"):
        raise PermissionDenied("Your role does not import crediting tables.")


def _check_soon() -> None:
    transaction.on_commit(lambda: async_task("analytics.jobs.check_quota_credit"))
