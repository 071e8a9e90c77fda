"""The page of one opportunity, with the trace of its decision; new leads by hand; reassignment, locks, outcomes."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.models import Opportunity
from crm.queries.account_matches import match_of
from crm.queries.duplicates import duplicates_of
from crm.queries.opportunities import (
    activities_of,
    opportunities_visible_to,
    own_fields_of,
    with_records,
)
from crm.services.activities import log_activity
from crm.services.ownership import OwnershipError
from reps.models import User
from reps.pages import next_address, say, show, show_form
from reps.permissions import SignedIn, may, requires
from reps.queries import organisation
from routing.forms.account_matches import AnotherAccountForm
from routing.forms.duplicates import duplicate_form
from routing.forms.queue import (
    ActivityForm,
    BulkForm,
    GiveForm,
    LeadForm,
    LockForm,
    OutcomeForm,
    known_words,
)
from routing.queries.clocks import asks_for_answer, clock_of
from routing.queries.explanations import explain, reps_to_ask_about
from routing.queries.history import history_of
from routing.queries.loads import loads_after, with_owners
from routing.queries.queue import newest_decision, pending_item
from routing.services import overrides
from routing.services.account_matches import other_owner
from routing.services.intake import Accepted, take_in
from routing.services.outcomes import record_outcome
from routing.views.acceptance import gone, seen


def visible(user: User, pk: int) -> Opportunity:
    return get_object_or_404(with_records(opportunities_visible_to(user)), pk=pk)


@requires("see_records")
def opportunity_page(request: SignedIn, pk: int) -> HttpResponse:
    """What it is, who has it and why; `?rep=` asks why that one not."""
    opportunity = visible(request.user, pk)
    decision, clock = newest_decision(pk), clock_of(opportunity)
    asked = request.GET.get("rep", "")
    also = int(asked) if asked.isascii() and asked.isdigit() else None
    context = {
        "opportunity": opportunity,
        "explanation": explain(decision, also=also) if decision else None,
        "asked": also,
        "roster": reps_to_ask_about(decision) if decision else [],
        "item": pending_item(pk),
        "clock": clock,
        "asks": clock is not None and asks_for_answer(clock),
        "duplicates": duplicates_of(opportunity, request.user),
        "activities": activities_of(opportunity)[:50],
        "account_match": match_of(opportunity, request.user),
        "other_owner": other_owner(opportunity),
        "own_fields": own_fields_of(opportunity),
        "history": history_of(opportunity),
        **_forms(opportunity, request.user),
        "is_own": opportunity.owner is not None and opportunity.owner.user_id == request.user.pk,
        "currency": organisation().base_currency,
    }
    return show(request, "routing/opportunity.html", context, regions=["why-not"])


def _forms(opportunity: Opportunity, user: User) -> dict[str, Any]:
    """What can be done to it from its page."""
    return {
        "duplicate_form": duplicate_form(opportunity, user),
        "account_form": AnotherAccountForm(user=user),
        "give_form": GiveForm(user=user) if may(user, "reassign") else None,
        "activity_form": ActivityForm(),
        "lock_form": LockForm(prefix="lock"),
        "outcomes": Opportunity.Stage.choices,
    }


@requires("create_opportunities")
def opportunity_new(request: SignedIn) -> HttpResponse:
    """A lead by hand; it is decided at once, and its page says what was decided."""
    form = LeadForm(request.POST or None)
    accepted = _taken_in(request, form) if request.method == "POST" and form.is_valid() else None
    if accepted is not None:
        say(request, f"{accepted.opportunity.name} is in. {outcome_words(accepted.answer)}")
        if opportunities_visible_to(request.user).filter(pk=accepted.opportunity.pk).exists():
            return redirect("opportunity", accepted.opportunity.pk)
        return redirect("opportunities")
    context = {"back": reverse("opportunities"), "save": "Add and route", "offered": known_words()}
    return show_form(request, "routing/opportunity_form.html", form, context)


def _taken_in(request: SignedIn, form: LeadForm) -> Accepted | None:
    """The new opportunity; None where the service does not accept it, which the form then says."""
    try:
        return take_in(
            values=form.opportunity_values(),
            body=form.cleaned_data,
            by=request.user,
            at=timezone.now(),
            way="page",
        )
    except ValidationError as error:
        form.add_error(None, error)
        return None


def outcome_words(answer: dict[str, Any]) -> str:
    """What became of a new lead, in a sentence."""
    decision = answer["decision"]
    if decision is None:
        batch = answer["routing"] == Opportunity.Routing.BATCH
        return f"It waits for its {'batch' if batch else 'decision'}."
    rep = (decision["rep"] or {}).get("name", "")
    return {
        "assign": f"It went to {rep}: {decision['reason']}.",
        "suggest": f"{rep} is suggested: {decision['reason']}.",
        "manager": "It waits for the manager.",
        "hold": f"It is held: {decision['reason']}.",
        "untouched": "It is locked.",
        "shadow": "It waits for a person to choose: its policy decides and logs only.",
    }[decision["outcome"]]


@require_POST
@requires("reassign")
def opportunity_reassign(request: SignedIn, pk: int) -> HttpResponse:
    opportunity = visible(request.user, pk)
    form = GiveForm(request.POST, user=request.user)
    if not form.is_valid():
        say(request, "Choose a rep to give it to.", tone="bad")
    else:
        try:
            moved = move(request, [pk], form.cleaned_data)
            rep = form.cleaned_data["rep"].name
            say(request, f"{opportunity.name} went to {rep}." if moved else f"{rep} has it already.")
        except OwnershipError as error:
            say(request, str(error), tone="bad")
    return redirect("opportunity", pk)


def move(request: SignedIn, opportunity_ids: list[int], values: dict[str, Any]) -> int:
    """Gives them to the rep whom a valid GiveForm names; returns how many moved. Raises OwnershipError."""
    return overrides.reassign(
        opportunity_ids=opportunity_ids,
        rep_id=values["rep"].pk,
        by=request.user,
        at=timezone.now(),
        reason=values["reason"],
        note=values["note"],
    )


@requires("reassign")
def reassign_many(request: SignedIn) -> HttpResponse:
    """Bulk: GET shows what was selected and the loads that would result, POST does it, all or nothing."""
    data = request.POST if request.method == "POST" else request.GET
    if not data.getlist("opportunity"):
        say(request, "Select at least one opportunity first.", tone="warn")
        return redirect("opportunities")
    found = opportunities_visible_to(request.user)
    form = BulkForm(data, user=request.user, visible=found)
    valid = form.is_valid()
    selected = list(form.cleaned_data.get("opportunity", []))
    if request.method == "POST" and valid:
        try:
            moved = move(request, [o.pk for o in selected], form.cleaned_data)
            say(request, f"{moved} of {len(selected)} went to {form.cleaned_data['rep'].name}.")
            return redirect("opportunities")
        except OwnershipError as error:
            form.add_error(None, f"Nothing was moved: {error}")
    return show_reassign(request, form, selected)


def show_reassign(request: SignedIn, form: BulkForm, selected: list[Opportunity]) -> HttpResponse:
    """The bulk form with what was selected; before anything was sent it does not complain."""
    rep = form.cleaned_data.get("rep")
    if request.method != "POST":
        found = opportunities_visible_to(request.user)
        form = BulkForm(initial={"opportunity": selected, "rep": rep}, user=request.user, visible=found)
    context = {
        "form": form,
        "selected": with_owners(selected),
        "loads": loads_after(selected, rep),
        "back": reverse("opportunities"),
    }
    return show(request, "routing/reassign.html", context, regions=["loads-after"])


@require_POST
@requires("lock")
def opportunity_lock(request: SignedIn, pk: int) -> HttpResponse:
    """`to` says which: another's lock that came in between is not taken off by a second press of Lock."""
    opportunity = visible(request.user, pk)
    to = request.POST.get("to") or request.GET.get("to")  # Undo names it in the address
    if to == "unlocked":
        overrides.unlock(opportunity_id=pk, at=timezone.now())
        say(request, f"{opportunity.name} is unlocked.")
    elif opportunity.is_locked:
        say(request, f"{opportunity.name} is locked already.", tone="warn")
    else:
        form = LockForm(request.POST, prefix="lock")
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        overrides.lock(opportunity_id=pk, by=request.user, reason=reason)
        say(
            request,
            f"{opportunity.name} is locked: automation will not move it.",
            undo=f"{reverse('opportunity_lock', args=[pk])}?to=unlocked",
        )
    return redirect("opportunity", pk)


