"""The condition language: one for rules, territories, policies and filters.

A condition is JSON. A *group* is `{"all": [...]}`, `{"any": [...]}` or `{"none": [...]}`; a *test* is
`{"field": "value", "op": "over", "value": 100000}`. The empty condition `{}` matches everything. Groups nest.

Meaning, nulls included (two-valued, so that SQL and Python can agree): a test on a missing value is false, but for
`is_empty`, and for `is_not`, `not_in` and `excludes`, which are the plain negations of `is`, `in` and `includes`. Text
is compared without regard to case. A custom value of another type than its field's (an import's or an earlier type's)
is given, but equals nothing and compares with nothing. `none` is true when no member is.

`compile_condition` checks a condition against the fields there are and returns a predicate.
What it does not do: sentences (crm.engine.spoken), SQL (crm.queries.conditions compiles the same tree) and records
(facts are a plain mapping).
"""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
Predicate = Callable[[Facts], bool]

GROUPS = {"all": "all of", "any": "any of", "none": "none of"}
MAX_DEPTH = 6
MAX_TESTS = 200

OPERATORS: dict[str, dict[str, str]] = {
    "text": {
        "is": "is",
        "is_not": "is not",
        "in": "is one of",
        "not_in": "is none of",
        "contains": "contains",
        "starts_with": "starts with",
        "between": "is from",
        "is_empty": "is empty",
        "is_not_empty": "is given",
    },
    "number": {
        "is": "is",
        "is_not": "is not",
        "over": "is over",
        "at_least": "is at least",
        "under": "is under",
        "at_most": "is at most",
        "between": "is from",
        "is_empty": "is empty",
        "is_not_empty": "is given",
    },
    "boolean": {"is": "is", "is_empty": "is empty", "is_not_empty": "is given"},
    "date": {
        "before": "is before",
        "after": "is after",
        "between": "is from",
        "is_empty": "is empty",
        "is_not_empty": "is given",
    },
    "list": {
        "includes": "includes",
        "includes_any": "includes one of",
        "excludes": "does not include",
        "is_empty": "is empty",
        "is_not_empty": "is given",
    },
    "reference": {
        "is": "is",
        "is_not": "is not",
        "in": "is one of",
        "not_in": "is none of",
        "is_empty": "is empty",
        "is_not_empty": "is given",
    },
}
NO_VALUE = {"is_empty", "is_not_empty"}
MANY_VALUES = {"in", "not_in", "includes_any"}


@dataclass(frozen=True)
class Field:
    """A field that conditions may test. `type` is a key of OPERATORS; `choices` bounds the values where given."""

    name: str
    label: str
    type: str
    choices: tuple[str, ...] = ()


def _fields(*rows: tuple[str, str, str]) -> dict[str, Field]:
    return {name: Field(name, label, kind) for name, label, kind in rows}


BUILT_IN: dict[str, Field] = _fields(
    ("kind", "kind", "text"),
    ("source", "source", "text"),
    ("industry", "industry", "text"),
    ("product", "product", "text"),
    ("country", "country", "text"),
    ("region", "state or region", "text"),
    ("city", "city", "text"),
    ("postal_code", "postal code", "text"),
    ("language", "language", "text"),
    ("size_band", "company size", "text"),
    ("urgency", "urgency", "text"),
    ("currency", "currency", "text"),
    ("employees", "employees", "number"),
    ("value", "value", "number"),
    ("lead_score", "lead score", "number"),
    ("complexity", "complexity", "number"),
    ("competitors", "competitors", "list"),
    ("account_id", "account", "reference"),
)


def condition_fields(custom: Sequence[Mapping[str, Any]]) -> dict[str, Field]:
    """The built-in fields and the organisation's own (rows with key, label, type, choices)."""
    types = {"choice": "text"}
    own = {
        f"custom.{row['key']}": Field(
            f"custom.{row['key']}",
            row["label"],
            types.get(row["type"], row["type"]),
            tuple(row.get("choices", ())),
        )
        for row in custom
    }
    return BUILT_IN | own


