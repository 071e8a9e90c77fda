"""The Routing Queue as a user sees it: which items, in which order, with the reason in a sentence."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Expression, F, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format

from crm.models import Opportunity
from reps.models import Rep, Team, User
from reps.queries.pages import COUNTED_UP_TO, Counted
from reps.queries.people import SEES_EVERYBODY
from routing.engine.doubt import Doubt
from routing.engine.explain import Names, headline, ladder_lines
from routing.engine.facts import OpportunityFacts
from routing.engine.order import IN_WORDS
from routing.models import BatchItem, Decision, QueueItem
from routing.models.queue import DUE_SOONEST, MOST_POINTS_FIRST
from routing.queries.names import load_names
from routing.queries.shadow import HEADLINE
from routing.queries.work import current_absence

# Each has its index (QueueItem.Meta), whose columns and tie-breaker these are: a test asks the planner.
ORDERS: dict[str, tuple[str, Expression | F, bool]] = {
    "": ("Longest waiting", F("waiting_since"), False),
    "points": ("Score, urgency and value", MOST_POINTS_FIRST, False),
    "due": ("First touch due soonest", DUE_SOONEST, False),
    "newest": ("Newest", F("waiting_since"), True),
    "value": ("Highest value", F("value"), True),
    "score": ("Best match", F("score"), True),
    "lead_score": ("Highest lead score", F("lead_score"), True),
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
        teams, reps = led_by(user)
        return items.filter(Q(team__in=teams) | Q(team__isnull=True) | Q(rep__in=reps))
    return items.none()


def led_by(user: User) -> tuple[list[int], list[int]]:
    """The manager's teams and everybody in them, looked up once for the user of a request. As plain numbers: the
    planner then knows how much of the queue they are, and takes an order's index only where that is quicker."""
    if not hasattr(user, "led"):
        rows = list(user.managed_teams.order_by().values_list("pk", "reps__pk"))
        user.led = (sorted({team for team, _ in rows}), sorted(rep for _, rep in rows if rep is not None))  # type: ignore[attr-defined]
    led: tuple[list[int], list[int]] = user.led  # type: ignore[attr-defined]
    return led


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
        reps = list(search.team.reps.values_list("pk", flat=True))
        items = items.filter(Q(team=search.team) | Q(rep__in=reps))
    if search.late_at is not None:
        items = items.filter(touch_due_at__lte=search.late_at)
    if search.min_score is not None:
        items = items.filter(score__gte=search.min_score)
    if search.min_value is not None:
        items = items.filter(value__gte=search.min_value)
    return items


def with_queue_records(items: QuerySet[QueueItem]) -> QuerySet[QueueItem]:
    """What the list names, in one query; the bulky parts of a decision stay in the database."""
    records = items.select_related("opportunity", "rep", "team", "decision", "renewed_from")
    return with_batch(records).defer("decision__state", "decision__columns")


def with_batch(items: QuerySet[QueueItem]) -> QuerySet[QueueItem]:
    """Each with the batch it is an item of: `of_batch` its number, `batch_policy` its policy; None for the others."""
    newest = BatchItem.objects.filter(queue_item=OuterRef("pk")).order_by("-batch")
    return items.annotate(
        of_batch=Subquery(newest.values("batch")[:1]),
        batch_policy=Subquery(newest.values("batch__policy_name")[:1]),
    )


@dataclass(frozen=True)
class QueueRow:
    """An item of the list with its reason; `out_of_date`: why it may not hold any more; `before`: what it was."""

    item: QueueItem
    why: str
    out_of_date: str = ""

    @property
    def before(self) -> str:
        return renewal_words(self.item)

    @property
    def score(self) -> int | None:
        score = self.item.decision.score
        return None if score is None or self.item.rep_id is None else round(score)


def queue_rows(items: Sequence[QueueItem], doubts: Mapping[int, Doubt]) -> list[QueueRow]:
    """The reasons of a page of items; a fixed number of queries. `doubts`: of routing.queries.doubts."""
    names = load_names(item.decision for item in items)
    return [QueueRow(item, why_waiting(item, names), doubt_words(item, doubts)) for item in items]


def doubt_words(item: QueueItem, doubts: Mapping[int, Doubt]) -> str:
    """ "Out of date: Ana has no room any more"; only "may be" where the router has still to say what follows."""
    doubt = doubts.get(item.pk)
    if doubt is None:
        return ""
    said = doubt.sentence(item.rep.name if item.rep else "")
    if doubt.is_of_rep:
        return f"Out of date: {said}"
    return f"May be out of date: {said}" + ("; it stays with its batch" if item.is_of_batch else "")


def renewal_words(item: QueueItem) -> str:
    """ "Before: Ana, who has no room any more"; "" where nothing was taken back, and in shadow."""
    if item.renewed_from is None or item.decision.outcome == Decision.Outcome.SHADOW:
        return ""
    return f"Before: {item.renewed_from.name}, {item.renewed_because}"


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


def queue_counts(user: User) -> dict[str, str]:
    """How many of each kind wait for the user's eyes, in words; one query, counted as far as a page counts."""
    visible = queue_visible_to(user).order_by()
    parts = [visible.filter(kind=kind).values("pk")[: COUNTED_UP_TO + 1] for kind in QueueItem.Kind.values]
    found = User.objects.filter(pk=user.pk).values_list(*(Counted(part) for part in parts)).get()
    return {
        kind: f"{count:,}" if count <= COUNTED_UP_TO else f"more than {COUNTED_UP_TO:,}"
        for kind, count in zip(QueueItem.Kind.values, found, strict=True)
    }


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
    pending = QueueItem.objects.filter(opportunity=opportunity_id, state=QueueItem.State.PENDING)
    return with_batch(pending).first()


def newest_decision(opportunity_id: int) -> Decision | None:
    return Decision.objects.filter(opportunity=opportunity_id).order_by("-id").first()
