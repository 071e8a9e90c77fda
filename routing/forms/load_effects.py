"""Another maximum for a role, to see what would have been."""

from collections.abc import Iterable, Mapping

from django import forms

from reps.models import RoleTemplate


class MaximaForm(forms.Form):
    """One field for each role, `max_<id>`; empty is today's."""

    def __init__(self, data: Mapping[str, str], *, templates: Iterable[RoleTemplate]) -> None:
        super().__init__(data)
        for template in templates:
            self.fields[f"max_{template.pk}"] = forms.IntegerField(
                required=False, min_value=1, max_value=1000, label=f"A maximum for {template}"
            )

    @property
    def tried(self) -> dict[int, int]:
        """Role template id → the maximum to try; what is no such number is left out (the field says so)."""
        self.is_valid()
        return {
            int(name.removeprefix("max_")): value
            for name, value in self.cleaned_data.items()
            if value is not None
        }
