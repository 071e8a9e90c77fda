"""`backup [PLACE]`: the whole database in one file, made while everything runs."""

import json
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from operations.queries.words import bytes_in_words
from operations.services.backups import BackupError, make_backup
from operations.services.backups.making import note_backup


class Command(BaseCommand):
    help = "Writes a backup of the database. The SECRET_KEY is not in it: keep that elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        said = "A new file, or a folder (default: BACKUP_DIRECTORY, else the present one)."
        parser.add_argument("place", nargs="?", type=Path, help=said)
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        target = options["place"] or Path(settings.BACKUP_DIRECTORY or ".")
        try:
            made = make_backup(target=target, at=at, say=lambda text: self.stderr.write(text))
        except (BackupError, psycopg.Error) as error:
            raise CommandError(str(error)) from error
        with suppress(
            DatabaseError
        ):  # one made before an upgrade is of tables that may not have this one yet
            note_backup(made, at=at)
        if options["json"]:
            rows = sum(made.manifest.rows.values())
            self.stdout.write(json.dumps({"file": str(made.path), "bytes": made.size, "rows": rows}))
            return
        self.stdout.write(f"{made.path} ({bytes_in_words(made.size)})")
        self.stdout.write(
            "The SECRET_KEY is not in it; without it calendars, webhooks and chat must be given anew."
        )
