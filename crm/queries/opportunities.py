"""Which opportunities a user may see, and what is read of one."""

from django.db.models import Q, QuerySet

from crm.models import Activity, Opportunity
from reps.models import User


def opportunities_visible_to(user: User) -> QuerySet[Opportunity]:
    """All for ops, analysts and admins; a manager's own teams' and those nobody owns yet; a rep's own."""
    everything = Opportunity.objects.all()
    if user.role in (User.Role.OPS, User.Role.ANALYST, User.Role.ADMIN):
        return everything
    if user.role == User.Role.MANAGER:
        return everything.filter(Q(owner__isnull=True) | Q(owner__team__in=user.managed_teams.all()))
    return everything.filter(owner__user=user)


def with_records(opportunities: QuerySet[Opportunity]) -> QuerySet[Opportunity]:
    """Everything a page names of an opportunity, in one query."""
    return opportunities.select_related(
        "owner__team", "owner__role_template", "account__owner", "contact", "product", "locked_by"
    )


def activities_of(opportunity: Opportunity) -> QuerySet[Activity]:
    return opportunity.activities.select_related("rep", "logged_by")
