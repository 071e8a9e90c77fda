"""How every page answers: the whole page or the region that was asked for, and what was done in words."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import trigger_client_event


def show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    regions: Collection[str] = (),
    status: int = 200,
) -> HttpResponse:
    """The page; or, where htmx asks for one of the page's own regions, the partial of that name."""
    htmx = request.htmx  # type: ignore[attr-defined]  # set by HtmxMiddleware
    asked = htmx.target if htmx and not htmx.history_restore_request else None
    name = f"{template}#{asked}" if asked in regions else template
    response = render(request, name, dict(context), status=status)
    # Without it a browser would show the stored region in place of the page when somebody goes back.
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def show_form(
    request: HttpRequest, template: str, form: BaseForm, context: Mapping[str, Any] | None = None
) -> HttpResponse:
    """A page with a form; 422 where what was typed is not accepted yet."""
    status = 422 if form.is_bound else 200
    return show(request, template, {"form": form, **(context or {})}, status=status)


def say(request: HttpRequest, text: str, *, undo: str = "", tone: str = "good") -> None:
    """Tell what was done on the next page, with a way to undo it where there is one."""
    level = {"good": messages.SUCCESS, "warn": messages.WARNING, "bad": messages.ERROR}[tone]
    messages.add_message(request, level, text, extra_tags=undo)


def tell(response: HttpResponse, text: str, *, undo: str = "", tone: str = "good") -> HttpResponse:
    """The same for an htmx answer: the toast appears with the changed region."""
    return trigger_client_event(response, "toast", {"text": text, "undo": undo, "tone": tone})


def ids_in(texts: Iterable[str]) -> list[int]:
    """The ids that a form or an address names; what is none, or too long for one, is passed over."""
    return [int(text) for text in texts if is_id(text)]


def is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def next_address(request: HttpRequest, otherwise: str) -> str:
    """Where to go afterwards: the page that the form came from, if that is one of ours."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and ours else otherwise


def go_to(request: HttpRequest, address: str) -> HttpResponse:
    """Sends the browser to the address, whether htmx asked or it did itself."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)
