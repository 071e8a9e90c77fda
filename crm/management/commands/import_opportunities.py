"""Imports opportunities and their linked files from CSV exports: all rows or, where asked, the good ones.

Exit codes: 0 imported (with --dry-run: could be), 1 bad rows and nothing written, 2 wrong use or unreadable files.
"""

import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.engine.imports import fields
from crm.models import ImportFile, ImportMapping, ImportRun
from crm.models.words import WordKind
from crm.queries.imports import bad_rows
from crm.services.imports import ImportRefused, check_run, open_run, write_run
from crm.services.imports.files import apply_mapping
from crm.services.imports.runs import accept_proposals
from crm.services.imports.starting import abandon
from reps.models import User

WIDTH = 30


class Command(BaseCommand):
    help = __doc__

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add(
            "files",
            nargs="+",
            metavar="FILE",
            help="CSV files; linked ones (accounts, products, reps, ...) together.",
        )
        add("--mapping", metavar="NAME", help="Read the files with this saved column mapping.")
        add(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="Where a column goes; “COLUMN=” drops it.",
        )
        add(
            "--alias",
            action="append",
            default=[],
            metavar="KIND:SPELLING=TERM",
            help="What a spelling means.",
        )
        add("--accept-aliases", action="store_true", help="Confirm every spelling that is proposed.")
        add("--accept-good", action="store_true", help="Import the good rows where others are bad.")
        add("--date-order", choices=("dmy", "mdy"), help="Whether the day or the month comes first.")
        add("--decimal", choices=(".", ","), help="The decimal mark.")
        add("--route", action="store_true", help="Route open opportunities that have no owner.")
        add("--as", dest="user", metavar="EMAIL", help="The user who imports.")
        add("--errors", metavar="FILE.csv", help="Write the bad rows there, with what is wrong.")
        add("--dry-run", action="store_true", help="Check and say what would happen; change no record.")
        add("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = open_run(
                files=[read(name) for name in options["files"]],
                by=user_of(options["user"]),
                options={"route": options["route"], "aliases": [alias_of(text) for text in options["alias"]]},
            )
            map_columns(run, options)
        except ImportRefused as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        progress = Bar(sys.stderr.isatty() and options["verbosity"] != 0)
        if options["accept_aliases"]:
            accept_proposals(run)
        written = not options["dry_run"] and self._write(run, options, progress)
        if not written:
            check_run(run=run, progress=progress)
        progress.end()
        self._keep_errors(run, options["errors"])
        if options["dry_run"]:
            abandon(run=run, at=timezone.now())
        self._tell(run, run.report, options, written)

    def _write(
        self, run: ImportRun, options: dict[str, Any], progress: Callable[[str, int, int], None]
    ) -> bool:
        try:
            write_run(run=run, accept_good=options["accept_good"], at=timezone.now(), progress=progress)
        except ImportRefused as refusal:
            self.refusal = refusal.messages
            return False
        return True

    refusal: list[str] = []

    def _keep_errors(self, run: ImportRun, name: str | None) -> None:
        """The bad rows of all files; of several files, each after the other with its own header."""
        if name:
            bad = ["".join(bad_rows(file)).removeprefix("\ufeff") for file in run.files.all() if file.errors]
            Path(name).write_text("".join(bad), encoding="utf-8-sig", newline="")

    def _tell(self, run: ImportRun, report: dict[str, Any], options: dict[str, Any], written: bool) -> None:
        bad = sum(counts["bad"] for counts in report["targets"].values())
        blocked = [
            f"{file['file']}: {file['refusal'] or 'say how dates or numbers are written (--date-order, --decimal)'}"
            for file in report["files"]
            if file["refusal"] or file["questions"]
        ]
        for line in lines_of(report):
            self.stdout.write(line)
        for message in [] if written else self.refusal or blocked:
            self.stderr.write(message)
        if options["json"]:
            self.stdout.write(json.dumps({"run": run.pk, "written": written, **report["targets"]}))
        wanted = options["dry_run"] and not blocked and (not bad or options["accept_good"])
        if not written and not wanted:
            raise SystemExit(2 if blocked else 1)


