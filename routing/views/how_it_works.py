"""“How routing works here”, readable by everybody."""

from django.http import HttpResponse
from django.utils import timezone

from reps.pages import show
from reps.permissions import SignedIn, requires
from routing.queries.how_it_works import how_it_works


@requires("see_records")
def how_it_works_page(request: SignedIn) -> HttpResponse:
    page = how_it_works(request.user, timezone.now())
    return show(request, "routing/how_it_works.html", {"page": page})
