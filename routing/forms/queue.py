"""Forms of the queue, the opportunity's page and My Work."""

from typing import Any

from django import forms
from django.utils import timezone

from crm.forms.opportunities import custom_form_field, named_competitors, plain_value
from crm.models import Activity, CustomField, Opportunity, Product
from crm.models.accounts import SizeBand
from crm.models.words import Term
from reps.models import Rep, Team, User
from reps.queries import organisation, reps_visible_to
from routing.models import QueueItem
from routing.queries.queue import ORDERS, QueueSearch
from routing.queries.reasons import offered_reasons


def whole_number(label: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=10**12)


# Fields of a new lead for which known words are offered, and their kind.
OFFERED_WORDS = {
    "source": "source",
    "industry": "industry",
    "product": "product",
    "preferred_language": "language",
}


class QueueFilter(forms.Form):
    """What the address may say of the list. What is malformed is ignored."""

    q = forms.CharField(label="Search", required=False, max_length=100)
    kind = forms.ChoiceField(
        label="Kind", required=False, choices=[("", "All kinds"), *QueueItem.Kind.choices]
    )
    team = forms.ModelChoiceField(Team.objects.none(), label="Team", required=False, empty_label="All teams")
    target = forms.ChoiceField(
        label="Age", required=False, choices=[("", "Any age"), ("late", "Past the first-touch target")]
    )
    min_score = whole_number("Least score")
    min_value = whole_number("Least value")
    order = forms.ChoiceField(
        label="Order", required=False, choices=[(key, words) for key, (words, _, _) in ORDERS.items()]
    )

    def __init__(self, *args: Any, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def search(self) -> tuple[QueueSearch, str]:
        """What is asked for, and the order."""
        self.is_valid()
        chosen = self.cleaned_data
        search = QueueSearch(
            words=chosen.get("q", ""),
            kind=chosen.get("kind", ""),
            team=chosen.get("team"),
            late_at=timezone.now() if chosen.get("target") else None,
            min_score=chosen.get("min_score"),
            min_value=chosen.get("min_value"),
        )
        return search, chosen.get("order", "")


class ReasonForm(forms.Form):
    """Why a person decides otherwise; both optional."""

    reason = forms.ModelChoiceField(offered_reasons(), required=False, empty_label="No reason given")
    note = forms.CharField(max_length=300, required=False, label="In your words")


class GiveForm(ReasonForm):
    """To whom, and why."""

    rep = forms.ModelChoiceField(Rep.objects.none(), label="Give to", empty_label="Choose a rep")
    field_order = ("rep", "reason", "note")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rep"].queryset = reps_to_give_to(user)  # type: ignore[attr-defined]
        self.fields["rep"].label_from_instance = with_load  # type: ignore[attr-defined]


def reps_to_give_to(user: User) -> Any:
    """Active reps that the user may assign to: a manager's own teams, everybody for ops."""
    return reps_visible_to(user).filter(left_at__isnull=True).order_by("name")


def with_load(rep: Rep) -> str:
    return f"{rep.name} · {rep.team.name} · {rep.load} of {rep.max_open} open"


class BulkForm(GiveForm):
    """The same for many opportunities."""

    opportunity = forms.ModelMultipleChoiceField(Opportunity.objects.none(), widget=forms.MultipleHiddenInput)

    def __init__(self, *args: Any, visible: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["opportunity"].queryset = visible  # type: ignore[attr-defined]
        self.fields["opportunity"].error_messages["required"] = "Select at least one opportunity."


class LockForm(forms.Form):
    reason = forms.CharField(max_length=200, required=False, label="Why it is locked")


class OutcomeForm(forms.Form):
    stage = forms.ChoiceField(choices=Opportunity.Stage.choices, label="Outcome")
    reason = forms.CharField(max_length=200, required=False)


class ActivityForm(forms.Form):
    kind = forms.ChoiceField(choices=Activity.Kind.choices)
    note = forms.CharField(max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2}))