def read(name: str) -> tuple[str, bytes]:
    path = Path(name)
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}.", returncode=2) from None


def user_of(email: str | None) -> User | None:
    if not email:
        return None
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is no user {email}.", returncode=2)
    return user


def alias_of(text: str) -> list[str]:
    """`product:GTXPro=GTX Pro` → kind, spelling, term."""
    kind, _, rest = text.partition(":")
    spelling, _, term = rest.partition("=")
    if kind not in WordKind.values or not spelling or not term:
        kinds = ", ".join(WordKind.values)
        raise CommandError(f"--alias {text}: write KIND:SPELLING=TERM with one of {kinds}.", returncode=2)
    return [kind, spelling.strip(), term.strip()]


def map_columns(run: ImportRun, options: dict[str, Any]) -> None:
    """Applies --mapping, --map, --date-order and --decimal to the files that they concern."""
    saved = ImportMapping.objects.filter(name=options["mapping"]).first() if options["mapping"] else None
    if options["mapping"] and saved is None:
        raise CommandError(f"There is no mapping “{options['mapping']}”.", returncode=2)
    files = list(run.files.all())
    for file in files:
        if saved and set(saved.columns) & set(file.options["header"]):
            apply_mapping(file, saved)
        file.options |= {name: options[name] for name in ("date_order", "decimal") if options[name]}
    for text in options["map"]:
        column, _, field = text.partition("=")
        concerned = [file for file in files if column in file.options["header"]]
        if not concerned:
            raise CommandError(f"--map {text}: no file has a column “{column}”.", returncode=2)
        for file in concerned:
            _map(file, column, field, text)
    for file in files:
        file.save(update_fields=["target", "columns", "options"])


def _map(file: ImportFile, column: str, field: str, text: str) -> None:
    if file.target == fields.IGNORED:  # whoever maps its columns wants it
        file.target = fields.OPPORTUNITIES
        file.columns = fields.propose_columns(file.options["header"], file.target, samples={})
    known = fields.FIELDS[file.target]
    if field and field not in known and not field.startswith(fields.CUSTOM):
        raise CommandError(f"--map {text}: {file.target} have the fields {', '.join(known)}.", returncode=2)
    others = {name: to for name, to in file.columns.items() if name != column and (to != field or not field)}
    file.columns = {**others, column: field} if field else others


def lines_of(report: dict[str, Any]) -> list[str]:
    """The findings for people."""
    lines = []
    for file in report["files"]:
        if file["target"] == fields.IGNORED:
            lines.append(f"{file['file']}: nothing to import")
            continue
        counts = ", ".join(
            f"{file[name]:,} {name}" for name in ("read", "created", "updated", "unchanged", "bad")
        )
        lines.append(f"{file['file']}: {fields.LABELS[file['target']].lower()}: {counts}")
        lines += [f"  {note}" for note in file["notes"]]
        lines += [
            f"  row {row}{f', {name}' if name else ''}: {f'“{value}” ' if value else ''}{reason}"
            for row, name, value, reason in file["first_bad"][:10]
        ]
    lines += [f"kept as it is here: row {row}, {name}: {why}" for row, name, why in report["kept"][:10]]
    lines += [
        f"probably “{one['term']}”: {one['kind']} “{one['spelling']}” ({one['rows']:,} rows)"
        for one in report["aliases"]
    ]
    return lines


class Bar:
    """A line on stderr that says how far it is; silent where nobody looks."""

    def __init__(self, is_shown: bool) -> None:
        self.is_shown = is_shown

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not self.is_shown:
            return
        filled = WIDTH * done // total if total else 0
        bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done:,} of {total:,}" if total else ""
        sys.stderr.write(f"\r\033[K{stage} {bar}")
        sys.stderr.flush()

    def end(self) -> None:
        if self.is_shown:
            sys.stderr.write("\r\033[K")
