"""The Routing Queue as a user sees it: which items, in which order, with the reason in a sentence."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Expression, F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format

from crm.models import Opportunity
from reps.models import Rep, Team, User
from reps.queries.people import SEES_EVERYBODY
from routing.engine.explain import Names, headline, ladder_lines
from routing.engine.facts import OpportunityFacts
from routing.engine.order import IN_WORDS
from routing.models import Decision, QueueItem
from routing.queries.names import load_names
from routing.queries.shadow import HEADLINE
from routing.queries.work import current_absence

NO_TARGET = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)  # behind everything that has one
ORDERS: dict[str, tuple[str, Expression | F, bool]] = {
    "": ("Longest waiting", F("waiting_since"), False),
    "points": ("Score, urgency and value", 0.0 - F("order_points"), False),  # ties: who waits longest
    "due": ("First touch due soonest", Coalesce(F("touch_due_at"), Value(NO_TARGET)), False),
    "newest": ("Newest", F("waiting_since"), True),
    "value": ("Highest value", Coalesce(F("opportunity__value_base"), 0.0), True),
    "score": ("Best match", Coalesce(F("decision__score"), 0.0), True),
    "lead_score": ("Highest lead score", Coalesce(F("opportunity__lead_score"), 0), True),
}

ORDER_WORDS = {
    "": "Who has waited longest since coming in is first, whatever the value.",
    "points": IN_WORDS,
    "due": "Whose time for the first touch is over soonest is first, those that are late before all; without a target "
    "behind them. While it waits for a person the time runs by the clock on the wall.",
    "newest": "What came in last is first.",
    "value": "The highest estimated value in the base currency is first; no value counts as 0.",
    "score": "The best match score is first: where the choice of rep matters most.",
    "lead_score": "The highest lead score, as the CRM gave it, is first; none counts as 0.",
}


def queue_visible_to(user: User) -> QuerySet[QueueItem]:
    """The pending items of those that the user may see."""
    return resolved_visible_to(user).filter(state=QueueItem.State.PENDING)


def resolved_visible_to(user: User) -> QuerySet[QueueItem]:
    """Items of whatever state: all for ops, analysts and admins; a manager's own teams', and those of no team.

    Undo and the answer to the second person look here, since what they ask about is pending no more.
    """
    items = QueueItem.objects.all()
    if user.role in SEES_EVERYBODY:
        return items
    if user.role == User.Role.MANAGER:
        teams = user.managed_teams.all()
        return items.filter(Q(team__in=teams) | Q(team__isnull=True) | Q(rep__team__in=teams))
    return items.none()


def decided_of(user: User, item_ids: Sequence[int]) -> QuerySet[QueueItem]:
    """Those of the given items that wait no more."""
    found = resolved_visible_to(user).filter(pk__in=item_ids).exclude(state=QueueItem.State.PENDING)
    return found.select_related("resolved_by", "assignment__rep")


@dataclass(frozen=True)
class QueueSearch:
    """What narrows the list. `kind` of QueueItem.Kind; `words` in the name, account or source; `late_at`: the moment at
    which the time for the first touch is over."""

    words: str = ""
    kind: str = ""
    team: Team | None = None
    late_at: datetime.datetime | None = None
    min_score: int | None = None
    min_value: int | None = None


def queue_matching(items: QuerySet[QueueItem], search: QueueSearch) -> QuerySet[QueueItem]:
    if search.words:
        name = Q(opportunity__name__icontains=search.words) | Q(rep__name__icontains=search.words)
        items = items.filter(name | Q(opportunity__source__icontains=search.words))
    if search.kind:
        items = items.filter(kind=search.kind)
    if search.team:
        items = items.filter(Q(team=search.team) | Q(rep__team=search.team))
    if search.late_at is not None:
        items = items.filter(touch_due_at__lte=search.late_at)
    if search.min_score is not None:
        items = items.filter(decision__score__gte=search.min_score)
    if search.min_value is not None:
        items = items.filter(opportunity__value_base__gte=search.min_value)
    return items


def with_queue_records(items: QuerySet[QueueItem]) -> QuerySet[QueueItem]:
    """What the list names, in one query; the bulky parts of a decision stay in the database."""
    return items.select_related("opportunity", "rep", "team", "decision").defer(
        "decision__state", "decision__columns"
    )


@dataclass(frozen=True)
class QueueRow:
    """An item of the list with its reason."""

    item: QueueItem
    why: str

    @property
    def score(self) -> int | None:
        score = self.item.decision.score
        return None if score is None or self.item.rep_id is None else round(score)


def queue_rows(items: Sequence[QueueItem]) -> list[QueueRow]:
    """The reasons of a page of items; a fixed number of queries."""
    names = load_names(item.decision for item in items)
    return [QueueRow(item, why_waiting(item, names)) for item in items]


def why_waiting(item: QueueItem, names: Names) -> str:
    """ "knows Healthcare and speaks German", or why nobody was suggested."""
    decision = item.decision
    steps = decision.trace["steps"]
    if item.kind == QueueItem.Kind.SUGGESTION:
        facts = OpportunityFacts.from_json(decision.facts)
        return headline(facts, decision.via, decision.trace, names)
    if item.note:
        return item.note
    if decision.outcome == Decision.Outcome.SHADOW:
        return HEADLINE
    lines = ladder_lines(steps, names)
    before = [line for line in lines if line.label in ("Eligible now", "Territory") and line.after == 0]
    return (before or lines)[-1].sentence


def queue_counts(user: User) -> dict[str, int]:
    """How many of each kind wait for the user's eyes."""
    counts = dict.fromkeys(QueueItem.Kind.values, 0)
    for kind in queue_visible_to(user).order_by().values_list("kind", flat=True)[:10_000]:
        counts[kind] += 1
    return counts


