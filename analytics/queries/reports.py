"""The reports of a reader: everybody's own only."""

from django.db.models import QuerySet

from analytics.models import Report
from reps.models import User


def reports_of(user: User) -> QuerySet[Report]:
    return Report.objects.filter(user=user)
