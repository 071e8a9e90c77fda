"""What the pages of an import show: its columns and preview, where its job stands, what a check found."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from crm.engine.imports import fields, reading
from crm.forms.imports import FileForm
from crm.models import ImportFile, ImportRun
from crm.queries.imports import custom_field_labels, files_of, read_file
from crm.services.imports import save_mapping
from crm.services.imports.columns import Preview, preview, set_columns
from reps.models import Job
from reps.progress import job_shown
from reps.services.jobs import is_stopped

SAMPLED = 200
TITLES = {"import_check": "Checking the rows", "import_write": "Importing"}


def stands_at(run: ImportRun, *, after_check: bool = False) -> str:
    """The address of the step that the import is at."""
    if run.state == ImportRun.State.ABANDONED:
        return reverse("imports")
    if run.state == ImportRun.State.DONE:
        return reverse("import_done", args=[run.pk])
    job = run.job
    if job is not None and job.state not in (Job.State.DONE, Job.State.CANCELLED):
        return reverse("import_progress", args=[run.pk])
    if run.state != ImportRun.State.CHECKED:
        return reverse("import_columns", args=[run.pk])
    report, asked = run.report, run.options.get("words_seen")
    has_words = report.get("aliases") or report.get("unmapped") or report.get("unknown")
    wants_words = after_check and has_words and not asked and not verdict(run)["refusals"]
    return reverse("import_words" if wants_words else "import_result", args=[run.pk])


# --- columns --------------------------------------------------------------------------------------------------------


@dataclass
class FileCard:
    """One file: its form and how its first rows would read."""

    file: ImportFile
    form: FileForm
    preview: Preview | None
    is_asked: bool  # its first rows do not tell how it is written


class ColumnsPage:
    """The cards of all files of a run, and keeping what they say."""

    def __init__(self, run: ImportRun, data: Mapping[str, Any] | None) -> None:
        custom = custom_field_labels()
        self.run = run
        self.cards = [self._card(file, data, custom) for file in files_of(run)]
        self.status = 422 if data is not None else 200

    def _card(self, file: ImportFile, data: Mapping[str, Any] | None, custom: Mapping[str, str]) -> FileCard:
        file.run = self.run
        table = read_file(file, limit=SAMPLED)
        form = FileForm(data, file=file, table=table, custom=custom)
        shown = preview(file, table)
        return FileCard(file, form, shown, is_asked=shown is not None and shown.is_unclear)

    def keeps(self) -> bool:
        """Saves every card; False where one of them is wrong, which then says so."""
        if not all([card.form.is_valid() for card in self.cards]):  # noqa: C419  # every one says what is wrong
            return False
        return all([self._keep(card) for card in self.cards])  # noqa: C419

    def _keep(self, card: FileCard) -> bool:
        form = card.form
        try:
            set_columns(
                file=card.file,
                target=form.cleaned_data["target"],
                columns=form.columns(),
                options=form.options(),
            )
        except reading.Unreadable as refusal:
            form.add_error("encoding", str(refusal))
            return False
        if form.cleaned_data["mapping_name"] and card.file.target != fields.IGNORED:
            save_mapping(file=card.file, name=form.cleaned_data["mapping_name"])
        return True

    @property
    def is_wrong(self) -> bool:
        return any(card.form.errors for card in self.cards if card.form.is_bound)


# --- findings -------------------------------------------------------------------------------------------------------


def outcome(run: ImportRun) -> tuple[str, str, str]:
    """The state in a word with its tone, and what came of the rows."""
    job = run.job
    if (
        run.state in (ImportRun.State.UPLOADED, ImportRun.State.CHECKED)
        and job
        and job.state in ("queued", "running")
    ):
        return "Stopped" if is_stopped(job, at=_now()) else "Under way", "accent", ""
    counts = totals(run)
    if run.state == ImportRun.State.DONE:
        words = f"{counts['created']:,} added, {counts['updated']:,} updated"
        return "Imported", "good", words + (f", {counts['bad']:,} left out" if counts["bad"] else "")
    if run.state == ImportRun.State.CHECKED:
        return "Checked", "warn", f"{counts['read']:,} rows, {counts['bad']:,} bad; not imported yet"
    return "Not checked", "warn", "not imported yet"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def totals(run: ImportRun) -> dict[str, int]:
    names = ("read", "created", "updated", "unchanged", "bad", "kept")
    targets = run.report.get("targets", {}).values()
    return {name: sum(counts.get(name, 0) for counts in targets) for name in names}


def verdict(run: ImportRun) -> dict[str, Any]:
    """Whether a checked run can be imported, and what stands in the way."""
    files = run.report.get("files", [])
    counts = totals(run)
    refusals = [(file["file"], file["refusal"]) for file in files if file["refusal"]]
    refusals += [(file["file"], _question(one)) for file in files for one in file["questions"]]
    good = counts["created"] + counts["updated"] + counts["unchanged"]
    return {
        **counts,
        "good": good,
        "refusals": refusals,
        "files": [{**file, "label": fields.LABELS[file["target"]]} for file in files],
        "is_ready": good > 0 and not refusals,
        "added": [_counted(number, name) for name, number in run.report.get("added", {}).items() if number],
        "kept_rows": run.report.get("kept", []),
        "notes": [(file["file"], note) for file in files for note in file["notes"]],
    }


def _counted(number: int, names: str) -> str:
    return f"{number:,} {names.removesuffix('s') if number == 1 else names}"


def _question(question: Mapping[str, str]) -> str:
    if question["kind"] == "date_order":
        return (
            f"Dates in “{question['column']}” such as {question['sample']} could have the day or the month first. "
            "Say which under “How it is written”."
        )
    return (
        f"Numbers in “{question['column']}” such as {question['sample']} could have a decimal mark or a thousands "
        "separator. Say which under “How it is written”."
    )


# --- the job --------------------------------------------------------------------------------------------------------


def import_job_shown(run: ImportRun, now: datetime.datetime) -> dict[str, Any]:
    """The run's job as components/job.html shows it, and whether the import goes on from here."""
    job = run.job
    assert job is not None
    stopped = is_stopped(job, at=now)
    return job_shown(job, title=TITLES.get(job.kind, job.kind), now=now) | {
        "kind": job.kind,
        "is_over": job.state in (Job.State.DONE, Job.State.CANCELLED),
        "has_failed": job.state == Job.State.FAILED or stopped,
        "error": job.error or ("The worker stopped. Nothing was kept." if stopped else ""),
    }
