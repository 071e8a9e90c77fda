"""Reviews of expertise: asked for or due, done by a worker, their suggestions stored; and what approving them entails.

One review at a time (a constraint in the database). What a review found is stored in the transaction that ends its job,
so a killed worker leaves nothing, and the review can be started again.
"""

import datetime
import math
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.forms import model_to_dict
from django.utils import timezone
from django_q.tasks import async_task
from threadpoolctl import threadpool_limits

from crm.services.tag_evidence import refresh_evidence
from reps.engine.unavailable import Unavailable
from reps.models import Job, Rep, Skill, TagReview, TagReviewSettings, TagSuggestion, User
from reps.queries import organisation
from reps.queries.tags import managers_with_new, period_start, tag_review_settings, waiting_by_manager
from reps.services import tags
from reps.services.jobs import ACTIVE, Finish, Report, create_job, fail_job, give_up_if_stopped, run_job
from reps.services.tags import Decided, identity, last_dismissals
from routing.engine.tagging.deals import Removal, Suggestion, TagProposals
from routing.engine.tagging.proposals import MONTH_DAYS, propose_tags
from routing.queries.tag_reviews import (
    KIND,
    KIND_OF_ENGINE,
    count_closed_deals,
    enough_to_look,
    is_forgotten,
    load_closed_deals,
    load_held_tags,
    tag_settings,
)
from routing.services.outbox import tell

Trigger, State, Action = TagReview.Trigger, TagSuggestion.State, TagSuggestion.Action
TRY_AGAIN_AFTER = datetime.timedelta(days=7)  # a due review that could say nothing
EXPERT_LIFT = 1.5
STAGES = 4
Say = Callable[[str, int, int], None]


class ReviewUnderWay(Exception):
    """Another review is queued or runs; `job` is that one."""

    def __init__(self, job: Job | None) -> None:
        super().__init__("A review of the expertise is under way already.")
        self.job = job


# --- asking for one ------------------------------------------------------------------------------------------------


def request_review(*, by: User | None, trigger: str = Trigger.PERSON) -> Job:
    """Asks the worker for a review. Raises ReviewUnderWay."""
    job = open_review(by=by, trigger=trigger)
    async_task("routing.jobs.review_tags", job.pk)
    return job


def open_review(*, by: User | None, trigger: str) -> Job:
    """The job of a review, without handing it to a worker. Raises ReviewUnderWay."""
    give_up_stopped(at=timezone.now())
    try:
        with transaction.atomic():
            job = create_job(kind=KIND, by=by)
            job.result = {"trigger": trigger}
            job.save(update_fields=["result"])
            return job
    except IntegrityError as error:
        raise ReviewUnderWay(Job.objects.filter(kind=KIND, state__in=ACTIVE).first()) from error


def give_up_stopped(*, at: datetime.datetime) -> None:
    """A review whose worker gave no sign of life, or that no worker took up, has failed and makes room."""
    for job in Job.objects.filter(kind=KIND, state__in=ACTIVE):
        if not give_up_if_stopped(job_id=job.pk, at=at) and (is_forgotten(job, at)):
            fail_job(job_id=job.pk, error="No worker took it up.", at=at)


def is_due(*, at: datetime.datetime) -> bool:
    """Whether the present period (a quarter, as shipped) has had no review by the calendar yet. Where there is too
    little to say anything it waits for more deals instead of counting as done."""
    settings = tag_review_settings()
    local = at.astimezone(zoneinfo.ZoneInfo(organisation().time_zone))
    start = period_start(local, settings.months_between)
    since = datetime.datetime.combine(start, datetime.time(), tzinfo=local.tzinfo)
    own = TagReview.objects.filter(trigger__in=[Trigger.SCHEDULE, Trigger.SETUP], at__gte=since)
    if own.filter(unavailable="").exists() or own.filter(at__gt=at - TRY_AGAIN_AFTER).exists():
        return False
    return enough_to_look(at=at, settings=settings)


def request_due_review(*, at: datetime.datetime) -> Job | None:
    """Asks for the review by the calendar if it is due; a day on which nobody worked is caught up on the next."""
    if not is_due(at=at):
        return None
    try:
        return request_review(by=None, trigger=Trigger.SCHEDULE)
    except ReviewUnderWay:
        return None


# --- doing it --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looked:
    """What a look at the deals gave, not stored yet."""

    at: datetime.datetime
    settings: TagReviewSettings
    deals: int
    reps: int
    proposals: TagProposals | Unavailable


def run_review(*, job_id: int, at: datetime.datetime | None = None) -> None:
    """Does the work of a queued review, once."""
    job = Job.objects.get(pk=job_id)
    trigger = job.result.get("trigger", Trigger.PERSON)

    def work(report: Report, finish: Finish) -> None:
        looked = look(at=at or timezone.now(), say=report)
        report("Keeping what was found", STAGES - 1, STAGES)
        with transaction.atomic():
            review = store_review(looked, trigger=trigger, by=job.requested_by, job=job)
            finish({"trigger": trigger, "review": review.pk})

    run_job(job_id=job_id, work=work)


