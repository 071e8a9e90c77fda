"""Routing Rules as they stand: the ladder in sentences, what is not published yet, Publish."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import say, show
from reps.permissions import SignedIn, requires
from routing.engine.configuration import ConfigurationError
from routing.queries.rules import rules_page
from routing.services.configuration import publish_configuration


@requires("see_configuration")
def rules(request: SignedIn) -> HttpResponse:
    """The four steps of the ladder, in the specification's order."""
    return show(request, "routing/rules.html", rules_page(timezone.now()), regions=["ladder"])


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
