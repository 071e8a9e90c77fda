"""Deciding about suggested tags: approved into the profile with its history, dismissed and remembered, undone.

Every service locks the suggestions in rising order of id, then the reps in rising order of id, so that of two people
who act on the same one the second is told. A suggestion that cannot be carried out any more (the rep has left, the tag
is there or gone by now) is closed with the reason; nothing of it is written.
"""

import datetime
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.dateparse import parse_date, parse_datetime

from reps.models import Rep, Skill, TagReviewSettings, TagSuggestion, User
from reps.services.edits import lock_unchanged
from reps.services.profiles import field_words, note_changes, tag_words

Action, State = TagSuggestion.Action, TagSuggestion.State
FROM_SUGGESTION = "From a suggestion: "


class CannotApprove(Exception):
    """The suggestion holds no longer; the message says why, in words for people."""


@dataclass
class Decided:
    """What came of it: the suggestions that were acted on, and sentences about those that could not be."""

    done: list[TagSuggestion] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def rep_ids(self) -> set[int]:
        return {suggestion.rep_id for suggestion in self.done}


@transaction.atomic
def approve_suggestions(*, ids: Collection[int], by: User, at: datetime.datetime) -> Decided:
    """Gives or takes away the suggested tags."""
    decided = Decided()
    for suggestion, rep in _locked(ids):
        if not suggestion.is_open:
            decided.problems.append(said_already(suggestion))
            continue
        try:
            suggestion.before = APPLY[suggestion.kind == TagSuggestion.DEAL_SIZE, suggestion.action](
                suggestion, rep, by
            )
        except CannotApprove as refusal:
            close(suggestion, reason=str(refusal))
            decided.problems.append(f"{suggestion.rep}: {refusal}.")
            continue
        _decide(suggestion, State.APPROVED, by=by, at=at)
        decided.done.append(suggestion)
    return decided


@transaction.atomic
def dismiss_suggestions(
    *, ids: Collection[int], by: User, at: datetime.datetime, reason: str = ""
) -> Decided:
    """Says no. The row remembers it: the same is suggested again only when the evidence has clearly grown."""
    decided = Decided()
    for suggestion, _ in _locked(ids):
        if not suggestion.is_open:
            decided.problems.append(said_already(suggestion))
            continue
        _decide(suggestion, State.DISMISSED, by=by, at=at, reason=reason.strip()[:300])
        decided.done.append(suggestion)
    return decided


@transaction.atomic
def undo_decisions(*, ids: Collection[int], by: User) -> Decided:
    """Opens dismissed ones again, and takes back approvals whose effect still stands as it was made."""
    decided = Decided()
    list(TagReviewSettings.objects.select_for_update())  # no review opens the same one meanwhile
    for suggestion, rep in _locked(ids):
        try:
            _check_can_reopen(suggestion)
            if suggestion.state == State.APPROVED:
                REVERT[suggestion.kind == TagSuggestion.DEAL_SIZE, suggestion.action](suggestion, rep, by)
        except CannotApprove as refusal:
            decided.problems.append(f"{suggestion.rep}: {refusal}.")
            continue
        suggestion.state, suggestion.decided_by, suggestion.decided_at = State.OPEN, None, None
        suggestion.reason, suggestion.before = "", {}
        suggestion.save(update_fields=["state", "decided_by", "decided_at", "reason", "before"])
        decided.done.append(suggestion)
    return decided


def close(suggestion: TagSuggestion, *, reason: str) -> None:
    """No longer suggested, and why; nobody decided."""
    suggestion.state, suggestion.reason = State.SUPERSEDED, reason[:300]
    suggestion.save(update_fields=["state", "reason"])


@transaction.atomic
def save_tag_review_settings(
    *, settings: TagReviewSettings, seen: datetime.datetime | None = None
) -> TagReviewSettings:
    """Stores how the next review looks. Raises ValidationError, EditConflict."""
    lock_unchanged(settings, seen=seen)
    settings.full_clean()
    settings.save()
    return settings


