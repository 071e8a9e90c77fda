"""The daily report of a manager: what of the own teams wants somebody to act, and what changed since the last one."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Min, Q, QuerySet
from django.urls import reverse

from analytics.queries import gap_words
from analytics.queries.report_lines import TO_DO, Content, Item, Line
from reps.models import OverCapacity, Rep, User
from routing.models import FirstTouchClock, QueueItem
from routing.queries.clocks import late_touches
from routing.queries.doubts import doubts_about
from routing.queries.queue import led_by, queue_visible_to

NAMED = 5  # of those that a line is about
LOOKED_AT = 1000  # suggestions that are held against what holds now
Kind = QueueItem.Kind


@dataclass(frozen=True)
class Asked:
    """Whose report, as of when; `since` the moment from which on missed touches are told; `before` the numbers of the
    last report, of the day `before_day`."""

    user: User
    at: datetime.datetime
    since: datetime.datetime
    before: Mapping[str, int] | None = None
    before_day: datetime.date | None = None

    @property
    def rep_ids(self) -> list[int]:
        return led_by(self.user)[1]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.user.time_zone)

    def compared(self, key: str, now: int) -> str:
        """ " 2 more than on Fri 27 Nov."; "" without a report before."""
        if self.before is None or self.before_day is None or key not in self.before:
            return ""
        by, day = now - self.before[key], f"{self.before_day:%a %-d %b}"
        if not by:
            return f" As many as on {day}."
        return f" {abs(by)} {'more' if by > 0 else 'fewer'} than on {day}."

    def age(self, moment: datetime.datetime) -> str:
        """`3 days`, `5 hours`; of less than an hour `less than an hour`."""
        hours = int((self.at - moment).total_seconds() // 3600)
        if hours >= 48:
            return f"{hours // 24} days"
        return f"{hours} hour{'' if hours == 1 else 's'}" if hours else "less than an hour"


def daily_report(asked: Asked) -> Content:
    """A fixed number of queries, whatever waits."""
    items = queue_visible_to(asked.user).order_by()
    figures: dict[str, int] = {}
    lines = [
        _unassigned(asked, items, figures),
        _suggestions(asked, items, figures),
        _out_of_date(asked, items, figures),
        _over_capacity(asked, figures),
        _missed(asked, figures),
        _late(asked, figures),
    ]
    todo = [line.title[0].lower() + line.title[1:] for line in lines if line.state == TO_DO]
    said = (
        f"{', '.join(todo)}." if todo else "Nothing to do: nothing waits too long, nobody is over capacity."
    )
    return Content(said[0].upper() + said[1:], lines, figures)


def _queue(**asked: str) -> str:
    return f"{reverse('queue')}?{urlencode(asked)}"


def _plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _unassigned(asked: Asked, items: QuerySet[QueueItem], figures: dict[str, int]) -> Line:
    rows = items.filter(kind__in=(Kind.HELD, Kind.MANAGER))
    whole = rows.aggregate(
        number=Count("pk"), held=Count("pk", filter=Q(kind=Kind.HELD)), oldest=Min("waiting_since")
    )
    number, held = whole["number"], whole["held"]
    figures["unassigned"] = number
    if not number:
        return Line("unassigned", "Nothing unassigned", "Every opportunity has an owner or a suggestion.")
    causes = rows.values("opportunity__fall_through__cause", "opportunity__fall_through__missing")
    found = causes.annotate(number=Count("pk")).order_by("-number")[:NAMED]
    return Line(
        key="unassigned",
        title=f"{_plural(number, 'opportunity', 'opportunities')} unassigned",
        text=f"The oldest has waited {asked.age(whole['oldest'])}. {_whose(held, number - held)}"
        + asked.compared("unassigned", number),
        url=_queue(kind=Kind.HELD if held else Kind.MANAGER),
        action="Hand them out",
        state=TO_DO,
        items=[
            Item(f"{row['number']:,}: {_cause(row)}", reverse("analytics_gaps"))
            for row in found
            if row["opportunity__fall_through__cause"]
        ],
    )  # fmt: skip


def _whose(held: int, to_hand_out: int) -> str:
    parts = [f"{held:,} held, since nobody was a match"] if held else []
    parts += [f"{to_hand_out:,} for a manager to hand out"] if to_hand_out else []
    return f"{', '.join(parts)}."


def _cause(row: Mapping[str, Any]) -> str:
    cause, missing = row["opportunity__fall_through__cause"], row["opportunity__fall_through__missing"]
    return gap_words.title(cause, missing)


def _suggestions(asked: Asked, items: QuerySet[QueueItem], figures: dict[str, int]) -> Line:
    late = Q(touch_due_at__lte=asked.at)
    found = items.filter(kind=Kind.SUGGESTION).aggregate(
        number=Count("pk"), late=Count("pk", filter=late), oldest=Min("waiting_since")
    )
    number, figures["late_suggestions"] = found["number"], found["late"]
    if not number:
        return Line("suggestions", "No suggestion waits", "All of them are decided.")
    waiting = _plural(number, "suggestion waits", "suggestions wait")
    waits = f"{waiting} for a decision, the oldest for {asked.age(found['oldest'])}."
    if not found["late"]:
        return Line(
            "suggestions", "Suggestions wait within their target", waits, _queue(kind=Kind.SUGGESTION), "Open the queue"
        )  # fmt: skip
    return Line(
        key="suggestions",
        title=f"{_plural(found['late'], 'suggestion', 'suggestions')} past the first-touch target",
        text=waits + asked.compared("late_suggestions", found["late"]),
        url=_queue(kind=Kind.SUGGESTION, target="late", order="due"),
        action="Decide them",
        state=TO_DO,
    )


def _out_of_date(asked: Asked, items: QuerySet[QueueItem], figures: dict[str, int]) -> Line:
    records = items.filter(kind=Kind.SUGGESTION).select_related("decision", "rep", "opportunity")
    light = records.defer("decision__state", "decision__columns", "decision__trace")
    waiting = list(light.order_by("waiting_since", "pk")[:LOOKED_AT])
    doubts = doubts_about(waiting, asked.at)
    figures["out_of_date"] = number = len(doubts)
    if not number:
        return Line("out_of_date", "No suggestion is out of date", "What is suggested holds.")
    named = [item for item in waiting if item.pk in doubts][:NAMED]
    return Line(
        key="out_of_date",
        title=f"{_plural(number, 'suggestion', 'suggestions')} out of date",
        text="They were made before something changed; the router looks at them again by itself, oldest first."
        + asked.compared("out_of_date", number),
        url=_queue(kind=Kind.SUGGESTION),
        action="Look at them",
        state=TO_DO,
        items=[
            Item(
                f"{item.opportunity.name}: {doubts[item.pk].sentence(item.rep.name if item.rep else '')}",
                reverse("opportunity", args=[item.opportunity_id]),
            )
            for item in named
        ],
    )


def _over_capacity(asked: Asked, figures: dict[str, int]) -> Line:
    open_now = OverCapacity.objects.filter(
        ended_at__isnull=True, rep__in=asked.rep_ids, rep__left_at__isnull=True
    ).select_related("rep__role_template")
    episodes = list(open_now.order_by("began_at", "pk"))
    figures["over_capacity"] = number = len(episodes)
    if not number:
        return Line("over_capacity", "Nobody over capacity", "All loads are within their maximum.")
    return Line(
        key="over_capacity",
        title=f"{_plural(number, 'rep', 'reps')} over capacity",
        text="Move something of theirs, or raise the maximum." + asked.compared("over_capacity", number),
        url=reverse("board"),
        action="Open the workload",
        state=TO_DO,
        items=[
            Item(
                f"{one.rep.name}: {one.rep.load} of {one.rep.max_open} open, since {_day(asked, one.began_at)}",
                reverse("rep", args=[one.rep_id]),
            )
            for one in episodes
        ],
    )


def _day(asked: Asked, moment: datetime.datetime) -> str:
    """In the reader's time zone."""
    return f"{moment.astimezone(asked.zone):%-d %b}"


