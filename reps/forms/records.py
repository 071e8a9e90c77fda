"""What every form of a record does: groups of fields, a version that was seen, conflicts and refusals in words."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from reps.services.edits import EditConflict


class RecordForm(forms.ModelForm):
    """A ModelForm that knows which version of the record its reader saw.

    `saves(act)` runs the service and says whether the record was saved. What the service refuses stands in the form;
    where somebody else was faster, `conflict` shows both versions and the next save replaces the other one.
    """

    groups: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()
    paired: ClassVar[frozenset[str]] = frozenset()  # titles of groups whose fields stand side by side

    settled_by_service: ClassVar[frozenset[str]] = frozenset()  # such as "only one is the default"
    marks_optional: ClassVar[bool] = True  # False where nearly everything is optional

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.initial.items():
            if isinstance(value, Decimal | float) and value == int(value):
                self.initial[name] = int(value)  # 50000 in the input, not 50000.00
        self.conflict: dict[str, Any] | None = None
        updated_at = getattr(self.instance, "updated_at", None)
        if self.instance.pk and updated_at:
            self.fields["seen_at"] = forms.CharField(
                required=False, widget=forms.HiddenInput, initial=updated_at.isoformat()
            )

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # not in the stubs
        return excluded | self.settled_by_service

    @property
    def seen(self) -> datetime | None:
        return parse_datetime(self.cleaned_data.get("seen_at") or "")

    def sections(self) -> Iterator[tuple[str, list[forms.BoundField], bool]]:
        """The visible fields by group with its title and whether they stand side by side; those of no group last."""
        left = [name for name in self.fields if not self[name].is_hidden]
        for title, names in self.groups:
            shown = [name for name in names if name in left]
            left = [name for name in left if name not in shown]
            if shown:
                yield title, [self[name] for name in shown], title in self.paired
        if left:
            yield "", [self[name] for name in left], "" in self.paired

    def saves(self, act: Callable[[], object]) -> bool:
        if not self.is_valid():
            return False
        try:
            act()
        except EditConflict as conflict:
            self.show_conflict(conflict.current)
            return False
        except ValidationError as refusal:
            self.add_error(None, refusal)
            return False
        return True

    def show_conflict(self, current: Model) -> None:
        differences = [
            (self.fields[name].label, shown_value(current, name))
            for name in self.changed_from(current)
            if name in self.fields
        ]
        self.conflict = {
            "title": f"Somebody else saved {current} while you were editing.",
            "differences": differences,
        }
        data = cast(QueryDict, self.data).copy()
        data[self.add_prefix("seen_at")] = current.updated_at.isoformat()  # type: ignore[attr-defined]
        self.data = data

    def changed_from(self, current: Model) -> list[str]:
        typed = type(self)._meta.fields or ()
        return [
            name
            for name in typed
            if name in self.cleaned_data and shown_value(current, name) != shown_value(self.instance, name)
        ]


def shown_value(record: Model, name: str) -> str:
    shown = getattr(record, f"get_{name}_display", None)
    value = shown() if shown else getattr(record, name, "")
    if hasattr(value, "all"):
        return ", ".join(sorted(str(one) for one in value.all()))
    return "" if value is None else str(value)
