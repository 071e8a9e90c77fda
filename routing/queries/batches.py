"""Batches as their pages show them: what waits, what is to be looked over, and what it is worth."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils.text import get_text_list

from reps.models import Job, User
from reps.queries.people import SEES_EVERYBODY
from routing.engine.batch.plan import WhyNot
from routing.models import Batch, BatchItem, BatchWait
from routing.queries.configuration import compiled, live_version
from routing.queries.queue import led_by

NEWEST = 20  # past batches on the list
PAST = (Batch.State.CLOSED, Batch.State.CANCELLED, Batch.State.FAILED)
PROPOSED = Q(
    queue_item__state="pending", queue_item__kind="suggestion"
)  # to be confirmed, discarded or changed
NOBODY = Q(rep__isnull=True, edit="")
FULL = (WhyNot.EVERYBODY_FULL, WhyNot.NOT_HIGH_ENOUGH, WhyNot.VALUE_CAP)
UNCLEAR = (WhyNot.NOT_CONFIDENT, WhyNot.STAYING_OUT_IS_WORTH_MORE)
SHOWN = {
    "": ("All", Q()),
    "waiting": ("To be confirmed", PROPOSED),
    "nobody": ("Nobody has it", Q(rep__isnull=True)),
    "full": ("Nobody has room", NOBODY & Q(why_not__in=FULL)),
    "ineligible": ("Nobody is eligible", NOBODY & Q(why_not=WhyNot.NOBODY_ELIGIBLE)),
    "unclear": ("No clear match", NOBODY & Q(why_not__in=UNCLEAR)),
    "held": ("Held back", Q(edit="held") | NOBODY & Q(why_not=WhyNot.HELD)),
    "edited": ("Changed by people", ~Q(edit="")),
    "conflicts": ("Conflicts", ~Q(conflict="")),
    "otherwise": ("Otherwise one by one", ~Q(rep=F("alone_rep")) & Q(rep__isnull=False)),
}
DONE = {"approve": "assigned", "discard": "discarded, to wait for the next run", "hold": "held back"}
REASONS = {
    **dict.fromkeys(FULL, "full"),
    **dict.fromkeys(UNCLEAR, "unclear"),
    WhyNot.NOBODY_ELIGIBLE: "ineligible",
    WhyNot.HELD: "held",
}


# --- the list -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PolicyWaits:
    """What waits for the batch of a policy; when its next run is, and the one that is being planned."""

    name: str
    count: int
    due_at: datetime.datetime | None
    planning: Batch | None


def policies_waiting() -> list[PolicyWaits]:
    """Of every policy that decides in batches, or that something waits for; three queries."""
    found = BatchWait.objects.order_by().values("policy_name").annotate(n=Count("pk"), due=Min("due_at"))
    counts = {row["policy_name"]: (row["n"], row["due"]) for row in found}
    planning = {one.policy_name: one for one in Batch.objects.filter(state=Batch.State.PLANNING)}
    names = [one.name for one in compiled(live_version().pk).policies if one.batch is not None]
    return [
        PolicyWaits(name, *counts.get(name, (0, None)), planning.get(name))
        for name in [*names, *sorted(counts.keys() - set(names))]
    ]


@dataclass(frozen=True)
class BatchLine:
    """A batch of the list; how many of it the user may see, and how many of these are to be confirmed."""

    batch: Batch
    size: int
    waiting: int


def newest_batches(user: User, state: str | None = None) -> list[BatchLine]:
    """Those to be looked over, or the newest of the past; two queries."""
    found = Batch.objects.select_related("requested_by").order_by("-requested_at", "-pk")
    if state is not None:
        batches = list(found.filter(state=state))
    else:
        batches = list(found.filter(state__in=PAST)[:NEWEST])
    sizes = sizes_of(batches, user)
    return [BatchLine(batch, *sizes.get(batch.pk, (0, 0))) for batch in batches]


def sizes_of(batches: Sequence[Batch], user: User) -> dict[int, tuple[int, int]]:
    """By batch: how many of its items the user may see, and how many of these are to be confirmed; one query."""
    found = visible_items(user).filter(batch__in=batches).order_by().values("batch")
    found = found.annotate(size=Count("pk"), waiting=Count("pk", filter=PROPOSED))
    return {row["batch"]: (row["size"], row["waiting"]) for row in found}


# --- one batch ------------------------------------------------------------------------------------------------------


def visible_items(user: User) -> QuerySet[BatchItem]:
    """All for ops, analysts and admins; for a manager what goes to the own teams' reps or waits for these teams."""
    items = BatchItem.objects.all()
    if user.role in SEES_EVERYBODY:
        return items
    if user.role != User.Role.MANAGER:
        return items.none()
    teams, reps = led_by(user)
    ours = Q(rep__in=reps) | Q(queue_item__rep__in=reps)
    return items.filter(ours | Q(rep__isnull=True, queue_item__team__in=teams))


