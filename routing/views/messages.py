"""Settings › Messages: what waits to be sent, what failed and why, what was given up; and the channels of teams."""

from django.conf import settings as project
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import ids_in, next_address, say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from routing.forms.notification_settings import ChatChannelForm, EventFilter, MessageFilter
from routing.models import ChatChannel, Delivery
from routing.queries.messages import channel_states, deliveries, event_counts, events
from routing.queries.notification_settings import chat_channels
from routing.services.delivery.keeping import send_again, work_again
from routing.services.notification_settings import delete_channel, save_channel, try_chat
from routing.views.notification_settings import tell_test


@requires("edit_organisation")
def message_list(request: SignedIn) -> HttpResponse:
    """Messages to people and channels, the newest first."""
    filters = MessageFilter(request.GET)
    search = filters.search()
    try:
        page = page_of(
            deliveries(search), key="created_at", descending=True, cursor=request.GET.get("at", "")
        )
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "search": search,
        "page": page,
        "words": page.words("message", "messages"),
        "states": channel_states(),
        "events": event_counts(),
        "now": timezone.now(),
    }
    return show(request, "routing/messages.html", context, regions=["messages"])


@require_POST
@requires("edit_organisation")
def message_send_again(request: SignedIn) -> HttpResponse:
    """One (`one`), those ticked (`message`), or all that were given up of a way out (`channel`, or `all`)."""
    one, channel = request.POST.get("one", ""), request.POST.get("channel", "")
    if channel and channel not in {*Delivery.Channel.values, "all"}:
        raise Http404
    asked = [one] if one else request.POST.getlist("message")
    ids = None if channel else ids_in(asked)
    number = send_again(at=timezone.now(), ids=ids, channel="" if channel == "all" else channel)
    if number:
        say(request, f"{number:,} message{'' if number == 1 else 's'} will be sent again now.")
    else:
        say(request, "Nothing was given up among those, so nothing is sent again.", tone="warn")
    return redirect(next_address(request, reverse("messages")))


@requires("edit_organisation")
def event_list(request: SignedIn) -> HttpResponse:
    """Events of the outbox that have not done their work."""
    filters = EventFilter(request.GET)
    try:
        found = events(*filters.search())
        page = page_of(found, key="created_at", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "page": page,
        "words": page.words("event", "events"),
        "counts": event_counts(),
    }
    return show(request, "routing/message_events.html", context, regions=["message-events"])


@require_POST
@requires("edit_organisation")
def event_work_again(request: SignedIn) -> HttpResponse:
    ids = None if request.POST.get("all") else ids_in([request.POST.get("one", "")])
    number = work_again(at=timezone.now(), ids=ids)
    if number:
        say(request, f"{number:,} event{'' if number == 1 else 's'} will be tried again now.")
    else:
        say(request, "Nothing was given up among those.", tone="warn")
    return redirect("message_events")


# --- channels of teams ----------------------------------------------------------------------------------------------


@requires("edit_organisation")
def channel_list(request: SignedIn) -> HttpResponse:
    return show(request, "routing/chat_channels.html", {"channels": list(chat_channels()[:200])})


@requires("edit_organisation")
def channel_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    stored = get_object_or_404(ChatChannel, pk=pk) if pk else None
    form = ChatChannelForm(request.POST or None, instance=stored)
    if request.method == "POST" and form.saves(
        lambda: save_channel(given=form.given, by=request.user, channel=stored, seen=form.seen)
    ):
        say(request, f"{form.given.name} is saved. Send a test message to see that it arrives.")
        return redirect("chat_channels")
    shown = ChatChannel.objects.filter(pk=pk).first() if pk else None
    context = {"channel": shown, "allows_private": project.CHAT_ALLOW_PRIVATE}
    return show_form(request, "routing/chat_channel_form.html", form, context)


@require_POST
@requires("edit_organisation")
def channel_test(request: SignedIn, pk: int) -> HttpResponse:
    channel = get_object_or_404(ChatChannel, pk=pk)
    tell_test(request, try_chat(sealed=channel.sealed, path=reverse("chat_channels")), f"to {channel}")
    return redirect("chat_channels")


@require_POST
@requires("edit_organisation")
def channel_delete(request: SignedIn, pk: int) -> HttpResponse:
    channel = get_object_or_404(ChatChannel, pk=pk)
    delete_channel(channel=channel, by=request.user)
    say(request, f"{channel} is gone. Nothing is posted there any more.")
    return redirect("chat_channels")
