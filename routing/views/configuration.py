"""Routing Rules as they stand: the ladder in sentences, what is not published yet, Publish."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import say, show
from reps.permissions import SignedIn, requires
from routing.engine.configuration import ConfigurationError
from routing.queries.configuration import capacity_settings, live_version, unpublished_changes
from routing.queries.sentences import (
    named_account_counts,
    policies_in_sentences,
    rules_in_sentences,
    territories_in_sentences,
)
from routing.services.configuration import publish_configuration


@requires("see_configuration")
def rules(request: SignedIn) -> HttpResponse:
    """The four steps of the ladder, in the specification's order."""
    named, left = named_account_counts()
    context: dict[str, Any] = {
        "version": live_version(),
        "changes": unpublished_changes(),
        "named_accounts": named,
        "owners_left": left,
        "territories": territories_in_sentences(),
        "rules": rules_in_sentences(),
        "policies": policies_in_sentences(),
        "capacity": capacity_settings(),
    }
    return show(request, "routing/rules.html", context)


@require_POST
@requires("edit_configuration")
def publish(request: SignedIn) -> HttpResponse:
    note = request.POST.get("note", "")[:200].replace("\x00", "")
    try:
        version, is_new = publish_configuration(by=request.user, at=timezone.now(), note=note)
    except ConfigurationError as error:
        say(request, f"Nothing was published. {error}", tone="bad")
        return redirect("rules")
    say(request, f"Version {version.number} is live." if is_new else "There was nothing to publish.")
    return redirect("rules")
