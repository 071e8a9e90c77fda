"""Experiments: the list, the form of a draft with its calculator, the results, and tables to take along."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from experiments.models import Experiment
from experiments.services.editing import ExperimentRefused, change_experiment, create_experiment
from reps.pages import say, show
from reps.permissions import SignedIn, may, requires
from routing.forms.experiments import ExperimentForm, ReasonForm, SplitForm
from routing.queries.experiment_exports import curves_csv, exposures_csv, looks_csv
from routing.queries.experiment_pages import experiment_page, experiment_sections
from routing.queries.experiment_plan import calculated, new_draft, taken_parts
from routing.queries.experiment_words import DESIGNS

FORM, PAGE = "routing/experiment_form.html", "routing/experiment.html"
REGIONS = ("condition", "calculator")


@requires("see_configuration")
def experiments(request: SignedIn) -> HttpResponse:
    return show(request, "routing/experiments.html", {"sections": experiment_sections(timezone.now())})


@requires("run_experiments")
def experiment_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """A new draft or one that is there; the builder's buttons and the calculator show the form again."""
    now = timezone.now()
    stored = get_object_or_404(Experiment, pk=pk) if pk else None
    if stored and stored.state != Experiment.State.DRAFT:
        say(request, "It has started: what it compares can’t be changed any more.", tone="warn")
        return redirect("experiment", pk)
    record = Experiment.objects.get(pk=pk) if pk else new_draft(now)
    form = ExperimentForm(request.POST or None, instance=record, user=request.user)
    asks = form.is_building or request.htmx.target == "calculator" or "calculate" in request.POST
    if request.method == "POST" and not asks and (saved := _save(request, form, pk)):
        say(request, f"“{saved.name}” is kept as a draft. It allocates nobody before it is started.")
        return redirect("experiment", saved.pk)
    form.is_valid()
    context = {
        "form": form,
        "record": stored,
        "designs": DESIGNS,
        "taken": taken_parts(),
        "calculated": calculated(form.instance, wanted=form.wanted, at=now),
    }
    status = 422 if form.is_bound and not asks else 200
    return show(request, FORM, context, regions=REGIONS, status=status)


def _save(request: SignedIn, form: ExperimentForm, pk: int | None) -> Experiment | None:
    """None where the form says what is wrong."""
    if not form.is_valid():
        return None
    by, at = request.user, timezone.now()
    try:
        if pk is None:
            return create_experiment(values=form.values, by=by, at=at)
        return change_experiment(experiment_id=pk, values=form.values, by=by, at=at)
    except ExperimentRefused as refusal:
        form.refuse_as(refusal)
        return None


@requires("see_configuration")
def experiment(request: SignedIn, pk: int) -> HttpResponse:
    """The results; of a draft what it could show."""
    return page_of_experiment(request, pk)


def page_of_experiment(request: SignedIn, pk: int, refused: ReasonForm | None = None) -> HttpResponse:
    """Also after an action that was refused, whose form stands open with what was typed."""
    found, now = get_object_or_404(Experiment.objects.select_related("created_by"), pk=pk), timezone.now()
    page = experiment_page(found, now)
    is_draft = found.state == Experiment.State.DRAFT
    next_pct = page.step.pct if page.step and page.step.pct and page.step.pct < 100 else None
    context = {
        "page": page,
        "one": found,
        "calculated": calculated(found, wanted=None, at=now) if is_draft else None,
        "may_run": may(request.user, "run_experiments"),
        "split_form": SplitForm(initial={"split_pct": next_pct}, named="split_form"),
        "stop_form": ReasonForm(named="stop_form"),
        "promote_form": ReasonForm(named="promote_form"),
        "refused": refused,
    }
    if refused is not None:
        context[refused.named] = refused
    return show(request, PAGE, context, status=422 if refused else 200)


def _csv(name: str, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


@requires("see_configuration")
def experiment_exposures_csv(request: SignedIn, pk: int) -> HttpResponse:
    return _csv(
        f"experiment-{pk}-exposures", exposures_csv(get_object_or_404(Experiment, pk=pk), request.user)
    )


@requires("see_configuration")
def experiment_looks_csv(request: SignedIn, pk: int) -> HttpResponse:
    return _csv(f"experiment-{pk}-looks", looks_csv(get_object_or_404(Experiment, pk=pk)))


@requires("see_configuration")
def experiment_curves_csv(request: SignedIn, pk: int) -> HttpResponse:
    return _csv(f"experiment-{pk}-curves", curves_csv(get_object_or_404(Experiment, pk=pk)))
