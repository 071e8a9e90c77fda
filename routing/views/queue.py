"""Routing Queue: the list beside the detail; approve, give to somebody else, reject, undo."""

import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from crm.queries.duplicates import duplicates_of
from crm.services.ownership import OwnershipError
from reps.pages import go_to, say, show, tell
from reps.permissions import SignedIn, may, requires
from reps.queries import organisation
from reps.queries.pages import BadCursor, Page, page_of
from reps.queries.people import teams_visible_to
from routing.engine.doubt import Doubt
from routing.engine.order import points_in_words
from routing.forms.queue import GiveForm, QueueFilter, ReasonForm
from routing.models import QueueItem
from routing.queries.automation import paused_now
from routing.queries.doubts import doubts_about
from routing.queries.explanations import explain
from routing.queries.inputs import opportunity_facts
from routing.queries.queue import (
    ORDER_WORDS,
    ORDERS,
    QueueSearch,
    doubt_words,
    not_yet_decided,
    oldest_waiting,
    queue_counts,
    queue_matching,
    queue_rows,
    queue_visible_to,
    renewal_words,
    resolved_visible_to,
    waiting_for,
    warnings_about,
    with_batch,
    with_queue_records,
)
from routing.queries.shadow import shadow_words
from routing.services import queue

REGIONS = ["queue-list", "queue-detail"]


