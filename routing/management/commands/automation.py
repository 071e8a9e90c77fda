"""`automation`: pauses automation, lets it go on, or says whether it runs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from routing.queries.automation import paused_now
from routing.services.automation import pause, resume


class Command(BaseCommand):
    help = "Pauses automation at once, lets it go on, or says whether it runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("status", "pause", "resume"), nargs="?", default="status")
        parser.add_argument("--reason", default="", help="Why; shown on the queue.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "pause":
            pause(by=None, at=timezone.now(), reason=options["reason"])
        elif options["action"] == "resume":
            resume(by=None, at=timezone.now(), reason=options["reason"])
        paused = paused_now()
        if options["json"]:
            said: dict[str, Any] = {"paused": paused is not None}
            if paused is not None:
                said |= {
                    "since": paused.change.at.isoformat(),
                    "by": str(paused.change.by or "the command line"),
                    "reason": paused.change.reason,
                    "waiting": paused.waiting,
                }
            self.stdout.write(json.dumps(said))
        elif paused is None:
            self.stdout.write("Automation runs.")
        else:
            self.stdout.write(f"Automation is paused since {paused.change.at}; {paused.waiting} wait.")
