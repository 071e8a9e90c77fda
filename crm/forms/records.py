"""Forms of accounts, contacts and products, and the filters of their lists and of the opportunities'."""

from typing import Any

from django import forms
from django.urls import reverse_lazy

from crm.forms.where import WhereField
from crm.models import Account, Contact, Opportunity, Product
from crm.queries.condition_words import NUMBERED
from crm.queries.records import accounts_visible_to
from reps.forms.records import RecordForm
from reps.models import Rep, Team, User


class AccountNameField(forms.CharField):
    """An account by its name, offered while one types. Too many for a list of choices."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.user: User | None = None
        self.widget.attrs.update(
            {
                "list": "account-names",
                "autocomplete": "off",
                "hx-get": reverse_lazy("account_suggestions"),
                "hx-trigger": "input changed delay:200ms",
                "hx-target": "#account-names",
            }
        )

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            account = Account.objects.filter(pk=value).first()
            return f"{account.name} #{account.pk}" if account else ""
        return value

    def clean(self, value: Any) -> Account | None:
        text = str(super().clean(value) or "").strip()
        if not text or self.user is None:
            return None
        visible = accounts_visible_to(self.user)
        number = NUMBERED.search(text)
        if number:
            found = list(visible.filter(pk=int(number[1]))[:1])
        else:
            found = list(visible.filter(name__iexact=text).order_by("pk")[:4])
        if not found:
            raise forms.ValidationError(
                f"There is no account “{text}”. Choose one of those offered, or add it first."
            )
        if len(found) > 1:
            names = ", ".join(
                f"{account.name} #{account.pk} ({account.city or 'no city'})" for account in found
            )
            raise forms.ValidationError(f"Several accounts have this name. Write which: {names}.")
        return found[0]


class AccountForm(RecordForm):
    parent = AccountNameField(
        required=False, label="Belongs to", help_text="The account above this one, if any."
    )
    groups = (
        (
            "Company",
            ("name", "domain", "industry", "employees", "size_band", "annual_revenue", "founded_year"),
        ),
        ("Place", ("country", "region", "city", "postal_code")),
        ("Ownership", ("owner", "parent", "external_id")),
    )
    paired = frozenset({"Company", "Place", "Ownership"})
    marks_optional = False

    class Meta:
        model = Account
        fields = (
            "name", "domain", "industry", "employees", "size_band", "annual_revenue", "founded_year", "country",
            "region", "city", "postal_code", "owner", "parent", "external_id",
        )  # fmt: skip
        labels = {
            "external_id": "ID in your other systems",
            "size_band": "Size where the number is not known",
        }
        help_texts = {
            "owner": "Makes this a named account: what comes in for it goes to the owner.",
            "country": "A name or an ISO code.",
        }

    def __init__(self, *args: Any, user: User, owners: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].user = user  # type: ignore[attr-defined]
        owner = self.fields["owner"]
        owner.queryset = owners  # type: ignore[attr-defined]
        owner.empty_label = "Nobody"  # type: ignore[attr-defined]

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


class ContactForm(RecordForm):
    account = AccountNameField(required=False)
    groups = (
        ("Person", ("name", "title", "email", "phone", "preferred_language")),
        ("Belongs to", ("account", "external_id")),
    )
    paired = frozenset({"Person", "Belongs to"})
    marks_optional = False

    class Meta:
        model = Contact
        fields = ("name", "title", "email", "phone", "preferred_language", "account", "external_id")
        labels = {"external_id": "ID in your other systems", "title": "Job title"}
        help_texts = {
            "preferred_language": "Reps who speak it are preferred, or required where a policy says so."
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].user = user  # type: ignore[attr-defined]

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


class ProductForm(RecordForm):
    class Meta:
        model = Product
        fields = ("name", "family", "list_price", "external_id", "is_active")
        labels = {"external_id": "ID in your other systems", "is_active": "Sold now"}
        help_texts = {
            "is_active": "What is no longer sold stays on old records and is not offered for new ones."
        }

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


# --- filters -------------------------------------------------------------------------------------------------------


class AccountFilter(forms.Form):
    q = forms.CharField(required=False)
    owner = forms.ModelChoiceField(Rep.objects.none(), required=False, empty_label="Any owner")
    named = forms.ChoiceField(
        required=False,
        label="Ownership",
        choices=[
            ("", "Named or not"),
            ("yes", "Named accounts"),
            ("no", "Without owner"),
            ("left", "Owner has left"),
        ],
    )
    industry = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, owners: Any) -> None:
        super().__init__(data)
        self.fields["owner"].queryset = owners  # type: ignore[attr-defined]


class ContactFilter(forms.Form):
    q = forms.CharField(required=False)
    language = forms.CharField(required=False)


class ProductFilter(forms.Form):
    q = forms.CharField(required=False)
    inactive = forms.BooleanField(required=False)


class OpportunityFilter(forms.Form):
    ORDERS = (("", "Newest first"), ("oldest", "Oldest first"), ("value", "Largest first"))
    REPEATS = (("", "Duplicates or not"), ("yes", "Duplicates"), ("offered", "Possible duplicates"))

    q = forms.CharField(required=False)
    stage = forms.ChoiceField(required=False, choices=[("", "Any stage"), *Opportunity.Stage.choices])
    kind = forms.ChoiceField(required=False, choices=[("", "Leads and deals"), *Opportunity.Kind.choices])
    routing = forms.ChoiceField(required=False, choices=[("", "Any routing"), *Opportunity.Routing.choices])
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")
    owner = forms.ModelChoiceField(Rep.objects.none(), required=False, empty_label="Any owner")
    repeats = forms.ChoiceField(required=False, choices=REPEATS, label="Duplicates")
    source = forms.CharField(required=False, widget=forms.HiddenInput)
    closed_since = forms.DateField(required=False, widget=forms.HiddenInput)
    where = WhereField(required=False, widget=forms.HiddenInput)
    order = forms.ChoiceField(required=False, choices=ORDERS)

    def __init__(self, data: Any, *, teams: Any, owners: Any) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        self.fields["owner"].queryset = owners  # type: ignore[attr-defined]
