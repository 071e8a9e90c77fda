"""Pages of accounts, contacts and products, and the list of opportunities."""

from functools import partial

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.forms.opportunities import OpportunityForm
from crm.forms.records import (
    AccountFilter,
    AccountForm,
    ContactFilter,
    ContactForm,
    OpportunityFilter,
    ProductFilter,
    ProductForm,
)
from crm.models import Account, Contact, Opportunity, Product
from crm.queries.account_matches import count_waiting
from crm.queries.account_owners import owner_changes_of, planned_for
from crm.queries.condition_words import condition_words
from crm.queries.opportunities import opportunities_visible_to, with_records
from crm.queries.records import (
    BY_NAME,
    OpportunitySearch,
    account_names,
    accounts_matching,
    accounts_visible_to,
    activities_of_account,
    contacts_matching,
    contacts_visible_to,
    opportunities_matching,
    opportunities_of_account,
    opportunities_of_contact,
    order_of,
    owners_offered,
    products_matching,
    with_open_counts,
)
from crm.queries.words import words_offered
from crm.services.opportunities import update_opportunity
from crm.services.records import delete_account, delete_contact, save_account, save_contact, save_product
from crm.services.stages import convert_lead
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import organisation, teams_visible_to


@requires("see_records")
def opportunity_list(request: SignedIn) -> HttpResponse:
    user = request.user
    filters = OpportunityFilter(request.GET, teams=teams_visible_to(user), owners=owners_offered(user))
    filters.is_valid()
    chosen = dict(filters.cleaned_data)
    key, descending = order_of(chosen.pop("order", ""))
    search = OpportunitySearch(words=chosen.pop("q", ""), **chosen)
    found = with_records(opportunities_matching(opportunities_visible_to(user), search))
    try:
        page = page_of(found, key=key, descending=descending, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "page": page,
        "words": page.words("opportunity", "opportunities"),
        "is_filtered": search != OpportunitySearch(),
        "search": search,
        "where": condition_words(search.where),
    }
    return show(request, "crm/opportunities.html", context, regions=["opportunities"])


# --- accounts ------------------------------------------------------------------------------------------------------


@requires("see_records")
def account_list(request: SignedIn) -> HttpResponse:
    filters = AccountFilter(request.GET, owners=owners_offered(request.user))
    filters.is_valid()
    chosen = dict(filters.cleaned_data)
    narrowed = {"named": "", "industry": "", "owner": None, **chosen}
    found = accounts_matching(accounts_visible_to(request.user), words=narrowed.pop("q", ""), **narrowed)
    try:
        page = page_of(with_open_counts(found), key=BY_NAME, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "page": page,
        "words": page.words("account", "accounts"),
        "waiting": partial(count_waiting, request.user),  # asked by the whole page only
        "is_filtered": any(chosen.values()),
    }
    return show(request, "crm/accounts.html", context, regions=["accounts"])


@requires("see_records")
def account_page(request: SignedIn, pk: int) -> HttpResponse:
    account = get_object_or_404(accounts_visible_to(request.user), pk=pk)
    context = {
        "account": account,
        "contacts": list(account.contacts.order_by("name", "pk")[:50]),
        "opportunities": opportunities_of_account(account, request.user),
        "activities": activities_of_account(account, request.user),
        "owner_changes": owner_changes_of(account),
        "planned": planned_for(account),
        "subsidiaries": list(account.subsidiaries.order_by("name")[:50]),
        "currency": organisation().base_currency,
    }
    return show(request, "crm/account.html", context)


@requires("edit_opportunities")
def opportunity_edit(request: SignedIn, pk: int) -> HttpResponse:
    """Facts corrected by hand. What is decided stays decided; what still waits is decided on the new ones."""
    opportunity = get_object_or_404(with_records(opportunities_visible_to(request.user)), pk=pk)
    form = OpportunityForm(request.POST or None, instance=opportunity, user=request.user)
    if request.method == "POST" and form.saves(lambda: _correct(pk, form)):
        say(request, f"{opportunity} is saved.")
        return redirect("opportunity", pk=pk)
    stored = with_records(opportunities_visible_to(request.user)).get(pk=pk)
    context = {"opportunity": stored, "offered": words_offered()}
    return show_form(request, "crm/opportunity_edit.html", form, context)


@transaction.atomic
def _correct(pk: int, form: OpportunityForm) -> None:
    values = form.values()
    kind = values.pop("kind")
    update_opportunity(opportunity_id=pk, values=values, seen=form.seen)
    if kind == Opportunity.Kind.DEAL:
        convert_lead(opportunity_id=pk, at=timezone.now())


