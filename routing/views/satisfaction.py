"""Satisfaction scores: how they come in, how many there are, and a file of them."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from crm.engine.imports.reading import Problem
from crm.queries.opportunities import opportunities_visible_to
from experiments.queries.satisfaction import scores_kept
from experiments.services.satisfaction import keep_scores
from reps.pages import say, show
from reps.permissions import SignedIn, requires
from routing.forms.satisfaction import ScoresForm

SHOWN = 200  # problems


@requires("import_records")
def satisfaction(request: SignedIn) -> HttpResponse:
    """The whole file is kept, or nothing of it with every row that is wrong."""
    form = ScoresForm(request.POST or None, request.FILES or None)
    visible, problems = opportunities_visible_to(request.user), list[Problem]()
    if request.method == "POST" and form.is_valid():
        found = form.check(visible, at=timezone.localtime())
        if found is not None:
            scores, problems = found
            if not problems:
                kept = keep_scores(scores=scores, source="file")
                say(
                    request, f"{kept.added:,} added, {kept.changed:,} changed, {kept.unchanged:,} were known."
                )
                return redirect("satisfaction")
    context = {
        "form": form,
        "problems": problems[:SHOWN],
        "count": len(problems),
        "kept": scores_kept(),
    }
    is_wrong = bool(problems) or (form.is_bound and not form.is_valid())
    return show(request, "routing/satisfaction.html", context, status=422 if is_wrong else 200)
