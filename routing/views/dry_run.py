"""Try the draft: what the working configuration would have done with the opportunities of some past days."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from reps.models import Job
from reps.pages import show, show_form
from reps.permissions import SignedIn, requires
from reps.progress import job_shown
from routing.forms.dry_run import DryRunForm
from routing.queries.changes import unpublished_changes
from routing.queries.configuration import live_version
from routing.queries.dry_runs import KIND, dry_run_page, newest_dry_runs
from routing.services.dry_runs import NothingToTry, request_dry_run


@requires("see_configuration")
def dry_runs(request: SignedIn) -> HttpResponse:
    """The form, what is in the draft, and the newest dry-runs."""
    form = DryRunForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        first, last = form.moments()
        try:
            job = request_dry_run(first=first, last=last, by=request.user)
        except NothingToTry as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("dry_run", job.pk)
    context = {
        "runs": newest_dry_runs(timezone.now()),
        "changes": unpublished_changes(),
        "live": live_version().number,
    }
    return show_form(request, "routing/dry_runs.html", form, context)


@requires("see_configuration")
def dry_run(request: SignedIn, pk: int) -> HttpResponse:
    """The answer; while the worker plays, how far it is."""
    found = get_object_or_404(Job.objects.select_related("requested_by"), pk=pk, kind=KIND)
    job = job_shown(found, title="Trying the draft", now=timezone.now())
    if request.htmx:
        if not job["is_running"]:
            return HttpResponse(headers={"HX-Redirect": request.path})
        return render(request, "components/job.html", {"job": job, "job_url": request.path})
    context = {"found": found, "job": job, "job_url": request.path, "page": dry_run_page(found)}
    return show(request, "routing/dry_run.html", context)
