"""A condition in an address: `where={"field": "value", "op": "over", "value": 100000}` narrows a list."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from crm.engine.conditions import ConditionError, compile_condition, condition_fields
from crm.forms.conditions import ConditionField
from crm.queries.words import own_fields
from reps.models import User

LONGEST = 4000  # servers and browsers take addresses of about 8,000 letters


def read_where(text: str) -> dict[str, Any]:
    """The condition that an address gives; {} where it gives none. Raises ValidationError saying what is wrong."""
    if not text:
        return {}
    if len(text) > LONGEST:
        raise forms.ValidationError(f"The condition is longer than {LONGEST:,} letters.")
    try:
        condition = json.loads(text)
        if not isinstance(condition, dict):
            raise ConditionError("", "a condition is a group or a test")
        compile_condition(condition, condition_fields(own_fields()))
    except ConditionError as error:
        raise forms.ValidationError(f"This filter cannot be used: {error}.") from error
    except (ValueError, RecursionError):
        raise forms.ValidationError("This filter cannot be read: it is no JSON.") from None
    return condition


def written_where(condition: Mapping[str, Any]) -> str:
    return json.dumps(condition, separators=(",", ":"), ensure_ascii=False)


class WhereField(forms.CharField):
    def clean(self, value: Any) -> Any:
        return read_where(str(super().clean(value)))


class WhereForm(forms.Form):
    """The condition of a list, built. Its page has a region `condition` around the builder."""

    condition = ConditionField(label="Show opportunities where")

    def __init__(self, data: Any, *, user: User, condition: Mapping[str, Any]) -> None:
        super().__init__(data, initial={"condition": condition or {"all": [{"field": "", "op": ""}]}})
        self.fields["condition"].know_ours(user)  # type: ignore[attr-defined]

    @property
    def is_building(self) -> bool:
        return self.is_bound and bool(self.fields["condition"].was_pressed(self.data, "condition"))  # type: ignore[attr-defined]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """(id of what it links to, words)."""
        field: Any = self.fields["condition"]
        found = [("id_condition", str(text)) for text in self.errors.get("condition", ())]
        return field.problems or found

    def address(self, list_address: str, params: QueryDict) -> str:
        """Where the list is shown by this condition, with what narrowed it before."""
        params = params.copy()
        params.pop("at", None)
        params.pop("where", None)
        if condition := self.cleaned_data["condition"]:
            params["where"] = written_where(condition)
        return f"{list_address}?{params.urlencode()}"
