"""The form that corrects an opportunity. Owner, stage and lock have services, and buttons, of their own."""

from datetime import date
from typing import Any

from django import forms

from crm.forms.records import AccountNameField
from crm.models import CustomField, Opportunity
from reps.forms.records import RecordForm
from reps.models import User

CUSTOM = "custom_"


class OpportunityForm(RecordForm):
    account = AccountNameField(required=False)
    product = forms.CharField(max_length=120, required=False, help_text="One never heard of is added.")
    competitors = forms.CharField(
        max_length=400, required=False, label="Competitors mentioned", help_text="Separated by commas."
    )
    groups = (
        ("Who", ("name", "kind", "account")),
        (
            "Where",
            ("country", "region", "city", "postal_code", "industry", "employees", "size_band", "language"),
        ),
        (
            "What",
            ("source", "product", "value", "currency", "urgency", "complexity", "competitors", "lead_score"),
        ),
    )
    paired = frozenset({"Who", "Where", "What", ""})
    marks_optional = False

    class Meta:
        model = Opportunity
        fields = (
            "name", "kind", "account", "country", "region", "city", "postal_code", "industry", "employees", "size_band",
            "language", "source", "value", "currency", "urgency", "complexity", "lead_score",
        )  # fmt: skip
        labels = {"employees": "Employees", "size_band": "Company size"}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].user = user  # type: ignore[attr-defined]
        self.initial["product"] = self.instance.product.name if self.instance.product else ""
        self.initial["competitors"] = ", ".join(self.instance.competitors)
        for name in ("size_band", "urgency"):
            self.fields[name].choices = [("", "Not known"), *self.fields[name].choices[1:]]  # type: ignore[attr-defined]
        for name in ("source", "industry", "language", "product"):
            self.fields[name].widget.attrs["list"] = f"words-{name}"
        if self.instance.kind == Opportunity.Kind.DEAL:
            self.fields["kind"].disabled = True  # a deal stays one
        for field in CustomField.objects.all():
            self.fields[f"{CUSTOM}{field.key}"] = custom_form_field(field)
            self.initial[f"{CUSTOM}{field.key}"] = (self.instance.custom or {}).get(field.key)

    def clean_competitors(self) -> list[str]:
        return named_competitors(self.cleaned_data["competitors"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("value") is None:
            cleaned["currency"] = ""
        elif not cleaned.get("currency"):
            self.add_error("currency", "Say in which currency the value is.")
        return cleaned

    def values(self) -> dict[str, Any]:
        """As `update_opportunity` takes them."""
        own = {name: value for name, value in self.cleaned_data.items() if name.startswith(CUSTOM)}
        plain = {name: self.cleaned_data[name] for name in (*self.Meta.fields, "product", "competitors")}
        return plain | {"custom": {name.removeprefix(CUSTOM): plain_value(own[name]) for name in own}}


LONGEST_COMPETITOR = 120


def named_competitors(text: str) -> list[str]:
    """The names between the commas, each once. Raises ValidationError."""
    names = [name for part in text.split(",") if (name := " ".join(part.split()))]
    if any(len(name) > LONGEST_COMPETITOR for name in names):
        raise forms.ValidationError(f"At most {LONGEST_COMPETITOR} letters for each; commas separate them.")
    return list(dict.fromkeys(names))


def custom_form_field(field: CustomField) -> forms.Field:
    """The form field of an organisation's own field."""
    shared: dict[str, Any] = {"label": field.label, "required": False}
    if field.type == CustomField.Type.NUMBER:
        return forms.FloatField(**shared)
    if field.type == CustomField.Type.BOOLEAN:
        return forms.NullBooleanField(**shared)
    if field.type == CustomField.Type.DATE:
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), **shared)
    if field.type == CustomField.Type.CHOICE:
        return forms.ChoiceField(choices=[("", "Not known"), *((c, c) for c in field.choices)], **shared)
    return forms.CharField(max_length=500, **shared)


def plain_value(value: Any) -> Any:
    """As JSON keeps it; empty is none."""
    if value is None or value == "":
        return None
    return value.isoformat() if isinstance(value, date) else value
