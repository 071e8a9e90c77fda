"""`sync_calendars`: reads the reps' calendars, here and now."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from reps.models import CalendarFeed
from routing.jobs import read_calendars


class Command(BaseCommand):
    help = "Reads the calendars that are due, or all. Exit code 1 when one cannot be read or was not reached."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="Also those that are not due yet.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            CalendarFeed.objects.update(next_try_at=None)
        synced = read_calendars()
        broken = CalendarFeed.objects.filter(failures__gt=0, rep__left_at__isnull=True).select_related("rep")
        named = [f"{feed.rep}, {feed.name}: {feed.last_error}" for feed in broken.order_by("pk")[:100]]
        for line in named:
            self.stderr.write(line)
        if options["json"]:
            self.stdout.write(json.dumps(dataclasses.asdict(synced) | {"broken": named}))
        else:
            self.stdout.write(
                f"{synced.worked} read, {synced.unchanged} unchanged, {synced.failed} failed, {synced.left} not reached"
            )
        if named or synced.failed or synced.left:
            sys.exit(1)
