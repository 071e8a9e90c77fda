"""Keeping profiles current: the review, a rep's proposals, and what changed when."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.engine.tables import csv_lines
from reps.forms.reviews import ChangeFilter, DeclineForm, ReviewFilter
from reps.models import Organisation, ProfileChange, ProfileProposal, Rep
from reps.pages import next_address, say, show
from reps.permissions import SignedIn, may, requires
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import organisation, recent_changes, reps_visible_to, teams_visible_to, with_profile
from reps.queries.profiles import (
    completeness_of,
    due_at,
    open_proposal_of,
    profile_changes,
    profiles_to_review,
    proposals_visible_to,
)
from reps.queries.tags import open_suggestions_of
from reps.services.proposals import approve_proposal, decline_proposal, withdraw_proposal
from reps.services.reviews import note_review
from reps.views.profiles import tags_by_kind

SHOWN = 60  # in the list beside; more come up as these are done
MOST_ROWS = 10_000


@requires("edit_profiles")
def review_page(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """The due profiles of the user's teams, one of them beside the list."""
    now, ours = timezone.now(), organisation()
    filters = ReviewFilter(request.GET, teams=teams_visible_to(request.user))
    waiting = profiles_to_review(request.user, now=now, ours=ours, team=filters.team_chosen())
    ids = list(waiting.values_list("pk", flat=True))
    rows = list(waiting[:SHOWN])
    context: dict[str, Any] = {
        "filters": filters,
        "rows": rows,
        "total": len(ids),
        "more": len(ids) - len(rows),
        "is_opened": pk is not None,
        "months": ours.profile_review_months,
    }
    chosen = pk or (ids[0] if ids else None)
    if chosen is not None:
        visible = with_profile(reps_visible_to(request.user), now=now)
        rep = get_object_or_404(visible, pk=chosen)
        context |= reviewed_profile(request, rep, ours) | {"next": _after(ids, rep.pk)}
    return show(request, "reps/review.html", context)


def _after(ids: list[int], pk: int) -> int | None:
    """The next one to look at: the one below, or else the first of the others."""
    place = ids.index(pk) if pk in ids else -1
    below = ids[place + 1 :] or ids[: max(place, 0)]
    return below[0] if below else None


def reviewed_profile(request: SignedIn, rep: Rep, ours: Organisation) -> dict[str, Any]:
    """What a reviewer looks at; `rep` with its profile."""
    now = timezone.now()
    return {
        "rep": rep,
        "tags": tags_by_kind(rep),
        "currency": ours.base_currency,
        "now": now,
        "complete": completeness_of(rep, ours=ours, today=timezone.localdate()),
        "due_at": due_at(rep, ours),
        "proposal": open_proposal_of(rep),
        "suggested": open_suggestions_of(rep),
        "changes": recent_changes(rep, limit=3),
        "is_own": rep.user_id == request.user.pk,
        "may_decide": may(request.user, "edit_profiles") and rep.user_id != request.user.pk,
    }


@require_POST
@requires("edit_own_profile")
def reviewed(request: SignedIn, pk: int) -> HttpResponse:
    """“Looks right”: a manager's review, or the rep's own confirmation."""
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    try:
        review = note_review(rep=rep, by=request.user, at=timezone.now())
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(
            request,
            "Noted: you say that your profile is right."
            if review.is_own
            else f"The profile of {rep} is reviewed.",
        )
    return redirect(next_address(request, reverse("rep", args=[pk])))


# --- proposals -------------------------------------------------------------------------------------------------------


@require_POST
@requires("edit_profiles")
def proposal_approve(request: SignedIn, pk: int) -> HttpResponse:
    proposal = _proposal(request, pk)
    return _decided(
        request,
        proposal,
        lambda: approve_proposal(pk=pk, by=request.user, at=timezone.now()),
        f"The changes are in the profile of {proposal.rep} now.",
    )


@require_POST
@requires("edit_profiles")
def proposal_decline(request: SignedIn, pk: int) -> HttpResponse:
    proposal = _proposal(request, pk)
    form = DeclineForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return _decided(
        request,
        proposal,
        lambda: decline_proposal(pk=pk, by=request.user, at=timezone.now(), reason=reason),
        f"Declined. {proposal.rep} is told, with your reason.",
    )


@require_POST
@requires("edit_own_profile")
def proposal_withdraw(request: SignedIn, pk: int) -> HttpResponse:
    proposal = get_object_or_404(proposals_visible_to(request.user), pk=pk, rep__user=request.user)
    return _decided(
        request,
        proposal,
        lambda: withdraw_proposal(pk=pk, by=request.user, at=timezone.now()),
        "Taken back. Your profile stays as it is.",
    )


def _proposal(request: SignedIn, pk: int) -> ProfileProposal:
    return get_object_or_404(proposals_visible_to(request.user).select_related("rep"), pk=pk)


def _decided(
    request: SignedIn, proposal: ProfileProposal, act: Callable[[], object], words: str
) -> HttpResponse:
    try:
        act()
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(request, words)
    return redirect(next_address(request, reverse("rep", args=[proposal.rep_id])))


# --- what changed ----------------------------------------------------------------------------------------------------


@requires("compare_profiles")
def change_list(request: SignedIn) -> HttpResponse:
    filters = _change_filter(request)
    found = profile_changes(request.user, filters.search(), now=timezone.now())
    try:
        page = page_of(found, key="changed_at", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {"filters": filters, "page": page, "words": page.words("change", "changes")}
    return show(request, "reps/profile_changes.html", context, regions=["profile-changes"])


def _change_filter(request: SignedIn) -> ChangeFilter:
    reps = reps_visible_to(request.user).order_by("name", "pk")
    return ChangeFilter(request.GET, teams=teams_visible_to(request.user), reps=reps)


@requires("compare_profiles")
def changes_csv(request: SignedIn) -> StreamingHttpResponse:
    """The list as a table: a line for each field."""
    found = profile_changes(request.user, _change_filter(request).search(), now=timezone.now())
    response = StreamingHttpResponse(
        csv_lines(_lines(found[:MOST_ROWS])), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="changes to profiles.csv"'
    return response


def _lines(changes: Iterable[ProfileChange]) -> Iterator[list[str]]:
    yield ["when", "rep", "team", "changed by", "field", "before", "after", "note"]
    for change in changes:
        who = [change.rep.name, change.rep.team.name, str(change.changed_by or "")]
        when = change.changed_at.isoformat(timespec="minutes")
        for label, (before, after) in change.changes.items():
            yield [when, *who, label, str(before), str(after), change.note]
