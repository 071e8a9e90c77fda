"""A rep's own changes: made at once, proposed, or refused, as the organisation says; and deciding about proposals.

A proposal is a difference: tags to set, tags to remove, fields to set. Approving lays it over the profile as it is
then. Proposals are locked before reps.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.dateparse import parse_date

from reps.models import Organisation, ProfileProposal, Rep, Skill, User
from reps.services.edits import lock_unchanged
from reps.services.profiles import Tag, field_words, own_edits_of, save_expertise, tag_words

State = ProfileProposal.State
FIELDS = ("deal_size_min", "deal_size_max", "selling_style")


@transaction.atomic
def propose_expertise(
    *,
    rep: Rep,
    tags: Iterable[Tag],
    seen: datetime.datetime | None = None,
    by: User,
    at: datetime.datetime,
) -> ProfileProposal | None:
    """Files what the rep wants changed, in place of what waited before; None where it changes nothing. `rep` carries
    the wanted fields. Raises EditConflict, and ValidationError where changes are not to be proposed."""
    if own_edits_of(rep, by) != Organisation.OwnEdits.CONFIRMED:
        raise ValidationError("Changes are not proposed here: ask your manager.")
    stored = lock_unchanged(rep, seen=seen)
    skills = list(stored.skills.all())
    difference = _difference(stored, skills, rep, tags)
    list(ProfileProposal.objects.filter(rep=stored, state=State.OPEN).select_for_update())
    ProfileProposal.objects.filter(rep=stored, state=State.OPEN).update(
        state=State.REPLACED, told_state=State.REPLACED
    )
    if not any(difference.values()):
        return None
    before = {**field_words(stored), **tag_words(skills)}
    after = {**field_words(rep), **tag_words(laid_over(skills, difference))}
    return ProfileProposal.objects.create(
        rep=stored,
        proposed_by=by,
        proposed_at=at,
        difference=difference,
        changes={
            label: [before.get(label, ""), after.get(label, "")]
            for label in {**before, **after}
            if before.get(label, "") != after.get(label, "")
        },
    )


def _difference(stored: Rep, skills: list[Skill], rep: Rep, tags: Iterable[Tag]) -> dict[str, Any]:
    held = {(skill.kind, skill.name.lower()): skill for skill in skills}
    wanted = {(tag.kind, tag.name.lower()): tag for tag in tags}
    is_same = {
        key: key in held
        and (held[key].name, held[key].proficiency, held[key].valid_until)
        == (tag.name, tag.proficiency, tag.valid_until)
        for key, tag in wanted.items()
    }
    changed = [name for name in FIELDS if getattr(stored, name) != getattr(rep, name)]
    return {
        "set": [
            asdict(tag) | {"valid_until": tag.valid_until and tag.valid_until.isoformat()}
            for key, tag in wanted.items()
            if not is_same[key]
        ],
        "remove": [[skill.kind, skill.name] for key, skill in held.items() if key not in wanted],
        "fields": {name: None if getattr(rep, name) is None else str(getattr(rep, name)) for name in changed},
    }


def laid_over(skills: Iterable[Skill], difference: Mapping[str, Any]) -> list[Skill]:
    """The tags as they would be; nothing is saved."""
    found = {(skill.kind, skill.name.lower()): skill for skill in skills}
    for kind, name in difference["remove"]:
        found.pop((kind, name.lower()), None)
    for tag in difference["set"]:
        key = (tag["kind"], tag["name"].lower())
        old = found.get(key)
        found[key] = Skill(
            kind=tag["kind"],
            name=tag["name"],
            proficiency=tag["proficiency"],
            valid_until=parse_date(tag["valid_until"]) if tag["valid_until"] else None,
            evidence_won=old.evidence_won if old else 0,
            evidence_closed=old.evidence_closed if old else 0,
        )
    return list(found.values())


def lay_fields_over(rep: Rep, difference: Mapping[str, Any]) -> None:
    """Sets the proposed fields on the instance; nothing is saved."""
    for name, text in difference["fields"].items():
        is_money = name.startswith("deal_size")
        setattr(rep, name, (Decimal(text) if text is not None else None) if is_money else text)


@transaction.atomic
def approve_proposal(*, pk: int, by: User, at: datetime.datetime) -> ProfileProposal:
    """Makes the proposed changes. Raises ValidationError where somebody was faster or they are possible no more."""
    proposal = _locked(pk)
    rep = Rep.objects.select_for_update(no_key=True).get(pk=proposal.rep_id)
    if not rep.is_active:
        raise ValidationError(f"{rep} has left.")
    if rep.user_id == by.pk:
        raise ValidationError("Somebody else confirms your own changes.")
    lay_fields_over(rep, proposal.difference)
    low, high = rep.deal_size_min, rep.deal_size_max
    if low is not None and high is not None and low > high:
        raise ValidationError(
            "The deal size range has been changed since, and would run backwards. Decline it, or edit the profile."
        )
    tags = [
        Tag(skill.kind, skill.name, skill.proficiency, skill.valid_until)
        for skill in laid_over(rep.skills.all(), proposal.difference)
    ]
    save_expertise(rep=rep, tags=tags, by=by, note=f"Proposed by {proposal.proposed_by or 'the rep'}")
    return _decide(proposal, State.APPROVED, by=by, at=at)


@transaction.atomic
def decline_proposal(*, pk: int, by: User, at: datetime.datetime, reason: str) -> ProfileProposal:
    """Says no, with the reason that the rep reads. Raises ValidationError."""
    if not reason.strip():
        raise ValidationError("Say why, so that the rep knows what to do about it.")
    return _decide(_locked(pk), State.DECLINED, by=by, at=at, reason=reason.strip()[:300])


@transaction.atomic
def withdraw_proposal(*, pk: int, by: User, at: datetime.datetime) -> ProfileProposal:
    """The rep takes the own proposal back. Raises ValidationError."""
    proposal = _locked(pk)
    proposal.told_state = State.WITHDRAWN  # nobody needs to be told
    return _decide(proposal, State.WITHDRAWN, by=by, at=at)


def _locked(pk: int) -> ProfileProposal:
    proposal = ProfileProposal.objects.select_for_update().get(pk=pk)
    if not proposal.is_open:
        who = f" by {proposal.decided_by}" if proposal.decided_by_id else ""
        raise ValidationError(f"These changes are {proposal.get_state_display().lower()} already{who}.")
    return proposal


def _decide(
    proposal: ProfileProposal, state: str, *, by: User, at: datetime.datetime, reason: str = ""
) -> ProfileProposal:
    proposal.state, proposal.decided_by, proposal.decided_at, proposal.reason = state, by, at, reason
    proposal.save(update_fields=["state", "told_state", "decided_by", "decided_at", "reason"])
    return proposal
