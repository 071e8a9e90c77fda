"""Conditions as a person would say them: "value is over $100,000 and industry is Healthcare or Life Sciences".

A sentence is told in parts, so that a page can mark the values in it. How a value is said (money, the words of a
choice) is the caller's, by a function; without one it is said as it is stored.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm.engine.conditions import BUILT_IN, MANY_VALUES, NO_VALUE, OPERATORS, Field

Say = Callable[[str, Any], str]  # (name of the field, value) → words
OF_ONE = {"in": "is", "not_in": "is_not", "includes_any": "includes"}  # "is one of X" is "is X"
OF_MANY = {"in": "is", "not_in": "is neither", "includes_any": "includes"}


@dataclass(frozen=True)
class Said:
    """A part of a sentence. `is_value`: what somebody has filled in."""

    text: str
    is_value: bool = False


def say_plainly(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def describe(
    condition: Mapping[str, Any], fields: Mapping[str, Field] = BUILT_IN, *, say: Say = say_plainly
) -> str:
    """The condition in words."""
    return joined(described(condition, fields, say=say))


def described(
    condition: Mapping[str, Any], fields: Mapping[str, Field] = BUILT_IN, *, say: Say = say_plainly
) -> tuple[Said, ...]:
    """The same in parts, whose texts follow each other without anything between."""
    if not condition:
        return (Said("everything"),)
    return tuple(_Speaker(fields, say).group(condition, outermost=True))


def joined(parts: Iterable[Said]) -> str:
    return "".join(part.text for part in parts)


@dataclass(frozen=True)
class _Speaker:
    fields: Mapping[str, Field]
    say: Say

    def group(self, node: Mapping[str, Any], *, outermost: bool = False) -> list[Said]:
        for kind, word in (("all", " and "), ("any", " or "), ("none", " or ")):
            if kind in node:
                members = [self.group(member) for member in node[kind]]
                inside = [part for place, one in enumerate(members) for part in _after(one, word, place)]
                if kind == "none":
                    return [Said("not ("), *inside, Said(")")]
                return inside if outermost or len(members) == 1 else [Said("("), *inside, Said(")")]
        return self.test(node)

    def test(self, node: Mapping[str, Any]) -> list[Said]:
        name, op, value = str(node.get("field")), str(node.get("op")), node.get("value")
        field = self.fields.get(name, Field(name, name, "text"))
        many = op in MANY_VALUES and len(value or ()) > 1
        if op in MANY_VALUES and not many:
            op = OF_ONE[op]
        verb = OF_MANY.get(op) if many else None
        verb = verb or OPERATORS[field.type].get(op, op)
        if op in NO_VALUE or value is None:
            return [Said(f"{field.label} {verb}")]
        first, _, comparison = verb.partition(" ")  # "over $100,000" is what was filled in, not "is over"
        if comparison and isinstance(value, int | float) and not isinstance(value, bool):
            return [
                Said(f"{field.label} {first} "),
                Said(f"{comparison} {self.value(name, op, value)}", True),
            ]
        return [Said(f"{field.label} {verb} "), Said(self.value(name, op, value), True)]

    def value(self, name: str, op: str, value: Any) -> str:
        if op == "between":
            return f"{self.say(name, value[0])} to {self.say(name, value[1])}"
        if isinstance(value, Sequence) and not isinstance(value, str):
            return (" nor " if op == "not_in" else " or ").join(self.say(name, item) for item in value)
        return self.say(name, value)


def _after(parts: list[Said], word: str, place: int) -> list[Said]:
    return [Said(word), *parts] if place else parts