def _missed(asked: Asked, figures: dict[str, int]) -> Line:
    """Whose time was over since then, untouched at that moment, whatever became of them."""
    clocks = FirstTouchClock.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=F("due_at")),
        Q(opportunity__first_touch_at__isnull=True) | Q(opportunity__first_touch_at__gt=F("due_at")),
        due_at__gte=asked.since, due_at__lt=asked.at, assignment__rep__in=asked.rep_ids,
    )  # fmt: skip
    rows = clocks.order_by().values("assignment__rep", "assignment__rep__name").annotate(number=Count("pk"))
    found = list(rows.order_by("-number", "assignment__rep__name"))
    figures["missed"] = number = sum(row["number"] for row in found)
    since = f"since {asked.since.astimezone(asked.zone):%a %-d %b}"
    if not number:
        return Line("missed", "No first touch was missed", f"None {since}, of those that have a target.")
    return Line(
        key="missed",
        title=f"{_plural(number, 'first touch', 'first touches')} missed {since}",
        text="Their time was over before anybody called or wrote." + asked.compared("missed", number),
        url=reverse("analytics_routing"),
        action="How fast first touches are",
        state=TO_DO,
        items=[
            Item(f"{row['assignment__rep__name']}: {row['number']}", reverse("rep", args=[row["assignment__rep"]]))
            for row in found[:NAMED]
        ],
    )  # fmt: skip


def _late(asked: Asked, figures: dict[str, int]) -> Line:
    late = late_touches(asked.rep_ids, asked.at)
    figures["late"] = number = sum(late.values())
    if not number:
        return Line("late", "No first touch runs late", "Nothing that is assigned is overdue.")
    names = dict(Rep.objects.filter(pk__in=late).values_list("pk", "name"))
    return Line(
        key="late",
        title=f"{_plural(number, 'first touch', 'first touches')} late at this moment",
        text="Ask their owners, or give them to somebody else." + asked.compared("late", number),
        url=reverse("board"),
        action="Open the workload",
        state=TO_DO,
        items=[
            Item(f"{names[pk]}: {count}", reverse("rep", args=[pk])) for pk, count in late.most_common(NAMED)
        ],
    )
