"""The form of a routing rule: when, what then, and from when to when."""

from typing import Any

from django import forms
from django.db.models import Model, Q
from django.forms.utils import ErrorDict
from django.urls import reverse_lazy

from crm.forms.conditions import ConditionField
from crm.queries.words import custom_fields
from reps.forms.records import RecordForm
from reps.models import Rep, Team, User
from reps.queries import organisation
from routing.engine.configuration import REQUIREMENTS, condition_fields
from routing.models import Rule
from routing.queries.rules import requirement_words
from routing.queries.sentences import condition_sentence
from routing.services.rules import CLOSED, refusals

MOMENT = "%Y-%m-%dT%H:%M"
NEW_CONDITION = {"all": [{"field": "", "op": ""}]}  # the first test, to be filled in


def _moment_input() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT)


class RuleForm(RecordForm):
    condition = ConditionField(label="When")
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
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        own = list(custom_fields().values("key", "label", "type", "choices"))
        self.fields["condition"].know(  # type: ignore[attr-defined]
            fields=condition_fields(own),
            user=user,
            suggestions=reverse_lazy("condition_accounts"),
            units={"value": organisation().base_currency},
        )
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

    @property
    def is_building(self) -> bool:
        """Whether a button of the condition was pressed. Then nothing is checked or saved."""
        pressed = self.is_bound and self.fields["condition"].was_pressed(self.data, "condition")  # type: ignore[attr-defined]
        if pressed:
            self._errors, self.cleaned_data = ErrorDict(), {}
        return bool(pressed)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        if {"action", "condition"} <= set(self.cleaned_data):
            for name, text in refusals(self.instance, self.cleaned_data.get("excluded") or ()).items():
                if name not in self.errors:
                    self.add_error(name, text)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """(id of what it links to, words) for the summary; a line for each wrong test of the condition."""
        found: list[tuple[str, str]] = [("", str(text)) for text in self.non_field_errors()]
        for bound in self:
            if isinstance(bound.field, ConditionField) and bound.field.problems:
                found += [(anchor, f"{bound.label}: {text}") for anchor, text in bound.field.problems]
            else:
                target = bound.id_for_label or bound.auto_id
                found += [(str(target), f"{bound.label}: {text}") for text in bound.errors]
        return found

    def show_conflict(self, current: Model) -> None:
        super().show_conflict(current)
        if self.conflict is not None and isinstance(current, Rule):
            sentence = condition_sentence(current.condition)
            self.conflict["differences"] = [
                (label, sentence if label == self.fields["condition"].label else theirs)
                for label, theirs in self.conflict["differences"]
            ]