def items_visible_to(user: User, batch: Batch) -> QuerySet[BatchItem]:
    return visible_items(user).filter(batch=batch)


def may_plan_anew(user: User, batch: Batch) -> bool:
    """Planning anew may change every item that nobody keeps: for who sees all of them."""
    return items_visible_to(user, batch).count() == batch.items.count()


def items_shown(items: QuerySet[BatchItem], shown: str, rep_id: int | None) -> QuerySet[BatchItem]:
    """Narrowed to a filter of SHOWN, and to what goes to a rep."""
    found = items.filter(SHOWN.get(shown, SHOWN[""])[1])
    return found if rep_id is None else found.filter(rep=rep_id)


def with_item_records(items: QuerySet[BatchItem]) -> QuerySet[BatchItem]:
    return items.select_related(
        "opportunity",
        "rep",
        "alone_rep",
        "edited_by",
        "queue_item__resolved_by",
        "queue_item__assignment__rep",
    )


@dataclass(frozen=True)
class LeftOut:
    """How many have nobody for the same reason, and the filter that shows them."""

    why: str
    count: int
    shown: str


def left_out(items: QuerySet[BatchItem]) -> list[LeftOut]:
    """Why those have nobody that have nobody, the most frequent first."""
    found = items.filter(NOBODY).order_by().values_list("why_not").annotate(n=Count("pk"))
    lines = [LeftOut(WhyNot(code).label, count, REASONS.get(WhyNot(code), "nobody")) for code, count in found]
    return sorted(lines, key=lambda one: (-one.count, one.why))


def who_was_faster(items: QuerySet[BatchItem], user: User, count: int, at: datetime.datetime) -> str:
    """Who decided the `count` latest of the items, but for what the user decided at the moment: "Ben and Omar"."""
    decided = items.filter(queue_item__resolved_at__isnull=False)
    decided = decided.exclude(queue_item__resolved_by=user, queue_item__resolved_at=at)
    latest = decided.order_by("-queue_item__resolved_at", "pk")[:count]
    rows = latest.values_list("queue_item__resolved_by", "queue_item__resolved_by__name")
    names = {"you" if pk == user.pk else name or "the router" for pk, name in rows}
    return get_text_list(sorted(names), "and") or "somebody else"


def job_words(job: Job | None) -> str:
    """What a worker did last for a batch: "1,390 assigned, 4 conflicts", or how many others were faster."""
    if job is None or job.state != Job.State.DONE:
        return ""
    conflicts = job.result.get("conflicts", 0)
    if "action" in job.result:
        done = f"{job.result['count']:,} {DONE[job.result['action']]}"
        return f"{done}, {conflicts:,} conflict{'' if conflicts == 1 else 's'}." if conflicts else f"{done}."
    if not conflicts:
        return ""
    was, itself = ("was", "by itself") if conflicts == 1 else ("were", "by themselves")
    return f"{conflicts:,} {was} taken or changed by others while it was planned, and decided {itself}."
