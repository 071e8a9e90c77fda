"""Settings › Rep Profiles › Calendars: a rep's calendars, what counts in them, public holidays and closing days."""

from django.conf import settings as project
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.forms.calendars import CalendarSettingsForm, ClosingDayForm, FeedForm
from reps.models import CalendarFeed, ClosingDay, Rep, User
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, may, requires
from reps.queries.calendars import calendar_settings, next_days_off, troubled_feeds
from reps.queries.people import reps_visible_to
from reps.services.calendars.feeds import (
    delete_closing_day,
    delete_feed,
    save_calendar_settings,
    save_closing_day,
    save_feed,
)
from reps.services.calendars.reading import Network, Result, read, request_of
from reps.services.calendars.sync import read_one

TRY_DAYS = 90
IN_A_PAGE_SECONDS = 15.0  # somebody waits for it


def network() -> Network:
    return Network(allows_private=project.CALENDAR_ALLOW_PRIVATE, seconds=IN_A_PAGE_SECONDS)


def editable_reps(user: User) -> QuerySet[Rep]:
    """Whose calendars the user may change: the own ones, and those of the reps whose profiles the user edits."""
    visible = reps_visible_to(user)
    return visible if may(user, "edit_profiles") else visible.filter(user=user)


def own_feeds(user: User) -> QuerySet[CalendarFeed]:
    return CalendarFeed.objects.filter(rep__in=editable_reps(user)).select_related("rep")


@requires("see_people")
def rep_calendars(request: SignedIn, pk: int) -> HttpResponse:
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    now = timezone.now()
    context = {
        "rep": rep,
        "feeds": list(rep.feeds.all()),
        "settings": calendar_settings(),
        "days_off": next_days_off(rep, today=timezone.localdate()),
        "may_edit": editable_reps(request.user).filter(pk=pk).exists(),
        "absences": list(rep.absences.filter(source="calendar", ends_at__gt=now)[:30]),
        "now": now,
    }
    return show(request, "reps/calendars.html", context)


@requires("edit_own_profile")
def calendar_new(request: SignedIn, pk: int, kind: str) -> HttpResponse:
    rep = get_object_or_404(editable_reps(request.user), pk=pk)
    if kind not in CalendarFeed.Kind.values:
        raise Http404
    form = FeedForm(request.POST or None, request.FILES or None, kind=kind)
    saved: list[CalendarFeed] = []
    if request.method == "POST" and form.saves(
        lambda: saved.append(save_feed(rep=rep, given=form.given, by=request.user, at=timezone.now()))
    ):
        tell_reading(request, read_one(feed_id=saved[0].pk, at=timezone.now(), network=network()))
        return redirect("rep_calendars", pk=pk)
    context = {"rep": rep, "kind": CalendarFeed.Kind(kind)}
    return show_form(request, "reps/calendar_form.html", form, context)


@requires("edit_own_profile")
def calendar(request: SignedIn, pk: int) -> HttpResponse:
    feed = get_object_or_404(own_feeds(request.user), pk=pk)
    form = FeedForm(request.POST or None, request.FILES or None, instance=feed, kind=feed.kind)
    if request.method == "POST" and form.saves(
        lambda: save_feed(
            rep=feed.rep, given=form.given, by=request.user, at=timezone.now(), feed=feed, seen=form.seen
        )
    ):
        tell_reading(request, read_one(feed_id=pk, at=timezone.now(), network=network()))
        return redirect("rep_calendars", pk=feed.rep_id)
    stored = own_feeds(request.user).get(pk=pk)
    context = {"rep": feed.rep, "feed": stored, "kind": CalendarFeed.Kind(feed.kind), "now": timezone.now()}
    return show_form(request, "reps/calendar_form.html", form, context)


@require_POST
@requires("edit_own_profile")
def calendar_read(request: SignedIn, pk: int) -> HttpResponse:
    feed = get_object_or_404(own_feeds(request.user), pk=pk)
    tell_reading(request, read_one(feed_id=pk, at=timezone.now(), network=network()))
    return redirect("rep_calendars", pk=feed.rep_id)


