"""People of whom something is held: found, shown, exported, erased; and how long what is kept."""

import tempfile
from typing import Any

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from privacy.forms import EraseForm, FindForm, RetentionForm
from privacy.models import Erasure, Kind
from privacy.queries.held import held_on
from privacy.queries.pages import history, told_of, told_rules
from privacy.queries.people import Subject, find_people, load_subject, only_this_person, same_person_elsewhere
from privacy.queries.retention import counted, last_run, retention_settings, told_counts
from privacy.services.erasing import EraseRefused, erase, refusals
from privacy.services.exporting import export, file_name, own_subject
from privacy.services.retention import save_retention
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.pages import page_of


@requires("erase_people")
def people(request: SignedIn) -> HttpResponse:
    form = FindForm(request.GET)
    words = form.cleaned_data["q"] if form.is_valid() else ""
    try:
        page = page_of(history(), key="id", descending=True, cursor=request.GET.get("at", ""), size=30)
    except (ValueError, TypeError) as error:
        raise Http404 from error
    context = {"words": words, "found": find_people(words), "page": page}
    return show(request, "privacy/people.html", context, regions=["found"])


@requires("erase_people")
def person(request: SignedIn, kind: str, pk: int) -> HttpResponse:
    """GET shows what would go and what stays; POST erases, or says why not."""
    subject = _subject(kind, pk)
    account = only_this_person(subject)
    form = EraseForm(request.POST or None, subject=subject, account=account)
    if form.is_valid() and (done := _erased(request, form)):
        say(request, f"Erased: {done.total:,} rows changed or deleted. It cannot be undone.")
        return redirect("privacy_person", kind=subject.kind.value, pk=subject.pk)
    context: dict[str, Any] = {"subject": subject, "form": form, "account": account}
    if "held" in request.GET or (request.htmx and request.htmx.target == "held"):
        context["held"] = told_of(subject, held_on(subject))
    context |= {"refusals": refusals(subject, request.user), "same": same_person_elsewhere(subject)}
    status = 422 if form.is_bound else 200
    return show(request, "privacy/person.html", context, regions=["held"], status=status)


def _erased(request: SignedIn, form: EraseForm) -> Erasure | None:
    """What the service refuses stands in the form."""
    try:
        (done,) = erase(
            people=[(form.subject.kind, form.subject.pk)], by=request.user, at=timezone.now(),
            reason=form.cleaned_data["reason"], with_account=bool(form.cleaned_data.get("with_account")),
        )  # fmt: skip
    except EraseRefused as refused:
        form.add_error(None, str(refused))
        return None
    return done


@requires("erase_people")
def person_export(request: SignedIn, kind: str, pk: int) -> HttpResponseBase:
    return _file(request, _subject(kind, pk))


def my_data(request: SignedIn) -> HttpResponse:
    subject = own_subject(request.user)
    held = told_of(subject, held_on(subject, for_oneself=True)) if subject else []
    return show(request, "privacy/my_data.html", {"subject": subject, "held": held})


def my_data_export(request: SignedIn) -> HttpResponseBase:
    subject = own_subject(request.user)
    if subject is None:
        raise Http404
    return _file(request, subject)


@requires("erase_people")
def retention(request: SignedIn) -> HttpResponse:
    """What each rule would take is counted before it is saved: “Count” sends the same form by GET."""
    stored = retention_settings()
    form = RetentionForm(request.POST or (request.GET if "count" in request.GET else None), instance=stored)
    run = last_run()
    context: dict[str, Any] = {"run": run, "rules": told_rules(run)}
    if request.method == "POST" and form.saves(
        lambda: save_retention(settings=stored, seen=form.seen, by=request.user)
    ):
        say(request, "Saved. The rules are applied each night.")
        return redirect("privacy_retention")
    if request.method != "POST" and form.is_bound and form.is_valid():
        context["counted"] = told_counts(counted(form.instance, timezone.now()))
        return show(request, "privacy/retention.html", {"form": form, **context})
    return show_form(request, "privacy/retention.html", form, context)


def _subject(kind: str, pk: int) -> Subject:
    subject = load_subject(kind, pk) if kind in Kind.values else None
    if subject is None:
        raise Http404
    return subject


def _file(request: SignedIn, subject: Subject) -> FileResponse:
    """On the disk while it is made, and gone with the answer."""
    made = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    export(subject=subject, to=made, by=request.user, at=timezone.now())
    made.seek(0)
    return FileResponse(made, as_attachment=True, filename=file_name(subject), content_type="application/zip")
