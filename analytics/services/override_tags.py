"""The tag that a reason for overrides proposes, filed as a suggestion."""

import datetime

from django.core.exceptions import ValidationError

from analytics.queries.proposals import Proposal
from analytics.services.tag_suggestions import suggest_tag
from reps.models import TagSuggestion, User
from reps.permissions import may
from reps.queries.people import reps_visible_to


def suggest_tag_of_reason(*, proposal: Proposal, by: User, at: datetime.datetime) -> TagSuggestion:
    """Raises ValidationError."""
    rep = proposal.rep
    if rep is None:
        raise ValidationError("There is no tag to suggest from this.")
    if not may(by, "edit_profiles") or not reps_visible_to(by).filter(pk=rep.pk).exists():
        raise ValidationError("Only those who keep the rep’s profile suggest tags.")
    return suggest_tag(
        rep=rep,
        kind=proposal.kind,
        name=proposal.tag,
        source=TagSuggestion.Source.OVERRIDES,
        sentence=proposal.sentence.rstrip("."),
        won=proposal.grade.won,
        closed=proposal.grade.closed,
        expected=proposal.grade.router,
        p=proposal.grade.above,
        q=proposal.q,
        at=at,
    )
