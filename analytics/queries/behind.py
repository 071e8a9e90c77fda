"""The opportunities behind a point of a chart: its facts, of opportunities that the reader may see."""

from typing import Any

from django.db.models import Q, QuerySet

from analytics.models import Fact
from analytics.queries.filters import Filters
from analytics.queries.segments import in_segment
from crm.queries.opportunities import opportunities_visible_to
from reps.models import User

TITLES = {
    "assigned": "Assignments",
    "closed": "Closed opportunities",
    "judged": "Suggestions that people decided",
    "routed": "Opportunities that came in",
}
HITS = {
    "assigned": ("touched", "not touched"),
    "closed": ("won", "lost"),
    "judged": ("changed or rejected", "approved"),
    "routed": ("by the model or a rule", "otherwise"),
}


def facts_behind(filters: Filters, user: User, *, event: str, narrower: dict[str, Any]) -> QuerySet[Fact]:
    """`narrower`: bins (first, last), path, mode, hit, segment (dimension, level); None where not asked for."""
    rows = Fact.objects.filter(filters.of_facts(), event=event)
    bins = narrower.get("bins")
    if bins is not None:
        rows = rows.filter(bin__range=bins)
    given = {name: narrower.get(name) for name in ("path", "mode", "hit")}
    rows = rows.filter(Q(**{name: value for name, value in given.items() if value not in (None, "")}))
    if narrower.get("segment"):
        rows = rows.filter(in_segment(*narrower["segment"]))
    visible = opportunities_visible_to(user).values("pk")
    return rows.filter(opportunity__in=visible).select_related("opportunity", "rep")
