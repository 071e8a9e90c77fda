"""The team's board: workload, who is away, what room is left."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from reps.engine.capacity import Band
from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries import reps_visible_to
from reps.queries.people import teams_visible_to, teams_with_figures
from routing.forms.board import BoardFilter
from routing.queries.board import load_board


@requires("see_people")
def board(request: SignedIn) -> HttpResponse:
    """Everybody whom the reader looks after."""
    return _board(request, {"team": None})


@requires("see_people")
def team_board(request: SignedIn, pk: int) -> HttpResponse:
    """One team."""
    return _board(request, {"team": get_object_or_404(teams_with_figures(request.user), pk=pk)})


def _board(request: SignedIn, context: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    filters = BoardFilter(request.GET, teams=teams_visible_to(request.user))
    chosen = filters.chosen
    shown = load_board(
        reps_visible_to(request.user),
        now=now,
        team=context["team"] or chosen["team"],
        state=chosen["state"] or "",
        sort=chosen["sort"] or "",
    )
    context |= {
        "board": shown,
        "filters": filters,
        "now": now,
        "counted": [(b.label, shown.counts[b.label]) for b in Band if b.label in shown.counts],
    }
    return show(request, "routing/board.html", context, regions=["reps"])
