"""Status: what runs and what does not, in sentences; regular jobs and the guarantees at once, for admins."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_q.models import Schedule

from operations.queries.status import status
from operations.services.asking import check_now, run_now
from reps.pages import say, show
from reps.permissions import SignedIn, requires


@requires("see_status")
def status_page(request: SignedIn) -> HttpResponse:
    return show(request, "operations/status.html", {"status": status(timezone.now())}, regions=["status"])


@require_POST
@requires("run_jobs")
def job_run_now(request: SignedIn, pk: int) -> HttpResponse:
    try:
        schedule = run_now(schedule_id=pk, by=request.user)
    except Schedule.DoesNotExist as error:
        raise Http404 from error
    say(request, f"“{schedule.name}” runs as soon as a worker takes it.")
    return redirect("status")


@require_POST
@requires("run_jobs")
def guarantees_check(request: SignedIn) -> HttpResponse:
    check_now(by=request.user)
    say(
        request, "The guarantees are checked as soon as a worker takes it. The result stands here afterwards."
    )
    return redirect("status")
