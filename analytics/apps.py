from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        post_migrate.connect(prepare_gaps, sender=self)


def prepare_gaps(**_: Any) -> None:
    from analytics.services.gaps import prepare_schedule

    prepare_schedule()
