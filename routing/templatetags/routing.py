"""How a decision's numbers are written on a page."""

import datetime
from collections.abc import Mapping

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.engine.matching.duplicates import SURE
from crm.models import DuplicateLink
from reps.engine.capacity import band as band_of
from reps.engine.money import NBSP
from reps.models import Rep
from reps.queries import organisation
from routing.engine.clock import age_pct, left_words
from routing.models import QueueItem
from routing.queries.messages import TOPICS

register = template.Library()

WIDEST = 1.0  # log-odds that fill half a bar
LIKELY = 0.8  # the confidence of one account and product
WARM, HOT = datetime.timedelta(minutes=5), datetime.timedelta(hours=4)
SOON = datetime.timedelta(minutes=30)


@register.filter
def signed(value: float | None) -> str:
    """`+.62`, `−.19`, `0`."""
    if value is None:
        return "–"
    if abs(value) < 0.005:
        return "0"
    number = f"{abs(value):.2f}".removeprefix("0")
    return f"{'+' if value > 0 else '−'}{number}"


@register.filter
def bar_width(value: float) -> int:
    """Per cent of the whole bar; half of it is the most."""
    return round(50 * min(abs(value) / WIDEST, 1))


@register.filter
def age_tone(since: datetime.datetime) -> str:
    """The longer it waits, the warmer."""
    waited = timezone.now() - since
    return "hot" if waited > HOT else "warn" if waited > WARM else ""


@register.filter
def band(rep: Rep) -> str:
    """The band of the load that is shown, by the published bounds."""
    return band_of(rep.load, rep.max_open, organisation().band_bounds).label


@register.filter
def at(mapping: Mapping[str, object], key: str) -> object:
    return mapping.get(key, 0)


@register.filter
def span_to(start: datetime.datetime | None, end: datetime.datetime | None) -> str:
    """`4 min`, `3 h`, `2 days` between two moments."""
    if start is None or end is None:
        return "–"
    seconds = (end - start).total_seconds()
    if seconds < 3600:
        return f"{max(int(seconds // 60), 1)}{NBSP}min"
    if seconds < 2 * 86_400:
        return f"{int(seconds // 3600)}{NBSP}h"
    return f"{int(seconds // 86_400)}{NBSP}days"


@register.filter
def sureness(link: DuplicateLink) -> str:
    """How sure it is that one opportunity repeats another, in a word."""
    if link.confirmed_by_id is not None:
        return "confirmed"
    if link.confidence is None:
        return "said by a person"
    return "sure" if link.confidence >= SURE else "likely" if link.confidence >= LIKELY else "perhaps"


@register.filter
def uncapitalised(text: str) -> str:
    """For a sentence that goes on after a colon."""
    return text[:1].lower() + text[1:]


@register.filter
def topic_words(topic: str) -> str:
    """An event of the outbox in words."""
    return TOPICS.get(topic, topic)


@register.simple_tag
def by_moment(what: str, due: datetime.datetime) -> SafeString:
    """ "Call by 14:05 (12 min left)", with the day where it is not today, and the exact moment on hover."""
    local, now = timezone.localtime(due), timezone.now()
    today = local.date() == timezone.localtime(now).date()
    return format_html(
        '<time datetime="{}" title="{} {}">{} by {} ({})</time>',
        due.isoformat(),
        date_format(local, "j M Y, H:i"),
        local.tzname() or "",
        what,
        date_format(local, "H:i" if today else "D j M, H:i"),
        left_words(due, now),
    )


@register.filter
def due_tone(due: datetime.datetime) -> str:
    """What is late, and what will be soon; hours ahead are no alarm."""
    left = due - timezone.now()
    return "bad" if left < datetime.timedelta(0) else "hot" if left < SOON else ""


@register.inclusion_tag("routing/target_bar.html")
def target_bar(item: QueueItem) -> dict[str, object]:
    """The age of what waits as a share of the first-touch target, as a bar with its number."""
    if item.touch_due_at is None:
        return {"pct": None}
    pct = age_pct(item.waiting_since, item.touch_due_at, timezone.now())
    tone = "over" if pct >= 100 else "near" if pct >= 75 else ""
    return {"pct": pct, "width": min(pct, 100), "tone": tone, "due": item.touch_due_at}
