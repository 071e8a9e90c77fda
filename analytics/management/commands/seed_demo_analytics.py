"""`seed_demo_analytics`: what the demo organisation shows under Analytics, after `seed_demo`."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from analytics.services.demo import fill_demo


class Command(BaseCommand):
    help = "Imports the demo's crediting table, and reads its decisions and assignments."

    def handle(self, *args: Any, **options: Any) -> None:
        decisions, assignments = fill_demo(at=timezone.now())
        self.stdout.write(f"{decisions:,} decisions and {assignments:,} assignments read")
