"""Routing Rules as they stand: the ladder in sentences, what is not published yet, Publish."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.models import Account
from reps.pages import say, show
from reps.permissions import SignedIn, requires
from routing.engine.configuration import ConfigurationError
from routing.models import CapacitySettings, Policy, Rule
from routing.queries.configuration import live_version, unpublished_changes
from routing.queries.sentences import policy_sentence, rule_sentence, territory_sentence
from routing.services.configuration import publish_configuration
from territories.models import Territory


@requires("see_configuration")
def rules(request: SignedIn) -> HttpResponse:
    """The four steps of the ladder, in the specification's order."""
    named = Account.objects.filter(owner__isnull=False)
    territories = Territory.objects.select_related("parent").prefetch_related(
        "coverage__team", "coverage__rep", "children"
    )
    context: dict[str, Any] = {
        "version": live_version(),
        "changes": unpublished_changes(),
        "named_accounts": named.count(),
        "owners_left": named.filter(owner__left_at__isnull=False).count(),
        "territories": [(t, territory_sentence(t)) for t in territories],
        "rules": [
            (r, rule_sentence(r))
            for r in Rule.objects.select_related("rep", "team").prefetch_related("excluded")
        ],
        "policies": [(p, policy_sentence(p)) for p in Policy.objects.all()],
        "capacity": CapacitySettings.objects.first(),
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
