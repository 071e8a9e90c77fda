"""A condition while somebody edits it: groups and tests with their values as typed, and what is wrong beside each.

`of_json` and `to_json` are inverse for every condition that the language allows, so that opening a form and saving it
changes nothing. A node's key is its path: `1_0` is the first member of the second member of the outermost group.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any, Protocol, Union

from crm.engine.conditions import (
    GROUPS,
    MANY_VALUES,
    MAX_DEPTH,
    NO_VALUE,
    OPERATORS,
    ConditionError,
    Field,
    check_test,
)

KEY = re.compile(r"[0-9]+(_[0-9]+)*")
WHOLE = re.compile(r"[+-]?[0-9]{1,16}")
DECIMAL = re.compile(r"[+-]?([0-9]{1,16}(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?:[,.]|$))")
MOST_NODES = 400
DEEPEST = 12  # a form nested further was not made by our page

Fields = Mapping[str, Field]


class Sent(Protocol):
    """What a form was sent with: a QueryDict."""

    def get(self, key: str, default: Any = None) -> Any: ...
    def getlist(self, key: str) -> list[Any]: ...


@dataclass
class Test:
    field: str = ""
    op: str = ""
    values: list[str] = made(default_factory=list)
    key: str = ""
    error: str = ""


@dataclass
class Group:
    """`is_bare`: the condition was a single test without a group around it, and is saved so again."""

    kind: str = "all"
    members: list[Union["Group", Test]] = made(default_factory=list)
    key: str = ""
    error: str = ""
    is_bare: bool = False


Node = Group | Test


# --- from and to JSON ------------------------------------------------------------------------------------------------


def of_json(condition: Mapping[str, Any], words: Callable[[str, Any], str]) -> Group:
    """`words(field name, value)` is the value as somebody would type it."""
    if not condition:
        return numbered(Group())
    node = _node_of_json(condition, words)
    return numbered(node if isinstance(node, Group) else Group(members=[node], is_bare=True))


def _node_of_json(node: Any, words: Callable[[str, Any], str]) -> Node:
    node = node if isinstance(node, Mapping) else {}
    for kind in GROUPS:
        if isinstance(node.get(kind), Sequence):
            return Group(kind, [_node_of_json(member, words) for member in node[kind]])
    name, value = str(node.get("field", "")), node.get("value")
    many = isinstance(value, Sequence) and not isinstance(value, str)
    values = list(value) if many else [] if value is None else [value]
    return Test(name, str(node.get("op", "")), [words(name, one) for one in values])


def to_json(tree: Group, value_of: Callable[[str, str], Any]) -> dict[str, Any]:
    """`value_of(field name, text)` is the inverse of `words`. Only for a tree without errors."""
    if not tree.members:
        return {}
    if tree.is_bare and tree.kind == "all" and len(tree.members) == 1 and isinstance(tree.members[0], Test):
        return _node_to_json(tree.members[0], value_of)
    return _node_to_json(tree, value_of)


def _node_to_json(node: Node, value_of: Callable[[str, str], Any]) -> dict[str, Any]:
    if isinstance(node, Group):
        return {node.kind: [_node_to_json(member, value_of) for member in node.members]}
    return test_json(node, value_of)


def test_json(test: Test, value_of: Callable[[str, str], Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"field": test.field, "op": test.op}
    if test.op in NO_VALUE:
        return plain
    values = [value_of(test.field, text) for text in test.values]
    is_list = test.op in MANY_VALUES or test.op == "between"
    return plain | {"value": values if is_list else values[0] if values else ""}


def number_of(text: str) -> int | float | None:
    """A number as people write them, also with commas between thousands; None where it is none."""
    text = THOUSANDS.sub("", text.strip())
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else None


# --- from what a form sent -------------------------------------------------------------------------------------------


def of_data(data: Sent, name: str) -> Group:
    """The tree that a form sent, whether or not it makes sense."""
    kind = data.get(f"{name}-kind")
    root = Group(kind if kind in GROUPS else "all", is_bare=bool(data.get(f"{name}-bare")))
    groups = {"": root}
    for key in data.getlist(f"{name}-nodes")[:MOST_NODES]:
        parent = groups.get(key.rpartition("_")[0])
        if parent is None or not KEY.fullmatch(key) or depth_of(key) > DEEPEST:
            continue
        kind = data.get(f"{name}-{key}-kind")
        node: Node = Group(kind) if kind in GROUPS else _test_of_data(data, f"{name}-{key}")
        if isinstance(node, Group):
            groups[key] = node
        parent.members.append(node)
    return numbered(root)


def _test_of_data(data: Sent, prefix: str) -> Test:
    """One of several values stands on a line of its own, and one more may be in the input that offers words."""
    op = str(data.get(f"{prefix}-op", ""))
    values = [str(text).strip() for text in data.getlist(f"{prefix}-value")]
    values += str(data.get(f"{prefix}-lines", "")).splitlines()
    more = str(data.get(f"{prefix}-more", "")).strip()
    values += [] if more in values else [more]
    if op in MANY_VALUES:
        values = [text.strip() for text in values if text.strip()]
    elif op == "between":
        values = [*values, "", ""][:2]
    else:
        values = [next((text.strip() for text in values if text.strip()), "")]
    return Test(str(data.get(f"{prefix}-field", "")), op, values)


def numbered(tree: Group) -> Group:
    for place, member in enumerate(tree.members):
        member.key = f"{tree.key}_{place}".lstrip("_")
        if isinstance(member, Group):
            numbered(member)
    return tree


def nodes(tree: Group) -> Iterator[Node]:
    """Every node, a group before its members."""
    yield tree
    for member in tree.members:
        if isinstance(member, Group):
            yield from nodes(member)
        else:
            yield member


def depth_of(key: str) -> int:
    return key.count("_") + 1 if key else 0


def may_hold_groups(group: Group) -> bool:
    """Whether a group in it could still hold a test."""
    return depth_of(group.key) + 2 <= MAX_DEPTH


# --- what the buttons do ---------------------------------------------------------------------------------------------


def act(tree: Group, action: str) -> str | None:
    """`add-test:1`, `add-group:1` and `remove:1_0` change the tree; anything else lets it be as typed. Returns the key
    of the node that should have the focus, None where it may stay."""
    verb, _, key = action.partition(":")
    node = next((one for one in nodes(tree) if one.key == key), None)
    if verb == "add-test" and isinstance(node, Group):
        added: Node = Test()
    elif verb == "add-group" and isinstance(node, Group) and may_hold_groups(node):
        added = Group("any", [Test()])
    elif verb == "remove" and node is not None and key:
        return _remove(tree, node)
    else:
        return None
    node.members.append(added)
    numbered(tree)
    return f"{added.key}_0" if isinstance(added, Group) else added.key


def _remove(tree: Group, node: Node) -> str:
    """Focus goes to what took its place, else to the one before, else to the group."""
    above, _, place_text = node.key.rpartition("_")
    parent = next(one for one in nodes(tree) if isinstance(one, Group) and one.key == above)
    place = int(place_text)
    del parent.members[place]
    numbered(tree)
    left = parent.members[place : place + 1] or parent.members[-1:]
    return left[0].key if left else parent.key


# --- what is wrong ---------------------------------------------------------------------------------------------------


def check(tree: Group, fields: Fields, value_of: Callable[[str, str], Any]) -> list[Node]:
    """Writes beside each node what is wrong with it; returns those nodes."""
    for node in nodes(tree):
        if isinstance(node, Group):
            is_everything = node is tree and node.kind == "all"
            empty = not node.members and not is_everything
            node.error = "This group is empty: add a test to it, or remove it." if empty else ""
            if depth_of(node.key) >= MAX_DEPTH:
                node.error = f"Groups nest at most {MAX_DEPTH} deep."
        else:
            node.error = _wrong_with(node, fields, value_of)
    return [node for node in nodes(tree) if node.error]


def _wrong_with(test: Test, fields: Fields, value_of: Callable[[str, str], Any]) -> str:
    if not test.field:
        return "Choose a field, or remove this test."
    known = fields.get(test.field)
    if known is None:
        return f"There is no field “{test.field}” any more. Choose another one."
    if test.op not in OPERATORS[known.type]:
        was = next((words[test.op] for words in OPERATORS.values() if test.op in words), test.op)
        which = f": “{was}” is nothing to ask of a {known.type}" if was else ""
        return f"Choose how {known.label} is compared{which}."
    if test.op in NO_VALUE:
        return ""
    if not test.values or any(not text.strip() for text in test.values):
        return MISSING.get(test.op, f"Say what {known.label} is compared with.")
    try:
        check_test(test_json(test, value_of), fields)
    except ConditionError as error:
        return error.message[:1].upper() + error.message[1:] + "."
    except ValueError as error:
        return str(error)
    return ""


MISSING = {"between": "Give both ends of the range."} | dict.fromkeys(MANY_VALUES, "Give at least one value.")
