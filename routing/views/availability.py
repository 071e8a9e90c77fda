"""Away and back: a rep himself, a manager for the own teams."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.models import Absence, Rep, User
from reps.pages import next_address, say, show_form
from reps.permissions import SignedIn, requires
from reps.queries import reps_visible_to
from routing.forms.away import AwayForm, QuickAwayForm
from routing.services import availability


def rep_to_mark(user: User, pk: int | None) -> Rep:
    """The rep whose absence the user may mark: himself, or (managers, ops) one whom he looks after."""
    if pk is None:
        return get_object_or_404(Rep, user=user)
    return get_object_or_404(reps_visible_to(user), pk=pk)


def after(request: SignedIn, rep: Rep) -> HttpResponse:
    own = rep.user_id == request.user.pk
    return redirect(next_address(request, "/my-work/" if own else f"/reps/{rep.pk}/"))


def name_of(request: SignedIn, rep: Rep) -> str:
    return "You are" if rep.user_id == request.user.pk else f"{rep.name} is"


@requires("mark_away")
def away(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """Unavailable from now (or then) until then, with who stands in."""
    rep = rep_to_mark(request.user, pk)
    form = AwayForm(request.POST or None, rep=rep)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()

        def mark() -> None:
            availability.go_away(rep=rep, by=request.user, at=now, **form.cleaned_data)

        if accepted(form, mark):
            ahead = form.cleaned_data["starts_at"] > now
            what = "is noted as away then" if ahead else "away: nothing new will be assigned"
            say(request, f"{rep.name} {what}." if ahead else f"{name_of(request, rep)} {what}.")
            return after(request, rep)
    back = next_address(request, "/my-work/")
    return show_form(request, "routing/away.html", form, {"rep": rep, "back": back})


def accepted(form: AwayForm, act: Callable[[], object]) -> bool:
    """Whether the service took it; what it refuses stands in the form."""
    try:
        act()
    except ValidationError as refusal:
        form.add_error(None, refusal)
        return False
    return True


@require_POST
@requires("mark_away")
def away_now(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """From this moment on, with a reason and an end that were one click each."""
    rep, now = rep_to_mark(request.user, pk), timezone.now()
    form = QuickAwayForm(request.POST)
    if not form.is_valid():
        say(request, "Choose a reason and until when.", tone="bad")
        return after(request, rep)
    try:
        availability.go_away(
            rep=rep,
            starts_at=now,
            ends_at=form.ends_at(rep, now),
            reason=form.cleaned_data["reason"],
            by=request.user,
            at=now,
        )
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(request, f"{name_of(request, rep)} away: nothing new will be assigned.")
    return after(request, rep)


@require_POST
@requires("mark_away")
def back(request: SignedIn, pk: int | None = None) -> HttpResponse:
    rep = rep_to_mark(request.user, pk)
    ended = availability.come_back(rep=rep, by=request.user, at=timezone.now())
    what = "back in the routing pool" if ended else "not away"
    say(request, f"{name_of(request, rep)} {what}.")
    return after(request, rep)


def marked_absence(user: User, pk: int) -> Absence:
    """An absence that somebody marked, of a rep whom the user looks after, or the own."""
    absences = Absence.objects.exclude(source=Absence.Source.CALENDAR).select_related("rep", "covering")
    return get_object_or_404(absences, pk=pk, rep__in=reps_visible_to(user))


@requires("mark_away")
def absence_edit(request: SignedIn, pk: int) -> HttpResponse:
    """Other days for an absence, another reason, somebody else to stand in."""
    absence = marked_absence(request.user, pk)
    form = AwayForm(request.POST or None, rep=absence.rep, absence=absence)
    if request.method == "POST" and form.is_valid():

        def change() -> None:
            availability.change_absence(
                absence_id=pk, by=request.user, at=timezone.now(), **form.cleaned_data
            )

        if accepted(form, change):
            say(request, "The absence is changed.")
            return after(request, absence.rep)
    context = {"rep": absence.rep, "absence": absence, "back": next_address(request, "/my-work/")}
    return show_form(request, "routing/away.html", form, context)


@require_POST
@requires("mark_away")
def absence_cancel(request: SignedIn, pk: int) -> HttpResponse:
    absence = marked_absence(request.user, pk)
    rep = absence.rep
    try:
        availability.cancel_absence(absence_id=pk, by=request.user, at=timezone.now())
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(request, "The absence is taken back.")
    return after(request, rep)
