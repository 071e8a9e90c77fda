"""An import from the stored files to the written records: read, check whole, write in one transaction."""

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from crm.engine.imports import fields, reading
from crm.engine.imports.columns import CHOSEN, Values, read_columns
from crm.models import CustomField, ImportFile, ImportRun
from crm.queries.dictionary import load_dictionary
from crm.queries.imports import column_of, read_file
from crm.services.duplicates import link_all_repeats
from crm.services.imports import records
from crm.services.imports.activities import ActivityPlan, plan_activities, write_activities
from crm.services.imports.companies import companies_report
from crm.services.imports.files import ImportRefused, custom_columns, open_run, options_of
from crm.services.imports.opportunities import OpportunityPlan, lock_stored, plan_opportunities
from crm.services.imports.plans import Tally, World, load_world, with_confirmed
from crm.services.imports.proposals import propose_words
from crm.services.imports.writing import write_opportunities, write_records, write_words
from crm.services.ownership import many_at_once, recount_loads
from reps.models import User

Progress = Callable[[str, int, int], None]
PLANNERS = {
    fields.ACCOUNTS: records.plan_accounts,
    fields.PRODUCTS: records.plan_products,
    fields.REPS: records.plan_reps,
    fields.CONTACTS: records.plan_contacts,
}
LISTED = 300  # unknown words that the page asks about, the most frequent
SHOWN = 50  # bad rows that the page shows; the file of bad rows has all
NAMES = {"accounts": ("account", "parent"), "contacts": ("contact_name", "contact_email")}


@dataclass
class Read:
    """A file with its values, or why it cannot be read."""

    file: ImportFile
    tally: Tally
    values: Values | None = None
    refusal: str = ""


@dataclass
class Plans:
    """Everything that the files of a run would do."""

    world: World
    reads: list[Read]
    fields: list[CustomField] = field(default_factory=list)
    opportunities: list[OpportunityPlan] = field(default_factory=list)
    activities: list[ActivityPlan] = field(default_factory=list)

    @property
    def bad(self) -> int:
        return sum(read.tally.bad for read in self.reads)


def no_progress(stage: str, done: int, total: int) -> None:
    """For callers who do not want to know."""


# --- the three steps ------------------------------------------------------------------------------------------------


