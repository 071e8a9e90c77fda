"""What a row of a file says without whom was erased, by the same rules as in the tables; and what stands beside the
archive for it: the line that is left of a decision, the external id of an activity, the redaction of an entry."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from crm.models import Activity, ActivityKey
from operations.queries.archive import Row, entry_of
from operations.services.history.proving import entry_as_json
from privacy.queries.elsewhere import Erased
from privacy.services.erasing.audit import redacted
from privacy.services.erasing.decisions import scrub
from routing.queries.archived import decision_of

JSON = {"facts", "trace", "changes"}
AS_THE_DATABASE = """
SELECT array_agg(one::jsonb::text ORDER BY place) FROM unnest(%s::text[]) WITH ORDINALITY AS u (one, place)
"""
# Facts and steps of the line are those of the file: there they were proved.
LINE = """
UPDATE routing_decision d SET facts = f.facts, policy_name = f.policy_name, result_digest = f.result_digest,
    trace = jsonb_build_object('steps', f.trace -> 'steps', 'archive', d.trace -> 'archive')
FROM jsonb_to_recordset(%s::jsonb) AS f (id bigint, facts jsonb, trace jsonb, policy_name text, result_digest text)
WHERE d.id = f.id AND d.trace ? 'archive'
"""
MOST_OF_A_NOTE = Activity._meta.get_field("note").max_length
MOST_OF_AN_ID = Activity._meta.get_field("external_id").max_length


def said_now(kind: str, row: Row, erased: Erased) -> Row:
    """The columns that say something else, as the file has them: JSON as text, as the database writes it."""
    new = SAID[kind](row, erased)
    texts = [name for name in new if name in JSON]
    if texts:
        with connection.cursor() as cursor:
            cursor.execute(AS_THE_DATABASE, [[json.dumps(new[name]) for name in texts]])
            new |= dict(zip(texts, cursor.fetchone()[0], strict=True))
    return {name: value for name, value in new.items() if value != row[name]}


def _decision(row: Row, erased: Erased) -> Row:
    said = scrub(decision_of(row), erased)
    if said is None:
        return {}
    return {
        "facts": said.facts,
        "trace": said.trace,
        "policy_name": said.policy_name,
        "result_digest": said.result_digest,
    }


def _activity(row: Row, erased: Erased) -> Row:
    """Of the contact's own the words go; elsewhere a mention is replaced (the catalogue's `crm_activity`)."""
    if row["opportunity_id"] in erased.opportunities:
        return {"note": "", "external_id": None}
    note, known = erased.crowd.scrubbed(row["note"]), erased.crowd.scrubbed(row["external_id"])
    return {"note": note[:MOST_OF_A_NOTE], "external_id": known and known[:MOST_OF_AN_ID]}


def _entry(row: Row, erased: Erased) -> Row:
    return redacted(entry_of(row), erased)


SAID = {"decisions": _decision, "activities": _activity, "audit": _entry}


def forget_beside(kind: str, rows: Sequence[Row], said: Mapping[int, Row]) -> None:
    BESIDE[kind]([row | said[row["id"]] for row in rows], said)


def _lines(rows: Sequence[Row], said: Mapping[int, Row]) -> None:
    plain = [
        {"id": row["id"], "policy_name": row["policy_name"], "result_digest": row["result_digest"]}
        | {name: json.loads(row[name]) for name in ("facts", "trace")}
        for row in rows
    ]
    _run(LINE, json.dumps(plain))


def _keys(rows: Sequence[Row], said: Mapping[int, Row]) -> None:
    """An id that the table's row has kept follows that."""
    gone = [row["id"] for row in rows if "external_id" in said[row["id"]]]
    gone = sorted(set(gone) - set(Activity.objects.filter(pk__in=gone).values_list("pk", flat=True)))
    ActivityKey.objects.filter(activity_id__in=gone).delete()
    kept = [row for row in rows if row["id"] in gone and row["external_id"]]
    keys = [ActivityKey(external_id=row["external_id"], activity_id=row["id"]) for row in kept]
    ActivityKey.objects.bulk_create(keys, ignore_conflicts=True)


def _redactions(rows: Sequence[Row], said: Mapping[int, Row]) -> None:
    entries = [entry_as_json(list(row), list(row.values())) for row in rows]
    _run("SELECT redact_archived_audit(%s::jsonb)", f"[{','.join(entries)}]")


BESIDE = {"decisions": _lines, "activities": _keys, "audit": _redactions}


def _run(statement: str, value: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [value])
