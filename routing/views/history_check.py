"""Try it on your own history: a file of deals in, figures out, before anything is switched on."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from reps.pages import show, show_form
from reps.permissions import SignedIn, requires
from reps.progress import job_shown
from routing.forms.history_check import HistoryCheckForm
from routing.models import HistoryCheck
from routing.queries.history_checks import check_page, newest_checks
from routing.queries.models import champion_version


@requires("see_analytics")
def history_checks(request: SignedIn) -> HttpResponse:
    """The form, and the newest checks."""
    form = HistoryCheckForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        check = form.request(request.user)
        if check is not None:
            return redirect("history_check", check.pk)
    context = {"checks": newest_checks(timezone.now()), "version": champion_version()}
    return show_form(request, "routing/history_checks.html", form, context)


@requires("see_analytics")
def history_check(request: SignedIn, pk: int) -> HttpResponse:
    """The figures; while the worker computes them, how far it is."""
    check = get_object_or_404(
        HistoryCheck.objects.select_related("job", "requested_by").defer("content"), pk=pk
    )
    job = job_shown(check.job, title=f"Trying {check.name}", now=timezone.now())
    if request.htmx:
        if not job["is_running"]:
            return HttpResponse(headers={"HX-Redirect": request.path})
        return render(request, "components/job.html", {"job": job, "job_url": request.path})
    context = {
        "check": check,
        "job": job,
        "job_url": request.path,
        "page": check_page(check),
        "version": champion_version(),
    }
    return show(request, "routing/history_check.html", context)
