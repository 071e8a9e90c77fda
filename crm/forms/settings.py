"""Forms of what the organisation says about its records: fields, rates, languages of places, words."""

from typing import Any

from django import forms

from crm.engine.words import country_code, currency_code, language_name
from crm.models import Alias, CustomField, ExchangeRate, RegionLanguage, Term
from crm.models.words import WordKind
from reps.forms.records import RecordForm


class CustomFieldForm(RecordForm):
    choice_lines = forms.CharField(
        required=False,
        label="Allowed values",
        widget=forms.Textarea,
        help_text="For a choice: one on each line.",
    )

    class Meta:
        model = CustomField
        fields = ("label", "key", "type", "is_model_input")
        labels = {"is_model_input": "The model may learn from it"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["key"].disabled = True
        self.fields["choice_lines"].initial = "\n".join(self.instance.choices)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        lines = [" ".join(line.split()) for line in cleaned.get("choice_lines", "").splitlines()]
        self.instance.choices = list(dict.fromkeys(filter(None, lines)))
        if cleaned.get("type") == CustomField.Type.CHOICE and not self.instance.choices:
            self.add_error("choice_lines", "A choice needs at least one value.")
        return cleaned


class ExchangeRateForm(RecordForm):
    class Meta:
        model = ExchangeRate
        fields = ("currency", "rate", "valid_from")
        labels = {"rate": "Worth", "valid_from": "From"}
        widgets = {"valid_from": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, base_currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.base_currency = base_currency
        self.fields["rate"].help_text = f"How many {base_currency} one unit of the currency is worth."

    def clean_currency(self) -> str:
        text = str(self.cleaned_data["currency"])
        code = currency_code(text)
        if not code:
            raise forms.ValidationError(f"“{text}” is not a currency. Use a three-letter code such as EUR.")
        if code == self.base_currency:
            raise forms.ValidationError(f"{code} is the base currency; it is worth 1 by definition.")
        return code


class RegionLanguageForm(RecordForm):
    class Meta:
        model = RegionLanguage
        fields = ("country", "region", "language")
        help_texts = {"region": "Leave empty for the whole country.", "country": "A name or an ISO code."}

    def clean_country(self) -> str:
        text = str(self.cleaned_data["country"])
        return country_code(text) or text

    def clean_language(self) -> str:
        text = str(self.cleaned_data["language"])
        return language_name(text) or text


class WordFilter(forms.Form):
    kind = forms.ChoiceField(required=False, choices=[("", "Any kind"), *WordKind.choices])
    q = forms.CharField(required=False)


class TermForm(forms.Form):
    """A new known word."""

    kind = forms.ChoiceField(choices=WordKind.choices)
    name = forms.CharField(max_length=120, label="Word")

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


class AliasForm(forms.Form):
    """A spelling and the word that it means."""

    kind = forms.ChoiceField(choices=WordKind.choices)
    spelling = forms.CharField(max_length=200)
    term = forms.CharField(max_length=120, label="Means")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("spelling", "").casefold() == cleaned.get("term", " ").casefold():
            self.add_error("spelling", "A spelling cannot mean itself.")
        chained = Alias.objects.filter(kind=cleaned.get("kind"), spelling__iexact=cleaned.get("term", ""))
        if chained.exists():
            self.add_error("term", "This is a spelling of another word itself; name the word that it means.")
        return cleaned


class MapForm(forms.Form):
    """Which known word an unknown one means."""

    to = forms.CharField(label="Means", max_length=120)

    def __init__(self, data: Any, *, term: Term) -> None:
        super().__init__(data)
        self.term = term

    def clean_to(self) -> Term:
        name = str(self.cleaned_data["to"]).strip()
        found = Term.objects.filter(kind=self.term.kind, is_known=True, name__iexact=name).first()
        if found is None:
            raise forms.ValidationError(f"“{name}” is not a known word. Add or confirm it first.")
        return found