@require_POST
@requires("edit_own_profile")
def calendar_try(request: SignedIn, pk: int) -> HttpResponse:
    """What the feed's next 90 days would give, event by event; nothing is kept. Titles are their owner's."""
    feed = get_object_or_404(own_feeds(request.user), pk=pk)
    now = timezone.now()
    settings = calendar_settings()
    settings.horizon_days = TRY_DAYS  # not saved
    feed.read_as = ""
    result = read(request_of(feed, settings, at=now), network(), explain=True)
    seen = result.reading.seen if result.reading else ()
    context = {
        "feed": feed,
        "rep": feed.rep,
        "error": result.error,
        "counted": [event for event in seen if event.counts][:200],
        "others": [event for event in seen if not event.counts and event.starts_at][:200],
        "skipped": result.reading.skipped if result.reading else (),
        "own": feed.rep.user_id == request.user.pk,
        "days": TRY_DAYS,
    }
    return show(request, "reps/calendar_try.html", context)


@require_POST
@requires("edit_own_profile")
def calendar_delete(request: SignedIn, pk: int) -> HttpResponse:
    feed = get_object_or_404(own_feeds(request.user), pk=pk)
    name, rep_id = feed.name, feed.rep_id
    delete_feed(feed=feed, by=request.user, at=timezone.now())
    say(request, f"{name} is gone, and so are the absences that it had ahead.")
    return redirect("rep_calendars", pk=rep_id)


def tell_reading(request: SignedIn, result: Result) -> None:
    if result.error:
        say(request, f"It could not be read: {result.error}", tone="bad")
    elif result.reading is None:
        say(request, "Read: nothing has changed.")
    else:
        spans, events = len(result.reading.spans), result.reading.events
        absences = f"{spans or 'no'} absence{'' if spans == 1 else 's'} ahead"
        say(request, f"Read: {events:,} event{'' if events == 1 else 's'}, {absences}.")


# --- for the whole organisation ---------------------------------------------------------------------------------------


@requires("edit_organisation")
def calendar_rules(request: SignedIn) -> HttpResponse:
    stored = calendar_settings()
    form = CalendarSettingsForm(request.POST or None, instance=stored)
    if request.method == "POST" and form.saves(
        lambda: save_calendar_settings(settings=stored, seen=form.seen, by=request.user)
    ):
        say(request, "Saved. Every calendar is read anew with it within minutes.")
        return redirect("calendar_rules")
    context = {
        "troubled": troubled_feeds(),
        "feeds": CalendarFeed.objects.filter(rep__left_at__isnull=True).count(),
        "allows_private": project.CALENDAR_ALLOW_PRIVATE,
    }
    return show_form(request, "reps/calendar_rules.html", form, context)


@requires("see_people")
def closing_days(request: SignedIn) -> HttpResponse:
    context = {"closing_days": list(ClosingDay.objects.all()[:200]), "today": timezone.localdate()}
    return show(request, "reps/closing_days.html", context)


@requires("edit_organisation")
def closing_day(request: SignedIn, pk: int | None = None) -> HttpResponse:
    stored = get_object_or_404(ClosingDay, pk=pk) if pk else ClosingDay()
    form = ClosingDayForm(request.POST or None, instance=stored)
    if request.method == "POST" and form.saves(
        lambda: save_closing_day(closing=stored, seen=form.seen, by=request.user)
    ):
        say(request, f"{stored.name} is saved. Nobody's working time is then.")
        return redirect("closing_days")
    shown = ClosingDay.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "reps/closing_day_form.html", form, {"closing": shown})


@require_POST
@requires("edit_organisation")
def closing_day_delete(request: SignedIn, pk: int) -> HttpResponse:
    stored = get_object_or_404(ClosingDay, pk=pk)
    delete_closing_day(closing=stored, by=request.user)
    say(request, f"{stored.name} is gone.")
    return redirect("closing_days")