def said_already(suggestion: TagSuggestion) -> str:
    """What became of one that is not open any more."""
    what = f"{suggestion.rep}, {suggestion.name}"
    if suggestion.state == State.SUPERSEDED:
        return f"{what}: this is no longer suggested ({suggestion.reason or 'the evidence has changed'})."
    who = suggestion.decided_by or "Somebody who is not here any more"
    return f"{what}: {who} has {suggestion.get_state_display().lower()} it already."


def _locked(ids: Collection[int]) -> list[tuple[TagSuggestion, Rep]]:
    # Nothing joined: who waited for the lock would get the decision of the other without who made it.
    suggestions = list(TagSuggestion.objects.filter(pk__in=ids).select_for_update().order_by("pk"))
    reps = Rep.objects.filter(pk__in={one.rep_id for one in suggestions}).order_by("pk")
    by_id = {rep.pk: rep for rep in reps.select_for_update(no_key=True)}
    for suggestion in suggestions:
        suggestion.rep = by_id[suggestion.rep_id]
    return [(suggestion, suggestion.rep) for suggestion in suggestions]


def _decide(
    suggestion: TagSuggestion, state: str, *, by: User, at: datetime.datetime, reason: str = ""
) -> None:
    suggestion.state, suggestion.decided_by, suggestion.decided_at = state, by, at
    suggestion.reason = reason
    suggestion.save(update_fields=["state", "decided_by", "decided_at", "reason", "before"])


def _check_can_reopen(suggestion: TagSuggestion) -> None:
    if suggestion.state not in (State.APPROVED, State.DISMISSED):
        raise CannotApprove(f"{suggestion.name} was not decided, so that there is nothing to undo")
    twins = TagSuggestion.objects.filter(
        rep=suggestion.rep_id, kind=suggestion.kind, action=suggestion.action, state=State.OPEN
    )
    if suggestion.kind != TagSuggestion.DEAL_SIZE:
        twins = twins.filter(name__iexact=suggestion.name)
    if twins.exists():
        raise CannotApprove(f"{suggestion.name} has been suggested again since, and is open")


# --- what an approval does -------------------------------------------------------------------------------------------


def _held(rep: Rep, suggestion: TagSuggestion) -> Skill | None:
    return rep.skills.filter(kind=suggestion.kind, name__iexact=suggestion.name).first()


def _add_tag(suggestion: TagSuggestion, rep: Rep, by: User) -> dict[str, Any]:
    _check_is_here(rep)
    if _held(rep, suggestion):
        raise CannotApprove(f"{suggestion.name} is in the profile by now")

    def change() -> None:
        Skill.objects.create(
            rep=rep,
            kind=suggestion.kind,
            name=suggestion.name,
            proficiency=suggestion.proficiency,
            evidence_won=suggestion.wins,
            evidence_closed=suggestion.deals,
        )

    _changed(rep, change, by=by, note=FROM_SUGGESTION + suggestion.sentence)
    return {"proficiency": suggestion.proficiency}


def _remove_tag(suggestion: TagSuggestion, rep: Rep, by: User) -> dict[str, Any]:
    _check_is_here(rep)
    skill = _held(rep, suggestion)
    if skill is None:
        raise CannotApprove(f"{suggestion.name} is not in the profile any more")
    before = {
        "name": skill.name,
        "proficiency": skill.proficiency,
        "evidence_won": skill.evidence_won,
        "evidence_closed": skill.evidence_closed,
        "valid_until": skill.valid_until and skill.valid_until.isoformat(),
        "created_at": skill.created_at.isoformat(),
    }
    _changed(rep, skill.delete, by=by, note=FROM_SUGGESTION + suggestion.sentence)
    return before


def _set_range(suggestion: TagSuggestion, rep: Rep, by: User) -> dict[str, Any]:
    _check_is_here(rep)
    if rep.deal_size_min is not None or rep.deal_size_max is not None:
        raise CannotApprove("the profile has a deal size range by now")
    _changed(
        rep,
        lambda: _write_range(rep, suggestion.low, suggestion.high),
        by=by,
        note=FROM_SUGGESTION + suggestion.sentence,
    )
    return {"deal_size_min": None, "deal_size_max": None}