@transaction.atomic
def review_at_once(*, at: datetime.datetime, trigger: str, by: User | None = None) -> TagReview:
    """A review without a job, in the caller's transaction: for what fills an installation."""
    return store_review(look(at=at, say=lambda stage, done, total: None), trigger=trigger, by=by, job=None)


def look(*, at: datetime.datetime, say: Say) -> Looked:
    """Reads the deals and asks the engine. Nothing is written but the evidence of the held tags, which is counted anew
    before, so that both say the same."""
    stored = tag_review_settings()
    settings = tag_settings(stored)
    say("Counting the deals behind each tag", 0, STAGES)
    refresh_evidence(at=at, months=stored.window_months)
    say("Reading the closed deals", 1, STAGES)
    deals = load_closed_deals(at=at, days=settings.silent_after_days)
    held = load_held_tags(at=at)
    say("Comparing the reps", 2, STAGES)
    with threadpool_limits(limits=1):
        proposals = propose_tags(deals, held, settings)
    count, reps = count_closed_deals(at=at, days=settings.window_days)
    return Looked(at, stored, count, reps, proposals)


@dataclass
class _Stored:
    """What became of the proposals of one review."""

    found: int = 0
    fresh: int = 0
    remembered: int = 0
    superseded: int = 0
    kept: set[int] = field(default_factory=set)


@transaction.atomic
def store_review(looked: Looked, *, trigger: str, by: User | None, job: Job | None) -> TagReview:
    """Keeps a review with its suggestions: what is open already gets the new numbers, what was dismissed stays away
    until its evidence has clearly grown, open ones that were not found again are closed. Tells the managers. The
    same proposals again change no suggestion."""
    TagReviewSettings.objects.select_for_update().get_or_create(pk=1)  # one after the other
    settings = model_to_dict(looked.settings, exclude=["id"])
    days = looked.settings.window_months * MONTH_DAYS
    review = TagReview.objects.create(
        trigger=trigger,
        requested_by=by,
        job=job,
        at=looked.at,
        window_start=looked.at - datetime.timedelta(days=days),
        deals=looked.deals,
        reps=looked.reps,
        settings=settings,
    )
    if isinstance(looked.proposals, Unavailable):
        review.unavailable = looked.proposals.reason[:300]
        _close_impossible()
    else:
        stored = _store(looked.proposals, review, looked.settings)
        review.pairs = looked.proposals.pairs
        review.found, review.fresh = stored.found, stored.fresh
        review.remembered, review.superseded = stored.remembered, stored.superseded
    review.save()
    _tell_managers(review)
    return review


def _store(proposals: TagProposals, review: TagReview, settings: TagReviewSettings) -> _Stored:
    rows = TagSuggestion.objects.filter(state=State.OPEN).select_for_update(of=("self",)).order_by("pk")
    open_ones = {identity(row): row for row in rows}
    dismissed = last_dismissals(TagSuggestion.Source.DEALS)
    here = set(Rep.objects.filter(left_at__isnull=True).values_list("pk", flat=True))
    stored = _Stored()
    found: list[Suggestion | Removal] = [*proposals.suggestions, *proposals.removals]
    for proposal in found:
        if proposal.rep_id not in here:
            continue
        row = _row(proposal, review, settings)
        key = identity(row)
        current, earlier = open_ones.get(key), dismissed.get(key)
        if current is None and earlier is not None and not _has_grown(row, earlier, settings):
            stored.remembered += 1
            continue
        stored.found += 1
        if current is None:
            row.save()
            stored.fresh += 1
            stored.kept.add(row.pk)
        else:
            _renew(current, row)
            stored.kept.add(current.pk)
    stored.superseded = _close_others(stored.kept)
    return stored


def _row(proposal: Suggestion | Removal, review: TagReview, settings: TagReviewSettings) -> TagSuggestion:
    shared: dict[str, Any] = {
        "rep_id": proposal.rep_id,
        "kind": KIND_OF_ENGINE.get(proposal.kind, proposal.kind),
        "name": proposal.value[:120],
        "source": TagSuggestion.Source.DEALS,
        "review": review,
        "sentence": proposal.sentence[:300],
        "wins": proposal.wins,
        "deals": proposal.deals,
        "expected": proposal.expected,
        "p_value": proposal.p_value,
        "suggested_at": review.at,
        "found_at": review.at,
    }
    if isinstance(proposal, Removal):
        return TagSuggestion(action=Action.REMOVE, **shared)
    return TagSuggestion(
        action=Action.ADD,
        q_value=proposal.q_value,
        low=None if proposal.low is None else Decimal(str(proposal.low)),
        high=None if proposal.high is None else Decimal(str(proposal.high)),
        proficiency=_proficiency(proposal, settings),
        **shared,
    )


