"""A team's round-robin: whose turn is next, and why."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.people import teams_visible_to
from routing.queries.turns import configuration_goes_round, load_turns


@requires("see_people")
def team_turns(request: SignedIn, pk: int) -> HttpResponse:
    team = get_object_or_404(teams_visible_to(request.user), pk=pk)
    turns = load_turns(team, by=request.user, now=timezone.now())
    context = {"team": team, "turns": turns, "goes_round": configuration_goes_round()}
    return show(request, "routing/turns.html", context)
