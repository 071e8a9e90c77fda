"""Territories in their hierarchy, what falls in none or in several, and territories as a file."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.engine.imports.reading import Unreadable
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from routing.forms.territories import ConfirmForm, CoverageFilter, TerritoryFileForm, TerritoryForm, moments
from routing.queries.coverage import coverage_page
from routing.queries.territories import territory_lines
from routing.queries.territory_file import as_csv
from routing.services import territories as services
from routing.services.territories import NotAsShown, import_territories
from territories.models import Territory

FORM, IMPORT = "routing/territory_form.html", "routing/territory_import.html"
DELETED = "deleted_territory"  # in the session, until it is undone or another one is deleted


@requires("see_configuration")
def territories(request: SignedIn) -> HttpResponse:
    lines = territory_lines(user=request.user, now=timezone.now())
    warned = sum(bool(line.warnings) for line in lines)
    return show(request, "routing/territories.html", {"lines": lines, "warned": warned})


@requires("edit_configuration")
def territory_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """A new territory or one that is there, with its coverage."""
    territory = get_object_or_404(Territory, pk=pk) if pk else Territory()
    form = TerritoryForm(request.POST or None, instance=territory, user=request.user)
    context = {"form": form, "record": Territory.objects.filter(pk=pk).first() if pk else None}
    if form.is_building:
        return show(request, FORM, context, regions=["condition", "coverage"])

    def act() -> None:
        seen, covers = form.seen if pk else None, form.coverage.covers()
        services.save_territory(territory=territory, covers=covers, seen=seen, by=request.user)

    if request.method == "POST" and form.saves(act):
        say(request, f"{territory} is saved. It counts once it is published.")
        return redirect(f"{reverse('territories')}#territory-{territory.pk}")
    return show_form(request, FORM, form, context)


@require_POST
@requires("edit_configuration")
def territory_delete(request: SignedIn, pk: int) -> HttpResponse:
    try:
        kept = services.delete_territory(territory_id=pk, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("territory", pk)
    if kept is None:
        raise Http404
    request.session[DELETED] = kept
    say(request, f"{kept['name']} is deleted.", undo=reverse("territory_restore"))
    return redirect("territories")


@require_POST
@requires("edit_configuration")
def territory_restore(request: SignedIn) -> HttpResponse:
    kept = request.session.pop(DELETED, None)
    if kept is None:
        say(request, "There is nothing to bring back.", tone="warn")
        return redirect("territories")
    try:
        territory = services.bring_back_territory(kept=kept, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(request, f"{territory} is back.")
    return redirect("territories")


@require_POST
@requires("edit_configuration")
def territory_switch(request: SignedIn, pk: int) -> HttpResponse:
    """`to` says which, so that two who press at once do not undo each other."""
    territory, active = get_object_or_404(Territory, pk=pk), request.POST.get("to") == "on"
    try:
        services.set_territory_active(territory_id=pk, active=active, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(request, f"{territory} is {'on' if active else 'off'}, once this is published.")
    return redirect(f"{reverse('territories')}#territory-{pk}")


@requires("see_configuration")
def territories_csv(request: SignedIn) -> HttpResponse:
    response = HttpResponse(as_csv(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="territories.csv"'
    return response


@requires("edit_configuration")
def territories_import(request: SignedIn) -> HttpResponse:
    """Reads a file and shows what it would do; nothing is written yet."""
    form = TerritoryFileForm(request.POST or None, request.FILES or None)
    found = form.plan() if request.method == "POST" and form.is_valid() else None
    if found is None:
        return show_form(request, IMPORT, form)
    plan, confirm = found
    context = {"form": TerritoryFileForm(), "plan": plan, "confirm": confirm}
    return show(request, IMPORT, context, status=422 if plan.problems else 200)


@require_POST
@requires("edit_configuration")
def territories_import_apply(request: SignedIn) -> HttpResponse:
    """Does what was shown; shows it again where it would be something else by now."""
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        say(request, "Nothing was imported. Choose the file again.", tone="bad")
        return redirect("territories_import")
    content, off = form.cleaned_data["content"], form.cleaned_data["switch_off_missing"]
    try:
        plan = import_territories(**form.cleaned_data, at=timezone.now())
    except NotAsShown as changed:
        confirm = ConfirmForm.of(content, off, changed.plan)
        context = {"form": TerritoryFileForm(), "plan": changed.plan, "confirm": confirm, "why": str(changed)}
        return show(request, IMPORT, context, status=409)
    except Unreadable as refusal:
        say(request, f"Nothing was imported. {refusal}", tone="bad")
        return redirect("territories_import")
    say(request, f"{len(plan.added)} added, {len(plan.changed)} changed; live once published.")
    return redirect("territories")


@requires("see_analytics")
def coverage(request: SignedIn) -> HttpResponse:
    """The past year, or the days of the address."""
    chosen = CoverageFilter(request.GET)
    first, last = chosen.period(timezone.localdate())
    start, end = moments(first, last)
    page = coverage_page(user=request.user, first=start, last=end)
    filters = CoverageFilter({"first": first, "last": last})
    context = {"page": page, "filters": filters, "first": first, "last": last}
    return show(request, "routing/coverage.html", context)
