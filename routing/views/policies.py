"""The page of policies, what is fetched after it, presets with one click, and assigning by itself."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import say, show
from reps.permissions import SignedIn, requires
from routing.models import Policy
from routing.queries.policies import policies_looked_at, policies_page
from routing.services import policies
from routing.services.presets import BY_KEY, PRESETS, unknown_sources


@requires("see_configuration")
def policy_list(request: SignedIn) -> HttpResponse:
    """The draft's policies in order."""
    context = {"presets": PRESETS, **policies_page(timezone.now())}
    return show(request, "routing/policies.html", context, regions=["ladder"])


@requires("see_configuration")
def readiness(request: SignedIn) -> HttpResponse:
    """As a page of its own, or as the region of the policies' page, with the numbers of its lines."""
    found = policies_looked_at(timezone.now())
    return show(request, "routing/readiness.html", found, regions=["readiness"])


@require_POST
@requires("edit_configuration")
def preset_add(request: SignedIn, key: str) -> HttpResponse:
    """A policy with the preset's values in the draft, and what of it is unknown here."""
    if key not in BY_KEY:
        raise Http404
    made = policies.add_preset(preset=BY_KEY[key], by=request.user)
    say(request, f"“{made.name}” is number {made.position} now. It decides once it is published.")
    if unknown := unknown_sources(BY_KEY[key]):
        words = " and ".join(f"“{name}”" for name in unknown)
        text = f"No lead source here is called {words}: change the condition, or add to the vocabulary."
        say(request, text, tone="warn")
    return redirect("policies")


@require_POST
@requires("edit_configuration")
def policy_assign(request: SignedIn, pk: int) -> HttpResponse:
    """The policy assigns by itself in the draft."""
    policy = get_object_or_404(Policy, pk=pk)
    policies.let_assign(policy_id=policy.pk, by=request.user)
    say(request, f"{policy.name} assigns by itself, once this is published.")
    return redirect("policies")
