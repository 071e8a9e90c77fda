"""Coaching findings: looked for each night, kept while they hold, dismissed by managers, made into suggested tags."""

import datetime
import math

from django.core.exceptions import ValidationError
from django.db import transaction

from analytics.engine.coaching import Group, Looked, look
from analytics.models import CoachingFinding, CoachingLook
from analytics.queries.coaching import LOOK_BACK, Evidence, findings_visible_to, load_evidence, sentence
from analytics.queries.segments import tag_kind
from analytics.services.tag_suggestions import suggest_tag
from reps.models import Rep, TagSuggestion, User
from reps.permissions import may

State, Kind = CoachingFinding.State, CoachingFinding.Kind
GROWTH = 1.5  # as many times the closed opportunities of when it was dismissed, and it is told again


def look_for_coaching(*, today: datetime.date, at: datetime.datetime) -> int:
    """Looks at a year of closed opportunities and keeps what holds; how many findings are open then."""
    first = today - LOOK_BACK
    evidence = load_evidence(first=first, last=today)
    looked = None if evidence is None else look(evidence.closed)
    return _keep(evidence, looked, first=first, today=today, at=at)


@transaction.atomic
def _keep(
    evidence: Evidence | None,
    looked: Looked | None,
    *,
    first: datetime.date,
    today: datetime.date,
    at: datetime.datetime,
) -> int:
    kept = {"at": at, "first_day": first, "closed": 0, "groups": 0, "intercept": 0.0, "slope": 1.0}
    if evidence is not None and looked is not None:
        line = looked.calibration
        kept |= {"closed": len(evidence.closed.won), "groups": looked.groups}
        kept |= {"intercept": line.intercept, "slope": line.slope}
    CoachingLook.objects.update_or_create(pk=1, defaults=kept)
    rows = CoachingFinding.objects.select_for_update().order_by("pk")
    known = {(row.rep_id, row.kind, row.dimension, row.level): row for row in rows}
    here = set(Rep.objects.filter(left_at__isnull=True).values_list("pk", flat=True))
    seen = set()
    for group in looked.found if looked else ():
        assert evidence is not None
        found = _finding(group, evidence, today)
        if found.rep_id in here:
            seen.add((found.rep_id, found.kind, found.dimension, found.level))
            _renew(known.get((found.rep_id, found.kind, found.dimension, found.level)), found)
    gone = [row.pk for key, row in known.items() if key not in seen and row.is_open]
    CoachingFinding.objects.filter(pk__in=gone).update(state=State.OVER)
    return CoachingFinding.objects.filter(state=State.OPEN).count()


def _finding(group: Group, evidence: Evidence, today: datetime.date) -> CoachingFinding:
    return CoachingFinding(
        rep_id=evidence.rep_ids[group.rep],
        kind=Kind.WORSE if group.is_worse else Kind.BETTER,
        dimension=group.dimension,
        level=evidence.levels[group.dimension][group.level][:120] if group.dimension else "",
        closed=group.closed,
        won=group.won,
        expected=group.expected,
        rest_closed=group.rest_closed,
        rest_won=group.rest_won,
        rest_expected=group.rest_expected,
        difference=group.difference,
        low=group.low,
        high=group.high,
        p=group.p,
        q=group.q,
        first_seen=today,
        last_seen=today,
    )


def _renew(row: CoachingFinding | None, found: CoachingFinding) -> None:
    """The same with today's numbers. One that was dismissed stays so until there is clearly more evidence; what
    somebody said to it then is kept."""
    if row is None:
        found.save()
        return
    if row.state == State.DISMISSED and found.closed < math.ceil(GROWTH * row.closed):
        return
    found.pk = row.pk
    found.first_seen = row.first_seen if row.is_open else found.first_seen
    found.decided_by_id, found.decided_at, found.note = row.decided_by_id, row.decided_at, row.note
    found.save(force_update=True)


@transaction.atomic
def dismiss_finding(*, finding_id: int, by: User, at: datetime.datetime, note: str) -> CoachingFinding:
    """Says no, with why. Raises ValidationError where it is not open any more."""
    finding = _locked(finding_id, by)
    if not finding.is_open:
        raise ValidationError("This does not stand any more: it was dismissed, or it holds no longer.")
    if not note.strip():
        raise ValidationError("Say in a few words why, so that others understand it later.")
    finding.state, finding.decided_by, finding.decided_at = State.DISMISSED, by, at
    finding.note = note.strip()[:300]
    finding.save(update_fields=["state", "decided_by", "decided_at", "note"])
    return finding


@transaction.atomic
def take_up_again(*, finding_id: int, by: User) -> CoachingFinding:
    """A dismissed one is open again; the next night ends it where it does not hold."""
    finding = _locked(finding_id, by)
    if finding.state != State.DISMISSED:
        raise ValidationError("This is not dismissed.")
    finding.state, finding.decided_by, finding.decided_at, finding.note = State.OPEN, None, None, ""
    finding.save(update_fields=["state", "decided_by", "decided_at", "note"])
    return finding


@transaction.atomic
def suggest_tag_of(*, finding_id: int, by: User, at: datetime.datetime) -> TagSuggestion:
    """Files the tag of a segment in which the rep does clearly better. Raises ValidationError."""
    finding = _locked(finding_id, by)
    if not finding.is_open or finding.kind != Kind.BETTER or not tag_kind(finding.dimension):
        raise ValidationError("There is no tag to suggest from this.")
    return suggest_tag(
        rep=finding.rep,
        kind=tag_kind(finding.dimension),
        name=finding.level,
        source=TagSuggestion.Source.COACHING,
        sentence=sentence(finding).rstrip("."),
        won=finding.won,
        closed=finding.closed,
        expected=finding.expected,
        p=finding.p,
        q=finding.q,
        at=at,
    )


def _locked(finding_id: int, by: User) -> CoachingFinding:
    """Raises ValidationError for who may not answer it."""
    visible = findings_visible_to(by).filter(pk=finding_id) if may(by, "edit_profiles") else None
    finding = None if visible is None else visible.select_for_update(of=("self",)).first()
    if finding is None:
        raise ValidationError("Only those who keep the rep’s profile answer this.")
    return finding
