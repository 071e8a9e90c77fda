"""The form of a routing rule: when, what then, and from when to when."""

from typing import Any

from django import forms
from django.db.models import Q

from reps.models import Rep, Team, User
from routing.engine.configuration import REQUIREMENTS
from routing.forms.conditions import NEW_CONDITION, ConditionRecordForm
from routing.models import Rule
from routing.queries.rules import requirement_words
from routing.services.rules import CLOSED, refusals

MOMENT = "%Y-%m-%dT%H:%M"


def _moment_input() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT)


class RuleForm(ConditionRecordForm):
    required_field = forms.ChoiceField(
        required=False,
        label="What is required",
        choices=[("", "Choose"), *((name, name.replace("_", " ").capitalize()) for name in REQUIREMENTS)],
    )
    settled_by_service = frozenset(
        {"action", "starts_at"}
    )  # `refusals` says in words what the constraints hold

    class Meta:
        model = Rule
        fields = (
            "name", "condition", "action", "rep", "team", "excluded", "required_field", "required_value", "is_active",
            "starts_at", "ends_at",
        )  # fmt: skip
        labels = {
            "action": "Then",
            "rep": "Rep",
            "team": "Team",
            "excluded": "Who is excluded",
            "required_value": "Which",
            "is_active": "Active",
            "starts_at": "From",
            "ends_at": "Until",
        }
        help_texts = {
            "required_value": "Industry, product, language, competitor and deal size may stay empty: then the rep has "
            "to fit the opportunity’s own. Seniority and technical depth (0 to 5) mean that or more.",
            "starts_at": "Empty: from the next version on.",
            "ends_at": "Empty: until it is switched off.",
        }
        widgets = {
            "starts_at": _moment_input(),
            "ends_at": _moment_input(),
            "excluded": forms.CheckboxSelectMultiple,
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        if not self.instance.pk:
            self.initial["condition"] = NEW_CONDITION
        labels = {str(value): label for value, label in CLOSED.get(self.instance.required_field, ())}
        value = self.instance.required_value
        self.initial["required_value"] = labels.get(value, value)
        self.fields["required_value"].widget.attrs |= {"list": "required-words", "autocomplete": "off"}
        kept = self.initial.get("excluded") or []
        chosen = Q(pk__in=[self.instance.rep_id or 0, *(rep.pk for rep in kept)])
        for name in ("rep", "excluded"):
            self.fields[name].queryset = Rep.objects.filter(Q(left_at__isnull=True) | chosen)  # type: ignore[attr-defined]
        self.fields["rep"].empty_label = self.fields["team"].empty_label = "Choose"  # type: ignore[attr-defined]
        self.fields["action"].choices = [("", "Choose"), *Rule.Action.choices]  # type: ignore[attr-defined]
        self.fields["team"].queryset = Team.objects.order_by("name")  # type: ignore[attr-defined]

    def clean_required_value(self) -> str:
        """ "Senior" is stored as the level that it is."""
        text = str(self.cleaned_data["required_value"]).strip()
        values = {str(label).casefold(): str(value) for value, label in self.closed_of_chosen()}
        return values.get(text.casefold(), text)

    def closed_of_chosen(self) -> list[tuple[Any, Any]]:
        return CLOSED.get(self.cleaned_data.get("required_field", ""), [])

    def required_words(self) -> list[tuple[str, str]]:
        """Offered while somebody says what is required."""
        closed = [(str(label), name.replace("_", " ")) for name, all_ in CLOSED.items() for _, label in all_]
        return closed + requirement_words()

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        if {"action", "condition"} <= set(self.cleaned_data):
            self.refuse(refusals(self.instance, self.cleaned_data.get("excluded") or ()))
