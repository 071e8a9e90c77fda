"""How somebody is told outside the page: the own choices, the own chat address, and trying both."""

from django.conf import settings as project
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import say, show_form
from reps.permissions import SignedIn, may, requires
from routing.forms.notification_settings import ChatForm, NotificationSettingsForm
from routing.queries.notification_settings import settings_of
from routing.services.delivery.outcome import NotSent
from routing.services.notification_settings import save_wishes, set_chat, try_chat, try_email


@requires("see_records")
def notification_settings(request: SignedIn) -> HttpResponse:
    """The user's own choices."""
    wishes = settings_of(request.user)
    form = NotificationSettingsForm(request.POST or None, instance=wishes, user=request.user)
    if request.method == "POST" and form.saves(
        lambda: save_wishes(wishes=form.wishes(), at=timezone.now(), seen=form.seen)
    ):
        say(request, "Saved. It holds for what is told from now on.")
        return redirect("notification_settings")
    return _show(request, form, ChatForm())


@require_POST
@requires("see_records")
def notification_chat(request: SignedIn) -> HttpResponse:
    """Keeps the own chat address."""
    form = ChatForm(request.POST)
    if form.is_valid() and _keeps(request, form):
        say(request, "Saved. Send a test message to see that it arrives.")
        return redirect("notification_settings")
    return _show(request, _unbound(request), form)


def _keeps(request: SignedIn, form: ChatForm) -> bool:
    try:
        set_chat(user=request.user, address=form.cleaned_data["address"])
    except ValidationError as refusal:
        form.add_error(None, refusal)
        return False
    return True


@require_POST
@requires("see_records")
def notification_chat_remove(request: SignedIn) -> HttpResponse:
    set_chat(user=request.user, address="")
    say(request, "The chat address is gone. Nothing is posted there any more.")
    return redirect("notification_settings")


@require_POST
@requires("see_records")
def notification_test(request: SignedIn, channel: str) -> HttpResponse:
    """Sends a message to the own address here and now, and says what came of it."""
    path = reverse("notification_settings")
    if channel == "email":
        tell_test(request, try_email(user=request.user, path=path), f"by email to {request.user.email}")
        return redirect("notification_settings")
    wishes = settings_of(request.user)
    if channel != "chat" or not wishes.chat_sealed:
        raise Http404
    tell_test(request, try_chat(sealed=wishes.chat_sealed, path=path), f"to {wishes.chat_hint}")
    return redirect("notification_settings")


def tell_test(request: SignedIn, error: NotSent | None, where: str) -> None:
    if error is None:
        say(request, f"Sent {where}, and taken there. Look whether it arrived.")
    else:
        say(request, f"It was not sent {where}. {error}", tone="bad")


def _unbound(request: SignedIn) -> NotificationSettingsForm:
    return NotificationSettingsForm(None, instance=settings_of(request.user), user=request.user)


def _show(request: SignedIn, form: NotificationSettingsForm, chat: ChatForm) -> HttpResponse:
    context = {
        "chat": chat,
        "stored": settings_of(request.user),
        "has_mail": bool(project.MAIL_URL),
        "may_set_up": may(request.user, "edit_organisation"),
        "has_reports": may(request.user, "see_analytics"),
    }
    response = show_form(request, "routing/notification_settings.html", form, context)
    if chat.is_bound:
        response.status_code = 422
    return response
