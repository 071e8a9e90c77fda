"""The audit log: who changed what, when and from where; and its files."""

import json
from collections.abc import Iterator

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils import timezone

from reps.engine.tables import csv_lines
from reps.forms.audit import AuditFilter
from reps.models import AuditEntry
from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.audit import COLUMNS, actors_known, audit_entries, kinds_known, line_of, rows_of
from reps.queries.pages import page_of


@requires("see_audit")
def audit_log(request: SignedIn) -> HttpResponse:
    filters = AuditFilter(request.GET, actors=actors_known(), kinds=kinds_known())
    search = filters.search()
    try:
        page = page_of(
            audit_entries(search), key="id", descending=True, cursor=request.GET.get("at", ""), size=50
        )
    except (ValueError, TypeError) as error:  # BadCursor, or one of a list that is sorted by something else
        raise Http404 from error
    context = {
        "filters": filters,
        "search": search,
        "page": page,
        "lines": [line_of(entry) for entry in page.rows],
        "words": page.words("entry", "entries"),
    }
    return show(request, "reps/audit.html", context, regions=["audit"])


@requires("see_audit")
def audit_csv(request: SignedIn) -> StreamingHttpResponse:
    """What the filters leave, a line for each entry; its own download is the newest."""
    return _file("csv", "text/csv; charset=utf-8", csv_lines(_cells(request)))


@requires("see_audit")
def audit_jsonl(request: SignedIn) -> StreamingHttpResponse:
    """The same as JSON, one object a line."""
    lines = (
        json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n" for row in rows_of(_found(request))
    )
    return _file("jsonl", "application/jsonl; charset=utf-8", lines)


def _found(request: SignedIn) -> QuerySet[AuditEntry]:
    filters = AuditFilter(request.GET, actors=actors_known(), kinds=kinds_known())
    return audit_entries(filters.search()).order_by("-id")


def _cells(request: SignedIn) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for row in rows_of(_found(request)):
        changes = json.dumps(row.pop("changes"), cls=DjangoJSONEncoder, ensure_ascii=False)
        yield [*("" if value is None else str(value) for value in row.values()), changes]


def _file(ending: str, content_type: str, lines: Iterator[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=content_type)
    day = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="audit-{day}.{ending}"'
    return response
