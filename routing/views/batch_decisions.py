"""Many of a batch at once: approved, discarded, held back; what was selected, or all that a filter shows."""

import datetime
from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.models import Job
from reps.pages import say
from reps.permissions import SignedIn, requires
from routing.forms.batches import BatchFilter, DecideForm
from routing.models import Batch, BatchItem
from routing.queries import batches as shown
from routing.services.batch_runs import asking, review

# What was done to one of them, and to many.
DONE = {
    review.Action.APPROVE: ("1 assigned.", "{:,} assigned."),
    review.Action.DISCARD: (
        "1 discarded: it waits for the next run.",
        "{:,} discarded: they wait for the next run.",
    ),
    review.Action.HOLD: ("1 held back: it waits for a person.", "{:,} held back: they wait for a person."),
}


def back_to_list(request: SignedIn, pk: int) -> HttpResponse:
    """To the batch, with the filter and page that somebody came from."""
    query = request.GET.urlencode()
    return redirect(reverse("batch", args=[pk]) + (f"?{query}" if query else ""))


@require_POST
@requires("decide_queue")
def batch_decide(request: SignedIn, pk: int) -> HttpResponse:
    """Acts on what was selected, or on all that wait under the address's filter, if these are still as many."""
    found, form = get_object_or_404(Batch, pk=pk), DecideForm(request.POST)
    if form.is_valid():
        _act(request, found, form)
    else:
        say(request, "Choose what to do with them.", tone="warn")
    return back_to_list(request, pk)


def _act(request: SignedIn, found: Batch, form: DecideForm) -> None:
    about = _about(request, found, form)
    chosen = list(about.filter(shown.PROPOSED).values_list("pk", flat=True))
    waited = form.cleaned_data["waited"]
    is_all = form.cleaned_data["all"]
    if is_all and waited is not None and len(chosen) > waited:
        text = f"It has changed meanwhile: {len(chosen):,} wait here now, not {waited:,}. Look again, then decide."
        say(request, text, tone="warn")
        return
    asked = (waited or len(chosen)) if is_all else about.count()
    if asked == 0:
        say(request, "None of these waits any more." if is_all else "Select at least one first.", tone="warn")
        return
    items = shown.items_visible_to(request.user, found) if is_all else about
    _decide(request, found, form.cleaned_data["action"], chosen, asked, items)


def _about(request: SignedIn, found: Batch, form: DecideForm) -> QuerySet[BatchItem]:
    """The items that the form means, whatever has become of them."""
    visible = shown.items_visible_to(request.user, found)
    if not form.cleaned_data["all"]:
        return visible.filter(pk__in=form.selected())
    filters = BatchFilter(request.GET, items=visible)
    return shown.items_shown(visible, filters.shown, filters.rep_id)


def _decide(
    request: SignedIn,
    found: Batch,
    action: str,
    chosen: Sequence[int],
    asked: int,
    items: QuerySet[BatchItem],
) -> None:
    """`asked`: how many the user meant; of `items` others may have decided some."""
    at = timezone.now()
    try:
        done = review.decide(
            batch_id=found.pk, action=review.Action(action), item_ids=chosen, by=request.user, at=at
        )
    except asking.BatchRefused as refusal:
        say(request, str(refusal), tone="warn")
        return
    if not isinstance(done, Job):
        missed = asked - done.count - done.conflicts
        say(
            request,
            _said(request, done, missed, items, at),
            tone="warn" if done.conflicts or missed else "good",
        )


def _said(
    request: SignedIn, done: review.Done, missed: int, items: QuerySet[BatchItem], at: datetime.datetime
) -> str:
    one, many = DONE[done.action]
    said = [one if done.count == 1 else many.format(done.count)] if done.count or not missed else []
    if done.conflicts:
        said.append(f"{done.conflicts:,} could not be: see “Conflicts”.")
    if missed:
        was = "was" if missed == 1 else "were"
        who = shown.who_was_faster(items, request.user, missed, at)
        said.append(f"{missed:,} {was} decided already by {who}.")
    return " ".join(said)
