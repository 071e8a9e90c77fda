"""Numbers for changes, in the order in which they became visible, and what is forgotten in time.

An id is drawn when a change is written, and a transaction that drew a small one may commit after a reader has gone on
to larger ones: whoever follows by id loses it. So numbers are given afterwards. Under the lock of the counter's row,
which is held until the commit, what is committed and has no number yet gets the next ones, in order of id. The numbers
that a reader sees are therefore all those from the first to the last given, whatever commits later gets a larger one,
and a number that was rolled back is given again. Two changes of one opportunity are in the order in which they
happened: the second waits for the first one's row lock before it draws its id, and is not visible before it.

Whoever reads or sends numbers first (docs/decisions/0015), so that nothing waits for a worker.
"""

import datetime
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Model

from crm.models import Assignment, Opportunity
from routing.models import Change, ChangeCounter

COUNTER = 1  # the counter's only row
AT_ONCE = 5_000  # an import may write hundreds of thousands in one transaction
KEPT = datetime.timedelta(days=90)
NUMBER = """
WITH fresh AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
        SELECT id FROM routing_change WHERE number IS NULL ORDER BY id LIMIT %(most)s
    ) oldest
)
UPDATE routing_change SET number = %(last)s + fresh.place FROM fresh WHERE routing_change.id = fresh.id
"""


NOTED = {Opportunity.Routing.HELD, Opportunity.Routing.MANAGER}


def first_change(
    opportunity: Opportunity, records: Iterable[Model], at: datetime.datetime
) -> tuple[Change, ...]:
    """What the trigger would note of one that is stored as it was decided, which is no change of a row; not stored
    yet. `records` are those of the decision."""
    assignment = next((one for one in records if isinstance(one, Assignment)), None)
    if assignment is not None:
        event, to_rep = Change.Event.ASSIGNED, opportunity.owner
    elif opportunity.routing in NOTED:
        event, to_rep = Change.Event.HELD, None
    else:
        return ()
    return (Change(event=event, opportunity=opportunity, to_rep=to_rep, assignment=assignment, at=at),)


@dataclass(frozen=True)
class Numbers:
    """The last number given, and the last whose change was forgotten."""

    last: int
    forgotten: int


def number_changes(*, most: int = AT_ONCE) -> Numbers:
    """Gives numbers to up to `most` committed changes that have none; says how far the numbers go."""
    if Change.objects.filter(number__isnull=True).exists():
        _number(most)
    found = ChangeCounter.objects.filter(pk=COUNTER).first() or ChangeCounter()
    return Numbers(found.last, found.forgotten)


def number_all() -> Numbers:
    """Gives numbers until none is left without."""
    while Change.objects.filter(number__isnull=True).exists():
        _number(AT_ONCE)
    return number_changes()


@transaction.atomic
def _number(most: int) -> None:
    """The lock is a statement of its own: the next one sees what whoever held it before has numbered."""
    counter = _lock_counter()
    with connection.cursor() as cursor:
        cursor.execute(NUMBER, {"last": counter.last, "most": most})
        counter.last += cursor.rowcount
    counter.save(update_fields=["last"])


def _lock_counter() -> ChangeCounter:
    ChangeCounter.objects.bulk_create([ChangeCounter(pk=COUNTER)], ignore_conflicts=True)
    return ChangeCounter.objects.select_for_update(no_key=True).get(pk=COUNTER)


def forget_changes(*, at: datetime.datetime) -> int:
    """Deletes the oldest numbers up to the first that is not older than 90 days; returns how many went."""
    gone = 0
    while part := _forget_some(at - KEPT):
        gone += part
    return gone


@transaction.atomic
def _forget_some(until: datetime.datetime) -> int:
    """In parts, so that nobody waits long for the counter."""
    counter = _lock_counter()
    oldest = Change.objects.filter(number__isnull=False).order_by("number").values_list("number", "at")
    old = [number for number, _ in itertools.takewhile(lambda row: row[1] < until, oldest[:AT_ONCE])]
    if not old:
        return 0
    counter.forgotten = old[-1] or 0
    counter.save(update_fields=["forgotten"])
    return Change.objects.filter(number__lte=counter.forgotten).delete()[1].get(Change._meta.label, 0)
