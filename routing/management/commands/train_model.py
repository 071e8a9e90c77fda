"""`train_model`: trains a challenger on closed deals and lets it try for champion, here and now."""

import datetime
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reps.models import Job
from routing.services.training import TrainingUnderWay, open_training, run_training


class Command(BaseCommand):
    help = (
        "Trains a model on won and lost deals and lets it try against the champion. Exit code 1 when it could not be "
        "trained (the champion stays)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="DATE",
            help="Learn from what had closed before this day (YYYY-MM-DD), so that old data can be studied; by default "
            "everything up to now.",
        )
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = self._day(options["as_of"])
        try:
            job = open_training(by=None)
        except TrainingUnderWay as error:
            raise CommandError(str(error)) from error
        run_training(job_id=job.pk, as_of=as_of, echo=None if options["json"] else self._echo)
        job = Job.objects.get(pk=job.pk)
        if job.state != Job.State.DONE:
            if options["json"]:
                self.stdout.write(json.dumps({"state": job.state, "why": job.error}))
            raise CommandError(job.error or "The training was cancelled.")
        if options["json"]:
            self.stdout.write(json.dumps(job.result))
        else:
            word = {"champion": "is the champion now", "rejected": "was rejected"}[job.result["state"]]
            self.stdout.write(f"Model {job.result['model']} {word}. {job.result['why']}")

    def _day(self, text: str | None) -> datetime.date | None:
        if text is None:
            return None
        try:
            return datetime.date.fromisoformat(text)
        except ValueError as error:
            raise CommandError(f"--as-of: “{text}” is no date (YYYY-MM-DD).") from error

    def _echo(self, stage: str, done: int, total: int) -> None:
        self.stdout.write(f"  {done + 1}/{total}  {stage}")
