"""Pages of users, teams and the organisation."""

from typing import Any

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
from reps.services.people import save_team, save_user, set_user_active


@requires("edit_users")
def user_list(request: SignedIn) -> HttpResponse:
    filters = UserFilter(request.GET)
    filters.is_valid()
    chosen = filters.cleaned_data
    found = users_matching(
        words=chosen.get("q", ""), role=chosen.get("role", ""), include_inactive=chosen.get("inactive", False)
    )
    context = {"filters": filters, "people": list(found)}
    return show(request, "reps/users.html", context, regions=["users"])


@requires("edit_users")
def user_new(request: SignedIn) -> HttpResponse:
    form = UserForm(request.POST or None, initial={"time_zone": organisation().time_zone})
    if request.method == "POST" and form.saves(
        lambda: save_user(user=form.instance, password=form.cleaned_data["password"], by=request.user)
    ):
        say(request, f"{form.instance.name} can sign in now.")
        return redirect("users")
    return show_form(request, "reps/user_form.html", form)


@requires("edit_users")
def user_edit(request: SignedIn, pk: int) -> HttpResponse:
    user = get_object_or_404(users(), pk=pk)
    form = UserForm(request.POST or None, instance=user)
    if request.method == "POST" and form.saves(
        lambda: save_user(user=user, password=form.cleaned_data["password"], seen=form.seen, by=request.user)
    ):
        say(request, f"{user.name} is saved.")
        return redirect("users")
    return show_form(request, "reps/user_form.html", form, {"person": get_object_or_404(users(), pk=pk)})


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
