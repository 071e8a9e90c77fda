"""The condition builder as a form field: rows of tests in nested groups, which works without scripts.

    class RuleForm(RecordForm):
        condition = ConditionField()

    form.fields["condition"].know(fields=..., user=..., suggestions=reverse(...))
    if form.fields["condition"].was_pressed(form.data, "condition"): show the form again, nothing is saved yet

Buttons of the builder (add, remove, another value) send the whole form to its own address. With htmx only the region
`#<name>` is swapped, so the page has a partial of that name around the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.urls import reverse

from crm.engine.conditions import (
    BUILT_IN,
    GROUPS,
    MANY_VALUES,
    NO_VALUE,
    OPERATORS,
    ConditionError,
    Field,
    compile_condition,
    condition_fields,
)
from crm.engine.words import country_code, currency_code, language_name
from crm.forms.condition_tree import (
    Fields,
    Group,
    Node,
    Test,
    act,
    check,
    may_hold_groups,
    nodes,
    number_of,
    of_data,
    of_json,
    to_json,
)
from crm.queries.condition_words import (
    NUMBERED,
    Choice,
    Offered,
    account_labels,
    accounts_in,
    accounts_named,
    words_for_conditions,
)
from crm.queries.words import own_fields
from reps.models import User
from reps.queries import organisation

FIELD_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Lead", ("source", "product", "value", "currency", "lead_score", "urgency", "competitors", "complexity", "kind")),
    ("Company", ("account_id", "industry", "size_band", "employees")),
    ("Place and language", ("country", "region", "city", "postal_code", "language")),
)  # fmt: skip
YES_OR_NO: list[Choice] = [("true", "yes"), ("false", "no")]
STANDARDS = {"country": country_code, "language": language_name, "currency": currency_code}
EQUALITY = {"is", "is_not", "in", "not_in"}


@dataclass(frozen=True)
class GroupRow:
    group: Group
    name: str
    id: str
    members: list["GroupRow | TestRow"]
    kinds: list[Choice]
    may_nest: bool
    is_group: bool = True


@dataclass(frozen=True)
class TestRow:
    """`control` says how the value is asked for: none, one, choice, range, lines or checks."""

    test: Test
    name: str
    id: str
    number: str
    op: str
    lines: str
    field_groups: list[tuple[str, list[Choice]]]
    ops: list[Choice]
    control: str
    choices: list[Choice]
    type: str
    list_id: str
    unit: str
    is_account: bool
    is_group: bool = False


class ConditionWidget(forms.Widget):
    """Keeps the tree that it read, so that what is wrong stays beside the test."""

    use_fieldset = True

    def __init__(self) -> None:
        super().__init__()
        self.fields: Fields = BUILT_IN
        self.user: User | None = None
        self.suggestions = ""
        self.units: Mapping[str, str] = {}
        self.focus: str | None = None
        self.read: tuple[Any, Group] | None = None
        self.accounts: dict[int, str] = {}
        self.named: dict[str, list[int]] = {}

    @cached_property
    def offered(self) -> Offered:
        return words_for_conditions()

    # --- reading ---------------------------------------------------------------------------------------------------

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-kind" not in data

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Group:
        """Reads each form once; a button of the builder has done its work already."""
        if self.read is None or self.read[0] is not data:
            tree = of_data(data, name)
            if action := data.get(f"{name}-do"):
                key = act(tree, str(action))
                self.focus = None if key is None else _id(name, key)
                if str(action).startswith("more:"):
                    self.focus = f"{_id(name, str(action)[5:])}-more"
            self.read = (data, tree)
        return self.read[1]

    # --- values as text --------------------------------------------------------------------------------------------

    def words(self, name: str, value: Any) -> str:
        """A stored value as somebody would type it."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if name in self.fields and self.fields[name].type == "reference" and isinstance(value, int):
            return self.accounts.get(value, f"#{value}")
        return value if isinstance(value, str) else repr(value)

    def value_of(self, name: str, text: str) -> Any:
        """What is stored for the text. Raises ValueError saying what is wrong with it."""
        kind = self.fields[name].type if name in self.fields else "text"
        text = text.strip()
        if kind == "boolean":
            return {"true": True, "false": False}.get(text, text)
        if kind == "number":
            number = number_of(text)
            return text if number is None else number
        return self._account(text) if kind == "reference" else text

    def _account(self, text: str) -> int:
        number = _number_in(text)
        found = (
            self.named.get(text.casefold(), []) if number is None else [number] * (number in self.accounts)
        )
        if len(found) > 1:
            several = ", ".join(f"{text} #{pk}" for pk in found)
            raise ValueError(f"Several accounts have this name. Write which: {several}.")
        if not found:
            raise ValueError(f"There is no account “{text}”. Choose one of those offered.")
        return found[0]

    def meet_accounts(self, tree: Group) -> None:
        """Looks up the accounts that the tests name: by number in one query, by name in one for each."""
        texts = [
            text
            for node in nodes(tree)
            if isinstance(node, Test) and self.is_reference(node.field)
            for text in node.values
        ]
        numbers = {text: _number_in(text) for text in texts if "\x00" not in text}
        self.accounts = account_labels(number for number in numbers.values() if number is not None)
        if self.user is not None:
            self.named = accounts_named(
                self.user, [text for text, number in numbers.items() if text and number is None]
            )

    def is_reference(self, name: str) -> bool:
        return name in self.fields and self.fields[name].type == "reference"

    # --- showing ---------------------------------------------------------------------------------------------------

    def tree_of(self, value: Any) -> Group:
        if isinstance(value, Group):
            return value
        condition = value if isinstance(value, Mapping) else {}
        self.accounts = account_labels(accounts_in(condition))
        return of_json(condition, self.words)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        tree = self.tree_of(value)
        tested = {node.field for node in nodes(tree) if isinstance(node, Test)}
        lists = {f"{name}-offered-{n}": words for n, words in self.offered.open.items() if n in tested}
        context = {
            "name": name,
            "root": self._row(tree, name),
            "lists": lists,
            "suggestions": self.suggestions,
            "focus": self.focus,
        }
        return render_to_string("components/condition.html", context)

    def _row(self, node: Node, name: str) -> GroupRow | TestRow:
        prefix = f"{name}-{node.key}" if node.key else name
        if isinstance(node, Group):
            members = [self._row(member, name) for member in node.members]
            return GroupRow(
                node, prefix, _id(name, node.key), members, list(GROUPS.items()), may_hold_groups(node)
            )
        known = self.fields.get(node.field)
        kind = known.type if known else ""
        ops = _operators(kind, node.op)
        op = node.op if node.op in dict(ops) or not ops else ops[0][0]
        choices = self._choices(known, op, node.values)
        return TestRow(
            test=node,
            name=prefix,
            id=_id(name, node.key),
            number=".".join(str(int(part) + 1) for part in node.key.split("_")),
            field_groups=self._field_groups(node.field),
            op=op,
            lines="\n".join(node.values),
            ops=ops,
            control=_control(op, bool(choices)) if known else "one",
            choices=choices,
            type=kind,
            list_id=f"{name}-offered-{node.field}" if self.offered.open.get(node.field) else "",
            unit=self.units.get(node.field, "") if kind == "number" else "",
            is_account=kind == "reference",
        )

    def _choices(self, known: Field | None, op: str, values: list[str]) -> list[Choice]:
        """The closed values of the field, and those of the test that are no longer among them."""
        if known is None or op not in EQUALITY:
            return []
        if known.type == "boolean":
            return YES_OR_NO
        closed = [(choice, choice) for choice in known.choices] or self.offered.closed.get(known.name, [])
        present = {choice for choice, _ in closed}
        return closed and [*closed, *((text, text) for text in values if text and text not in present)]

    def _field_groups(self, chosen: str) -> list[tuple[str, list[Choice]]]:
        def choice(name: str) -> Choice:
            label = self.fields[name].label
            return name, label[:1].upper() + label[1:]

        grouped = [(title, [choice(n) for n in names if n in self.fields]) for title, names in FIELD_GROUPS]
        placed = {name for _, names in FIELD_GROUPS for name in names}
        own = sorted((choice(name) for name in self.fields if name not in placed), key=lambda one: one[1])
        gone = [(chosen, f"{chosen} (no longer there)")] if chosen and chosen not in self.fields else []
        return [
            (title, found) for title, found in (*grouped, ("Your own fields", own), ("Gone", gone)) if found
        ]


