"""My Work: what is new for a rep and why it is theirs; away and back; the notifications."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.engine.capacity import band
from reps.models import Rep, User
from reps.pages import next_address, say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries import reps_visible_to
from reps.services import absence
from routing.forms.queue import AwayForm
from routing.queries.configuration import compiled, live_version
from routing.queries.work import current_absence, rep_of, unread_notifications, work_items
from routing.services.notifications import mark_read
from routing.services.queue import free_capacity


@requires("see_records")
def my_work(request: SignedIn) -> HttpResponse:
    """A rep's own list. Those who are no rep are told what this page is for."""
    rep = rep_of(request.user)
    context: dict[str, Any] = {"rep": rep, "unread": unread_notifications(request.user)}
    if rep is not None:
        now = timezone.now()
        bounds = compiled(live_version().pk).capacity.bounds
        context |= {
            "items": work_items(rep),
            "absence": current_absence(rep, now),
            "now": now,
            "band": band(rep.load, rep.max_open, bounds).label,
            "away_form": AwayForm(rep=rep),
        }
    return show(request, "routing/work.html", context, regions=["unread"])


@require_POST
@requires("see_records")
def notifications_read(request: SignedIn) -> HttpResponse:
    """Marks the user's notifications as read."""
    mark_read(user=request.user, at=timezone.now())
    return redirect("my_work")


def rep_to_mark(user: User, pk: int | None) -> Rep:
    """The rep whose absence the user may mark: himself, or (managers, ops) one whom he looks after."""
    if pk is None:
        return get_object_or_404(Rep, user=user)
    return get_object_or_404(reps_visible_to(user), pk=pk)


@requires("mark_away")
def away(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """Unavailable from now (or then) until then; what is waiting elsewhere is looked at again on return."""
    rep = rep_to_mark(request.user, pk)
    form = AwayForm(request.POST or None, rep=rep)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            absence.mark_away(
                rep=rep,
                starts_at=values["starts_at"] or timezone.now(),
                ends_at=values["ends_at"],
                reason=values["reason"],
                covering=values["covering"],
                by=request.user,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            own = rep.user_id == request.user.pk
            say(request, f"{'You are' if own else f'{rep.name} is'} away: nothing new will be assigned.")
            return redirect(next_address(request, "/my-work/" if own else f"/reps/{rep.pk}/"))
    return show_form(
        request, "routing/away.html", form, {"rep": rep, "back": next_address(request, "/my-work/")}
    )


@require_POST
@requires("mark_away")
def back(request: SignedIn, pk: int | None = None) -> HttpResponse:
    rep = rep_to_mark(request.user, pk)
    now = timezone.now()
    ended = absence.mark_back(rep=rep, at=now)
    if ended:
        free_capacity(now)
    own = rep.user_id == request.user.pk
    name = "You are" if own else f"{rep.name} is"
    say(request, f"{name} back in the routing pool." if ended else f"{name} not away.")
    return redirect(next_address(request, "/my-work/" if own else f"/reps/{rep.pk}/"))