@require_POST
@requires("log_activities")
def opportunity_outcome(request: SignedIn, pk: int) -> HttpResponse:
    opportunity = visible(request.user, pk)
    form = OutcomeForm(
        request.POST if "stage" in request.POST else request.GET
    )  # Undo names it in the address
    if not form.is_valid():
        raise Http404
    before = opportunity.stage
    record_outcome(
        opportunity_id=pk,
        stage=form.cleaned_data["stage"],
        at=timezone.now(),
        by=request.user,
        reason=form.cleaned_data["reason"],
    )
    words = dict(Opportunity.Stage.choices)[form.cleaned_data["stage"]].lower()
    undo = f"{reverse('opportunity_outcome', args=[pk])}?stage={before}"
    say(request, f"{opportunity.name} is {words}.", undo=undo if before != form.cleaned_data["stage"] else "")
    return redirect(next_address(request, reverse("opportunity", args=[pk])))


@require_POST
@requires("log_activities")
def opportunity_activity(request: SignedIn, pk: int) -> HttpResponse:
    """A call, an email or a meeting: the owner's first one is the first touch."""
    opportunity = seen(request.user, pk)
    if opportunity is None:
        return gone(request)
    form = ActivityForm(request.POST)
    if not form.is_valid():
        say(request, "Say what it was: a call, an email or a meeting.", tone="bad")
        return redirect(next_address(request, reverse("opportunity", args=[pk])))
    rep = getattr(request.user, "rep", None) or opportunity.owner
    activity, _ = log_activity(
        opportunity_id=pk,
        kind=form.cleaned_data["kind"],
        rep=rep,
        happened_at=timezone.now(),
        note=form.cleaned_data["note"],
        by=request.user,
    )
    if seen(request.user, pk) is None:
        return gone(request)
    say(request, f"{activity.get_kind_display()} logged for {opportunity.name}.")
    return redirect(next_address(request, reverse("opportunity", args=[pk])))
