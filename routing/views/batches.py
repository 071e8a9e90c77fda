"""Batches: what waits, run one now, look one over, change it, confirm it."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.services.ownership import OwnershipError
from reps.pages import say, show
from reps.permissions import SignedIn, may, requires
from reps.progress import job_shown
from reps.queries import organisation
from reps.queries.pages import BadCursor, Page, page_of
from routing.forms.batches import BatchFilter, BatchItemForm
from routing.models import Batch, BatchItem
from routing.queries import batch_worth as worth
from routing.queries import batches as shown
from routing.queries.batch_totals import totals_of
from routing.queries.explanations import explain
from routing.services.batch_runs import asking, review
from routing.services.queue import AlreadyDecided
from routing.views.batch_decisions import back_to_list

WORKING = {
    review.BY_WORKER[review.Action.APPROVE]: "Confirming",
    review.BY_WORKER[review.Action.DISCARD]: "Discarding",
    review.BY_WORKER[review.Action.HOLD]: "Holding back",
}


@requires("see_queue")
def batches(request: SignedIn) -> HttpResponse:
    """What waits for which policy, what is to be looked over, and the newest of the past."""
    context = {
        "policies": shown.policies_waiting(),
        "review": shown.newest_batches(request.user, Batch.State.REVIEW),
        "past": shown.newest_batches(request.user),
    }
    return show(request, "routing/batches.html", context)


@require_POST
@requires("run_batches")
def batch_run(request: SignedIn) -> HttpResponse:
    try:
        batch = asking.request_batch(
            policy_name=request.POST.get("policy", "").replace("\0", "")[:120],
            by=request.user,
            at=timezone.now(),
        )
    except asking.BatchRefused as refusal:
        say(request, str(refusal), tone="warn")
        return redirect("batches")
    return redirect("batch", batch.pk)


@requires("see_queue")
def batch(request: SignedIn, pk: int) -> HttpResponse:
    """The batch, or how far its planning is."""
    found = get_object_or_404(Batch.objects.select_related("job", "requested_by", "model"), pk=pk)
    job = _job(found)
    if request.htmx and job is not None:
        if not job["is_running"]:
            return HttpResponse(headers={"HX-Redirect": request.path})
        return render(request, "components/job.html", {"job": job, "job_url": request.path})
    context = {"batch": found, "job": job, "job_url": request.path, "now": timezone.now()}
    return show(request, "routing/batch.html", {**context, **_review(request, found)})


def _job(found: Batch) -> dict[str, Any] | None:
    """How far a worker is with it."""
    if found.job is None:
        return None
    return job_shown(found.job, title=WORKING.get(found.job.kind, "Planning"), now=timezone.now())


def _review(request: SignedIn, found: Batch) -> dict[str, object]:
    items = shown.items_visible_to(request.user, found)
    filters = BatchFilter(request.GET, items=items)
    narrowed = shown.items_shown(items, filters.shown, filters.rep_id)
    page, totals, size = _page(request, narrowed), totals_of(items), found.items.count()
    may_decide = may(request.user, "decide_queue")
    return {
        "filters": filters,
        "page": page,
        "words": page.words("opportunity", "opportunities"),
        "totals": totals,
        "of_shown": totals_of(narrowed) if filters.is_narrow else totals,
        "ways": worth.ways(totals, found.objective),
        "loads": worth.loads(found, request.user),
        "left_out": shown.left_out(items),
        "prices": worth.prices(found, request.user),
        "walls": worth.walls(found, request.user),
        "proof": worth.proof(found, size),
        "job_words": shown.job_words(found.job),
        "currency": organisation().base_currency,
        "may_decide": may_decide and found.state == Batch.State.REVIEW,
        "sees_all": totals.count == size,
        "may_plan_anew": may_decide and totals.count == size,
    }


def _page(request: SignedIn, items: QuerySet[BatchItem]) -> Page[BatchItem]:
    try:
        return page_of(shown.with_item_records(items), key="position", cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error


@require_POST
@requires("run_batches")
def batch_cancel(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(Batch, pk=pk)
    if asking.cancel_batch(batch_id=found.pk, at=timezone.now()):
        say(request, "Cancelled. What waited for it waits for the next run.")
    else:
        say(request, "It is planned already.", tone="warn")
    return redirect("batch", pk)


@require_POST
@requires("decide_queue")
def batch_optimise(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(Batch, pk=pk)
    if not shown.may_plan_anew(request.user, found):
        say(request, "This batch is not only your teams’: ask operations to optimise it again.", tone="warn")
        return back_to_list(request, pk)
    try:
        review.reoptimise(batch_id=pk, by=request.user, at=timezone.now())
    except asking.BatchRefused as refusal:
        say(request, str(refusal), tone="warn")
    return back_to_list(request, pk)


@requires("see_queue")
def batch_item(request: SignedIn, pk: int, item: int) -> HttpResponse:
    """One opportunity of a batch: why whom, and what a person makes of it."""
    found = get_object_or_404(Batch, pk=pk)
    record = get_object_or_404(shown.with_item_records(shown.items_visible_to(request.user, found)), pk=item)
    may_decide = may(request.user, "decide_queue")
    form = BatchItemForm(request.POST or None, user=request.user)
    if request.method == "POST" and not may_decide:
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        try:
            _change(record, form, request)
        except (AlreadyDecided, OwnershipError) as refusal:
            form.add_error(None, str(refusal))
        else:
            return back_to_list(request, pk)
    context = {
        "batch": found,
        "item": record,
        "form": form,
        "may_decide": may_decide and found.state == Batch.State.REVIEW,
        "explanation": explain(record.decision) if record.decision else None,
    }
    return show(request, "routing/batch_item.html", context, status=422 if form.errors else 200)


def _change(record: BatchItem, form: BatchItemForm, request: SignedIn) -> None:
    values, by, at = form.cleaned_data, request.user, timezone.now()
    why = {"reason": values["reason"], "note": values["note"]}
    match values["action"]:
        case "keep":
            review.keep(item_id=record.pk, by=by, at=at)
        case "let_go":
            review.let_go(item_id=record.pk, by=by, at=at)
        case "hold":
            review.hold_back(item_id=record.pk, by=by, at=at, **why)
        case "move":
            review.move(item_id=record.pk, rep_id=values["rep"].pk, by=by, at=at, **why)
    done = {"keep": "stays", "let_go": "may change again", "hold": "waits for a person", "move": "was moved"}
    say(request, f"{record.opportunity.name} {done[values['action']]}.")
