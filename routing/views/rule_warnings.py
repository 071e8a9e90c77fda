"""What is worth a look among the rules: counted on the past, so it is fetched after the page is there."""

from django.http import HttpResponse
from django.utils import timezone

from reps.pages import show
from reps.permissions import SignedIn, requires
from routing.models import Rule
from routing.queries.rule_warnings import fall_through_warning, warnings_of_rules


@requires("see_configuration")
def rule_warnings(request: SignedIn) -> HttpResponse:
    """As a page of its own, or as the region of the rules' page."""
    now = timezone.now()
    found = warnings_of_rules(now)
    names = dict(Rule.objects.filter(pk__in=found).values_list("pk", "name"))
    context = {
        "warnings": [(pk, names[pk], sentences) for pk, sentences in found.items()],
        "fall_through": fall_through_warning(now),
    }
    return show(request, "routing/rule_warnings.html", context, regions=["rule-warnings"])
