"""Analytics › Load: what a rep's load does to first touch and win rate, and the maximum that the data support."""

from django.http import HttpResponse
from django.utils import timezone

from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.people import roles_in_use
from routing.forms.load_effects import MaximaForm
from routing.queries.load_effects import counted_at, load_effects


@requires("see_analytics")
def load_page(request: SignedIn) -> HttpResponse:
    form = MaximaForm(request.GET, templates=roles_in_use())
    roles = load_effects(timezone.now(), form.tried)
    rows = [(role, form[f"max_{role.template.pk}"]) for role in roles]
    return show(
        request, "routing/load_effects.html", {"rows": rows, "form": form, "counted_at": counted_at()}
    )
