"""Settings › Web Forms: forms on websites that send leads, and the HTML to put there."""

from django.conf import settings as project
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST

from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from routing.forms.web_forms import WebFormForm
from routing.models import WebForm
from routing.queries.web_forms import inputs, web_forms
from routing.services.web_forms import delete_web_form, rotate_key, save_web_form


@requires("edit_integrations")
def web_form_list(request: SignedIn) -> HttpResponse:
    return show(request, "routing/web_forms.html", {"web_forms": list(web_forms()[:200])})


@requires("edit_integrations")
def web_form_edit(request: SignedIn, pk: int | None = None) -> HttpResponse:
    stored = get_object_or_404(web_forms(), pk=pk) if pk else None
    form, saved = WebFormForm(request.POST or None, instance=stored), []
    if request.method == "POST" and form.saves(
        lambda: saved.append(save_web_form(given=form.given, by=request.user, form=stored, seen=form.seen))
    ):
        say(request, f"{saved[0]} is saved. Its HTML is below.")
        return redirect("web_form", pk=saved[0].pk)
    shown = web_forms().filter(pk=pk).first() if pk else None
    context = {"web_form": shown, "snippet": _snippet(shown) if shown else ""}
    return show_form(request, "routing/web_form.html", form, context)


def _snippet(form: WebForm) -> str:
    address = project.BASE_URL + reverse("web_form_submit", args=[form.key])
    return render_to_string(
        "routing/web_form_snippet.html", {"web_form": form, "inputs": inputs(form), "address": address}
    )


@require_POST
@requires("edit_integrations")
def web_form_key(request: SignedIn, pk: int) -> HttpResponse:
    form = get_object_or_404(WebForm, pk=pk)
    rotate_key(form=form, by=request.user)
    say(request, f"{form} has a new address. Put the new HTML on the website: the old address is closed.")
    return redirect("web_form", pk=pk)


@require_POST
@requires("edit_integrations")
def web_form_delete(request: SignedIn, pk: int) -> HttpResponse:
    form = get_object_or_404(WebForm, pk=pk)
    delete_web_form(form=form, by=request.user)
    say(request, f"{form} is gone. Leads that came through it stay.")
    return redirect("web_forms")
