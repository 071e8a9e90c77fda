"""Batches: what waits, run one now, look one over, change it, confirm it."""

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.services.ownership import OwnershipError
from reps.pages import ids_in, say, show
from reps.permissions import SignedIn, may, requires
from reps.progress import job_shown
from reps.queries import organisation
from reps.queries.pages import BadCursor, Page, page_of
from routing.forms.batches import BatchFilter, BatchItemForm
from routing.models import Batch, BatchItem
from routing.queries import batches as shown
from routing.queries.batch_totals import totals_of
from routing.queries.explanations import explain
from routing.services.batch_runs import asking, review
from routing.services.queue import AlreadyDecided

AT_A_CLICK = 1_000  # proposals that are confirmed while somebody waits: a second or two


@requires("see_queue")
def batches(request: SignedIn) -> HttpResponse:
    """What waits for which policy, what is to be looked over, and the newest of the past."""
    context = {
        "policies": shown.policies_waiting(),
        "review": shown.newest_batches(Batch.State.REVIEW),
        "past": shown.newest_batches(),
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
    title = "Confirming" if found.job and found.job.kind == review.CONFIRMING else "Planning"
    job = job_shown(found.job, title=title, now=timezone.now()) if found.job else None
    if request.htmx and job is not None:
        if not job["is_running"]:
            return HttpResponse(headers={"HX-Redirect": request.path})
        return render(request, "components/job.html", {"job": job, "job_url": request.path})
    context = {"batch": found, "job": job, "job_url": request.path, "now": timezone.now()}
    return show(request, "routing/batch.html", {**context, **_review(request, found)})


def _review(request: SignedIn, found: Batch) -> dict[str, object]:
    items = shown.items_visible_to(request.user, found)
    filters = BatchFilter(request.GET, items=items)
    page = _page(request, shown.items_shown(items, filters.shown, filters.rep_id))
    totals, may_decide = totals_of(items), may(request.user, "decide_queue")
    return {
        "filters": filters,
        "page": page,
        "words": page.words("opportunity", "opportunities"),
        "totals": totals,
        "ways": shown.ways(totals, found.objective),
        "loads": shown.loads(found, request.user),
        "left_out": shown.left_out(items),
        "prices": shown.prices(found, request.user),
        "walls": shown.walls(found),
        "proof": shown.proof(found),
        "conflicts": items.exclude(conflict="").count(),
        "currency": organisation().base_currency,
        "may_decide": may_decide and found.state == Batch.State.REVIEW,
        "may_plan_anew": may_decide and shown.may_plan_anew(request.user, found),
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
        return redirect("batch", pk)
    try:
        review.reoptimise(batch_id=pk, by=request.user, at=timezone.now())
    except asking.BatchRefused as refusal:
        say(request, str(refusal), tone="warn")
    return redirect("batch", pk)


@require_POST
@requires("decide_queue")
def batch_decide(request: SignedIn, pk: int) -> HttpResponse:
    """Approves or discards what was selected, or all that the user may see."""
    found = get_object_or_404(Batch, pk=pk)
    visible = shown.items_visible_to(request.user, found)
    if request.POST.get("all") != "yes":
        visible = visible.filter(pk__in=ids_in(request.POST.getlist("item")))
    chosen = list(visible.values_list("pk", flat=True))
    if not chosen:
        say(request, "Select at least one first.", tone="warn")
    elif request.POST.get("action") == "discard":
        count = review.discard(batch_id=pk, by=request.user, at=timezone.now(), item_ids=chosen)
        say(request, f"{count:,} discarded: they wait for the next run.")
    elif request.POST.get("action") == "approve":
        _approve(request, pk, chosen)
    return redirect("batch", pk)


def _approve(request: SignedIn, pk: int, chosen: Sequence[int]) -> None:
    if len(chosen) > AT_A_CLICK:
        try:
            review.request_confirm(batch_id=pk, by=request.user, item_ids=chosen)
        except asking.BatchRefused as refusal:
            say(request, str(refusal), tone="warn")
        return
    done = review.confirm(batch_id=pk, by=request.user, at=timezone.now(), item_ids=chosen)
    said = f"{done.approved:,} assigned."
    if done.conflicts:
        said += f" {done.conflicts:,} could not be: see “Conflicts”."
    say(request, said, tone="warn" if done.conflicts else "good")


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
            return redirect("batch", pk)
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
