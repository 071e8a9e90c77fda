"""`count_facts`: brings facts and sums of analytics up to date now, or works all of them out anew."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from analytics.models import Fact
from analytics.services.loads import keep_loads
from analytics.services.refresh import make_anew, refresh
from routing.queries.account_transfers import today_here


class Command(BaseCommand):
    help = "Counts for analytics what happened since the last minute; with --anew everything, as at first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anew", action="store_true", help="Work out every fact and sum again.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        if options["anew"]:
            make_anew()
        if not refresh(say=self._say):
            raise CommandError("The worker is counting at this moment. Try again in a minute.")
        keep_loads(today=today_here(timezone.now()))
        seconds = round(time.monotonic() - started, 1)
        facts = Fact.objects.count()
        if options["json"]:
            self.stdout.write(json.dumps({"facts": facts, "seconds": seconds}))
        else:
            self.stdout.write(f"{facts:,} facts, up to date after {seconds} s.")

    def _say(self, stage: str, done: int, total: int) -> None:
        self.stderr.write(f"{stage}: {done:,} of {total:,}")
