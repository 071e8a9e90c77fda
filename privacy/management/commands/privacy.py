"""`privacy find|held|export|erase|retention|catalogue`: what is held on a person, and that it is held no longer."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from privacy.models import Kind
from privacy.queries.catalogue.words import catalogue_lines
from privacy.queries.held import held_on
from privacy.queries.people import Subject, find_people, load_subject
from privacy.queries.retention import WORDS, counted, retention_settings
from privacy.services.erasing import EraseRefused, erase
from privacy.services.exporting import export, file_name
from privacy.services.retention import apply_rules


class Command(BaseCommand):
    help = "Finds, exports and erases what is held on a person; applies the retention rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        find = does.add_parser("find", help="People by name, email or phone.")
        find.add_argument("words")
        for name, about in (
            ("held", "Counts by kind of record."),
            ("export", "One file."),
            ("erase", "For good."),
        ):
            one = does.add_parser(name, help=about)
            one.add_argument("kind", choices=Kind.values)
            one.add_argument("id", type=int)
            if name == "export":
                one.add_argument(
                    "--to", type=Path, help="Where the file goes; else here, under its own name."
                )
            if name == "erase":
                one.add_argument("--reason", required=True, help="Kept with the erasure. Names nobody.")
                one.add_argument(
                    "--with-account", action="store_true", help="An account that is only this person too."
                )
                one.add_argument("--yes", action="store_true", help="Without asking.")
        does.add_parser("catalogue", help="What may be personal, by table, as docs/privacy.md has it.")
        rules = does.add_parser("retention", help="What the rules would take now; with --apply takes it.")
        rules.add_argument("--apply", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['does']}")(options)

    def _find(self, options: dict[str, Any]) -> None:
        for one in find_people(options["words"]):
            record = one.record
            self.stdout.write(f"{one.kind.value} {record.pk}: {record.name} {record.email}".rstrip())

    def _catalogue(self, options: dict[str, Any]) -> None:
        for line in catalogue_lines():
            self.stdout.write(line)

    def _held(self, options: dict[str, Any]) -> None:
        for one in held_on(self._subject(options)):
            self.stdout.write(f"{one.rows.count():>8,}  {one.label} ({one.why})")

    def _export(self, options: dict[str, Any]) -> None:
        subject = self._subject(options)
        path = options["to"] or Path(file_name(subject))
        with path.open("wb") as file:
            rows = export(subject=subject, to=file, by=None, at=timezone.now())
        self.stdout.write(f"{rows:,} rows in {path}")

    def _erase(self, options: dict[str, Any]) -> None:
        subject = self._subject(options)
        if not options["yes"]:
            self._ask(subject)
        try:
            (done,) = erase(
                people=[(subject.kind, subject.pk)], by=None, at=timezone.now(), reason=options["reason"],
                with_account=options["with_account"],
            )  # fmt: skip
        except EraseRefused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(
            f"Erased: erasure {done.pk}, {sum(done.counts.values()):,} rows changed or deleted."
        )

    def _ask(self, subject: Subject) -> None:
        if not sys.stdin.isatty():
            raise CommandError("It cannot be undone. Say --yes if that is meant.")
        wanted = f"{subject.kind.value} {subject.pk}"
        if input(f"{subject.name} is erased for good. Type “{wanted}” to go on: ") != wanted:
            raise CommandError("Nothing was changed.")

    def _retention(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        found = apply_rules(at=now).counts if options["apply"] else counted(retention_settings(), now)
        for rule, number in found.items():
            self.stdout.write(f"{number:>8,}  {WORDS[rule]}")
        if not found:
            self.stdout.write("No rule is on.")

    def _subject(self, options: dict[str, Any]) -> Subject:
        subject = load_subject(options["kind"], options["id"])
        if subject is None:
            raise CommandError(f"There is no {options['kind']} {options['id']}.")
        return subject
