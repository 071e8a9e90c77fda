"""What a form on a website posts to. It needs no sign-in and tells nothing: neither who got it nor whether the company
is known, and a trapped robot gets the answer of everybody else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from reps.addresses import client_address
from routing.api.opportunities import OpportunityInput
from routing.engine.web_forms import LONGEST_NAME, is_storable, nested, sort_out
from routing.models import WebForm
from routing.services.intake import KeyReused, take_in
from routing.services.web_forms import is_within_limits, note

MOST_BYTES = 65_536
MOST_FIELDS = 100
ID = "submission_id"  # the client's own, so that a repeat is one lead
THANKS = "Thank you. We will be in touch."


@dataclass(eq=False)
class Refusal(Exception):
    """An answer that is none of thanks."""

    status: int
    error: str
    fields: Mapping[str, Any] | None = None
    retry_after: int = 0


@csrf_exempt
@login_not_required
def web_form_submit(request: HttpRequest, key: str) -> HttpResponse:
    """POST only, JSON or as a browser sends a form; preflights of the form's own origins."""
    active = WebForm.objects.select_related("acts_as").filter(is_active=True)
    form = None if "\x00" in key else active.filter(key=key).first()
    if form is None:
        return _refuse(Refusal(404, "There is no such form."))
    origin = request.headers.get("Origin", "")
    if origin and origin not in form.origins:
        return _refuse(Refusal(403, "This website may not send to this form."))
    try:
        response = _preflight() if request.method == "OPTIONS" else _submit(request, form)
    except Refusal as refusal:
        response = _refuse(refusal)
    response["Vary"] = "Origin"
    response["Cache-Control"] = "no-store"
    if origin:
        response["Access-Control-Allow-Origin"] = origin
    return response


def _preflight() -> HttpResponse:
    allowed = {"Methods": "POST", "Headers": "Content-Type", "Max-Age": "600"}
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Max-Age" if name == "Max-Age" else f"Access-Control-Allow-{name}": value
            for name, value in allowed.items()
        },
    )


def _submit(request: HttpRequest, form: WebForm) -> HttpResponse:
    if request.method != "POST":
        raise Refusal(405, "Send a form with POST.")
    at = timezone.now()
    if not is_within_limits(form=form, address=client_address(request), at=at):
        note(form, at=at, limited=1)
        raise Refusal(429, "Too many at once. Please try again later.", retry_after=3600)
    try:
        sent, is_page = _read(request)
        if form.trap and sent.get(form.trap):
            note(form, at=at, trapped=1)
        else:
            unknown = _take(form, sent)
            note(form, at=at, accepted=1, unknown=unknown)
    except Refusal:
        note(form, at=at, refused=1)
        raise
    if is_page and form.thanks:
        return HttpResponseRedirect(form.thanks, status=303)
    return JsonResponse({"message": THANKS})


def _read(request: HttpRequest) -> tuple[Mapping[str, Any], bool]:
    """What was sent by name, and whether a browser sent it as a page does."""
    try:
        body = request.body
    except RequestDataTooBig:
        body = b" " * (MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise Refusal(413, "This is too long.")
    if request.content_type == "application/json":
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal(400, "This is no JSON.") from None
    elif request.content_type == "application/x-www-form-urlencoded":
        try:
            sent = QueryDict(body, encoding="utf-8").dict()
        except Exception:  # too many fields, or bytes that are no text
            raise Refusal(400, "This is no form that we can read.") from None
    else:
        raise Refusal(415, "Send JSON, or a form as application/x-www-form-urlencoded.")
    if not isinstance(sent, dict) or len(sent) > MOST_FIELDS:
        raise Refusal(400, f"Send an object of at most {MOST_FIELDS} fields.")
    return sent, request.content_type != "application/json"


def _take(form: WebForm, sent: Mapping[str, Any]) -> int:
    """Takes the lead in, and decides it with that. Returns how many fields were passed over. Raises Refusal."""
    found = sort_out(sent, form.mapping, frozenset({form.trap, ID}))
    problems: dict[str, Any] = {name: [words] for name, words in found.wrong.items()}
    if form.refuses_unknown:
        problems |= {_name(name): ["There is no such field."] for name in found.unknown}
    values = nested({**found.values, **form.fixed})
    incoming = OpportunityInput(data=values)
    if not incoming.is_valid():
        problems |= _by_form_name(incoming.errors, form.mapping)
    if problems:
        raise Refusal(400, "Please check what you entered.", problems)
    try:
        # What is stored nowhere must not tell two requests apart.
        body = {"form": form.pk, "values": values}
        take_in(
            values=incoming.validated_data, body=body, by=form.acts_as, at=timezone.now(),
            idempotency_key=_key(form, sent.get(ID)), way="web_form",
        )  # fmt: skip
    except KeyReused:
        raise Refusal(409, "This was sent before with another content.", {ID: ["Used before."]}) from None
    except ValidationError as error:
        fields = error.message_dict if hasattr(error, "error_dict") else {}
        raise Refusal(400, "Please check what you entered.", _by_form_name(fields, form.mapping)) from None
    return len(found.unknown)


def _key(form: WebForm, given: object) -> str:
    if given in (None, ""):
        return ""
    if not isinstance(given, str) or len(given) > 100 or not given.isprintable():
        raise Refusal(
            400, "Please check what you entered.", {ID: ["At most 100 printable characters are expected."]}
        )
    return f"form:{form.pk}:{given}"


def _name(name: str) -> str:
    return name[:LONGEST_NAME] if is_storable(name) else "(unreadable)"


def _by_form_name(errors: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """Errors under the names that the form uses. Of a fixed value, or of what no field holds, under `form`."""
    names = {ours: theirs for theirs, ours in mapping.items()}
    found: dict[str, Any] = {}
    for part, problem in errors.items():
        if isinstance(problem, Mapping):
            for name, words in problem.items():
                found[names.get(f"{part}.{name}", "form")] = words
        else:
            name = names.get(part) or names.get("company.name") if part == "name" else names.get(part)
            found[name or "form"] = problem
    return found


def _refuse(refusal: Refusal) -> JsonResponse:
    answer = JsonResponse({"error": refusal.error, "fields": refusal.fields or {}}, status=refusal.status)
    if refusal.retry_after:
        answer["Retry-After"] = str(refusal.retry_after)
    return answer