def _number_in(text: str) -> int | None:
    """12 of “Northwind Health #12”; None where the text names no account by its number."""
    found = NUMBERED.search(text)
    return int(found[1]) if found and len(found[1]) < 19 else None


def _id(name: str, key: str) -> str:
    return f"id_{name}-{key}" if key else f"id_{name}"


def _operators(kind: str, chosen: str) -> list[Choice]:
    """Those of the field's type. One that does not apply to it is not kept: the first says what is asked instead."""
    return list(OPERATORS.get(kind, {}).items()) or ([(chosen, chosen)] if chosen else [])


def _control(op: str, is_closed: bool) -> str:
    if op in NO_VALUE:
        return "none"
    if op == "between":
        return "range"
    if op in MANY_VALUES:
        return "checks" if is_closed else "lines"
    return "choice" if is_closed else "one"


class ConditionField(forms.Field):
    """A condition in its JSON form; `problems` says where one cannot be."""

    widget: Any = ConditionWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False} | kwargs)
        self.problems: list[tuple[str, str]] = []

    def know(
        self, *, fields: Fields, user: User, suggestions: str = "", units: Mapping[str, str] | None = None
    ) -> None:
        """The fields that can be tested with their units, who asks, and where accounts are offered while one types."""
        self.widget.fields, self.widget.user, self.widget.suggestions = fields, user, suggestions
        self.widget.units = units or {}

    def know_ours(self, user: User) -> None:
        """All fields of the organisation, in its currency."""
        self.know(
            fields=condition_fields(own_fields()),
            user=user,
            suggestions=reverse("condition_accounts"),
            units={"value": organisation().base_currency},
        )

    def was_pressed(self, data: Any, name: str) -> bool:
        """Whether a button of the builder sent the form: then nothing is to be saved."""
        return bool(data.get(f"{name}-do"))

    def clean(self, value: Any) -> dict[str, Any]:
        """Raises ValidationError; what is wrong stands beside each test, `problems` has (id, words) for a summary."""
        tree: Group = value
        _standard_words(tree)
        self.widget.meet_accounts(tree)
        wrong = check(tree, self.widget.fields, self.widget.value_of)
        self.problems = [(_id("condition", node.key), node.error) for node in wrong]
        if wrong:
            raise forms.ValidationError([node.error for node in wrong])
        condition = to_json(tree, self.widget.value_of)
        try:
            compile_condition(condition, self.widget.fields)
        except ConditionError as error:
            raise forms.ValidationError(error.message) from error
        return condition


def _standard_words(tree: Group) -> None:
    """ "Germany" is DE in the records: typed otherwise, the test could never hold."""
    for node in nodes(tree):
        if isinstance(node, Test) and node.op in EQUALITY and node.field in STANDARDS:
            for place, text in enumerate(node.values):
                standard = STANDARDS[node.field](text.strip())
                if standard and standard.casefold() != text.strip().casefold():
                    node.values[place] = standard
