"""The opportunity as the router sees it: a frozen copy of the fields that a decision may use.

Everything known only after assignment (touches, cycle length) is absent on purpose.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from crm.engine.conditions import normalise


@dataclass(frozen=True)
class OpportunityFacts:
    """`value` is in the base currency. Text is as stored; `tests` has it as conditions compare it.

    `duplicate_of_id`: the open opportunity that this one repeats; `duplicate_owner_id`: its owner, None: not decided.
    `not_again`: (rep, why) of those who had this one and are never offered it again: missed, declined or passed.
    """

    id: int
    kind: str = "lead"
    is_locked: bool = False
    account_id: int | None = None
    account_owner_id: int | None = None
    source: str = ""
    industry: str = ""
    product: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    postal_code: str = ""
    language: str = ""
    size_band: str = ""
    employees: int | None = None
    urgency: str = ""
    competitors: tuple[str, ...] = ()
    complexity: int | None = None
    lead_score: int | None = None
    value: float | None = None
    currency: str = ""
    custom: Mapping[str, Any] = field(default_factory=dict)
    duplicate_of_id: int | None = None
    duplicate_owner_id: int | None = None
    not_again: tuple[tuple[int, str], ...] = ()

    @cached_property
    def tests(self) -> dict[str, Any]:
        """The facts that conditions are evaluated on; custom fields under `custom.<key>`."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in _NOT_TESTED}
        return normalise(plain | {f"custom.{key}": value for key, value in self.custom.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain data; fields at their default are left out, so that new fields keep old decisions replayable."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain = {name: value for name, value in values.items() if value != _DEFAULTS.get(name, _MISSING)}
        plain |= {"competitors": list(self.competitors)} if self.competitors else {}
        return plain | ({"not_again": [list(pair) for pair in self.not_again]} if self.not_again else {})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "OpportunityFacts":
        turned = tuple((rep_id, why) for rep_id, why in content.get("not_again", ()))
        return cls(**{**content, "competitors": tuple(content.get("competitors", ())), "not_again": turned})


_NOT_TESTED = {
    "id", "is_locked", "account_owner_id", "custom", "duplicate_of_id", "duplicate_owner_id", "not_again",
}  # fmt: skip
_MISSING = object()
_DEFAULTS: dict[str, Any] = {
    f.name: {} if f.name == "custom" else f.default for f in dataclasses.fields(OpportunityFacts)
}
