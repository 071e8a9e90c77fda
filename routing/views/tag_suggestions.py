"""Settings › Team › Rep Profiles › Suggested tags: the list with its evidence, decisions, reviews, their settings."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import go_to, next_address, say, show, show_form, tell
from reps.permissions import SignedIn, requires
from reps.progress import job_shown
from reps.queries import organisation, teams_visible_to
from reps.queries.pages import BadCursor, page_of
from reps.queries.tags import (
    SuggestionSearch,
    newest_review,
    reps_with_suggestions,
    suggestions_matching,
    suggestions_visible_to,
    suggestions_waiting_for,
    tag_review_settings,
)
from reps.services.tags import Decided, dismiss_suggestions, save_tag_review_settings
from routing.forms.tag_suggestions import DecisionForm, SuggestionFilter, TagReviewSettingsForm, ticked
from routing.queries.tag_reviews import is_under_way, newest_review_job
from routing.queries.tag_words import BY_REP, shown_suggestions
from routing.services import tag_reviews

TEMPLATE = "routing/tag_suggestions.html"
REGION = "tag-suggestions"


@requires("see_tag_suggestions")
def suggestion_list(request: SignedIn) -> HttpResponse:
    return show(request, TEMPLATE, _list(request) | _review(), regions=[REGION])


def _list(request: SignedIn) -> dict[str, Any]:
    """What the region shows, by the filters of the address."""
    user = request.user
    filters = SuggestionFilter(request.GET, teams=teams_visible_to(user), reps=reps_with_suggestions(user))
    search = filters.search()
    found = suggestions_matching(suggestions_visible_to(user), search)
    try:
        page = page_of(found, key=BY_REP, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    return {
        "filters": filters,
        "search": search,
        "page": page,
        "rows": shown_suggestions(page.rows),
        "words": page.words("suggestion", "suggestions"),
        "is_filtered": search != SuggestionSearch(),
        "newest": newest_review(),
        "currency": organisation().base_currency,
    }


def _review() -> dict[str, Any]:
    """The newest job where there is something to say of it, and the thresholds in force."""
    now = timezone.now()
    job = newest_review_job(now)
    return {
        "review_job": job,
        "job": job and job_shown(job, title="Reviewing the expertise", now=now),
        "is_under_way": is_under_way(job, now),
        "settings": tag_review_settings(),
    }


# --- decisions -------------------------------------------------------------------------------------------------------


@require_POST
@requires("edit_profiles")
def decide(request: SignedIn) -> HttpResponse:
    """Approves or dismisses the row whose button was pressed, or all that are ticked."""
    form = DecisionForm(request.POST)
    answer, asked = form.answer()
    ids = _own(request, asked)
    if not ids:
        return _done(request, "Select at least one suggestion first.", [], tone="warn")
    now = timezone.now()
    if answer == "approve":
        decided = tag_reviews.approve_suggestions(ids=ids, by=request.user, at=now)
    else:
        reason = form.cleaned_data.get("reason", "")
        decided = dismiss_suggestions(ids=ids, by=request.user, at=now, reason=reason)
    undo = f"{reverse('tag_suggestions_undo')}?{urlencode([('s', one.pk) for one in decided.done])}"
    return _done(request, _done_words(decided, answer), decided.problems, undo=undo)


def _own(request: SignedIn, ids: list[int]) -> list[int]:
    """Of the ids those whose suggestions the user may see: a manager's own teams'."""
    return list(suggestions_visible_to(request.user).filter(pk__in=ids).values_list("pk", flat=True))


def _done_words(decided: Decided, answer: str) -> str:
    if not decided.done:
        return ""
    word = "approved" if answer == "approve" else "dismissed"
    if len(decided.done) > 1:
        return f"{len(decided.done)} suggestions are {word}."
    one = decided.done[0]
    if answer != "approve":
        return f"Dismissed: {one.name} for {one.rep}. It comes back only with clearly more evidence."
    if one.action == "remove":
        return f"{one.name} is no longer in the profile of {one.rep}."
    return f"{one.name} is in the profile of {one.rep} now."


def _done(
    request: SignedIn, text: str, problems: list[str], *, undo: str = "", tone: str = "good"
) -> HttpResponse:
    """The list as it is now, and what happened; problems are told even where the rest was done."""
    more = len(problems) - 3
    told = " ".join(problems[:3]) + (f" And {more} more." if more > 0 else "")
    if request.htmx:
        found = suggestions_waiting_for(request.user)
        waiting = {"waiting": found.count() if found is not None else None}
        response = show(request, TEMPLATE, _list(request) | waiting, regions=[REGION])
        spoken = " ".join(part for part in (text, told) if part)
        return tell(response, spoken, undo=undo if text else "", tone="warn" if problems else tone)
    if text:
        say(request, text, undo=undo, tone=tone)
    if told:
        say(request, told, tone="warn")
    query = request.GET.urlencode()
    return redirect(next_address(request, reverse("tag_suggestions") + (f"?{query}" if query else "")))


@require_POST
@requires("edit_profiles")
def undo(request: SignedIn) -> HttpResponse:
    """Opens again what was dismissed, takes back what was approved: `s` of the address, or of the form."""
    ids = _own(request, ticked(request.GET.getlist("s") or request.POST.getlist("s")))
    decided = tag_reviews.undo_decisions(ids=ids, by=request.user, at=timezone.now())
    count = len(decided.done)
    if count:
        which = f"{decided.done[0].name} for {decided.done[0].rep}" if count == 1 else f"{count} suggestions"
        say(request, f"Undone: {which} {'waits' if count == 1 else 'wait'} for a decision again.")
    if decided.problems or not count:
        say(request, " ".join(decided.problems[:3]) or "There is nothing to undo.", tone="warn")
    return go_to(request, reverse("tag_suggestions"))


# --- reviews ---------------------------------------------------------------------------------------------------------


@require_POST
@requires("edit_profiles")
def review_start(request: SignedIn) -> HttpResponse:
    """Looks at everybody's deals, since a rep is compared with the others; a manager sees the own teams of it."""
    try:
        tag_reviews.request_review(by=request.user)
    except tag_reviews.ReviewUnderWay as under_way:
        by = under_way.job.requested_by if under_way.job else None
        who = f", asked for by {by}" if by and by != request.user else ""
        say(request, f"A review is under way already{who}. This is it.", tone="warn")
    else:
        say(request, "The review is on its way. You can leave this page; it goes on.")
    return redirect("tag_suggestions")


@requires("see_tag_suggestions")
def review_progress(request: SignedIn) -> HttpResponse:
    """Where the review stands; the region asks again while it runs, and the page is shown anew when it has ended."""
    context = _review()
    if request.htmx and context["is_under_way"]:
        return render(request, "components/job.html", context | {"job_url": request.path})
    address = reverse("tag_suggestions")
    return HttpResponse(headers={"HX-Redirect": address}) if request.htmx else redirect(address)


@requires("edit_organisation")
def settings_page(request: SignedIn) -> HttpResponse:
    stored = tag_review_settings()
    form = TagReviewSettingsForm(request.POST or None, instance=stored)
    if request.method == "POST" and form.saves(
        lambda: save_tag_review_settings(settings=stored, seen=form.seen)
    ):
        say(request, "Saved. The next review looks by these settings; what is open stays until then.")
        return redirect("tag_review_settings")
    return show_form(request, "routing/tag_review_settings.html", form)