def _proficiency(proposal: Suggestion, settings: TagReviewSettings) -> int:
    """Expert where there is plenty of evidence and it is far from chance; solid otherwise."""
    plenty = proposal.wins >= settings.plenty_wins and proposal.wins >= EXPERT_LIFT * proposal.expected
    return Skill.Proficiency.EXPERT if plenty else Skill.Proficiency.SOLID


def _has_grown(row: TagSuggestion, dismissed: TagSuggestion, settings: TagReviewSettings) -> bool:
    """Whether there is clearly more evidence than when somebody said no (wins for a tag, deals against one), or that is
    long ago."""
    assert dismissed.decided_at is not None
    if (row.found_at - dismissed.decided_at).days >= settings.dismissed_months * MONTH_DAYS:
        return True
    now, then = (row.wins, dismissed.wins) if row.action == Action.ADD else (row.deals, dismissed.deals)
    return now > then and now >= math.ceil(then * (1 + settings.dismissed_growth_pct / 100))


RENEWED = (
    "name", "low", "high", "proficiency", "review", "sentence", "wins", "deals", "expected", "p_value", "q_value",
    "found_at",
)  # fmt: skip


def _renew(current: TagSuggestion, row: TagSuggestion) -> None:
    """The same with the numbers of today; one that another source filed keeps its own."""
    if current.source != TagSuggestion.Source.DEALS:
        return
    for name in RENEWED:
        setattr(current, name, getattr(row, name))
    current.save(update_fields=RENEWED)


def _close_others(kept: set[int]) -> int:
    rest = TagSuggestion.objects.filter(state=State.OPEN, source=TagSuggestion.Source.DEALS).exclude(
        pk__in=kept
    )
    closed = 0
    for suggestion in rest.select_related("rep").order_by("pk"):
        why = _why_impossible(suggestion) or "the newest review found no clear evidence any more"
        tags.close(suggestion, reason=why)
        closed += 1
    return closed


def _close_impossible() -> None:
    """Where a review could say nothing, open ones stay, except those that nobody could approve."""
    for suggestion in TagSuggestion.objects.filter(state=State.OPEN).select_related("rep").order_by("pk"):
        if why := _why_impossible(suggestion):
            tags.close(suggestion, reason=why)


def _why_impossible(suggestion: TagSuggestion) -> str:
    rep = suggestion.rep
    if not rep.is_active:
        return "the rep has left"
    if suggestion.kind == TagSuggestion.DEAL_SIZE:
        has = rep.deal_size_min is not None or rep.deal_size_max is not None
    else:
        has = rep.skills.filter(kind=suggestion.kind, name__iexact=suggestion.name).exists()
    if suggestion.action == Action.ADD:
        return "it is in the profile by now" if has else ""
    return "" if has else "it is not in the profile any more"


# --- telling, approving ----------------------------------------------------------------------------------------------


def _tell_managers(review: TagReview) -> None:
    """By the calendar everybody for whose teams something waits, once for each review; otherwise only those who have
    something new, and not who asked."""
    waiting = waiting_by_manager()
    if review.trigger in (Trigger.PERSON, Trigger.COMMAND):
        told = managers_with_new(review) - {review.requested_by_id}
        waiting = {manager: counts for manager, counts in waiting.items() if manager in told}
    for manager, counts in sorted(waiting.items()):
        payload = {"user_id": manager, "path": "/reps/suggested-tags/", "text": waiting_words(counts)}
        tell("tags.suggested", payload, at=review.at)


def waiting_words(counts: dict[str, int]) -> str:
    """`7 suggestions wait for your team: 5 tags to add, 2 to remove.`"""
    add, remove = counts[Action.ADD], counts[Action.REMOVE]
    total = add + remove
    words = f"{total} suggestion{' waits' if total == 1 else 's wait'} for your team: "
    parts = [f"{add} tag{'' if add == 1 else 's'} to add"] if add else []
    parts += [f"{remove} {'' if add else 'tag ' if remove == 1 else 'tags '}to remove"] if remove else []
    return words + ", ".join(parts) + "."


@transaction.atomic
def approve_suggestions(*, ids: list[int], by: User, at: datetime.datetime) -> Decided:
    """Approves, and counts the deals behind the tags of those reps anew."""
    decided = tags.approve_suggestions(ids=ids, by=by, at=at)
    _count_anew(decided, at)
    return decided


@transaction.atomic
def undo_decisions(*, ids: list[int], by: User, at: datetime.datetime) -> Decided:
    decided = tags.undo_decisions(ids=ids, by=by)
    _count_anew(decided, at)
    return decided


def _count_anew(decided: Decided, at: datetime.datetime) -> None:
    if decided.rep_ids:
        refresh_evidence(at=at, months=tag_review_settings().window_months, reps=decided.rep_ids)


def refresh_all_evidence(*, at: datetime.datetime) -> int:
    """Nightly: the deals behind every held tag; returns how many had other numbers."""
    return refresh_evidence(at=at, months=tag_review_settings().window_months)
