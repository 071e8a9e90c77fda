"""Suggested expertise tags: what is open for whom, what was found when, the settings."""

import datetime
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from reps.models import Rep, TagReview, TagReviewSettings, TagSuggestion, Team, User
from reps.permissions import may
from reps.queries.people import SEES_EVERYBODY

State, Action = TagSuggestion.State, TagSuggestion.Action


def tag_review_settings() -> TagReviewSettings:
    """The one row, made with its defaults when it is first asked for."""
    return TagReviewSettings.objects.get_or_create(pk=1)[0]


def suggestions_visible_to(user: User) -> QuerySet[TagSuggestion]:
    """Everybody's for ops, analysts and admins; of a manager's own teams; a rep's own."""
    found = TagSuggestion.objects.select_related("rep__team", "decided_by", "review")
    if user.role in SEES_EVERYBODY:
        return found
    if user.role == User.Role.MANAGER:
        return found.filter(rep__team__in=Team.objects.filter(managers=user))
    return found.filter(rep__user=user)


@dataclass(frozen=True)
class SuggestionSearch:
    """What narrows the list; "" and None narrow nothing. `state`: open, approved or dismissed."""

    state: str = State.OPEN
    team: Team | None = None
    rep: Rep | None = None
    kind: str = ""
    action: str = ""


def suggestions_matching(
    suggestions: QuerySet[TagSuggestion], search: SuggestionSearch
) -> QuerySet[TagSuggestion]:
    exact = {
        "state": search.state,
        "rep__team": search.team,
        "rep": search.rep,
        "kind": search.kind,
        "action": search.action,
    }
    found = suggestions.filter(**{name: value for name, value in exact.items() if value})
    return found.filter(rep__left_at__isnull=True) if search.state == State.OPEN else found


def reps_with_suggestions(user: User) -> QuerySet[Rep]:
    ids = suggestions_visible_to(user).exclude(state=State.SUPERSEDED).values("rep")
    return Rep.objects.filter(pk__in=ids).order_by("name", "pk")


def open_suggestions_of(rep: Rep) -> list[TagSuggestion]:
    """What waits for a decision about the rep, additions first."""
    return list(rep.tag_suggestions.filter(state=State.OPEN).order_by("action", "pk"))


def suggestions_waiting_for(user: User) -> QuerySet[TagSuggestion] | None:
    """What the user can decide about, counted beside Rep Profiles; None for those who decide nothing."""
    if not may(user, "edit_profiles"):
        return None
    return suggestions_matching(suggestions_visible_to(user), SuggestionSearch())


def waiting_by_manager() -> dict[int, dict[str, int]]:
    """Manager's id → {"add": 5, "remove": 2} of the own teams, for active managers with anything open."""
    rows = (
        TagSuggestion.objects.filter(
            state=State.OPEN, rep__left_at__isnull=True, rep__team__managers__is_active=True
        )
        .order_by()
        .values_list("rep__team__managers", "action")
        .annotate(number=Count("pk"))
    )
    waiting: dict[int, dict[str, int]] = {}
    for manager, action, number in rows:
        waiting.setdefault(manager, {Action.ADD: 0, Action.REMOVE: 0})[action] += number
    return waiting


def managers_with_new(review: TagReview) -> set[int]:
    """Active managers of reps for whom the review found something that was not open before."""
    fresh = TagSuggestion.objects.filter(Q(review=review, suggested_at=review.at), state=State.OPEN)
    return set(
        User.objects.filter(is_active=True, managed_teams__reps__tag_suggestions__in=fresh).values_list(
            "pk", flat=True
        )
    )


def newest_review() -> TagReview | None:
    return TagReview.objects.select_related("requested_by").first()


def period_start(at: datetime.datetime, months: int) -> datetime.date:
    """The first day of the period that `at` lies in; periods of so many months begin with January, in the present time
    zone of `at`. With 3: the quarter."""
    first = (at.month - 1) // months * months + 1
    return datetime.date(at.year, first, 1)
