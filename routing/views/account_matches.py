"""Leads whose account a person has to tell: the list, and what is done with each. Also from the lead's own page."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from crm.models import AccountMatch
from crm.queries.account_matches import match_rows, matches_waiting, with_match_records
from crm.queries.opportunities import opportunities_visible_to
from crm.services.account_matches import AlreadyDecided
from reps.pages import go_to, next_address, say, show, tell
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from routing.forms.account_matches import AnotherAccountForm
from routing.services import account_matches
from routing.services.account_matches import Choice, other_owner


@requires("edit_accounts")
def match_list(request: SignedIn) -> HttpResponse:
    """Leads with accounts that could be theirs, newest first."""
    waiting = with_match_records(matches_waiting(request.user))
    try:
        page = page_of(waiting, key="created_at", descending=True, cursor=request.GET.get("at", ""), size=20)
    except BadCursor as error:
        raise Http404 from error
    context = {
        "page": page,
        "rows": match_rows(page.rows, request.user),
        "words": page.words("lead waits", "leads wait"),
        "form": AnotherAccountForm(user=request.user),
    }
    return show(request, "routing/account_matches.html", context, regions=["account-matches"])


def visible(request: SignedIn, pk: int) -> AccountMatch:
    found = AccountMatch.objects.filter(opportunity__in=opportunities_visible_to(request.user))
    return get_object_or_404(found.select_related("opportunity"), pk=pk)


@require_POST
@requires("edit_accounts")
def match_choose(request: SignedIn, pk: int) -> HttpResponse:
    """One of those offered (`candidate`, its id), or another that the user names (`account`)."""
    match = visible(request, pk)
    form = AnotherAccountForm(request.POST, user=request.user, match=match)
    if not form.is_valid():
        return _refused(request, match, " ".join(map(str, form.errors["account"])), status=422)
    try:
        choice = account_matches.choose_account(
            match_id=pk,
            account=form.cleaned_data["account"],
            by=request.user,
            at=timezone.now(),
            seen=request.POST.get("seen", ""),
            together=matches_waiting(request.user),
        )
    except AlreadyDecided as told:
        return _refused(request, match, str(told))
    return _done(request, choice, f"{match.opportunity} belongs to {form.cleaned_data['account']}.")


@require_POST
@requires("edit_accounts")
def match_new(request: SignedIn, pk: int) -> HttpResponse:
    match = visible(request, pk)
    try:
        choice = account_matches.choose_new_account(
            match_id=pk,
            by=request.user,
            at=timezone.now(),
            seen=request.POST.get("seen", ""),
            together=matches_waiting(request.user),
        )
    except AlreadyDecided as told:
        return _refused(request, match, str(told))
    except ValidationError as error:
        return _refused(request, match, " ".join(error.messages), status=422)
    return _done(request, choice, f"{choice.match.account} is added as a new account.")


@require_POST
@requires("edit_accounts")
def match_none(request: SignedIn, pk: int) -> HttpResponse:
    match = visible(request, pk)
    try:
        choice = account_matches.choose_no_account(
            match_id=pk, by=request.user, at=timezone.now(), seen=request.POST.get("seen", "")
        )
    except AlreadyDecided as told:
        return _refused(request, match, str(told))
    return _done(request, choice, f"{match.opportunity} has no account.")


@require_POST
@requires("edit_accounts")
def match_undo(request: SignedIn, pk: int) -> HttpResponse:
    match = visible(request, pk)
    try:
        match = account_matches.undo_choice(match_id=pk, by=request.user, at=timezone.now())
    except AlreadyDecided as told:
        return _refused(request, match, str(told))
    is_offered = match.state == AccountMatch.State.OFFERED
    say(request, f"{match.opportunity} {'waits for its account' if is_offered else 'has its account'} again.")
    address = (
        reverse("account_matches") if is_offered else reverse("opportunity", args=[match.opportunity_id])
    )
    return go_to(request, address)


def _done(request: SignedIn, choice: Choice, text: str) -> HttpResponse:
    """The row has left already; the answer says what happened, what it means for who has the lead, and offers Undo."""
    match = choice.match
    if choice.others:
        others = f"{choice.others} other lead{'s' if choice.others > 1 else ''} of the company"
        text = f"{text} So {'do' if choice.others > 1 else 'does'} {others}."
    if (owner := other_owner(match.opportunity)) is not None:
        text = f"{text} {owner} owns that account, and {match.opportunity.owner} has the lead."
    undo = reverse("account_match_undo", args=[match.pk])
    if request.htmx and not choice.others:
        response = HttpResponse(status=204)
        return trigger_client_event(tell(response, text, undo=undo), "account-chosen", {"match": match.pk})
    say(request, text, undo=undo)
    return go_to(request, next_address(request, reverse("account_matches")))


def _refused(request: SignedIn, match: AccountMatch, text: str, *, status: int = 409) -> HttpResponse:
    if request.htmx:
        return HttpResponse(text, status=status, content_type="text/plain")
    say(request, text, tone="bad")
    return redirect(next_address(request, reverse("account_matches")))