@requires("see_queue")
def queue_page(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """The list, with one item beside it: the one in the address, or the first."""
    filters = QueueFilter(request.GET, teams=teams_visible_to(request.user))
    search, order = filters.search()
    page = _page(request, search, order)
    item = _opened(request, pk, page)
    paused, now = paused_now(), timezone.now()
    doubts = doubts_about([*page.rows, *([item] if item else [])], now)
    context = {
        "filters": filters,
        "page": page,
        "rows": queue_rows(page.rows, doubts),
        "words": page.words("waiting", "waiting"),
        "counts": queue_counts(request.user),
        "order_words": ORDER_WORDS.get(order, ORDER_WORDS[""]),
        "oldest": oldest_waiting(request.user),
        "is_filtered": search != QueueSearch(),
        "is_opened": pk is not None,
        "now_iso": now.isoformat(),
        "paused": paused,
        "not_yet": not_yet_decided(),
        **_detail(request, item, doubts),
    }
    return show(request, "routing/queue.html", context, regions=REGIONS)


def _page(request: SignedIn, search: QueueSearch, order: str) -> Page[QueueItem]:
    _, key, descending = ORDERS.get(order, ORDERS[""])
    found = with_queue_records(queue_matching(queue_visible_to(request.user), search))
    try:
        return page_of(found, key=key, descending=descending, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error


def _opened(request: SignedIn, pk: int | None, page: Page[QueueItem]) -> QueueItem | None:
    if pk is not None:
        records = QueueItem.objects.select_related(
            "opportunity__account", "opportunity__product", "opportunity__contact", "rep__role_template",
            "decision", "resolved_by", "assignment__rep", "team", "renewed_from",
        )  # fmt: skip
        visible = with_batch(records).filter(pk__in=resolved_visible_to(request.user))
        return get_object_or_404(visible, pk=pk)
    if not page.rows:
        return None
    records = QueueItem.objects.select_related(
        "opportunity__account", "opportunity__product", "opportunity__contact", "rep__role_template",
        "decision", "team", "renewed_from",
    )  # fmt: skip
    return with_batch(records).get(pk=page.rows[0].pk)


def _detail(request: SignedIn, item: QueueItem | None, doubts: Mapping[int, Doubt]) -> dict[str, Any]:
    if item is None:
        return {"item": None}
    return {
        "item": item,
        "opportunity": item.opportunity,
        "explanation": explain(item.decision),
        "duplicates": duplicates_of(item.opportunity, request.user),
        "points": item.order_points,
        "points_words": points_in_words(opportunity_facts(item.opportunity)),
        "out_of_date": doubt_words(item, doubts),
        "before": renewal_words(item),
        "give_form": GiveForm(user=request.user),
        "reason_form": ReasonForm(prefix="reject"),
        "may_decide": may(request.user, "decide_queue") and item.state == QueueItem.State.PENDING,
        "told": queue.said_already(item) if item.state != QueueItem.State.PENDING else "",
        "warnings": warnings_about(item.rep, timezone.now()) if item.rep else [],
        "currency": organisation().base_currency,
    }


@require_POST
@requires("decide_queue")
def approve(request: SignedIn, pk: int) -> HttpResponse:
    item = get_object_or_404(resolved_visible_to(request.user).select_related("opportunity"), pk=pk)
    try:
        assignment = queue.approve(item_id=item.pk, by=request.user, at=timezone.now())
    except (queue.AlreadyDecided, OwnershipError) as error:
        return _refused(request, str(error))
    return _done(request, item, f"{item.opportunity.name} went to {assignment.rep.name}.")


@require_POST
@requires("decide_queue")
def give(request: SignedIn, pk: int) -> HttpResponse:
    item = get_object_or_404(resolved_visible_to(request.user).select_related("opportunity"), pk=pk)
    form = GiveForm(request.POST, user=request.user)
    if not form.is_valid():
        return _refused(request, "Choose a rep to give it to.", status=422)
    values = form.cleaned_data
    try:
        queue.give_to(
            item_id=item.pk,
            rep_id=values["rep"].pk,
            by=request.user,
            at=timezone.now(),
            reason=values["reason"],
            note=values["note"],
        )
    except (queue.AlreadyDecided, OwnershipError) as error:
        return _refused(request, str(error))
    compared = shadow_words(item.decision, who="You")
    told = f": {compared}" if compared else f" went to {values['rep'].name}."
    return _done(request, item, item.opportunity.name + told)


@require_POST
@requires("decide_queue")
def reject(request: SignedIn, pk: int) -> HttpResponse:
    item = get_object_or_404(resolved_visible_to(request.user).select_related("opportunity"), pk=pk)
    form = ReasonForm(request.POST, prefix="reject")
    values = form.cleaned_data if form.is_valid() else {}
    try:
        queue.reject(
            item_id=item.pk,
            by=request.user,
            at=timezone.now(),
            reason=values.get("reason"),
            note=values.get("note", ""),
        )
    except (queue.AlreadyDecided, OwnershipError) as error:
        return _refused(request, str(error))
    return _done(
        request,
        item,
        f"The suggestion for {item.opportunity.name} is rejected; it waits for a person.",
    )


@require_POST
@requires("decide_queue")
def undo(request: SignedIn, pk: int) -> HttpResponse:
    item = get_object_or_404(resolved_visible_to(request.user).select_related("opportunity"), pk=pk)
    try:
        again = queue.undo(item_id=item.pk, by=request.user, at=timezone.now())
    except queue.AlreadyDecided as error:
        return _refused(request, str(error))
    say(request, f"{item.opportunity.name} waits again.")
    return go_to(request, reverse("queue_item", args=[again.pk]) + as_listed(request))


def _done(request: SignedIn, item: QueueItem, text: str) -> HttpResponse:
    """The row has left already; the answer says what happened and offers Undo."""
    address = reverse("queue_undo", args=[item.pk])
    if request.htmx:
        response = HttpResponse(status=204)
        return trigger_client_event(
            tell(response, text, undo=address), "opportunity-assigned", {"item": item.pk}
        )
    say(request, text, undo=address)
    return redirect("queue")


def _refused(request: SignedIn, text: str, *, status: int = 409) -> HttpResponse:
    if request.htmx:
        return HttpResponse(text, status=status, content_type="text/plain")
    say(request, text, tone="bad")
    return redirect("queue")


def as_listed(request: SignedIn) -> str:
    """What the address of the list that was acted in asks for, so that its filters and order stay."""
    parts = urlsplit(request.htmx.current_url or "")
    is_list = parts.path.startswith(reverse("queue"))
    return f"?{parts.query}" if is_list and parts.query else ""


@requires("see_queue")
def news(request: SignedIn) -> HttpResponse:
    """How many that belong in it have come since the list was shown: "3 new" above it, so that nothing moves under the
    pointer; and the numbers beside it, which also fall with what was just decided."""
    since = request.GET.get("since", "")
    try:
        moment = datetime.datetime.fromisoformat(since)
    except ValueError as error:
        raise Http404 from error
    if moment.tzinfo is None:
        raise Http404
    search, _ = QueueFilter(request.GET, teams=teams_visible_to(request.user)).search()
    matching = queue_matching(queue_visible_to(request.user), search)
    context = {
        "count": matching.filter(created_at__gt=moment).count(),
        "since": since,
        "words": f"{matching.count():,} waiting",
        "waiting": waiting_for(request.user),
    }
    return show(request, "routing/queue_news.html", context, regions=["queue-words"])
