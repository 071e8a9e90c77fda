"""Naming what an opportunity repeats: one of the same account or contact, or any other by its number."""

from typing import Any

from django import forms

from crm.models import Opportunity
from crm.queries.duplicates import originals_offered
from crm.queries.opportunities import opportunities_visible_to
from reps.models import User
from reps.permissions import may

MOST_OFFERED = 50


class DuplicateForm(forms.Form):
    original = forms.ChoiceField(required=False, label="Of the same account or contact")
    number = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        label="Or another one’s number",
        help_text="The number at the end of its page’s address.",
    )

    def __init__(self, *args: Any, opportunity: Opportunity, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen = opportunities_visible_to(user)
        found = originals_offered(opportunity, user).select_related("owner")[:MOST_OFFERED]
        offered = [(str(one.pk), f"{one.name} ({one.owner or 'nobody yet'})") for one in found]
        self.fields["original"].choices = [("", "Choose one"), *offered]  # type: ignore[attr-defined]
        if not offered:
            del self.fields["original"]
            self.fields["number"].label = "Its number"

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        chosen = values.get("number") or values.get("original")
        if self.errors:
            return values
        if not chosen:
            raise forms.ValidationError("Choose what it repeats, or give its number.")
        if not self.seen.filter(pk=chosen).exists():
            self.add_error("number", "There is no opportunity of this number that you can see.")
        return values | {"chosen": int(chosen)}


def duplicate_form(opportunity: Opportunity, user: User) -> DuplicateForm | None:
    """The empty form, for those who may use it on an open opportunity."""
    if not (opportunity.is_open and may(user, "link_duplicates")):
        return None
    return DuplicateForm(opportunity=opportunity, user=user, prefix="duplicate")


def errors_in_words(form: DuplicateForm) -> str:
    """What is wrong, each with its field's name."""
    said = []
    for name, errors in form.errors.items():
        label = f"{form.fields[name].label}: " if name in form.fields else ""
        said += [f"{label}{text}" for text in errors]
    return " ".join(said)