@dataclass(frozen=True)
class NotYet:
    """What has no decision yet: accepted a moment ago, or waiting for a batch; when the next one runs."""

    undecided: int
    in_batches: int
    next_batch_at: datetime.datetime | None


def not_yet_decided() -> NotYet:
    """How many opportunities have no decision yet; one query."""
    routing = Opportunity.Routing
    found = Opportunity.objects.filter(routing__in=(routing.WAITING, routing.BATCH)).aggregate(
        undecided=Count("pk", filter=Q(routing=routing.WAITING)),
        in_batches=Count("pk", filter=Q(routing=routing.BATCH)),
        next_batch_at=Min("batch_wait__due_at"),
    )
    return NotYet(**found)


def oldest_waiting(user: User) -> datetime.datetime | None:
    """Since when the oldest one waits."""
    return queue_visible_to(user).order_by("waiting_since").values_list("waiting_since", flat=True).first()


def waiting_for(user: User) -> int:
    """How many wait in the queue, as the navigation says it."""
    return queue_visible_to(user).order_by().values("pk")[:1000].count()


def warnings_about(rep: Rep, at: datetime.datetime) -> list[str]:
    """What a person should know before giving this rep something: it may be done all the same."""
    if not rep.is_active:
        return [f"{rep.name} has left. Give it to somebody else."]
    found = []
    absence = current_absence(rep, at)
    if absence is not None and absence.starts_at <= at:
        until = (
            f"until {date_format(timezone.localtime(absence.ends_at), 'j M, H:i')}" if absence.ends_at else ""
        )
        found.append(f"{rep.name} is away {until or 'and has not said until when'}.")
    if rep.load + 1 > rep.max_open:
        found.append(f"{rep.name} has {rep.load} of {rep.max_open} open: this goes past the maximum.")
    return found


def pending_item(opportunity_id: int) -> QueueItem | None:
    """What waits for a person on this opportunity."""
    return QueueItem.objects.filter(opportunity=opportunity_id, state=QueueItem.State.PENDING).first()


def newest_decision(opportunity_id: int) -> Decision | None:
    return Decision.objects.filter(opportunity=opportunity_id).order_by("-id").first()
