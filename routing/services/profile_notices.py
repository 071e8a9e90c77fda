"""Who is told about profiles: managers of proposed changes, reps of the answer, and both that a review is due.

A state that was told is kept on the proposal, and a reminder is a row for each person and period, so that running twice
tells once.
"""

import datetime
import zoneinfo

from django.db import transaction
from django.db.models import Count, F, Q

from reps.models import ProfileProposal, ProfileReminder, Rep, User
from reps.queries import organisation
from reps.queries.profiles import SOON, is_due, own_is_due
from reps.queries.tags import period_start
from routing.services.outbox import tell

SATURDAY = 5
REVIEWS, OWN = "/reps/review/", "/reps/me/"


@transaction.atomic
def tell_of_proposals(*, at: datetime.datetime) -> int:
    """Tells managers what waits and reps what became of it; returns how many proposals were told of."""
    untold = ProfileProposal.objects.filter(~Q(told_state=F("state")))
    found = untold.select_related("rep").select_for_update(skip_locked=True, of=("self",)).order_by("pk")
    told = 0
    for proposal in found:
        _tell_of(proposal, at)
        ProfileProposal.objects.filter(pk=proposal.pk).update(told_state=proposal.state)
        told += 1
    return told


def _tell_of(proposal: ProfileProposal, at: datetime.datetime) -> None:
    what = ", ".join(label.lower() for label in proposal.changes)
    if proposal.is_open:
        payload = {
            "team_id": proposal.rep.team_id,
            "rep_id": proposal.rep_id,
            "path": f"{REVIEWS}{proposal.rep_id}/",
            "text": f"{proposal.rep} proposes changes to the own profile ({what}).",
        }
        tell("profile.proposed", payload, at=at)
    elif proposal.state in (ProfileProposal.State.APPROVED, ProfileProposal.State.DECLINED):
        reason = f": {proposal.reason}" if proposal.reason else ""
        text = f"Your changes to your profile ({what}) are {proposal.get_state_display().lower()}{reason}."
        payload = {"user_id": proposal.proposed_by_id, "path": OWN, "text": text.replace("..", ".")}
        tell("profile.decided", payload, at=at)


def remind_of_reviews(*, at: datetime.datetime) -> int:
    """Once in each period, on a working day of the organisation's zone: managers of profiles that are due or will be
    within two weeks, reps of their own. Returns how many people were reminded."""
    ours = organisation()
    local = at.astimezone(zoneinfo.ZoneInfo(ours.time_zone))
    if local.weekday() >= SATURDAY:
        return 0
    period = period_start(local, ours.profile_review_months)
    return _remind_managers(at, period) + _remind_reps(at, period)


def _remind_managers(at: datetime.datetime, period: datetime.date) -> int:
    soon = is_due(now=at + SOON, ours=organisation())
    ids = Rep.objects.filter(soon, left_at__isnull=True).order_by().values("pk")
    here = Q(managed_teams__reps__left_at__isnull=True) & ~Q(managed_teams__reps__user=F("pk"))
    managers = (
        User.objects.filter(is_active=True, managed_teams__isnull=False)
        .annotate(
            due=Count("managed_teams__reps", filter=here & Q(managed_teams__reps__in=ids), distinct=True),
            all=Count("managed_teams__reps", filter=here, distinct=True),
        )
        .filter(due__gt=0)
        .order_by("pk")
    )
    return sum(_remind(user, period, _manager_words(user.due, user.all), REVIEWS, at) for user in managers)


def _manager_words(due: int, everybody: int) -> str:
    verb = "is" if due == 1 else "are"
    return (
        f"{due} of {everybody} profiles of your team {verb} due for review, or will be within two weeks. The matching "
        f"is only as good as what it knows about each rep."
    )


def _remind_reps(at: datetime.datetime, period: datetime.date) -> int:
    soon = own_is_due(now=at + SOON, ours=organisation())
    reps = Rep.objects.filter(soon, left_at__isnull=True, user__is_active=True).select_related("user")
    text = "Is your profile still right? Look it over: what it says decides which opportunities fit you."
    reminded = 0
    for rep in reps.order_by("pk"):
        assert rep.user is not None
        reminded += _remind(rep.user, period, text, OWN, at, is_own=True)
    return reminded


@transaction.atomic
def _remind(
    user: User, period: datetime.date, text: str, path: str, at: datetime.datetime, *, is_own: bool = False
) -> int:
    _, is_new = ProfileReminder.objects.get_or_create(user=user, period=period, is_own=is_own)
    if is_new:
        tell("profile.review_due", {"user_id": user.pk, "path": path, "text": text}, at=at)
    return int(is_new)
