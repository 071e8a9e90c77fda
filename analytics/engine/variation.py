"""A configuration's content with one policy changed: what a backtest tries where nothing is drafted for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHANGEABLE = ("application", "threshold", "exploration_share", "fallback")
APPLICATIONS = {"suggest": "suggesting", "assign": "assigning", "shadow": "only logging"}
FALLBACKS = {"round_robin": "turns", "manager": "the manager", "hold": "the queue"}


class NoSuchPolicy(ValueError):
    """The content has no policy of that name."""


@dataclass(frozen=True)
class PolicyChange:
    """`changes`: the fields of CHANGEABLE that are other than in the content, as a version keeps them."""

    policy: str
    changes: Mapping[str, Any]

    def __post_init__(self) -> None:
        if set(self.changes) - set(CHANGEABLE):
            raise ValueError(f"only {', '.join(CHANGEABLE)} are changed")

    def applied(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content with it. Raises NoSuchPolicy."""
        policies = list(content.get("policies", ()))
        if self.policy not in [row["name"] for row in policies]:
            raise NoSuchPolicy(f"There is no policy “{self.policy}” in it.")
        changed = [row | dict(self.changes) if row["name"] == self.policy else row for row in policies]
        return {**content, "policies": changed}

    @property
    def said(self) -> str:
        """ "“Inbound” assigning, from a score of 60"."""
        parts = [WORDS[name](self.changes[name]) for name in CHANGEABLE if name in self.changes]
        return f"“{self.policy}” " + ", ".join(parts)


def _fallback(chain: list[str]) -> str:
    return "falling back to " + ", then ".join(FALLBACKS[kind] for kind in chain)


WORDS: dict[str, Any] = {
    "application": lambda value: APPLICATIONS[value],
    "threshold": lambda value: f"confident from a score of {value:g}",
    "exploration_share": lambda value: f"exploring {100 * value:g} %" if value else "without exploring",
    "fallback": _fallback,
}
