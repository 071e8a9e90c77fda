"""Files that people uploaded: one that names the person is emptied, rows of others too, which stand in the records."""

from collections import Counter
from collections.abc import Iterable

from crm.models import ImportFile, ImportRun
from privacy.engine.identity import Crowd, in_bytes
from reps.services.jobs import ACTIVE
from routing.models import HistoryCheck

OVER = (ImportRun.State.DONE, ImportRun.State.FAILED, ImportRun.State.ABANDONED)


def waiting_files(crowd: Crowd) -> list[str]:
    """Files that name the person and are not done with, in words."""
    waiting = ImportFile.objects.exclude(run__state__in=OVER).select_related("run")
    found = [f"import {one.run_id}" for one in _naming(waiting, crowd)]
    checks = HistoryCheck.objects.filter(job__state__in=ACTIVE, content__isnull=False)
    return found + [
        f"the evaluation of “{one.name}”" for one in checks if _says(bytes(one.content or b""), crowd)
    ]


def erase_files(crowd: Crowd, counts: Counter[str]) -> None:
    for one in _naming(ImportFile.objects.filter(run__state__in=OVER), crowd):
        empty_file(one)
        counts["crm.ImportFile"] += 1
    for check in HistoryCheck.objects.filter(content__isnull=False):
        if _says(bytes(check.content or b""), crowd):
            counts["routing.HistoryCheck"] += HistoryCheck.objects.filter(pk=check.pk).update(content=None)


def empty_file(one: ImportFile) -> None:
    errors = [[row, name, "", reason] for row, name, _, reason in one.errors]
    ImportFile.objects.filter(pk=one.pk).update(content=b"", errors=errors)


def _naming(files: Iterable[ImportFile], crowd: Crowd) -> list[ImportFile]:
    return [one for one in files if _file_says(one, crowd)]


def _file_says(one: ImportFile, crowd: Crowd) -> bool:
    return crowd.is_in(one.errors) or _says(bytes(one.content), crowd)


def _says(content: bytes, crowd: Crowd) -> bool:
    return any(in_bytes(content, who.pattern_in_files) for who in crowd.people)
