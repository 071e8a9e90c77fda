"""`messages`: what waits to leave the house, what was given up, and sending that again."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from routing.models import Delivery
from routing.queries.messages import channel_states, event_counts
from routing.services.delivery.keeping import send_again, work_again

EVENTS = "events"


class Command(BaseCommand):
    help = (
        "`status` says what waits and what was given up (exit code 1 if anything was); `resend` lets what was given up "
        "be tried again (exit code 1 if there was nothing)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["status", "resend"])
        ways = [*Delivery.Channel.values, EVENTS]
        parser.add_argument("--channel", choices=ways, help="resend: this way out only.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        done = self._status() if options["action"] == "status" else self._resend(options["channel"] or "")
        if options["json"]:
            self.stdout.write(json.dumps(done))
        else:
            for name, numbers in done.items():
                words = ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in numbers.items())
                self.stdout.write(f"{name}: {words}")
        given_up = sum(numbers.get("dead", 0) for numbers in done.values())
        sent_again = sum(numbers.get("sent_again", 0) for numbers in done.values())
        if given_up if options["action"] == "status" else not sent_again:
            sys.exit(1)

    def _status(self) -> dict[str, dict[str, int]]:
        found = {
            str(state.channel): {
                "waiting": state.waiting, "failing": state.failing, "dead": state.dead
            }
            for state in channel_states()
        }  # fmt: skip
        return {**found, EVENTS: event_counts()}

    def _resend(self, channel: str) -> dict[str, dict[str, int]]:
        at = timezone.now()
        asked = [channel] if channel else [*Delivery.Channel.values, EVENTS]
        return {
            way: {"sent_again": work_again(at=at) if way == EVENTS else send_again(at=at, channel=way)}
            for way in asked
        }
