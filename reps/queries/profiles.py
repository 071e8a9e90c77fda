"""How complete and how current profiles are: for one rep as the engine says it, for a list as one expression."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.utils import timezone

from reps.engine import completeness as engine
from reps.engine.completeness import Completeness, Gap, Profile, StatedTag
from reps.models import Organisation, ProfileChange, ProfileProposal, Rep, Skill, Team, User
from reps.queries.people import organisation, reps_visible_to, valid_on

MONTH_DAYS = 30.4375
FIRST_REVIEW_AFTER = datetime.timedelta(days=14)  # time to fill the profile of somebody new
SOON = datetime.timedelta(days=14)


def completeness_of(rep: Any, *, ours: Organisation, today: datetime.date) -> Completeness:
    """Of a rep with `tags` (`with_profile`)."""
    profile = _profile(rep, rep.tags)
    return engine.completeness(profile, today=today, default_language=ours.default_language)


def profile_pct(rep: Rep, *, today: datetime.date) -> int:
    """The percentage alone; no query where the skills are prefetched."""
    return engine.completeness(_profile(rep, rep.skills.all()), today=today, default_language="").pct


def _profile(rep: Rep, skills: Iterable[Skill]) -> Profile:
    tags = [
        StatedTag(
            tag.kind,
            tag.name,
            tag.valid_until,
            tag.evidence_closed,
            timezone.localtime(tag.created_at).date() if tag.created_at else None,
        )
        for tag in skills
    ]
    has_range = rep.deal_size_min is not None or rep.deal_size_max is not None
    return Profile(tags, has_range, bool(rep.selling_style))


def profile_gap(rep: Rep, *, today: datetime.date) -> Gap | None:
    """The one thing missing that is worth a line to the rep; two queries."""
    rep.tags = list(rep.skills.all())  # type: ignore[attr-defined]  # as `with_profile` names them
    return completeness_of(rep, ours=organisation(), today=today).important


def completeness_pct(today: datetime.date) -> Combinable:
    """The same percentage in SQL, so that a list can be ordered by it; a test holds both to the same."""
    total: Combinable = Value(0)
    for name, field in engine.FIELDS.items():
        total = total + Case(When(_filled(name, today), then=field.weight), default=0)
    return total


def _filled(name: str, today: datetime.date) -> Q:
    if name == engine.DEAL_SIZE:
        return Q(deal_size_min__isnull=False) | Q(deal_size_max__isnull=False)
    if name == engine.SELLING_STYLE:
        return ~Q(selling_style="")
    return Q(Exists(valid_on(today).filter(rep=OuterRef("pk"), kind=name)))


def with_completeness(reps: QuerySet[Rep], today: datetime.date) -> QuerySet[Rep]:
    """With the percentage as `complete_pct`."""
    return reps.annotate(complete_pct=completeness_pct(today))


def reps_by_profile(
    reps: QuerySet[Rep], profile: str, *, now: datetime.datetime, ours: Organisation
) -> QuerySet[Rep]:
    """`profile`: "" for all, "incomplete" for those that lack something important, "due", "proposed"."""
    if profile == "incomplete":
        today = timezone.localtime(now).date()
        names = [name for name, field in engine.FIELDS.items() if field.weight >= engine.IMPORTANT]
        return reps.exclude(*[_filled(name, today) for name in names])
    if profile == "due":
        return reps.filter(is_due(now=now, ours=ours))
    if profile == "proposed":
        waiting = ProfileProposal.objects.filter(rep=OuterRef("pk"), state=ProfileProposal.State.OPEN)
        return reps.filter(Exists(waiting))
    return reps


# --- reviews ---------------------------------------------------------------------------------------------------------


def months(count: int) -> datetime.timedelta:
    return datetime.timedelta(days=count * MONTH_DAYS)


def due_at(rep: Rep, ours: Organisation) -> datetime.datetime:
    """When the profile is to be looked over next; of somebody new two weeks after the profile was made."""
    if rep.reviewed_at is None:
        return rep.created_at + FIRST_REVIEW_AFTER
    return rep.reviewed_at + months(ours.profile_review_months)


def is_due(*, now: datetime.datetime, ours: Organisation) -> Q:
    """Profiles whose review is due by `now`."""
    return Q(reviewed_at__lte=now - months(ours.profile_review_months)) | Q(
        reviewed_at__isnull=True, created_at__lte=now - FIRST_REVIEW_AFTER
    )


def own_is_due(*, now: datetime.datetime, ours: Organisation) -> Q:
    """Profiles that neither a manager nor the rep has looked over for as long."""
    old = now - months(ours.profile_review_months)
    return is_due(now=now, ours=ours) & (Q(confirmed_at__isnull=True) | Q(confirmed_at__lte=old))


@dataclass(frozen=True)
class ProfileCounts:
    """Over a list of reps: how many, how many are due for review, and the average percentage (None of nobody)."""

    reps: int
    due: int
    average_pct: int | None


def profile_counts(reps: QuerySet[Rep], *, now: datetime.datetime, ours: Organisation) -> ProfileCounts:
    today = timezone.localtime(now).date()
    found = with_completeness(reps.order_by(), today).aggregate(
        reps=Count("pk"), due=Count("pk", filter=is_due(now=now, ours=ours)), average=Avg("complete_pct")
    )
    return ProfileCounts(
        found["reps"], found["due"], None if found["average"] is None else round(found["average"])
    )


def profiles_to_review(
    user: User, *, now: datetime.datetime, ours: Organisation, team: Team | None = None
) -> QuerySet[Rep]:
    """Due profiles and those with proposed changes of the user's teams, proposals first, then the longest unseen."""
    waiting = ProfileProposal.objects.filter(rep=OuterRef("pk"), state=ProfileProposal.State.OPEN)
    found = (
        reps_visible_to(user).filter(left_at__isnull=True).exclude(user=user)
    )  # one's own is not one's to review
    if team is not None:
        found = found.filter(team=team)
    found = found.annotate(
        has_proposal=Exists(waiting),
        due_now=Case(When(is_due(now=now, ours=ours), then=1), default=0, output_field=IntegerField()),
    )
    return found.filter(Q(has_proposal=True) | Q(due_now=1)).order_by(
        "-has_proposal", F("reviewed_at").asc(nulls_first=True), "name", "pk"
    )


