"""Analytics › Overrides: people's choices, graded once they have closed."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from analytics.forms.filters import YearFilter
from analytics.queries.overrides import load_overrides, overrides_csv, overrides_page
from analytics.services.override_tags import suggest_tag_of_reason
from analytics.views.gaps import address_of, csv_file
from reps.pages import go_to, say, show
from reps.permissions import SignedIn, requires
from routing.queries.account_transfers import today_here


@requires("see_analytics")
def overrides(request: SignedIn) -> HttpResponse:
    form = _form(request)
    first, last = form.period()
    context = {
        "form": form,
        "first": first,
        "last": last,
        "page": overrides_page(request.user, first=first, last=last),
        "address": address_of(request),
    }
    return show(request, "analytics/overrides.html", context)


@requires("see_analytics")
def overrides_file(request: SignedIn) -> HttpResponse:
    first, last = _form(request).period()
    return csv_file(f"overrides-{first}-to-{last}", overrides_csv(load_overrides(request.user, first, last)))


@require_POST
@requires("edit_profiles")
def suggest(request: SignedIn) -> HttpResponse:
    """Suggests the tag that a reason proposes within the days of the address."""
    first, last = _form(request).period()
    page = overrides_page(request.user, first=first, last=last)
    proposal = next((one for one in page.proposals if one.reason == request.POST.get("reason")), None)
    if proposal is None:
        raise Http404
    try:
        made = suggest_tag_of_reason(proposal=proposal, by=request.user, at=timezone.now())
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(
            request, f"{made.name} is suggested for {made.rep}. It waits under Suggested Tags to be approved."
        )
    return go_to(request, reverse("analytics_overrides") + address_of(request))


def _form(request: SignedIn) -> YearFilter:
    return YearFilter(request.GET, today=today_here(timezone.now()))
