"""`seed_demo`: fills an empty installation with a simulated organisation, through the services that the pages use."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from routing.services.demo.seed import AlreadyFilled, DemoSize, seed_demo


class Command(BaseCommand):
    help = "Fills an empty installation with a simulated B2B company."

    def add_arguments(self, parser: ArgumentParser) -> None:
        default = DemoSize()
        parser.add_argument("--reps", type=int, default=default.reps, help="How many reps (6 to 2,000).")
        parser.add_argument(
            "--deals", type=int, default=default.deals, help="How many opportunities of history."
        )
        parser.add_argument("--months", type=int, default=default.months, help="How many months of history.")
        parser.add_argument(
            "--live", type=int, default=default.live, help="How many leads of the last hours."
        )
        parser.add_argument("--seed", type=int, default=default.seed)
        parser.add_argument(
            "--affinity", type=float, default=default.affinity_sd, help="0 none to 0.6 strong."
        )
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 6 <= options["reps"] <= 2000 or not 1 <= options["months"] <= 36 or options["deals"] < 1:
            raise CommandError("Use 6 to 2,000 reps, 1 to 36 months and at least one deal.")
        size = DemoSize(
            reps=options["reps"],
            months=options["months"],
            deals=options["deals"],
            live=options["live"],
            seed=options["seed"],
            affinity_sd=options["affinity"],
        )
        try:
            made = seed_demo(
                size,
                now=timezone.now(),
                folder=Path(settings.VAR_DIR),
                progress=lambda stage: self.stderr.write(f"  {stage} …"),
            )
        except AlreadyFilled as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(made))
        else:
            self.stdout.write(", ".join(f"{count:,} {name}" for name, count in made.items()))