def check_run(
    *, run: ImportRun, at: datetime.datetime | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Reads and checks every row of every file against what is stored, and keeps the findings. Writes no record."""
    progress = progress or no_progress
    reads = _read_files(run, progress)
    progress("Comparing with what is here", 0, 0)
    plans = _plan(run, at or timezone.now(), reads)
    _keep_findings(run, plans)
    return dict(run.report)


def write_run(
    *,
    run: ImportRun,
    accept_good: bool = False,
    at: datetime.datetime,
    progress: Progress | None = None,
    finish: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Imports in one transaction. Raises ImportRefused where rows are bad (unless the good ones are accepted), a column
    can be read in two ways, or the run is over already. `finish` is called last, inside the transaction."""
    progress = progress or no_progress
    reads = _read_files(run, progress)
    with transaction.atomic():
        locked = ImportRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        if locked.state in (ImportRun.State.DONE, ImportRun.State.ABANDONED):
            raise ImportRefused(f"This import is {locked.get_state_display().lower()} already.")
        _lock(reads)
        progress("Comparing with what is here", 0, 0)
        plans = _plan(run, at, reads)
        _refuse_unready(plans, accept_good)
        with many_at_once():
            _write(plans, run, progress)
        run.state, run.finished_at = ImportRun.State.DONE, timezone.now()
        _keep_findings(run, plans, done=True)
        if finish:
            finish()
    return dict(run.report)


def import_files(
    *,
    files: Sequence[tuple[str, bytes]],
    by: User | None,
    accept_good: bool = False,
    at: datetime.datetime,
    options: Mapping[str, Any] | None = None,
) -> ImportRun:
    """Opens, checks and writes. Raises ImportRefused with nothing written. `options` as in files.RUN_OPTIONS, and
    `accept_aliases` to confirm every spelling that is proposed."""
    options = dict(options or {})
    accept_aliases = options.pop("accept_aliases", False)
    run = open_run(files=files, by=by, options=options)
    if accept_aliases:
        accept_proposals(run)
    try:
        write_run(run=run, accept_good=accept_good, at=at)
    except ImportRefused:
        check_run(run=run, at=at)  # so that the findings can be looked at
        raise
    return run


def accept_proposals(run: ImportRun) -> list[list[str]]:
    """Confirms every spelling that is proposed for the run. Returns them."""
    proposed = check_run(run=run)["aliases"]
    accepted = [[one["kind"], one["spelling"], one["term"]] for one in proposed]
    run.options = {**run.options, "aliases": [*run.options.get("aliases", []), *accepted]}
    run.save(update_fields=["options"])
    return accepted


# --- reading --------------------------------------------------------------------------------------------------------


def files_in_order(run: ImportRun) -> list[ImportFile]:
    """The files in the order in which they are written, whatever the order of upload; those left out come last."""
    place = {target: number for number, target in enumerate((*fields.ORDER, fields.IGNORED, ""))}
    return sorted(run.files.all(), key=lambda file: (place[file.target], file.pk))


def _read_files(run: ImportRun, progress: Progress) -> list[Read]:
    files = files_in_order(run)
    reads = []
    for number, file in enumerate(files):
        progress(f"Reading {file.name}", number, len(files))
        reads.append(_read(run, file))
    return reads


def _read(run: ImportRun, file: ImportFile) -> Read:
    read = Read(file, Tally(file.name, file.target or fields.IGNORED))
    if read.tally.target == fields.IGNORED:
        return read
    read.refusal = _unmapped(file)
    if read.refusal:
        return read
    try:
        table = read_file(file)
    except reading.Unreadable as refusal:
        read.refusal = str(refusal)
        return read
    custom, _ = custom_columns(file, table)
    vocabulary = with_confirmed(load_dictionary(), run.options).vocabulary
    read.values = read_columns(
        table, file.columns, file.target, options=options_of(file), vocabulary=vocabulary, custom=custom
    )
    read.tally.read = len(table.frame)
    return read


def _unmapped(file: ImportFile) -> str:
    """Why the columns as mapped make no records, "" where they do."""
    mapped = list(file.columns.values())
    catalogue = fields.FIELDS[file.target]
    twice = sorted({name for name in mapped if mapped.count(name) > 1})
    if twice:
        label = catalogue[twice[0]].label if twice[0] in catalogue else twice[0]
        return f"Two columns are mapped to “{label}”. Choose one."
    missing = [wanted.label for wanted in catalogue.values() if wanted.required and wanted.name not in mapped]
    if missing:
        return f"No column is mapped to {' and '.join(f'“{label}”' for label in missing)}, which is needed."
    telling = fields.TELLING.get(file.target, set())
    if telling and not telling & set(mapped):
        return "None of the columns says what the rows are about. Map a name, an ID, an account, a product or a stage."
    absent = [column for column in file.columns if column not in file.options.get("header", [])]
    return f"The file has no column “{absent[0]}”." if absent else ""


def _named(reads: Sequence[Read]) -> dict[str, set[str]]:
    """The texts by which the files name accounts and contacts."""
    named: dict[str, set[str]] = {"accounts": set(), "contacts": set()}
    for read in reads:
        if read.values is None:
            continue
        for kind, names in NAMES.items():
            own = ("name", "external_id", "email") if read.tally.target == kind else ()
            for name in (*names, *own):
                if name in read.values.frame:
                    named[kind] |= {text for text in read.values.frame[name] if isinstance(text, str)}
    return named


# --- planning -------------------------------------------------------------------------------------------------------


def _plan(run: ImportRun, at: datetime.datetime, reads: list[Read]) -> Plans:
    plans = Plans(load_world(run, at, _named(reads)), reads)
    for read in reads:
        if read.values is not None:
            _plan_file(plans, read, read.values)
            read.tally.bad = int((~read.values.good).sum())
    return plans


def _plan_file(plans: Plans, read: Read, found: Values) -> None:
    target, world, tally = read.tally.target, plans.world, read.tally
    if target == fields.OPPORTUNITIES:
        _plan_fields(plans, read)
        plans.opportunities.append(plan_opportunities(found, world, tally, read.file.options))
    elif target == fields.ACTIVITIES:
        plans.activities.append(plan_activities(found, world, tally, plans.opportunities))
    else:
        PLANNERS[target](found, world, tally, read.file.options)
    earlier = _imported_before(read.file)
    if earlier:
        tally.notes.append(
            f"The same file was imported before ({earlier:%-d %B %Y, %H:%M} UTC). "
            "Rows without an ID are added once more."
        )


def _plan_fields(plans: Plans, read: Read) -> None:
    if not any(name.startswith(fields.CUSTOM) for name in read.file.columns.values()):
        return
    _, new = custom_columns(read.file, read_file(read.file))
    present = {one.key for one in plans.fields}
    plans.fields += [one for one in new if one.key not in present]


def _imported_before(file: ImportFile) -> datetime.datetime | None:
    same = ImportFile.objects.filter(
        options__sha256=file.options.get("sha256"), run__state=ImportRun.State.DONE
    )
    return (
        same.exclude(run=file.run_id)
        .order_by("-run__finished_at")
        .values_list("run__finished_at", flat=True)
        .first()
    )


# --- findings -------------------------------------------------------------------------------------------------------


def _refuse_unready(plans: Plans, accept_good: bool) -> None:
    refusals = [f"{read.file.name}: {read.refusal}" for read in plans.reads if read.refusal]
    refusals += [f"{read.file.name}: {text}" for read in plans.reads for text in questions(read)]
    if refusals:
        raise ImportRefused(*refusals)
    if not any(read.values is not None for read in plans.reads):
        raise ImportRefused("There is nothing to import in these files.")
    if plans.bad and not accept_good:
        raise ImportRefused(
            f"{plans.bad:,} {'row is' if plans.bad == 1 else 'rows are'} bad, and nothing was written. "
            "Correct them, or import the good rows only.",
            *first_problems(plans.reads),
        )


def first_problems(reads: Sequence[Read], limit: int = 10) -> list[str]:
    found = [
        f"{read.file.name}, row {problem.row}{', ' + problem.field if problem.field else ''}: {told(problem)}"
        for read in reads
        if read.values is not None
        for problem in sorted(read.values.problems, key=lambda problem: problem.row)[:limit]
    ]
    return found[:limit]


def told(problem: reading.Problem) -> str:
    return f"“{problem.value}” {problem.reason}" if problem.value else problem.reason


def questions(read: Read) -> list[str]:
    """What the file does not tell and the user must."""
    found = read.values.questions if read.values is not None else []
    texts = {
        "date_order": "Dates in “{0}” such as {1} could have the day or the month first. Say which.",
        "decimal": "Numbers in “{0}” such as {1} could have a decimal mark or a thousands separator. Say which.",
    }
    return [texts[question.kind].format(question.column, question.sample) for question in found]


def _keep_findings(run: ImportRun, plans: Plans, *, done: bool = False) -> None:
    for read in plans.reads:
        problems = (
            sorted(read.values.problems, key=lambda problem: problem.row) if read.values is not None else []
        )
        read.file.errors = [[one.row, one.field, one.value, one.reason] for one in problems]
        read.file.save(update_fields=["errors"])
    run.report = _report(plans)
    if not done:
        run.state = ImportRun.State.CHECKED
    run.save(update_fields=["state", "report", "finished_at"])


def _report(plans: Plans) -> dict[str, Any]:
    world = plans.world
    return {
        "files": [_file_report(read) for read in plans.reads],
        "targets": _by_target(plans.reads),
        "added": {
            "accounts": len(world.accounts.new),
            "contacts": len(world.contacts.new),
            "reps": len(world.reps.new),
            "teams": len(world.new_teams),
            "products": len(world.products.new),
            "custom fields": len(plans.fields),
        },
        "companies": companies_report(world),
        "unknown": sorted([kind, word, rows] for (kind, word), rows in world.unknown.most_common(LISTED)),
        "unknown_count": len(world.unknown),
        "aliases": [asdict(one) for one in propose_words(world)],
        "unmapped": _unmapped_choices(plans.reads),
        "kept": [
            [plan_row, name, why] for plan in plans.opportunities for plan_row, name, why in plan.kept[:200]
        ],
        "undated": sum(
            int((~plan.columns["dates_known"].astype(bool))[plan.new].sum()) for plan in plans.opportunities
        ),
        "checked_at": timezone.now().isoformat(),
    }


def _file_report(read: Read) -> dict[str, Any]:
    problems = (
        sorted(read.values.problems, key=lambda one: one.row)[:SHOWN] if read.values is not None else []
    )
    return {
        **asdict(read.tally),
        "id": read.file.pk,
        "refusal": read.refusal,
        "questions": [asdict(one) for one in read.values.questions] if read.values is not None else [],
        "first_bad": [[one.row, column_of(read.file, one.field), one.value, one.reason] for one in problems],
    }


def _unmapped_choices(reads: Sequence[Read]) -> list[list[Any]]:
    """Stages, urgencies and sizes that mean nothing here yet, with their rows; somebody says what they mean."""
    found: Counter[tuple[str, str]] = Counter()
    for read in reads:
        catalogue = fields.FIELDS.get(read.tally.target, {})
        for problem in read.values.problems if read.values is not None else ():
            wanted = catalogue.get(problem.field)
            if wanted and wanted.type in CHOSEN:
                found[CHOSEN[wanted.type], problem.value] += 1
    return [[kind, text, rows] for (kind, text), rows in found.most_common(100)]


def _by_target(reads: Sequence[Read]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for read in reads:
        if read.tally.target == fields.IGNORED:
            continue
        counts = found.setdefault(
            read.tally.target, {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "bad": 0, "kept": 0}
        )
        for name in counts:
            counts[name] += getattr(read.tally, name)
    return found


# --- writing --------------------------------------------------------------------------------------------------------


def _lock(reads: Sequence[Read]) -> None:
    for read in reads:
        if (
            read.values is not None
            and read.tally.target == fields.OPPORTUNITIES
            and "external_id" in read.values.frame
        ):
            lock_stored({text for text in read.values.frame["external_id"] if text})


def _write(plans: Plans, run: ImportRun, progress: Progress) -> None:
    total = sum(len(plan.new) + len(plan.changed) for plan in plans.opportunities)
    done = 0

    def step(rows: int) -> None:
        nonlocal done
        done += rows
        progress("Writing opportunities", done, total)

    progress("Writing accounts, products and people", 0, total)
    write_words(plans.world, run.started_by)
    write_records(plans.world, plans.fields)
    for plan in plans.opportunities:
        write_opportunities(plan, plans.world, step)
        waiting = [pk for place, pk in plan.ids.items() if plan.columns["routing"][place] == "waiting"]
        link_all_repeats(opportunity_ids=waiting, at=plans.world.at)
    progress("Writing activities", total, total)
    for activities in plans.activities:
        write_activities(activities)
    progress("Counting loads", total, total)
    recount_loads()


__all__ = ["ImportRefused", "check_run", "import_files", "write_run"]
