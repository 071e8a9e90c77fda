"""How a decision's numbers are written on a page."""

import datetime
from collections.abc import Mapping

from django import template
from django.utils import timezone

from crm.engine.matching.duplicates import SURE
from crm.models import DuplicateLink
from reps.engine.capacity import band as band_of
from reps.engine.money import NBSP
from reps.models import Rep
from reps.queries import organisation
from routing.queries.messages import TOPICS

register = template.Library()

WIDEST = 1.0  # log-odds that fill half a bar
LIKELY = 0.8  # the confidence of one account and product
WARM, HOT = datetime.timedelta(minutes=5), datetime.timedelta(hours=4)


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
def at(mapping: Mapping[str, int], key: str) -> int:
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