class LeadForm(forms.Form):
    """A new lead or deal by hand; the same fields as over the API."""

    kind = forms.ChoiceField(choices=Opportunity.Kind.choices, initial=Opportunity.Kind.LEAD)
    company = forms.CharField(
        max_length=200, label="Company", help_text="Matched with the accounts, or added."
    )
    name = forms.CharField(
        max_length=200, required=False, label="Title", help_text="Empty: the company's name."
    )
    domain = forms.CharField(max_length=200, required=False, label="Web domain")
    contact_name = forms.CharField(max_length=120, required=False)
    contact_email = forms.EmailField(required=False)
    contact_phone = forms.CharField(max_length=40, required=False)
    preferred_language = forms.CharField(
        max_length=60, required=False, help_text="The contact's, if it is known."
    )
    source = forms.CharField(max_length=80, required=False)
    product = forms.CharField(max_length=120, required=False)
    industry = forms.CharField(max_length=120, required=False)
    size_band = forms.ChoiceField(
        choices=[("", "Not known"), *SizeBand.choices], required=False, label="Company size"
    )
    country = forms.CharField(max_length=60, required=False, help_text="A name or an ISO code.")
    region = forms.CharField(max_length=80, required=False, label="State or region")
    value = forms.DecimalField(
        max_digits=16, decimal_places=2, min_value=0, required=False, label="Estimated value"
    )
    currency = forms.RegexField(r"^[A-Za-z]{3}$", required=False, max_length=3)
    urgency = forms.ChoiceField(choices=[("", "Not known"), *Opportunity.Urgency.choices], required=False)
    complexity = forms.IntegerField(
        min_value=1, max_value=5, required=False, help_text="1 simple to 5 complex."
    )
    competitors = forms.CharField(
        max_length=400, required=False, label="Competitors mentioned", help_text="Separated by commas."
    )
    lead_score = forms.IntegerField(min_value=0, max_value=100, required=False)
    sections_of = (
        ("Who", ("company", "name", "kind", "domain")),
        ("Contact", ("contact_name", "contact_email", "contact_phone", "preferred_language")),
        ("Where", ("country", "region", "industry", "size_band")),
        (
            "What",
            ("source", "product", "value", "currency", "urgency", "complexity", "competitors", "lead_score"),
        ),
    )
    marks_optional = False
    conflict = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].initial = organisation().base_currency
        for name, kind in OFFERED_WORDS.items():
            self.fields[name].widget.attrs["list"] = f"words-{kind}"
        for field in CustomField.objects.all():
            self.fields[f"custom_{field.key}"] = custom_form_field(field)

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        own = tuple(name for name in self.fields if name.startswith("custom_"))
        parts = (*self.sections_of, ("Your own fields", own)) if own else self.sections_of
        return [(title, [self[name] for name in names], True) for title, names in parts]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name, value in values.items():
            if isinstance(value, str) and "\x00" in value:
                self.add_error(name, "This holds a character that cannot be stored.")
        return values

    def clean_competitors(self) -> list[str]:
        return named_competitors(self.cleaned_data["competitors"])

    def opportunity_values(self) -> dict[str, Any]:
        """The values as `take_in` takes them."""
        v = self.cleaned_data
        plain = ("kind", "source", "product", "industry", "size_band", "country", "region", "urgency")
        return {
            **{name: v[name] for name in plain},
            "name": v["name"] or v["company"],
            "value": v["value"],
            "currency": v["currency"] if v["value"] is not None else "",
            "complexity": v["complexity"],
            "lead_score": v["lead_score"],
            "competitors": v["competitors"],
            "company": {"name": v["company"], "domain": v["domain"], "country": v["country"], "region": v["region"],
                        "industry": v["industry"], "size_band": v["size_band"]},
            "person": {"name": v["contact_name"], "email": v["contact_email"], "phone": v["contact_phone"],
                       "preferred_language": v["preferred_language"]},
            "custom": {name.removeprefix("custom_"): plain_value(value) for name, value in v.items()
                       if name.startswith("custom_") and value not in (None, "")},
        }  # fmt: skip


def known_words() -> dict[str, list[str]]:
    """Words offered while typing, by kind."""
    found: dict[str, list[str]] = {"product": list(Product.objects.values_list("name", flat=True))}
    for kind, name in Term.objects.filter(is_known=True).values_list("kind", "name"):
        found.setdefault(kind, []).append(name)
    return found
