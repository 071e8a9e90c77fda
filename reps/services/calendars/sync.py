"""Reading calendars: what is due is claimed, read in a few threads outside of any transaction, and kept one by one.

A reading that worked replaces the feed's absences that are not over; one that failed changes none and is remembered.
"""

import dataclasses
import datetime
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from reps.engine.calendars.reading import Span
from reps.models import Absence, CalendarFeed
from reps.queries.calendars import calendar_settings
from reps.services.calendars.reading import Network, Request, Result, read, request_of

log = logging.getLogger(__name__)
THREADS = 16
LANES = 4  # as many requests to one server at a time
GIVES_UP_AFTER = 2  # a server that did not answer so often in a lane is not asked again in this run
CLAIM = datetime.timedelta(minutes=20)  # longer than a run can take, in case its worker dies
RUN = datetime.timedelta(minutes=4)
SURELY_FULL = 10  # events
LONGEST_WAIT = datetime.timedelta(hours=2)


@dataclass(frozen=True)
class Synced:
    """What became of a run, in numbers of feeds."""

    worked: int = 0
    unchanged: int = 0
    failed: int = 0
    left: int = 0  # not reached in time


def read_due(
    *, at: datetime.datetime, network: Network, most: int = 500, clock: Callable[[], datetime.datetime] = timezone.now
) -> Synced:  # fmt: skip
    """Reads the feeds that are due. Several workers may run it: each feed is claimed by one."""
    requests = claim_due(at=at, most=most)
    counts = dict.fromkeys(("worked", "unchanged", "failed", "left"), 0)
    lanes = list(_lanes(requests))
    ends = clock() + RUN
    with ThreadPoolExecutor(THREADS, thread_name_prefix="calendar") as pool:
        for results in pool.map(lambda lane: _read_lane(lane, network, lambda: clock() > ends), lanes):
            for request, result in results:
                if result is None:
                    CalendarFeed.objects.filter(pk=request.feed_id).update(claimed_until=None)
                    counts["left"] += 1
                    continue
                error = keep_result(request=request, result=result, at=clock())
                counts["failed" if error else "worked" if result.reading else "unchanged"] += 1
    return Synced(**counts)


def read_one(*, feed_id: int, at: datetime.datetime, network: Network) -> Result:
    """Reads one feed here and now, due or not; a run that has claimed it meanwhile keeps the same or newer."""
    feed = CalendarFeed.objects.select_related("rep").get(pk=feed_id)
    request = request_of(feed, calendar_settings(), at=at)
    result = read(request, network)
    return dataclasses.replace(result, error=keep_result(request=request, result=result, at=at))


def claim_due(*, at: datetime.datetime, most: int) -> list[Request]:
    settings = calendar_settings()
    with transaction.atomic():
        due = (
            CalendarFeed.objects.filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=at))
            .filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=at), rep__left_at__isnull=True)
            .select_related("rep")
            .order_by("next_try_at", "pk")
        )
        feeds = list(due.select_for_update(skip_locked=True, of=("self",))[:most])
        CalendarFeed.objects.filter(pk__in=[feed.pk for feed in feeds]).update(claimed_until=at + CLAIM)
    return [request_of(feed, settings, at=at) for feed in feeds]


