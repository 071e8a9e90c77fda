"""Looking a profile over: noted with who and when, kept on the rep as the newest."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from reps.models import ProfileReview, Rep, User
from reps.permissions import may


@transaction.atomic
def note_review(*, rep: Rep, by: User, at: datetime.datetime) -> ProfileReview:
    """“Looks right.” A rep's own word is a confirmation; whoever edits profiles reviews. Of the own profile even a
    manager only confirms: two pairs of eyes. Leaves the rep's version alone, so that nobody's open form is disturbed.
    Raises ValidationError."""
    locked = Rep.objects.select_for_update(no_key=True).get(pk=rep.pk)
    if not locked.is_active:
        raise ValidationError(f"{locked} has left; there is nothing to review.")
    is_own = locked.user_id == by.pk
    if not is_own and not may(by, "edit_profiles"):
        raise ValidationError("Only a manager reviews somebody else's profile.")
    review = ProfileReview.objects.create(rep=locked, by=by, at=at, is_own=is_own)
    kept = {"confirmed_at": at} if is_own else {"reviewed_at": at, "reviewed_by": by}
    Rep.objects.filter(pk=locked.pk).update(**kept)
    return review
