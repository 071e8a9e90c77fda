"""The reasons of overrides, with how often each was chosen."""

from django.db.models import Count, QuerySet

from routing.models import Override, OverrideReason


def reasons_with_counts() -> list[tuple[OverrideReason, int]]:
    """In order, those that are retired last; two queries."""
    chosen = (
        Override.objects.filter(reason__isnull=False, undone_at__isnull=True).order_by().values_list("reason")
    )
    often = dict(chosen.annotate(count=Count("pk")).values_list("reason", "count"))
    return [
        (reason, often.get(reason.pk, 0))
        for reason in OverrideReason.objects.order_by("-is_active", "position", "label")
    ]


def offered_reasons() -> QuerySet[OverrideReason]:
    """What forms offer."""
    return OverrideReason.objects.filter(is_active=True)
