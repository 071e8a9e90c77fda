"""Tags that analytics suggests for a rep, filed where the managers look over all suggested tags."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from reps.models import Rep, Skill, TagSuggestion


@transaction.atomic
def suggest_tag(
    *,
    rep: Rep,
    kind: str,
    name: str,
    source: str,
    sentence: str,
    won: int,
    closed: int,
    expected: float,
    p: float,
    q: float,
    at: datetime.datetime,
) -> TagSuggestion:
    """Raises ValidationError where the rep has left, has the tag, or it is suggested already."""
    locked = Rep.objects.select_for_update(no_key=True).get(pk=rep.pk)
    if not locked.is_active:
        raise ValidationError(f"{locked} has left.")
    if Skill.objects.filter(rep=locked, kind=kind, name__iexact=name).exists():
        raise ValidationError(f"{locked} has the tag {name} already.")
    same = TagSuggestion.objects.filter(rep=locked, kind=kind, name__iexact=name)
    if same.filter(state=TagSuggestion.State.OPEN, action=TagSuggestion.Action.ADD).exists():
        raise ValidationError(f"{name} is suggested for {locked} already.")
    return TagSuggestion.objects.create(
        rep=locked,
        kind=kind,
        name=name,
        action=TagSuggestion.Action.ADD,
        source=source,
        sentence=sentence[:300],
        wins=won,
        deals=closed,
        expected=expected,
        p_value=p,
        q_value=q,
        suggested_at=at,
        found_at=at,
    )