def _no_such(suggestion: TagSuggestion, rep: Rep, by: User) -> Any:
    raise CannotApprove("a deal size range is never taken away by a suggestion")


def _take_tag_back(suggestion: TagSuggestion, rep: Rep, by: User) -> None:
    skill = _held(rep, suggestion)
    if skill is None:
        raise CannotApprove(f"{suggestion.name} is not in the profile any more")
    if skill.proficiency != suggestion.before.get("proficiency"):
        raise CannotApprove(f"{suggestion.name} has been changed by hand since")
    _changed(rep, skill.delete, by=by, note=f"Approval of {suggestion.name} undone")


def _give_tag_back(suggestion: TagSuggestion, rep: Rep, by: User) -> None:
    if _held(rep, suggestion):
        raise CannotApprove(f"{suggestion.name} is in the profile again by now")
    before = suggestion.before

    def change() -> None:
        skill = Skill.objects.create(
            rep=rep,
            kind=suggestion.kind,
            name=before["name"],
            proficiency=before["proficiency"],
            evidence_won=before["evidence_won"],
            evidence_closed=before["evidence_closed"],
            valid_until=parse_date(before["valid_until"]) if before["valid_until"] else None,
        )
        Skill.objects.filter(pk=skill.pk).update(created_at=parse_datetime(before["created_at"]))

    _changed(rep, change, by=by, note=f"Removal of {suggestion.name} undone")


def _clear_range(suggestion: TagSuggestion, rep: Rep, by: User) -> None:
    if (rep.deal_size_min, rep.deal_size_max) != (suggestion.low, suggestion.high):
        raise CannotApprove("the deal size range has been changed by hand since")
    _changed(rep, lambda: _write_range(rep, None, None), by=by, note="Approval of a deal size range undone")


def _check_is_here(rep: Rep) -> None:
    if not rep.is_active:
        raise CannotApprove("this rep has left")


def _write_range(rep: Rep, low: Decimal | None, high: Decimal | None) -> None:
    rep.deal_size_min, rep.deal_size_max = low, high


def _changed(rep: Rep, change: Callable[[], object], *, by: User, note: str) -> None:
    """Makes the change on the locked rep, with its line in the history. Raises the rep's version too, so that somebody
    who has the profile's form open is told."""
    before = {**field_words(rep), **tag_words(rep.skills.all())}
    change()
    rep.save(update_fields=["deal_size_min", "deal_size_max", "updated_at"])
    rep.refresh_from_db(fields=["deal_size_min", "deal_size_max"])
    note_changes(
        rep=rep, before=before, after={**field_words(rep), **tag_words(rep.skills.all())}, by=by, note=note
    )


# Is it the deal size?, action → what is done.
APPLY = {
    (False, Action.ADD.value): _add_tag,
    (False, Action.REMOVE.value): _remove_tag,
    (True, Action.ADD.value): _set_range,
    (True, Action.REMOVE.value): _no_such,
}
REVERT = {
    (False, Action.ADD.value): _take_tag_back,
    (False, Action.REMOVE.value): _give_tag_back,
    (True, Action.ADD.value): _clear_range,
    (True, Action.REMOVE.value): _no_such,
}


# --- what a review leaves --------------------------------------------------------------------------------------------


def last_dismissals(source: str) -> dict[tuple[int, str, str, str], TagSuggestion]:
    """(rep, kind, case-folded name or "" of a range, action) → the newest dismissal."""
    rows: Iterable[TagSuggestion] = TagSuggestion.objects.filter(
        Q(state=State.DISMISSED), source=source
    ).order_by("decided_at", "pk")
    return {identity(row): row for row in rows}


def identity(suggestion: TagSuggestion) -> tuple[int, str, str, str]:
    """What makes two suggestions the same: a rep has one deal size range, whatever it is."""
    is_range = suggestion.kind == TagSuggestion.DEAL_SIZE
    name = "" if is_range else suggestion.name.strip().casefold()
    return suggestion.rep_id, suggestion.kind, name, suggestion.action
