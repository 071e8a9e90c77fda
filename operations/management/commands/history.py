"""`history`: the months of what only grows. `history archive` does what the night does; `history restore FILE` brings
decisions back."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from operations.queries.histories import HISTORIES, months_of
from operations.queries.words import bytes_in_words
from operations.services.history import archiving, files, months, restoring


class Command(BaseCommand):
    help = "Tells the months of decisions, activities, changes and the audit log; archives them and brings them back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act")
        acts.add_parser("archive", help="Archives what is beyond its retention, now.")
        restore = acts.add_parser("restore", help="Makes the decisions of a file whole again.")
        restore.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        acts: dict[str | None, Callable[..., None]] = {"archive": self.archive, "restore": self.restore}
        acts.get(options["act"], self.tell)(**options)

    def tell(self, **_: Any) -> None:
        for history in HISTORIES:
            for month in months_of(history):
                state = "closed" if month.is_bounded else "open"
                size = bytes_in_words(month.size_bytes)
                self.stdout.write(
                    f"{history.kind:<11} {month.name:<8} {state:<7} {month.rows:>12,} rows {size:>9}"
                )

    def archive(self, **_: Any) -> None:
        now = timezone.now()
        months.close_months(at=now)
        done = archiving.archive_due(at=now)
        for record in done:
            self.stdout.write(
                f"{record}, {record.rows:,} rows, {record.kept_rows:,} stay. {record.error}".strip()
            )
        if not done:
            self.stdout.write("Nothing is beyond its retention.")
        if any(record.error for record in done):
            raise CommandError("Not everything could be archived.")

    def restore(self, file: Path, **_: Any) -> None:
        try:
            back = restoring.restore_decisions(file, at=timezone.now())
        except files.ArchiveError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{back:,} decisions are whole again.")
