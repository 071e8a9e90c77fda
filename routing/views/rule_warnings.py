"""How often rules and policies match and what is worth a look: counted on the past, so fetched after the page."""

from django.http import HttpResponse
from django.utils import timezone

from reps.pages import show
from reps.permissions import SignedIn, requires
from routing.queries.rule_warnings import looked_at


@requires("see_configuration")
def rule_warnings(request: SignedIn) -> HttpResponse:
    """As a page of its own, or as the region of the rules' page, with the numbers of its lines."""
    found = looked_at(user=request.user, now=timezone.now())
    return show(request, "routing/rule_warnings.html", found, regions=["rule-warnings"])
