"""What can be chosen in the filters of analytics: what there are facts of."""

from django.db.models import QuerySet

from analytics.models import DaySum


def _keys(by: str) -> QuerySet[DaySum, str]:
    sums = DaySum.objects.filter(by=by).exclude(key="")
    return sums.order_by("key").values_list("key", flat=True).distinct()


def offered_sources() -> list[str]:
    return list(_keys(DaySum.By.SOURCE))


def offered_policies() -> list[str]:
    return list(_keys(DaySum.By.POLICY))
