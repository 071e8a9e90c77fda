"""Rules and policies on the ladder: order, switch, copy, delete and undo, alike for both. `word` says which."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.models import User
from reps.pages import say, show, tell
from reps.permissions import SignedIn, requires
from routing.models import Policy, Rule
from routing.queries.policies import policies_page
from routing.queries.rules import rules_page
from routing.services import ordered, policies, rules


@dataclass(frozen=True)
class Kind:
    """`page`: the name of its page's address; `load` what the page shows."""

    model: type[ordered.Ordered]
    switch: Callable[[int, bool, User], Any]
    page: str
    load: Callable[[datetime.datetime], dict[str, Any]]

    def get(self, pk: int) -> Any:
        return get_object_or_404(self.model._default_manager.all(), pk=pk)


KINDS = {
    "rule": Kind(
        Rule,
        lambda pk, active, by: rules.set_rule_active(rule_id=pk, active=active, by=by),
        "rules",
        rules_page,
    ),
    "policy": Kind(
        Policy,
        lambda pk, active, by: policies.set_policy_active(policy_id=pk, active=active, by=by),
        "policies",
        policies_page,
    ),
}


def changed(request: SignedIn, word: str, text: str, *, undo: str = "", tone: str = "good") -> HttpResponse:
    """The ladder as it is now, where htmx asked; else its page, with what was done."""
    if request.htmx:
        template, context = f"routing/{KINDS[word].page}.html", KINDS[word].load(timezone.now())
        response = show(request, template, context, regions=["ladder"])
        return tell(response, text, undo=undo, tone=tone)
    say(request, text, undo=undo, tone=tone)
    return redirect(KINDS[word].page)


@require_POST
@requires("edit_configuration")
def move(request: SignedIn, word: str, pk: int) -> HttpResponse:
    """`to` is a place, 1 being the first; `step` is up or down."""
    kind = KINDS[word]
    record = kind.get(pk)
    by_places, to = {"up": -1, "down": 1}.get(request.POST.get("step", "")), request.POST.get("to", "")
    if by_places:
        place = ordered.step(kind.model, pk=pk, by_places=by_places)
    elif to.isascii() and to.isdigit() and len(to) < 9:
        place = ordered.move(kind.model, pk=pk, to=int(to))
    else:
        raise Http404
    return changed(request, word, f"{record.name} is number {place} now.")


@require_POST
@requires("edit_configuration")
def switch(request: SignedIn, word: str, pk: int) -> HttpResponse:
    """`to` says which, so that two who press at once do not undo each other."""
    record, active = KINDS[word].get(pk), request.POST.get("to") == "on"
    try:
        KINDS[word].switch(pk, active, request.user)
    except ValidationError as refusal:
        return changed(request, word, " ".join(refusal.messages), tone="bad")
    return changed(request, word, f"{record.name} is {'on' if active else 'off'}, once this is published.")


@require_POST
@requires("edit_configuration")
def copy(request: SignedIn, word: str, pk: int) -> HttpResponse:
    made = ordered.copy(KINDS[word].model, pk=KINDS[word].get(pk).pk)
    say(request, f"This is “{made.name}”, switched off until you are done.")
    return redirect(word, made.pk)


@require_POST
@requires("edit_configuration")
def delete(request: SignedIn, word: str, pk: int) -> HttpResponse:
    kept = ordered.delete(KINDS[word].model, pk=pk)
    if kept is None:
        raise Http404
    request.session[f"deleted_{word}"] = kept  # until it is undone or another one is deleted
    say(request, f"{kept['name']} is deleted.", undo=reverse(f"{word}_restore"))
    return redirect(KINDS[word].page)


@require_POST
@requires("edit_configuration")
def restore(request: SignedIn, word: str) -> HttpResponse:
    kept = request.session.pop(f"deleted_{word}", None)
    if kept is None:
        return changed(request, word, "There is nothing to bring back.", tone="warn")
    try:
        record = ordered.bring_back(KINDS[word].model, kept=kept)
    except ValidationError as refusal:
        return changed(request, word, " ".join(refusal.messages), tone="bad")
    return changed(request, word, f"{record.name} is back.")
