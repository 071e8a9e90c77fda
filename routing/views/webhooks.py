"""Settings › Webhooks: who is told of changes, what was sent there, and what did not arrive."""

from django.conf import settings as project
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import ids_in, say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from routing.forms.webhooks import DeliveryFilter, WebhookForm
from routing.models import Webhook
from routing.queries.webhooks import deliveries_of, webhooks
from routing.services.webhooks.settings import (
    delete_webhook,
    rotate_secret,
    save_webhook,
    send_again,
    send_test,
)


@requires("edit_integrations")
def webhook_list(request: SignedIn) -> HttpResponse:
    return show(request, "routing/webhooks.html", {"webhooks": list(webhooks())})


@requires("edit_integrations")
def webhook_page(request: SignedIn, pk: int) -> HttpResponse:
    """One, with its messages, the newest first."""
    return _page(request, get_object_or_404(webhooks(), pk=pk))


def _page(request: SignedIn, webhook: Webhook, secret: str = "") -> HttpResponse:
    """The secret is shown in this answer only."""
    filters = DeliveryFilter(request.GET)
    try:
        page = page_of(
            deliveries_of(webhook, filters.chosen()),
            key="id",
            descending=True,
            cursor=request.GET.get("at", ""),
        )
    except BadCursor as error:
        raise Http404 from error
    context = {"webhook": webhook, "secret": secret, "filters": filters, "page": page, "now": timezone.now()}
    context |= {"words": page.words("message", "messages"), "state": filters.chosen()}
    response = show(request, "routing/webhook.html", context, regions=["webhook-deliveries"])
    response["Cache-Control"] = "no-store"
    return response


@requires("edit_integrations")
def webhook_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    stored = get_object_or_404(Webhook, pk=pk) if pk else None
    form, made = WebhookForm(request.POST or None, instance=stored), []
    if request.method == "POST" and form.saves(
        lambda: made.append(
            save_webhook(given=form.given, by=request.user, at=timezone.now(), webhook=stored, seen=form.seen)
        )
    ):
        webhook, secret = made[0]
        if secret:
            return _page(request, get_object_or_404(webhooks(), pk=webhook.pk), secret)
        say(request, f"{webhook} is saved.")
        return redirect("webhook", pk=webhook.pk)
    shown = Webhook.objects.filter(pk=pk).first() if pk else None
    context = {"webhook": shown, "allows_private": project.WEBHOOK_ALLOW_PRIVATE}
    return show_form(request, "routing/webhook_form.html", form, context)


@require_POST
@requires("edit_integrations")
def webhook_rotate(request: SignedIn, pk: int) -> HttpResponse:
    webhook = get_object_or_404(webhooks(), pk=pk)
    secret = rotate_secret(webhook=webhook, by=request.user, at=timezone.now())
    webhook.refresh_from_db()
    return _page(request, webhook, secret)


@require_POST
@requires("edit_integrations")
def webhook_test(request: SignedIn, pk: int) -> HttpResponse:
    webhook = get_object_or_404(Webhook, pk=pk)
    send_test(webhook=webhook, by=request.user, at=timezone.now())
    say(request, "A test is on its way. Below you see what the receiver answers.")
    return redirect("webhook", pk=pk)


@require_POST
@requires("edit_integrations")
def webhook_again(request: SignedIn, pk: int) -> HttpResponse:
    """One (`one`), or all that were given up."""
    webhook = get_object_or_404(Webhook, pk=pk)
    one = request.POST.get("one", "")
    ids = ids_in([one]) or None
    if one and ids is None:
        raise Http404
    number = send_again(webhook=webhook, by=request.user, at=timezone.now(), ids=ids)
    if number:
        say(request, f"{number:,} message{'' if number == 1 else 's'} will be sent again now.")
    else:
        say(request, "Nothing was there to send again.", tone="warn")
    return redirect("webhook", pk=pk)


@require_POST
@requires("edit_integrations")
def webhook_delete(request: SignedIn, pk: int) -> HttpResponse:
    webhook = get_object_or_404(Webhook, pk=pk)
    delete_webhook(webhook=webhook, by=request.user)
    say(request, f"{webhook} is gone. Nothing is sent there any more.")
    return redirect("webhooks")
