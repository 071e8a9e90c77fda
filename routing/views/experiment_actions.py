"""What is done to an experiment: started, stepped up, stopped, promoted, let go, or thrown away while a draft."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from experiments.models import Experiment
from experiments.services.editing import ExperimentRefused, delete_experiment
from experiments.services.running import end_experiment, let_go, start_experiment
from experiments.services.steps import step_up
from reps.pages import say
from reps.permissions import SignedIn, requires
from routing.forms.experiments import ReasonForm, SplitForm
from routing.services.experiments import promote
from routing.views.experiments import page_of_experiment


def _act(
    request: SignedIn, pk: int, form: ReasonForm, act: Callable[[Mapping[str, Any]], object], done: str
) -> HttpResponse:
    """Does it and says so; or shows the page again with the form that was refused."""
    found = get_object_or_404(Experiment, pk=pk)
    if form.is_valid():
        try:
            act({"experiment_id": pk, "by": request.user, "at": timezone.now()})
        except ExperimentRefused as refusal:
            form.refuse_as(refusal)
        else:
            say(request, f"“{found.name}” {done}.")
            return redirect("experiment", pk)
    return page_of_experiment(request, pk, refused=form)


@require_POST
@requires("run_experiments")
def experiment_start(request: SignedIn, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST, named="start_form")
    return _act(request, pk, form, lambda who: start_experiment(**who), "allocates from now on")


@require_POST
@requires("run_experiments")
def experiment_split(request: SignedIn, pk: int) -> HttpResponse:
    """The next step, or another one with a reason."""
    form = SplitForm(request.POST, named="split_form")

    def act(who: Mapping[str, Any]) -> None:
        typed = form.cleaned_data
        step_up(split=typed["split_pct"] / 100, reason=typed["reason"], **who)

    return _act(request, pk, form, act, "has its new split")


@require_POST
@requires("run_experiments")
def experiment_stop(request: SignedIn, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST, named="stop_form")

    def act(who: Mapping[str, Any]) -> None:
        end_experiment(outcome=Experiment.Outcome.STOPPED, reason=form.cleaned_data["reason"], **who)

    return _act(request, pk, form, act, "is stopped; control has all opportunities again")


@require_POST
@requires("run_experiments")
def experiment_promote(request: SignedIn, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST, named="promote_form")
    return _act(
        request,
        pk,
        form,
        lambda who: promote(reason=form.cleaned_data["reason"], **who),
        "is over, and its treatment is everybody’s",
    )


@require_POST
@requires("run_experiments")
def experiment_let_go(request: SignedIn, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST, named="let_go_form")
    return _act(
        request,
        pk,
        form,
        lambda who: let_go(reason=form.cleaned_data["reason"], **who),
        "is let go: its population goes by what is published",
    )


@require_POST
@requires("run_experiments")
def experiment_delete(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(Experiment, pk=pk)
    try:
        delete_experiment(experiment_id=pk)
    except ExperimentRefused as refusal:
        say(request, str(refusal), tone="warn")
        return redirect("experiment", pk)
    say(request, f"The draft “{found.name}” is thrown away.")
    return redirect("experiments")
