"""Holds each assignment against the crediting table that counts. Incremental and repeatable, like `services.gaps`.

Assignments are read in rising order of id, in pieces, each one transaction; what came within the last hour is read
again the next time, since one with a lower id may become visible later. Another table begins at the first assignment.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from analytics.engine.credit import SEGMENT, Credit, CreditRow, credit_of
from analytics.models import CreditCheck, CreditTable
from analytics.queries.credit_table import current_table, rows_by_rep
from crm.models import Assignment
from routing.engine.configuration import Configuration
from routing.engine.requirements import ROUTES
from routing.models import ConfigurationVersion, Decision
from routing.queries.configuration import compiled
from routing.queries.inputs import opportunity_facts

PIECE = 1000
SETTLED = datetime.timedelta(hours=1)
WRITTEN = [one.name for one in CreditCheck._meta.concrete_fields if one.name not in ("id", "assignment")]
DECIDED = (
    "id", "opportunity_id", "assignment_id", "made_at", "rep_id", "policy_name", "facts", "trace",
    "configuration_id",
)  # fmt: skip


def check_assignments(*, at: datetime.datetime, piece: int = PIECE) -> int:
    """Checks what was assigned since the last time, or all where the table is new; how many were read."""
    table = current_table()
    if table is None:
        return 0
    rows, read, after = rows_by_rep(table), 0, table.checked_to
    while True:
        seen = check_piece(table_id=table.pk, rows=rows, after=after, at=at, piece=piece)
        read += len(seen)
        if len(seen) < piece:
            return read
        after = seen[-1]


@transaction.atomic
def check_piece(
    *, table_id: int, rows: Mapping[int, Sequence[CreditRow]], after: int, at: datetime.datetime, piece: int
) -> list[int]:
    """The ids of the assignments read; none where another table counts by now. The table's row is locked."""
    table = CreditTable.objects.select_for_update().get(pk=table_id)
    if current_table() != table:
        return []
    found = list(
        Assignment.objects.filter(pk__gt=after)
        .exclude(source=Assignment.Source.IMPORT)
        .select_related("opportunity__account", "opportunity__product", "rep")
        .order_by("pk")[:piece]
    )
    sent = _what_sent(found)
    CreditCheck.objects.bulk_create(
        [_check(one, sent[one.pk], rows.get(one.rep_id, ()), table) for one in found],
        update_conflicts=True,
        unique_fields=["assignment"],
        update_fields=WRITTEN,
    )
    _move_mark(table, found, at)
    return [one.pk for one in found]


def _move_mark(table: CreditTable, found: Iterable[Assignment], at: datetime.datetime) -> None:
    settled = table.checked_to
    for one in found:
        if one.assigned_at > at - SETTLED:
            break
        settled = max(settled, one.pk)
    if settled != table.checked_to:
        table.checked_to = settled
        table.save(update_fields=["checked_to"])


@dataclass(frozen=True)
class _Sent:
    """What sent an assignment where it went, and what the opportunity was then."""

    lineage: tuple[int, ...]
    segment: Mapping[str, str]
    territory: str = ""
    rule: str = ""
    rule_id: int | None = None
    policy: str = ""
    by_person: bool = False
    value: Decimal | None = None


def _what_sent(found: Sequence[Assignment]) -> dict[int, _Sent]:
    """By assignment: its own decision, else the opportunity’s last one before it, else the territories of its day."""
    ids = [one.opportunity_id for one in found]
    decisions: dict[int, list[Decision]] = {}
    for decision in Decision.objects.filter(opportunity__in=ids).only(*DECIDED).order_by("pk"):
        decisions.setdefault(decision.opportunity_id, []).append(decision)
    versions = list(
        ConfigurationVersion.objects.filter(is_candidate=False)
        .order_by("pk")
        .values_list("pk", "published_at")
    )
    return {one.pk: _sent(one, decisions.get(one.opportunity_id, ()), versions) for one in found}


def _sent(
    one: Assignment, decisions: Sequence[Decision], versions: Sequence[tuple[int, datetime.datetime]]
) -> _Sent:
    own = next((decision for decision in decisions if decision.assignment_id == one.pk), None)
    before = [decision for decision in decisions if decision.made_at <= one.assigned_at]
    decision = own or (before[-1] if before else None)
    if decision is not None:
        return _by_decision(one, decision)
    facts = opportunity_facts(one.opportunity)
    live = [pk for pk, published in versions if published <= one.assigned_at] or [
        pk for pk, _ in versions[:1]
    ]
    matching = compiled(live[-1]).territories_matching(facts.tests) if live else []
    lineage, name = (matching[0].lineage, matching[0].name) if matching else ((), "")
    segment = {name: str(getattr(facts, name)) for name in SEGMENT}
    return _Sent(lineage, segment, name, by_person=True, value=one.opportunity.value_base)


def _by_decision(one: Assignment, decision: Decision) -> _Sent:
    configuration, facts = compiled(decision.configuration_id), decision.facts
    steps: list[dict[str, Any]] = decision.trace["steps"]
    matched = next(
        (s["found"] for s in steps if s["name"] == "territory" and s["found"]["why"] == "matched"), None
    )
    territory = None if matched is None else configuration.by_id[matched["territory"]]
    rule = _routing_rule(steps, configuration)
    value = facts.get("value")
    return _Sent(
        lineage=() if territory is None else territory.lineage,
        segment={name: str(facts.get(name, "lead" if name == "kind" else "")) for name in SEGMENT},
        territory="" if territory is None else territory.name,
        rule="" if rule is None else rule[1],
        rule_id=None if rule is None else rule[0],
        policy=decision.policy_name,
        by_person=one.source == Assignment.Source.PERSON and decision.rep_id != one.rep_id,
        value=None if value is None else round(Decimal(value), 2),
    )


def _routing_rule(steps: Iterable[Mapping[str, Any]], configuration: Configuration) -> tuple[int, str] | None:
    """Id and name of the rule that routed it."""
    for step in steps:
        if step["name"] == "rule" and step["found"]["action"] in ROUTES:
            rule = configuration.rules[step["found"]["index"]]
            return rule.id, rule.name
    return None


def _check(one: Assignment, sent: _Sent, rows: Sequence[CreditRow], table: CreditTable) -> CreditCheck:
    day = one.assigned_at.astimezone(datetime.UTC).date()
    credit: Credit = credit_of(rows, lineage=sent.lineage, segment=sent.segment, day=day)
    return CreditCheck(
        assignment=one,
        table=table,
        rep_id=one.rep_id,
        day=day,
        share=credit.share,
        why=credit.why.value,
        rule="" if sent.by_person else sent.rule,
        rule_id=None if sent.by_person else sent.rule_id,
        policy="" if sent.by_person else sent.policy,
        territory=sent.territory,
        by_person=sent.by_person,
        team_id=one.rep.team_id,
        kind=sent.segment["kind"],
        source=sent.segment["source"],
        value_base=sent.value,
    )
