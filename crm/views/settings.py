"""Settings of records: organisation, exchange rates, languages of places, custom fields, vocabulary."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.forms.settings import (
    AliasForm,
    CustomFieldForm,
    ExchangeRateForm,
    MapForm,
    RegionLanguageForm,
    TermForm,
    WordFilter,
)
from crm.models import Alias, CustomField, ExchangeRate, RegionLanguage, Term
from crm.queries.words import (
    aliases_matching,
    currencies_without_rate,
    custom_fields,
    exchange_rates,
    known_names,
    records_with,
    region_languages,
    terms_matching,
    unknown_terms,
)
from crm.services.money import (
    change_organisation,
    delete_custom_field,
    delete_rate,
    delete_region_language,
    save_custom_field,
    save_rate,
    save_region_language,
)
from crm.services.words import add_term, confirm_term, delete_alias, keep_alias, map_term
from reps.forms.people import OrganisationForm
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries import organisation


@requires("edit_organisation")
def organisation_page(request: SignedIn) -> HttpResponse:
    facts = organisation()
    form = OrganisationForm(request.POST or None, instance=facts)
    if request.method == "POST" and form.saves(
        lambda: change_organisation(facts=facts, seen=form.seen, by=request.user)
    ):
        say(request, "The organisation is saved.")
        return redirect("organisation")
    return show_form(request, "crm/organisation.html", form)


# --- exchange rates --------------------------------------------------------------------------------------------------


@requires("edit_organisation")
def rate_list(request: SignedIn) -> HttpResponse:
    base = organisation().base_currency
    context = {
        "rates": list(exchange_rates()),
        "base_currency": base,
        "missing": currencies_without_rate(base),
    }
    return show(request, "crm/rates.html", context)


@requires("edit_organisation")
def rate_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    rate = get_object_or_404(ExchangeRate, pk=pk) if pk else ExchangeRate()
    base = organisation().base_currency
    start = {"currency": request.GET.get("currency", ""), "valid_from": timezone.localdate()}
    form = ExchangeRateForm(
        request.POST or None, instance=rate, base_currency=base, initial=None if pk else start
    )
    changed: list[int] = []
    if request.method == "POST" and form.saves(
        lambda: changed.append(save_rate(rate=rate, seen=form.seen, by=request.user))
    ):
        say(request, f"1 {rate.currency} is {rate.rate} {base}. {changed[0]:,} opportunities follow.")
        return redirect("rates")
    stored = ExchangeRate.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "crm/rate_form.html", form, {"rate": stored})


@require_POST
@requires("edit_organisation")
def rate_delete(request: SignedIn, pk: int) -> HttpResponse:
    rate = get_object_or_404(ExchangeRate, pk=pk)
    changed = delete_rate(rate=rate, by=request.user)
    say(request, f"The rate is deleted. {changed:,} opportunities follow.")
    return redirect("rates")


# --- languages of places ---------------------------------------------------------------------------------------------


@requires("edit_organisation")
def region_language_list(request: SignedIn) -> HttpResponse:
    return show(request, "crm/region_languages.html", {"mappings": list(region_languages())})


@requires("edit_organisation")
def region_language_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    mapping = get_object_or_404(RegionLanguage, pk=pk) if pk else RegionLanguage()
    form = RegionLanguageForm(request.POST or None, instance=mapping)
    if request.method == "POST" and form.saves(
        lambda: save_region_language(mapping=mapping, seen=form.seen, by=request.user)
    ):
        say(request, f"{mapping}. It holds for what comes in from now on.")
        return redirect("region_languages")
    stored = RegionLanguage.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "crm/region_language_form.html", form, {"mapping": stored})


@require_POST
@requires("edit_organisation")
def region_language_delete(request: SignedIn, pk: int) -> HttpResponse:
    mapping = get_object_or_404(RegionLanguage, pk=pk)
    delete_region_language(mapping=mapping, by=request.user)
    say(request, f"{mapping} is deleted.")
    return redirect("region_languages")


# --- custom fields ---------------------------------------------------------------------------------------------------


@requires("edit_organisation")
def custom_field_list(request: SignedIn) -> HttpResponse:
    return show(request, "crm/custom_fields.html", {"fields": list(custom_fields())})


@requires("edit_organisation")
def custom_field_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    field = get_object_or_404(CustomField, pk=pk) if pk else CustomField()
    form = CustomFieldForm(request.POST or None, instance=field)
    if request.method == "POST" and form.saves(
        lambda: save_custom_field(field=field, seen=form.seen, by=request.user)
    ):
        say(request, f"{field} is saved.")
        return redirect("custom_fields")
    stored = CustomField.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "crm/custom_field_form.html", form, {"field": stored})


@require_POST
@requires("edit_organisation")
def custom_field_delete(request: SignedIn, pk: int) -> HttpResponse:
    field = get_object_or_404(CustomField, pk=pk)
    delete_custom_field(field=field, by=request.user)
    say(
        request,
        f"{field} is deleted. Values that records hold come back if you add the key {field.key} again.",
    )
    return redirect("custom_fields")


# --- vocabulary ------------------------------------------------------------------------------------------------------


@requires("edit_organisation")
def vocabulary(request: SignedIn) -> HttpResponse:
    filters = WordFilter(request.GET)
    filters.is_valid()
    kind, words = filters.cleaned_data.get("kind", ""), filters.cleaned_data.get("q", "")
    unknown = unknown_terms()
    counts = records_with(unknown)
    context = {
        "filters": filters,
        "unknown": [(term, counts[term.pk]) for term in unknown],
        "known_names": known_names(sorted({term.kind for term in unknown})),
        "terms": list(terms_matching(kind=kind, words=words)[:200]),
        "aliases": list(aliases_matching(kind=kind, words=words)[:200]),
        "term_form": TermForm(initial={"kind": kind}, prefix="term"),
        "alias_form": AliasForm(initial={"kind": kind}, prefix="alias"),
    }
    return show(request, "crm/vocabulary.html", context, regions=["words"])


@require_POST
@requires("edit_organisation")
def term_confirm(request: SignedIn, pk: int) -> HttpResponse:
    term = get_object_or_404(Term, pk=pk)
    confirm_term(term=term, by=request.user)
    say(request, f"“{term}” is a known {term.get_kind_display().lower()} now.")
    return redirect("vocabulary")


@requires("edit_organisation")
def term_map(request: SignedIn, pk: int) -> HttpResponse:
    """Map an unknown word to a known one; the page of its own shows the choices and what is wrong."""
    term = get_object_or_404(Term, pk=pk, is_known=False)
    form = MapForm(request.POST or None, term=term)
    if request.method == "POST" and form.is_valid():
        to = form.cleaned_data["to"]
        changed = map_term(term=term, to=to, by=request.user)
        say(request, f"“{term.name}” means “{to}”: {changed:,} records changed, and so will what comes in.")
        return redirect("vocabulary")
    context = {"term": term, "count": records_with([term])[term.pk], "known_names": known_names([term.kind])}
    return show_form(request, "crm/term_map.html", form, context)


def add_word(request: SignedIn, form: TermForm | AliasForm, act: Callable[[], str]) -> HttpResponse:
    """Save a word or a spelling, or show the form with what is wrong on a page of its own."""
    if form.is_valid():
        try:
            say(request, act())
            return redirect("vocabulary")
        except ValidationError as refusal:
            form.add_error(None, refusal)
    return show_form(request, "crm/word_form.html", form)


@require_POST
@requires("edit_organisation")
def term_new(request: SignedIn) -> HttpResponse:
    form = TermForm(request.POST, prefix="term")

    def act() -> str:
        return f"“{add_term(**form.cleaned_data, by=request.user)}” is a known word now."

    return add_word(request, form, act)


@require_POST
@requires("edit_organisation")
def alias_new(request: SignedIn) -> HttpResponse:
    form = AliasForm(request.POST, prefix="alias")

    def act() -> str:
        alias = keep_alias(**form.cleaned_data)
        return f"“{alias.spelling}” means “{alias.term}” in everything that comes in from now on."

    return add_word(request, form, act)


@require_POST
@requires("edit_organisation")
def alias_delete(request: SignedIn, pk: int) -> HttpResponse:
    alias = get_object_or_404(Alias, pk=pk)
    delete_alias(alias=alias, by=request.user)
    say(request, f"“{alias.spelling}” is an ordinary word again.")
    return redirect("vocabulary")
