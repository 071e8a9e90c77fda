"""Which opportunities a user may see, and what is read of one."""

from django.db.models import Q, QuerySet

from crm.models import Activity, CustomField, Opportunity
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


def own_fields_of(opportunity: Opportunity) -> list[tuple[str, str]]:
    """The organisation's own fields that are filled, by label; a field that is gone by its key."""
    labels = dict(CustomField.objects.values_list("key", "label"))
    words = {True: "yes", False: "no"}
    filled = {key: value for key, value in (opportunity.custom or {}).items() if value not in (None, "")}
    return [
        (labels.get(key, key), words[value] if isinstance(value, bool) else str(value))
        for key, value in filled.items()
    ]


def activities_of(opportunity: Opportunity) -> QuerySet[Activity]:
    return opportunity.activities.select_related("rep", "logged_by")
