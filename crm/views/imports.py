"""Imports: files in, columns and words settled, checked whole, written as a job that can be left and found again."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.forms.imports import RunForm, UploadForm, WordsForm
from crm.jobs import begin_check, begin_write
from crm.models import ImportFile, ImportRun
from crm.queries.imports import bad_rows, runs_listed
from crm.services.imports import ImportRefused, open_run
from crm.services.imports.columns import confirm_words, set_options
from crm.services.imports.starting import abandon, cancel
from crm.views.import_pages import ColumnsPage, import_job_shown, outcome, stands_at, verdict
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires

OPEN = (ImportRun.State.UPLOADED, ImportRun.State.CHECKED)


@requires("import_records")
def import_list(request: SignedIn) -> HttpResponse:
    runs = [(run, *outcome(run)) for run in runs_listed()]
    return show(request, "crm/import_list.html", {"runs": runs})


@requires("import_records")
def import_new(request: SignedIn) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            run = open_run(files=form.contents(), by=request.user)
            return redirect("import_columns", run.pk)
        except ImportRefused as refusal:
            for message in refusal.messages:
                form.add_error("uploads", message)
    return show_form(request, "crm/import_new.html", form)


@requires("import_records")
def import_page(request: SignedIn, pk: int) -> HttpResponse:
    """Where the import stands: the page of its present step."""
    return redirect(stands_at(get_object_or_404(ImportRun, pk=pk)))


@requires("import_records")
def import_columns(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk, state__in=OPEN)
    page = ColumnsPage(run, request.POST or None)
    options = RunForm(request.POST or None, initial=run.options)
    if request.method == "POST" and page.keeps() and options.is_valid():
        set_options(run=run, options=options.cleaned_data)
        if "check" in request.POST:
            return check(request, run)
        page = ColumnsPage(run, None)
    context = {"run": run, "page": page, "options": options, "step": "columns"}
    return show(request, "crm/import_columns.html", context, regions=["mapping"], status=page.status)


def check(request: SignedIn, run: ImportRun) -> HttpResponse:
    try:
        begin_check(run=run, by=request.user)
    except ImportRefused as refusal:
        say(request, str(refusal), tone="bad")
    run.refresh_from_db()
    return redirect(stands_at(run, after_check=True))


@requires("import_records")
def import_words(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk, state=ImportRun.State.CHECKED)
    form = WordsForm(request.POST or None, report=run.report, options=run.options)
    if request.method == "POST" and form.is_valid():
        if confirm_words(run=run, aliases=form.aliases(), known=form.known()):
            return check(request, run)
        return redirect("import_result", run.pk)
    return show_form(request, "crm/import_words.html", form, {"run": run, "step": "words"})


@requires("import_records")
def import_result(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    if run.state != ImportRun.State.CHECKED:
        return redirect(stands_at(run))
    context = {"run": run, "report": run.report, "verdict": verdict(run), "step": "result"}
    return show(request, "crm/import_result.html", context)


@require_POST
@requires("import_records")
def import_write(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        if run.state == ImportRun.State.CHECKED:
            begin_write(run=run, accept_good="good" in request.POST, by=request.user)
    except ImportRefused as refusal:
        say(request, str(refusal), tone="bad")
    run.refresh_from_db()
    return redirect(stands_at(run))


@requires("import_records")
def import_progress(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun.objects.select_related("job"), pk=pk)
    if run.job is None:
        return redirect(stands_at(run))
    job = import_job_shown(run, timezone.now())
    if job["is_over"]:
        after = stands_at(run, after_check=True)
        return HttpResponse(headers={"HX-Redirect": after}) if request.htmx else redirect(after)
    context: dict[str, Any] = {"run": run, "job": job, "job_url": request.path, "step": "progress"}
    if request.htmx:
        return render(request, "components/job.html", context)
    return show(request, "crm/import_progress.html", context)


@requires("import_records")
def import_done(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk, state=ImportRun.State.DONE)
    context = {"run": run, "report": run.report, "verdict": verdict(run), "step": "done"}
    return show(request, "crm/import_done.html", context)


@require_POST
@requires("import_records")
def import_cancel(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    if cancel(run=run, at=timezone.now()):
        say(request, "Stopped. Nothing of it was kept.", tone="warn")
    run.refresh_from_db()
    return redirect(stands_at(run))


@require_POST
@requires("import_records")
def import_abandon(request: SignedIn, pk: int) -> HttpResponse:
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        abandon(run=run, at=timezone.now())
        say(request, "The import is discarded, with its files. No record was changed.")
    except ImportRefused as refusal:
        say(request, str(refusal), tone="bad")
    return redirect("imports")


@requires("import_records")
def import_bad_rows(request: SignedIn, pk: int, file_pk: int) -> StreamingHttpResponse:
    file = get_object_or_404(ImportFile, pk=file_pk, run=pk)
    name = f"bad rows of {file.name.rsplit('.', 1)[0]}.csv".replace('"', "")
    response = StreamingHttpResponse(bad_rows(file), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
