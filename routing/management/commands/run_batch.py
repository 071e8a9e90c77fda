"""`run_batch POLICY`: plans what waits for a policy's batch, here and now, and proposes it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reps.models import Job
from routing.models import Batch
from routing.queries.batch_totals import totals_of
from routing.queries.batches import policies_waiting
from routing.services.batch_runs.asking import BatchRefused, open_batch
from routing.services.batch_runs.planning import run_batch


class Command(BaseCommand):
    help = "Plans the batch of a policy now. Without a policy it says what waits. Exit code 1 when there is no batch."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("policy", nargs="?", metavar="POLICY", help="The policy's name.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["policy"] is None:
            self._say_waiting(options["json"])
            return
        try:
            batch = open_batch(policy_name=options["policy"], by=None, at=timezone.now())
        except BatchRefused as error:
            raise CommandError(str(error)) from error
        run_batch(job_id=batch.job_id or 0, echo=None if options["json"] else self._echo)
        batch.refresh_from_db()
        job = Job.objects.get(pk=batch.job_id or 0)
        if job.state != Job.State.DONE:
            raise CommandError(job.error or "The batch was cancelled.")
        self._say(batch, job, options["json"])

    def _say(self, batch: Batch, job: Job, as_json: bool) -> None:
        totals = totals_of(batch.items.all())
        if as_json:
            plain = {name: round(value, 4) for name, value in vars(totals).items()}
            kept = {name: batch.found.get(name) for name in ("objective", "gap", "verified")}
            self.stdout.write(json.dumps({**job.result, "state": batch.state, **kept, **plain}))
            return
        self.stdout.write(
            f"Batch {batch.pk}: {totals.given} of {totals.count} go to somebody, {totals.wins:.1f} wins expected "
            f"({totals.alone_wins:.1f} one by one, {totals.turn_wins:.1f} in turn)."
        )

    def _say_waiting(self, as_json: bool) -> None:
        waiting = {one.name: one.count for one in policies_waiting() if one.count}
        if as_json:
            self.stdout.write(json.dumps({"waiting": waiting}))
            return
        for name, count in sorted(waiting.items()):
            self.stdout.write(f"{name}: {count} wait")
        if not waiting:
            self.stdout.write("Nothing waits for a batch.")

    def _echo(self, stage: str, done: int, total: int) -> None:
        self.stdout.write(f"  {stage}" + (f" {done}/{total}" if total else ""))
