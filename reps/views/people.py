"""Pages of users, teams and the organisation."""

from typing import Any

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from reps.engine.capacity import BandBounds, band
from reps.forms.people import TeamForm, UserFilter, UserForm
from reps.models import Team
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.people import (
    organisation,
    teams_visible_to,
    teams_with_figures,
    users,
    users_matching,
)
from reps.queries.sign_in import authenticators_of, invitations_matching
from reps.services.people import save_team, save_user, set_user_active
from reps.services.sessions import end_sessions, password_link, reset_second_factor
from reps.views.security import session_rows


@requires("edit_users")
def user_list(request: SignedIn) -> HttpResponse:
    filters = UserFilter(request.GET)
    filters.is_valid()
    chosen = filters.cleaned_data
    words, role = chosen.get("q", ""), chosen.get("role", "")
    found = users_matching(words=words, role=role, include_inactive=chosen.get("inactive", False))
    invited = invitations_matching(words=words, role=role)
    context = {"filters": filters, "people": list(found), "invitations": list(invited)}
    return show(request, "reps/users.html", context, regions=["users"])


@requires("edit_users")
def user_edit(request: SignedIn, pk: int) -> HttpResponse:
    user = get_object_or_404(users(), pk=pk)
    form = UserForm(request.POST or None, instance=user)
    if request.method == "POST" and form.saves(lambda: save_user(user=user, seen=form.seen, by=request.user)):
        say(request, f"{user.name} is saved.")
        return redirect("users")
    return show_user(request, pk, form)


def show_user(request: SignedIn, pk: int, form: UserForm, link: str = "") -> HttpResponse:
    """The page of a user. `link`: one for a new password, which is shown in this answer only."""
    person = get_object_or_404(users(), pk=pk)
    context = {
        "person": person,
        "sessions": session_rows(person, None),
        "factors": authenticators_of(person),
        "link": link,
    }
    response = show_form(request, "reps/user_form.html", form, context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@requires("edit_users")
def user_password_link(request: SignedIn, pk: int) -> HttpResponse:
    user = get_object_or_404(users(), pk=pk)
    try:
        link = password_link(user=user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("user", pk=pk)
    return show_user(request, pk, UserForm(instance=user), link)


@require_POST
@requires("edit_users")
def user_sessions_end(request: SignedIn, pk: int) -> HttpResponse:
    user = get_object_or_404(users(), pk=pk)
    number = end_sessions(user=user, but=request.session.session_key)
    say(request, f"{number} session{'' if number == 1 else 's'} of {user.name} ended.")
    return redirect("user", pk=pk)


@require_POST
@requires("edit_users")
def user_factor_reset(request: SignedIn, pk: int) -> HttpResponse:
    """For who lost the phone and the recovery codes. Asks the admin for the own password first, where there is one."""
    raise_if_reauthentication_required(request, app="allauth.mfa")
    user = get_object_or_404(users(), pk=pk)
    try:
        reset_second_factor(user=user, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("user", pk=pk)
    say(request, f"{user.name} signs in without a second factor now, and is signed out everywhere.")
    return redirect("user", pk=pk)


@require_POST
@requires("edit_users")
def user_active(request: SignedIn, pk: int, is_active: bool) -> HttpResponse:
    """Deactivate a user, or let the user in again (which is what Undo does)."""
    user = get_object_or_404(users(), pk=pk)
    try:
        set_user_active(user=user, is_active=is_active, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("user", pk=pk)
    if is_active:
        say(request, f"{user.name} can sign in again.")
    else:
        undo = reverse("user_activate", args=[pk])
        say(request, f"{user.name} can no longer sign in. Pipeline and history stay.", undo=undo)
    return redirect("users")


@requires("see_people")
def team_list(request: SignedIn) -> HttpResponse:
    bounds = organisation().band_bounds
    rows = [(team, load_band(team, bounds)) for team in teams_with_figures(request.user)]
    return show(request, "reps/teams.html", {"rows": rows})


def load_band(team: Any, bounds: BandBounds) -> str:
    """The band of a team's load as a whole."""
    return band(team.load, team.max_open, bounds).label if team.max_open else ""


@requires("edit_teams")
def team_new(request: SignedIn) -> HttpResponse:
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.saves(
        lambda: save_team(team=form.instance, managers=form.cleaned_data["managers"], by=request.user)
    ):
        say(request, f"Team {form.instance} is there. Give it reps from their profiles.")
        return redirect("team", pk=form.instance.pk)
    return show_form(request, "reps/team_form.html", form)


@requires("edit_teams")
def team_edit(request: SignedIn, pk: int) -> HttpResponse:
    team = get_object_or_404(teams_visible_to(request.user), pk=pk)
    form = TeamForm(request.POST or None, instance=team)
    if request.method == "POST" and form.saves(
        lambda: save_team(team=team, managers=form.cleaned_data["managers"], seen=form.seen, by=request.user)
    ):
        say(request, f"Team {team} is saved.")
        return redirect("team", pk=pk)
    return show_form(request, "reps/team_form.html", form, {"team": get_object_or_404(Team, pk=pk)})
