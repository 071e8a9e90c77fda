"""The condition language in SQL: the opportunities for which the predicate of crm.engine.conditions is true.

Checks and meaning are the engine's: `to_q` compiles the condition first and takes each test's value as `check_test`
leaves it. What a field's value is (trimmed, case-folded, of the field's type or missing) is said by the functions of
migration 0003. SQL's NULL stays inside a test: each is true or false, so that `none` negates it as Python does.

What it does not do: indexes. A test computes its field's value from the row.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    Count,
    F,
    FloatField,
    Func,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Collate

from crm.engine.conditions import (
    BUILT_IN,
    GROUPS,
    ConditionError,
    Field,
    check_test,
    compile_condition,
)
from crm.models import Opportunity

CUSTOM = "custom."
COLUMNS = {"product": "product__name", "value": "value_base"}  # where a field is not the column of its name
CUSTOM_TYPES = {
    "text": ("crm_text_of", TextField),
    "number": ("crm_number_of", FloatField),
    "boolean": ("crm_boolean_of", BooleanField),
    "date": ("crm_day_of", TextField),
}
COMPARISONS = {
    "is": "=",
    "over": ">",
    "at_least": ">=",
    "under": "<",
    "at_most": "<=",
    "before": "<",
    "after": ">",
}
NEGATIONS = {"is_not": "is", "not_in": "in", "excludes": "includes", "is_empty": "is_not_empty"}
CALLS = {"contains": "strpos(%(expressions)s) > 0", "starts_with": "starts_with(%(expressions)s)"}
LARGEST_ID = 2**63 - 1
ALL_ROWS = 2**62  # a LIMIT, even this one, makes PostgreSQL compute the columns below it once for each row
CONDITIONS_AT_ONCE = 500  # a query has at most 1,664 columns

Column = Callable[[Field, bool], Combinable]


def matching(
    condition: Mapping[str, Any],
    fields: Mapping[str, Field] = BUILT_IN,
    base: QuerySet[Opportunity] | None = None,
) -> QuerySet[Opportunity]:
    """The opportunities of `base` (all, where not given) that the condition matches, as one query. Raises
    ConditionError as `compile_condition` does."""
    opportunities = Opportunity.objects.all() if base is None else base
    return opportunities.filter(to_q(condition, fields))


def counts(
    conditions: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Field] = BUILT_IN,
    base: QuerySet[Opportunity] | None = None,
) -> list[int]:
    """How many opportunities each of many conditions matches: one pass over the rows for every 500 conditions, in
    which each field's value is computed once."""
    opportunities = Opportunity.objects.all() if base is None else base
    found: list[int] = []
    for start in range(0, len(conditions), CONDITIONS_AT_ONCE):
        columns: dict[str, Combinable] = {}
        column = _shared(columns)
        tests = [to_q(each, fields, column) for each in conditions[start : start + CONDITIONS_AT_ONCE]]
        rows = opportunities.order_by().annotate(**columns)[:ALL_ROWS]
        totals = rows.aggregate(**{f"count_{i}": Count("pk", filter=q) for i, q in enumerate(tests)})
        found += [totals[f"count_{i}"] for i in range(len(tests))]
    return found


@dataclass(frozen=True)
class Pattern:
    """Opportunities that match the same of several conditions (`matched`, their places) and have the same values in
    the columns that were asked for. `example` is one of them that may be shown, where there is one."""

    matched: tuple[int, ...]
    values: tuple[str, ...]
    count: int
    example: int | None


def patterns(
    conditions: Sequence[Mapping[str, Any]],
    fields: Mapping[str, Field] = BUILT_IN,
    base: QuerySet[Opportunity] | None = None,
    *,
    by: Sequence[str] = (),
    shown: QuerySet[Opportunity] | None = None,
) -> list[Pattern]:
    """Which of the conditions hold together, by the columns `by`: one query with a row for each pattern. Examples are
    taken from `shown`."""
    opportunities = Opportunity.objects.all() if base is None else base
    tests = [to_q(each, fields) for each in conditions]
    shows_all = (
        shown is None or not shown.query.where
    )  # then nothing is asked, which of a million rows costs minutes
    may_show = None if shown is None or shows_all else Q(pk__in=shown.order_by().values("pk"))
    holding = _Holding(
        *(Case(When(test, then=True), default=False) if test else Value(True) for test in tests)
    )
    rows = (
        opportunities.order_by()
        .annotate(holding=holding)
        .values_list("holding", *by)
        .annotate(number=Count("pk"), example=Max("pk", filter=may_show))
    )
    return [
        Pattern(tuple(i for i, holds in enumerate(held) if holds), tuple(values), number, example)
        for held, *values, number, example in rows
    ]


