"""What a batch's list is narrowed to, and what a person makes of one of its items."""

from typing import Any

from django import forms

from reps.models import Rep
from reps.pages import ids_in
from routing.forms.queue import GiveForm
from routing.queries.batches import SHOWN
from routing.services.batch_runs.review import Action


class BatchFilter(forms.Form):
    """What the address may say of the list. What is malformed is ignored."""

    show = forms.ChoiceField(
        label="Which", required=False, choices=[(key, label) for key, (label, _) in SHOWN.items()]
    )
    rep = forms.ModelChoiceField(Rep.objects.none(), label="Rep", required=False, empty_label="Any rep")

    def __init__(self, data: Any, *, items: Any) -> None:
        super().__init__(data)
        with_some = items.order_by().values("rep")
        self.fields["rep"].queryset = Rep.objects.filter(pk__in=with_some).order_by("name")  # type: ignore[attr-defined]
        self.is_valid()
        rep = self.cleaned_data.get("rep")
        self.shown: str = self.cleaned_data.get("show") or ""
        self.rep_id: int | None = rep.pk if rep else None

    @property
    def is_narrow(self) -> bool:
        return bool(self.shown or self.rep_id)


class DecideForm(forms.Form):
    """What is done to what: `item`s that were selected, or `all` that wait; `waited` says how many those were when the
    page was shown."""

    action = forms.ChoiceField(choices=[(one, one) for one in Action])
    all = forms.BooleanField(required=False)
    waited = forms.IntegerField(required=False, min_value=0)

    def selected(self) -> list[int]:
        return ids_in(self.data.getlist("item"))  # type: ignore[attr-defined]


class BatchItemForm(GiveForm):
    """Keep it, let it change, hold it back, or move it to a rep."""

    action = forms.ChoiceField(
        choices=[(one, one) for one in ("keep", "let_go", "hold", "move")], widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rep"].required = self.data.get("action") == "move"
        self.fields["rep"].label = "Move to"
