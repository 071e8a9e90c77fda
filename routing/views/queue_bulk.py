"""Many items of the queue at once: what was selected, the loads that would result, then all of it."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import go_to, ids_in, say, show
from reps.permissions import SignedIn, requires
from routing.engine.bulk import ANEW, APPROVE
from routing.forms.queue_bulk import MOST, BulkDecisionForm
from routing.queries.queue import resolved_visible_to
from routing.queries.queue_bulk import loads_after_all
from routing.services.queue_bulk import Choice, Outcome, decide_many, undo_many
from routing.views.queue import as_listed

DID = {
    "approve": "approved",
    "give": "given away",
    "reject": "rejected: they wait for a person",
    "anew": "decided anew",
}
NAMED = 5  # problems that are told one by one


@requires("decide_queue")
def queue_many(request: SignedIn) -> HttpResponse:
    """GET shows what was selected and what would result; POST with `action` does it, without one only selects."""
    data = request.POST if request.method == "POST" else request.GET
    if not data.getlist("item"):
        say(request, "Select at least one first.", tone="warn")
        return redirect("queue")
    if request.method == "POST" and "action" not in data:
        chosen = urlencode([("item", pk) for pk in data.getlist("item")[:MOST]])
        return redirect(f"{reverse('queue_many')}?{chosen}")
    form = BulkDecisionForm(data, user=request.user, visible=resolved_visible_to(request.user))
    if request.method == "GET" and "item" in form.errors:
        say(request, str(form.errors["item"][0]), tone="warn")
        return redirect("queue")
    if form.is_valid() and request.method == "POST":
        outcome = decide_many(
            items=form.cleaned_data["item"], choice=form.choice, by=request.user, at=timezone.now()
        )
        _told(request, outcome, form.cleaned_data["action"])
        return redirect("queue")
    return _preview(request, form)


@require_POST
@requires("decide_queue")
def approve_many(request: SignedIn) -> HttpResponse:
    """Approves the selected suggestions without a look at the loads; those which cannot be are named."""
    asked = _numbers(request.POST.getlist("item"))
    if not asked:
        say(request, "Select at least one suggestion first.", tone="warn")
    items = resolved_visible_to(request.user).filter(pk__in=asked).select_related("opportunity")
    outcome = decide_many(items=list(items), choice=Choice(APPROVE), by=request.user, at=timezone.now())
    _told(request, outcome, APPROVE)
    return redirect("queue")


def _numbers(texts: Sequence[str]) -> list[int]:
    """At most so many ids; what is none is passed over."""
    return ids_in(texts)[:MOST]


def _preview(request: SignedIn, form: BulkDecisionForm) -> HttpResponse:
    """The form with the loads that would result; before anything was sent it does not complain."""
    values = form.cleaned_data
    items, action, rep = values.get("item", []), values.get("action", "approve"), values.get("rep")
    shown = form
    if request.method != "POST":
        initial = {"item": items, "action": action, "rep": rep}
        visible = resolved_visible_to(request.user)
        shown = BulkDecisionForm(initial=initial, user=request.user, visible=visible)
    waiting = [item for item in items if item.resolved_at is None]
    context = {
        "form": shown,
        "items": items,
        "loads": loads_after_all(waiting, action, rep, timezone.now()),
        "is_anew": action == ANEW,
    }
    status = 422 if request.method == "POST" else 200
    return show(request, "routing/queue_many.html", context, regions=["loads-after"], status=status)


@require_POST
@requires("decide_queue")
def queue_undo_many(request: SignedIn) -> HttpResponse:
    """The items stand in the address, which Undo was offered with."""
    asked = _numbers(request.GET.getlist("item"))
    seen = resolved_visible_to(request.user).filter(pk__in=asked).values_list("pk", flat=True)
    outcome = undo_many(item_ids=list(seen), by=request.user, at=timezone.now())
    if outcome.done:
        say(request, f"{len(outcome.done)} wait again.")
    _say_problems(request, outcome)
    return go_to(request, reverse("queue") + as_listed(request))


def _told(request: SignedIn, outcome: Outcome, action: str) -> None:
    if outcome.done:
        undo = f"{reverse('queue_undo_many')}?{urlencode([('item', pk) for pk in outcome.done])}"
        say(request, f"{len(outcome.done)} {DID[action]}.", undo="" if action == ANEW else undo)
    _say_problems(request, outcome)


def _say_problems(request: SignedIn, outcome: Outcome) -> None:
    for problem in outcome.problems[:NAMED]:
        say(request, problem, tone="bad")
    if len(outcome.problems) > NAMED:
        say(request, f"{len(outcome.problems) - NAMED} more could not be done either.", tone="bad")
