"""`restore FILE`: a backup made the database again, checked before it takes the place of what is there."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from operations.services.backups import BackupError, restore
from operations.services.backups.restoring import Restored, is_empty


class Command(BaseCommand):
    help = "Restores a backup into an empty database, or with --replace in the place of the present one."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="What the database holds now is lost.")
        parser.add_argument("--yes", action="store_true", help="Replace without asking.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["replace"] and not options["yes"]:
            self._ask()
        try:
            done = restore(
                path=options["file"], replace=options["replace"], say=lambda text: self.stderr.write(text)
            )
        except (BackupError, psycopg.Error) as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        if options["json"]:
            held = asdict(done.held)
            self.stdout.write(
                json.dumps(
                    {"checked": done.checked, "same_key": done.same_key, "held": held, "erased": done.erased}
                )
            )
        else:
            self._tell(done)

    def _ask(self) -> None:
        if is_empty():
            return
        name = str(connection.settings_dict["NAME"])
        if not sys.stdin.isatty():
            raise CommandError("What the database holds would be lost. Say --yes as well if that is meant.")
        if input(f"All that “{name}” holds now is lost. Type its name to go on: ") != name:
            raise CommandError("Nothing was changed.")

    def _tell(self, done: Restored) -> None:
        held = done.held
        say = self.stdout.write
        say(f"Restored, as of {done.manifest.made_at}; {done.checked:,} rows keep the guarantees.")
        say(
            f"Held, since they may have gone out: {held.events:,} events, {held.deliveries:,} messages, "
            f"{held.posts:,} webhook posts. `messages resend` or the settings send them again."
        )
        say(
            f"{held.jobs:,} unfinished jobs were ended; {held.sessions:,} sessions: everybody signs in again."
        )
        if done.erased:
            say(f"{done.erased:,} people who were erased after the backup was made are erased again.")
        if not done.same_key:
            say(
                "The SECRET_KEY is another: give calendars, webhooks, chat and single sign-on their secrets anew."
            )
        if not done.broker_emptied:
            say("The broker does not answer. Empty it before a worker starts: redis-cli FLUSHDB.")
        say("Start the web processes and workers again: what they remember is of the old database.")
