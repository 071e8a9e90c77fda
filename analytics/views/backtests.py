"""Analytics › Backtests: what a draft, a version, a model or a changed policy would have done in past days."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from analytics.forms.backtests import BacktestForm
from analytics.queries.backtest_charts import charts_of, table_csv
from analytics.queries.backtest_page import answer_of
from analytics.queries.backtests import backtests, days_words, newest_backtests, question_words, state_of
from analytics.services.backtests import NothingToReplay, cancel_backtest, request_backtest
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, may, requires
from reps.progress import job_shown


@requires("see_analytics")
def backtest_list(request: SignedIn) -> HttpResponse:
    context = {"backtests": newest_backtests(timezone.now())}
    return show(request, "analytics/backtests.html", context)


@requires("run_backtests")
def backtest_new(request: SignedIn) -> HttpResponse:
    form = BacktestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            job = request_backtest(form.question(), by=request.user)
        except NothingToReplay as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            return redirect("analytics_backtest", job.pk)
    return show_form(request, "analytics/backtest_new.html", form)


@requires("see_analytics")
def backtest(request: SignedIn, pk: int) -> HttpResponse:
    """The answer; while the worker plays, how far it is."""
    now, found = timezone.now(), get_object_or_404(backtests(), pk=pk)
    job = job_shown(found, title="Playing the past", now=now)
    if request.htmx:
        if not job["is_running"]:
            return HttpResponse(headers={"HX-Redirect": request.path})
        return render(request, "components/job.html", {"job": job, "job_url": request.path})
    answer, asked = answer_of(found, user=request.user), found.result.get("asked", {})
    word, tone = state_of(found, now, found.result.get("told"))
    context = {
        "found": found, "job": job, "job_url": request.path, "answer": answer, "word": word, "tone": tone,
        "question": question_words(asked), "days": days_words(asked), "live": found.result.get("live"),
        "charts": charts_of(found, answer) if answer else [], "may_run": may(request.user, "run_backtests"),
    }  # fmt: skip
    return show(request, "analytics/backtest.html", context)


@requires("see_analytics")
def backtest_csv(request: SignedIn, pk: int, table: str) -> HttpResponse:
    text = table_csv(get_object_or_404(backtests(), pk=pk), table, user=request.user)
    if text is None:
        raise Http404
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="backtest-{pk}-{table}.csv"'
    return response


@require_POST
@requires("run_backtests")
def backtest_cancel(request: SignedIn, pk: int) -> HttpResponse:
    job = get_object_or_404(backtests(), pk=pk)
    if cancel_backtest(job_id=job.pk, by=request.user, at=timezone.now()):
        say(request, "Stopped. Nothing was changed by it.")
    else:
        say(request, "It was over already.", tone="warn")
    return redirect("analytics_backtest", job.pk)
