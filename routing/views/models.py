"""The model page: who decides and how well, all models with their events, training, roll-back."""

import datetime
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import say, show, show_form
from reps.permissions import SignedIn, may, requires
from reps.progress import job_shown
from reps.queries.pages import BadCursor, page_of
from routing.forms.models import ModelSettingsForm, RollBackForm, SegmentFilter
from routing.models import ModelVersion
from routing.queries.model_page import listed_versions, load_model_page
from routing.queries.model_segments import as_csv, cells, table_of
from routing.queries.models import champion_version, model_events, model_settings, newest_training, readiness
from routing.services import training

ORDINALS = {1: "second", 2: "third", 3: "fourth"}


@requires("see_analytics")
def model_page(request: SignedIn, number: int | None = None) -> HttpResponse:
    """The champion, or the model of that number with its report."""
    version = champion_version() if number is None else get_object_or_404(ModelVersion, number=number)
    tomorrow = timezone.localdate() + datetime.timedelta(days=1)  # what closed today counts
    ready = readiness(tomorrow)
    page = load_model_page(version, user=request.user, ready=ready, months=model_settings().months)
    context = {
        "version": version,
        "page": page,
        "is_champion": version.state == ModelVersion.State.CHAMPION,
        "may_import": may(request.user, "import_records"),
        **(_training(timezone.now()) if number is None else {}),
        "roll_back_form": RollBackForm(),
    }
    return show(request, "routing/model.html", context)


# --- training -------------------------------------------------------------------------------------------------------


def _training(now: datetime.datetime) -> dict[str, Any]:
    """The newest training as routing/model_training.html shows it; empty where there was none."""
    job, stopped = newest_training(now)
    if job is None:
        return {}
    restarts = job.result.get("restarts", 0)
    again = f", {ORDINALS.get(restarts, 'next')} attempt: the worker of the one before stopped"
    title = f"Training a model{again if restarts else ''}"
    return {
        "training": job,
        "job": job_shown(job, title=title, now=now),
        "is_stopped": stopped,
        "is_given_up": stopped and restarts >= training.RESTARTS,
    }


@requires("see_analytics")
def model_training(request: SignedIn) -> HttpResponse:
    """Where the newest training stands; the region asks again while it runs."""
    context = {**_training(timezone.now()), "version": champion_version()}
    if not request.htmx:
        return show(request, "routing/model_training_page.html", context)
    running = "job" in context and context["job"]["is_running"]
    name = "components/job.html" if running else "routing/model_training.html"
    return render(request, name, {**context, "job_url": request.path, "is_news": True})


@require_POST
@requires("train_models")
def model_train(request: SignedIn) -> HttpResponse:
    try:
        training.request_training(by=request.user)
    except training.TrainingUnderWay as under_way:
        by = under_way.job.requested_by if under_way.job else None
        who = f", asked for by {by}" if by and by != request.user else ""
        say(request, f"A training is under way already{who}. This is it.", tone="warn")
    else:
        say(request, "The training is on its way. You can leave this page; it goes on.")
    return redirect("analytics_model")


@requires("train_models")
def model_roll_back(request: SignedIn, number: int) -> HttpResponse:
    """What it does, and why; the dialog of the model's page sends here as well."""
    version = get_object_or_404(ModelVersion, number=number)
    form = RollBackForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        note = form.cleaned_data["note"]
        try:
            training.roll_back(to=version, by=request.user, at=timezone.now(), note=note)
        except training.CannotRollBack as refusal:
            say(request, str(refusal), tone="bad")
        else:
            say(request, f"Model {number} decides from now on. What was decided before stays as it is.")
        return redirect("analytics_model")
    context = {"version": version, "champion": champion_version()}
    return show_form(request, "routing/model_roll_back.html", form, context)


@requires("train_models")
def model_settings_page(request: SignedIn) -> HttpResponse:
    form = ModelSettingsForm(request.POST or None, instance=model_settings())
    if request.method == "POST" and form.is_valid():
        training.save_model_settings(values=form.cleaned_data, by=request.user)
        say(
            request,
            "Saved. The next training learns by these settings; a model that was learned stays as it is.",
        )
        return redirect("model_settings")
    return show_form(request, "routing/model_settings.html", form, {"version": champion_version()})


# --- all models -----------------------------------------------------------------------------------------------------


@requires("see_analytics")
def model_history(request: SignedIn) -> HttpResponse:
    """Every model, and what happened to them."""
    try:
        page = page_of(listed_versions(), key="number", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "page": page,
        "words": page.words("model", "models"),
        "events": model_events(),
        "version": champion_version(),
        "roll_back_form": RollBackForm(),
    }
    return show(request, "routing/model_history.html", context)


# --- rep × segment --------------------------------------------------------------------------------------------------


@requires("see_analytics")
def model_segments(request: SignedIn, number: int) -> HttpResponse:
    """Who won what: a manager sees the own teams."""
    version = get_object_or_404(ModelVersion, number=number)
    filters = SegmentFilter(request.GET)
    every = cells(version, user=request.user)
    context = {
        "version": version,
        "filters": filters,
        "table": table_of(every, filters.search()),
        "has_any": bool(every),
        "is_champion": version.state == ModelVersion.State.CHAMPION,
    }
    return show(request, "routing/model_segments.html", context, regions=["segments"])


@requires("see_analytics")
def model_segments_csv(request: SignedIn, number: int) -> StreamingHttpResponse:
    version = get_object_or_404(ModelVersion, number=number)
    rows = as_csv(cells(version, user=request.user))
    response = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="reps and segments of model {number}.csv"'
    return response


# --- what others would have won -------------------------------------------------------------------------------------


@requires("see_analytics")
def model_value(request: SignedIn) -> HttpResponse:
    """Its place is taken by backtests; the address stays."""
    return redirect("analytics_backtests")
