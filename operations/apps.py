import sys
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from django.conf import settings

        from operations.jobs import watch_jobs
        from telemetry.traces import start_traces

        post_migrate.connect(prepare, sender=self)
        watch_jobs()
        start_traces(kind=kind_of_process(sys.argv), version=settings.VERSION)


def kind_of_process(arguments: list[str]) -> str:
    if "uvicorn" in arguments[0]:
        return "web"
    return "worker" if {"worker", "qcluster"} & set(arguments[1:2]) else "manage"


def prepare(**_: Any) -> None:
    from operations.services.history.months import are_there, keep_months
    from operations.services.setup import schedule_jobs

    if are_there():
        keep_months(at=timezone.now())
    schedule_jobs()