@requires("edit_accounts")
def account_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    visible = accounts_visible_to(request.user)
    account = get_object_or_404(visible, pk=pk) if pk else Account()
    form = AccountForm(
        request.POST or None,
        instance=account,
        user=request.user,
        owners=owners_offered(request.user, account),
    )
    if request.method == "POST" and form.saves(
        lambda: save_account(account=account, seen=form.seen, by=request.user)
    ):
        say(request, f"{account} is saved.")
        return redirect("account", pk=account.pk)
    stored = visible.filter(pk=pk).first() if pk else None
    return show_form(request, "crm/account_form.html", form, {"account": stored})


@require_POST
@requires("edit_accounts")
def account_delete(request: SignedIn, pk: int) -> HttpResponse:
    account = get_object_or_404(accounts_visible_to(request.user), pk=pk)
    name = account.name
    try:
        delete_account(account=account, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("account", pk=pk)
    say(request, f"{name} and its contacts are deleted.")
    return redirect("accounts")


@requires("see_records")
def account_suggestions(request: SignedIn) -> HttpResponse:
    """Options for a field that names an account."""
    words = (request.GET.get("account") or request.GET.get("parent") or "").strip()
    names = account_names(request.user, words=words) if len(words) > 1 else []
    return show(request, "crm/account_suggestions.html", {"accounts": names})


# --- contacts ------------------------------------------------------------------------------------------------------


@requires("see_records")
def contact_list(request: SignedIn) -> HttpResponse:
    filters = ContactFilter(request.GET)
    filters.is_valid()
    words, language = filters.cleaned_data.get("q", ""), filters.cleaned_data.get("language", "")
    found = contacts_matching(contacts_visible_to(request.user), words=words, language=language)
    try:
        page = page_of(found, key=BY_NAME, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "page": page,
        "words": page.words("contact", "contacts"),
        "is_filtered": bool(words or language),
    }
    return show(request, "crm/contacts.html", context, regions=["contacts"])


@requires("see_records")
def contact_page(request: SignedIn, pk: int) -> HttpResponse:
    contact = get_object_or_404(contacts_visible_to(request.user), pk=pk)
    context = {"contact": contact, "opportunities": opportunities_of_contact(contact, request.user)}
    return show(request, "crm/contact.html", context)


@requires("edit_accounts")
def contact_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    visible = contacts_visible_to(request.user)
    contact = get_object_or_404(visible, pk=pk) if pk else Contact()
    wanted = request.GET.get("account", "")
    account = accounts_visible_to(request.user).filter(pk=wanted).first() if is_key(wanted) else None
    form = ContactForm(
        request.POST or None,
        instance=contact,
        user=request.user,
        initial={"account": account.pk} if account else None,
    )
    if request.method == "POST" and form.saves(
        lambda: save_contact(contact=contact, seen=form.seen, by=request.user)
    ):
        say(request, f"{contact} is saved.")
        return redirect("contact", pk=contact.pk)
    stored = visible.filter(pk=pk).first() if pk else None
    return show_form(request, "crm/contact_form.html", form, {"contact": stored})


def is_key(text: str) -> bool:
    return text.isdecimal() and len(text) < 18


@require_POST
@requires("edit_accounts")
def contact_delete(request: SignedIn, pk: int) -> HttpResponse:
    contact = get_object_or_404(contacts_visible_to(request.user), pk=pk)
    name = contact.name
    delete_contact(contact=contact, by=request.user)
    say(request, f"{name} is deleted.")
    return redirect("contacts")


# --- products ------------------------------------------------------------------------------------------------------


@requires("see_records")
def product_list(request: SignedIn) -> HttpResponse:
    filters = ProductFilter(request.GET)
    filters.is_valid()
    words, inactive = filters.cleaned_data.get("q", ""), filters.cleaned_data.get("inactive", False)
    products = list(products_matching(words=words, also_inactive=inactive))
    context = {"filters": filters, "products": products, "currency": organisation().base_currency}
    return show(request, "crm/products.html", context, regions=["products"])


@requires("edit_organisation")
def product_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk) if pk else Product()
    form = ProductForm(request.POST or None, instance=product)
    if request.method == "POST" and form.saves(
        lambda: save_product(product=product, seen=form.seen, by=request.user)
    ):
        say(request, f"{product} is saved.")
        return redirect("products")
    stored = Product.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "crm/product_form.html", form, {"product": stored})