class _Holding(Func):
    template = "ARRAY[%(expressions)s]::boolean[]"
    output_field = ArrayField(BooleanField())


def _shared(columns: dict[str, Combinable]) -> Column:
    """Columns by name, noted in `columns` at their first use."""
    names: dict[tuple[str, bool], str] = {}

    def column(field: Field, given: bool) -> Combinable:
        name = names.setdefault((field.name, given), f"tested_{len(names)}")
        if name not in columns:
            columns[name] = column_of(field, given)
        return F(name)

    return column


def column_of(field: Field, given: bool = False) -> Combinable:
    """The field's value as tests compare it, NULL where it is missing or of another type; or whether it is `given`.

    Raises ConditionError for a field that opportunities do not have.
    """
    if field.name.startswith(CUSTOM) and field.type in CUSTOM_TYPES:
        return _custom(field, given)
    if field.name not in BUILT_IN:
        raise ConditionError("", f"opportunities have no {field.type} “{field.name}”")
    value: Combinable = F(COLUMNS.get(field.name, field.name))
    if field.type == "text":
        value = Collate(Func(value, function="crm_folded", output_field=TextField()), "C")
    elif field.type == "number":
        value = Cast(value, FloatField())
    elif field.type == "list":
        return _Test(value, template="cardinality(%(expressions)s) > 0") if given else _FoldedList(value)
    return _Test(value, template="(%(expressions)s) IS NOT NULL") if given else value


def _custom(field: Field, given: bool) -> Combinable:
    key = Value(field.name.removeprefix(CUSTOM))
    stored = Func(F("custom"), key, template="(%(expressions)s)", arg_joiner=" -> ", output_field=TextField())
    if given:
        return Func(stored, function="crm_is_given", output_field=BooleanField())
    function, output = CUSTOM_TYPES[field.type]
    value = Func(stored, function=function, output_field=output())
    return Collate(value, "C") if output is TextField else value


class _FoldedList(Func):
    template = "ARRAY(SELECT crm_folded(item) FROM unnest(%(expressions)s) AS item)"
    output_field = ArrayField(TextField())


class _Test(Func):
    """True or false, never NULL."""

    template = "(%(expressions)s) IS TRUE"
    output_field = BooleanField()


def to_q(
    condition: Mapping[str, Any], fields: Mapping[str, Field] = BUILT_IN, column: Column = column_of
) -> Q:
    """The condition as a filter of opportunities; `column` says where a field's value is found. Raises ConditionError
    as `compile_condition` does."""
    compile_condition(condition, fields)
    return _group(condition, fields, column) if condition else Q()


def _group(node: Mapping[str, Any], fields: Mapping[str, Field], column: Column) -> Q:
    group = next((key for key in node if key in GROUPS), None)
    if group is None:
        return _test(*check_test(node, fields), column)
    inner = [_group(member, fields, column) for member in node[group]]
    joined = Q(*inner, _connector=Q.AND if group == "all" else Q.OR)
    return ~joined if group == "none" else joined


def _test(field: Field, op: str, value: Any, column: Column) -> Q:
    if op in NEGATIONS:
        return ~_test(field, NEGATIONS[op], value, column)
    if op == "is_not_empty":
        return Q(_Test(column(field, True)))
    fact = column(field, False)
    if op == "between":
        low, high = value
        return _compared(fact, ">=", low) & _compared(fact, "<=", high)
    if field.type == "list":
        wanted = Value(sorted(value) if op == "includes_any" else [value], ArrayField(TextField()))
        return Q(_Test(fact, wanted, template="(%(expressions)s) IS TRUE", arg_joiner=" && "))
    if field.type == "reference":
        ids = [id_ for id_ in (sorted(value) if op == "in" else [value]) if abs(id_) <= LARGEST_ID]
        return _among(fact, Value(ids, ArrayField(BigIntegerField())))
    if op == "in":
        return _among(fact, Value(sorted(value), ArrayField(TextField())))
    if op in CALLS:
        return Q(_Test(fact, Value(value), template=f"({CALLS[op]}) IS TRUE"))
    return _compared(fact, COMPARISONS[op], value)


def _among(fact: Combinable, values: Value) -> Q:
    return Q(_Test(fact, values, template="(%(expressions)s)) IS TRUE", arg_joiner=" = ANY("))


def _compared(fact: Combinable, operator: str, value: Any) -> Q:
    """`day_of` gives days as text, which sorts as they do."""
    plain = value.isoformat() if isinstance(value, datetime.date) else value
    return Q(_Test(fact, Value(plain), arg_joiner=f" {operator} "))
