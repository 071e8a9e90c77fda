from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        post_migrate.connect(prepare_gaps_and_credit, sender=self)


def prepare_gaps_and_credit(**_: Any) -> None:
    from analytics.services import credit_checks, gaps

    gaps.prepare_schedule()
    credit_checks.prepare_schedule()