class ConditionError(ValueError):
    """A condition that cannot be. `path` says where, as in `all[1].any[0]`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.message = path, message


def always(facts: Facts) -> bool:
    return True


def compile_condition(condition: Mapping[str, Any], fields: Mapping[str, Field] = BUILT_IN) -> Predicate:
    """A predicate over normalised facts (`normalise`). Raises ConditionError for what cannot be."""
    if not isinstance(condition, Mapping):
        raise ConditionError("", "a condition is an object with all, any, none or a test")
    if not condition:
        return always
    counter = [0]
    return _compile(condition, fields, "", 0, counter)


def _compile(
    node: Mapping[str, Any], fields: Mapping[str, Field], path: str, depth: int, counter: list[int]
) -> Predicate:
    if not isinstance(node, Mapping):
        raise ConditionError(path, "expected a group or a test")
    if depth > MAX_DEPTH:
        raise ConditionError(path, f"groups nest at most {MAX_DEPTH} deep")
    groups = [key for key in node if key in GROUPS]
    if not groups:
        counter[0] += 1
        if counter[0] > MAX_TESTS:
            raise ConditionError(path, f"at most {MAX_TESTS} tests")
        return _compile_test(node, fields, path)
    if len(node) != 1:
        raise ConditionError(path, "a group holds exactly one of all, any, none")
    group = groups[0]
    members = node[group]
    if not isinstance(members, Sequence) or isinstance(members, str) or not members:
        raise ConditionError(path, f"“{GROUPS[group]}” is empty")
    inner = tuple(
        _compile(member, fields, f"{path}.{group}[{i}]".lstrip("."), depth + 1, counter)
        for i, member in enumerate(members)
    )
    return _GROUP_PREDICATES[group](inner)


def _all_of(inner: tuple[Predicate, ...]) -> Predicate:
    if len(inner) == 1:
        return inner[0]

    def holds(facts: Facts) -> bool:
        for test in inner:  # noqa: SIM110 - a plain loop is three times faster than all() over a generator
            if not test(facts):
                return False
        return True

    return holds


def _any_of(inner: tuple[Predicate, ...]) -> Predicate:
    def holds(facts: Facts) -> bool:
        for test in inner:  # noqa: SIM110
            if test(facts):
                return True
        return False

    return holds


def _none_of(inner: tuple[Predicate, ...]) -> Predicate:
    any_holds = _any_of(inner)
    return lambda facts: not any_holds(facts)


_GROUP_PREDICATES: dict[str, Callable[[tuple[Predicate, ...]], Predicate]] = {
    "all": _all_of,
    "any": _any_of,
    "none": _none_of,
}


def _compile_test(node: Mapping[str, Any], fields: Mapping[str, Field], path: str) -> Predicate:
    field, op, value = check_test(node, fields, path)
    name = field.name
    if op == "is_empty":
        return lambda facts: facts.get(name) in (None, "", ())
    if op == "is_not_empty":
        return lambda facts: facts.get(name) not in (None, "", ())
    test = _COMPARISONS[op](name, value)
    if field.name in BUILT_IN:  # a column, which has its type
        return test
    typed = _TYPED.get(field.type, _as_it_is)
    return lambda facts: test({name: typed(facts.get(name))})


def _as_it_is(fact: Any) -> Any:
    return fact


def _day(fact: Any) -> datetime.date | None:
    """A day, also as the text that custom fields keep it as."""
    if not isinstance(fact, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", fact):
        return fact if isinstance(fact, datetime.date) else None
    try:
        return datetime.date.fromisoformat(fact)
    except ValueError:
        return None


_TYPED: dict[str, Callable[[Any], Any]] = {
    "text": lambda fact: fact if isinstance(fact, str) else None,
    "number": lambda fact: None if isinstance(fact, bool) or not isinstance(fact, int | float) else fact,
    "boolean": lambda fact: fact if isinstance(fact, bool) else None,
    "date": _day,
}


def check_test(
    node: Mapping[str, Any], fields: Mapping[str, Field], path: str = ""
) -> tuple[Field, str, Any]:
    """The test's field, operator and normalised value. Raises ConditionError naming what is wrong."""
    unknown = set(node) - {"field", "op", "value"}
    if unknown or "field" not in node:
        raise ConditionError(
            path, f"expected field, op and value, got {', '.join(sorted(map(str, node))) or 'nothing'}"
        )
    field = fields.get(str(node["field"]))
    if field is None:
        raise ConditionError(path, f"there is no field “{node['field']}”")
    op = str(node.get("op", ""))
    if op not in OPERATORS[field.type]:
        allowed = ", ".join(OPERATORS[field.type])
        raise ConditionError(path, f"{field.label} is a {field.type}: “{op}” does not apply (use {allowed})")
    if op in NO_VALUE:
        return field, op, None
    return field, op, _check_value(field, op, node.get("value"), path)


