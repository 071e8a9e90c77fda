from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RoutingConfig(AppConfig):
    name = "routing"

    def ready(self) -> None:
        post_migrate.connect(prepare, sender=self)


def prepare(**_: Any) -> None:
    from django.utils import timezone

    from routing.services.setup import prepare_organisation

    prepare_organisation(at=timezone.now())