def _lanes(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """For each server up to four lanes, so that a slow one holds up no other."""
    by_host: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        by_host[request.host].append(request)
    for found in by_host.values():
        for start in range(min(LANES, len(found))):
            yield list(itertools.islice(found, start, None, LANES))


def _read_lane(
    lane: Sequence[Request], network: Network, is_over: Callable[[], bool]
) -> list[tuple[Request, Result | None]]:
    results: list[tuple[Request, Result | None]] = []
    silent, said = 0, Result()
    for request in lane:
        if is_over():
            results.append((request, None))
        elif silent >= GIVES_UP_AFTER:
            results.append((request, said))
        else:
            said = _read_safely(request, network)
            silent = silent + 1 if said.unreachable else 0
            results.append((request, said))
    return results


def _read_safely(request: Request, network: Network) -> Result:
    try:
        return read(request, network)
    except Exception as error:
        # Without the traceback: its variables may show an address or a calendar's content.
        log.error("calendar feed %s could not be read: %s", request.feed_id, type(error).__name__)
        return Result(error="Something went wrong that we did not expect.")


@transaction.atomic
def keep_result(*, request: Request, result: Result, at: datetime.datetime) -> str:
    """Writes what a reading gave; returns what was wrong, in words. A feed that was removed or changed by somebody
    meanwhile is passed over."""
    same = CalendarFeed.objects.filter(pk=request.feed_id, updated_at=request.updated_at)
    feed = same.select_for_update(no_key=True).first()
    if feed is None:
        return result.error
    every = datetime.timedelta(minutes=calendar_settings().every_minutes)
    feed.last_tried_at, feed.claimed_until = at, None
    error = result.error or _suspicion(feed, result)
    if error:
        feed.failures += 1
        feed.failing_since = feed.failing_since or at
        feed.last_error = error
        feed.next_try_at = at + min(every * 2 ** min(feed.failures - 1, 6), max(LONGEST_WAIT, every))
    else:
        feed.failures, feed.failing_since, feed.last_error = 0, None, ""
        feed.last_worked_at, feed.next_try_at = at, at + every
        feed.etag, feed.last_modified, feed.read_as = result.etag, result.last_modified, request.read_as
        if result.reading is not None:
            replace_absences(
                feed=feed, spans=result.reading.spans, keeps_others=result.reading.is_partial, at=at
            )
            feed.events, feed.skipped = result.reading.events, list(result.reading.skipped)[:20]
            feed.absences_ahead = feed.absences.filter(ends_at__gt=at).count()
    feed.save()
    return error


def _suspicion(feed: CalendarFeed, result: Result) -> str:
    """A calendar that was full and is empty all at once has rather lost its sharing than its events."""
    if result.reading is None or result.reading.events or feed.events < SURELY_FULL:
        return ""
    if (
        feed.kind != CalendarFeed.Kind.ADDRESS
    ):  # a file is as its owner wants it; CalDAV tells the days ahead only
        return ""
    return f"The calendar is empty now and had {feed.events:,} events before. If that is right, save it once again."


def replace_absences(
    *, feed: CalendarFeed, spans: Iterable[Span], at: datetime.datetime, keeps_others: bool = False
) -> None:
    """Makes the feed's absences that are not over those of the spans. Rows that stay right stay the same rows; what a
    person ended early stays ended for as long as the calendar had meant it to last; what is over stays as history. With
    `keeps_others` nothing is ended or removed: the reading may have missed it."""
    held = list(feed.absences.filter(ends_at__gt=at, planned_until__isnull=True).select_for_update())
    ended_rows = feed.absences.filter(planned_until__gt=at)
    ended = [(row.starts_at, row.planned_until) for row in ended_rows if row.planned_until]
    wanted = [
        part for span in spans for part in _without(span, ended) if part.ends_at > max(at, part.starts_at)
    ]
    by_times = {(row.starts_at, row.ends_at): row for row in held}
    changed: list[Span] = []
    for span in wanted:
        row = by_times.pop((span.starts_at, span.ends_at), None)
        if row is None:
            changed.append(span)
        else:
            _write(row, span)
    by_key = {row.event_key: row for row in by_times.values()}
    for span in changed:
        row = by_key.pop(span.key, None) or Absence(
            rep_id=feed.rep_id, feed=feed, source=Absence.Source.CALENDAR
        )
        _write(row, span)
    kept = {row.pk for row in by_key.values()}
    for row in held:
        if row.pk in kept and not keeps_others:
            _end(row, at)


def _write(row: Absence, span: Span) -> None:
    new = (span.starts_at, span.ends_at, span.reason, span.key, span.title[:200])
    if (row.starts_at, row.ends_at, row.reason, row.event_key, row.note) != new or row.pk is None:
        row.starts_at, row.ends_at, row.reason, row.event_key, row.note = new
        row.save()


def _end(row: Absence, at: datetime.datetime) -> None:
    """One that the calendar no longer has: it ends now, or never was."""
    if row.starts_at < at:
        row.ends_at = at
        row.save(update_fields=["ends_at"])
    else:
        row.delete()


def _without(span: Span, ended: Sequence[tuple[datetime.datetime, datetime.datetime]]) -> list[Span]:
    """What is left of a span without the times that a person ended."""
    parts = [(span.starts_at, span.ends_at)]
    for first, last in ended:
        cut = []
        for starts_at, ends_at in parts:
            if last <= starts_at or first >= ends_at:
                cut.append((starts_at, ends_at))
                continue
            cut += [pair for pair in ((starts_at, first), (last, ends_at)) if pair[0] < pair[1]]
        parts = cut
    return [Span(starts_at, ends_at, span.reason, span.key, span.title) for starts_at, ends_at in parts]