def _check_value(field: Field, op: str, value: Any, path: str) -> Any:
    if op == "between":
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise ConditionError(path, f"{field.label}: give a lower and an upper bound")
        low, high = (_scalar(field, item, path) for item in value)
        if low > high:
            raise ConditionError(path, f"{field.label}: the lower bound is above the upper one")
        return low, high
    if op in MANY_VALUES:
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise ConditionError(path, f"{field.label}: give at least one value")
        return frozenset(_scalar(field, item, path) for item in value)
    return _scalar(field, value, path)


def _scalar(field: Field, value: Any, path: str) -> Any:
    if field.type == "number":
        return _number(field, value, path)
    if field.type == "reference":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConditionError(path, f"{field.label}: expected an id, got “{value}”")
        return value
    if field.type == "boolean":
        if not isinstance(value, bool):
            raise ConditionError(path, f"{field.label}: expected yes or no, got “{value}”")
        return value
    if not isinstance(value, str) or not value.strip():
        raise ConditionError(path, f"{field.label}: expected text, got “{value}”")
    if field.type == "date":
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            raise ConditionError(path, f"{field.label}: “{value}” is not a date (use YYYY-MM-DD)") from None
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ConditionError(path, f"{field.label}: the text has a character that cannot be stored")
    return value.strip().casefold()


def _number(field: Field, value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e15:
        raise ConditionError(path, f"{field.label} is a number: “{value}” is not one")
    return float(value)


def _is(name: str, value: Any) -> Predicate:
    return lambda facts: facts.get(name) == value


def _is_not(name: str, value: Any) -> Predicate:
    return lambda facts: facts.get(name) != value


def _in(name: str, value: Any) -> Predicate:
    return lambda facts: facts.get(name) in value


def _not_in(name: str, value: Any) -> Predicate:
    return lambda facts: facts.get(name) not in value


def _given(compare: Callable[[Any, Any], bool]) -> Callable[[str, Any], Predicate]:
    """A comparison that is false where the value is missing."""

    def build(name: str, value: Any) -> Predicate:
        def holds(facts: Facts) -> bool:
            fact = facts.get(name)
            return fact is not None and compare(fact, value)

        return holds

    return build


_COMPARISONS: dict[str, Callable[[str, Any], Predicate]] = {
    "is": _is,
    "is_not": _is_not,
    "in": _in,
    "not_in": _not_in,
    "over": _given(lambda fact, value: bool(fact > value)),
    "at_least": _given(lambda fact, value: bool(fact >= value)),
    "under": _given(lambda fact, value: bool(fact < value)),
    "at_most": _given(lambda fact, value: bool(fact <= value)),
    "before": _given(lambda fact, value: bool(fact < value)),
    "after": _given(lambda fact, value: bool(fact > value)),
    "between": _given(lambda fact, value: bool(value[0] <= fact <= value[1])),
    "contains": _given(lambda fact, value: value in fact),
    "starts_with": _given(lambda fact, value: bool(fact.startswith(value))),
    "includes": _given(lambda fact, value: value in fact),
    "includes_any": _given(lambda fact, value: not value.isdisjoint(fact)),
    "excludes": lambda name, value: lambda facts: value not in (facts.get(name) or ()),
}


def normalise(values: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as predicates compare them: text case-folded, empty text and empty lists missing, numbers as floats."""
    return {name: _normal(value) for name, value in values.items()}


def _normal(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.strip().casefold() or None
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, list | tuple):
        return tuple(_normal(item) for item in value) or None
    if isinstance(value, Mapping):
        return None  # a JSON object is no value of any field
    if isinstance(value, int | datetime.date):
        return value
    return float(value)