def open_proposal_of(rep: Rep) -> ProfileProposal | None:
    return rep.proposals.filter(state=ProfileProposal.State.OPEN).select_related("proposed_by").first()


def last_decided_proposal_of(rep: Rep) -> ProfileProposal | None:
    """The newest one that somebody decided, where nothing newer waits."""
    decided = [ProfileProposal.State.APPROVED, ProfileProposal.State.DECLINED]
    return rep.proposals.filter(state__in=decided).select_related("decided_by").first()


def proposals_visible_to(user: User) -> QuerySet[ProfileProposal]:
    return ProfileProposal.objects.filter(rep__in=reps_visible_to(user).values("pk"))


# --- what changed ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChangeSearch:
    """What narrows the list; "" and None narrow nothing. `field` is a label of the history ("Industry")."""

    days: int = 90
    team: Team | None = None
    rep: Rep | None = None
    field: str = ""


def profile_changes(user: User, search: ChangeSearch, *, now: datetime.datetime) -> QuerySet[ProfileChange]:
    since = now - datetime.timedelta(days=search.days)
    found = ProfileChange.objects.filter(
        rep__in=reps_visible_to(user).values("pk"), changed_at__gte=since
    ).select_related("rep__team", "changed_by")
    if search.team:
        found = found.filter(rep__team=search.team)
    if search.rep:
        found = found.filter(rep=search.rep)
    if search.field:
        found = found.filter(changes__has_key=search.field)
    return found


CHANGE_FIELDS: Sequence[tuple[str, str]] = (
    *((kind.label, kind.label) for kind in Skill.Kind),
    ("deal size min", "Deal size, lower end"),
    ("deal size max", "Deal size, upper end"),
    ("selling style", "Selling style"),
    ("team", "Team"),
    ("seniority", "Seniority"),
    ("own max open", "Maximum concurrent deals"),
)
