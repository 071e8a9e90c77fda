"""How numbers, times and people are written on a page, and the small components made of them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from reps.engine.absence import Until, span_words, until_choices
from reps.engine.completeness import DEAL_SIZE, SELLING_STYLE
from reps.engine.holidays import countries, subdivisions
from reps.engine.money import NBSP, money, short_money
from reps.models import Absence, Rep

register = template.Library()

BAND_CLASSES = {"available": "", "near capacity": "near", "at capacity": "at", "over capacity": "over"}
BAND_TONES = {"available": "good", "near capacity": "warn", "at capacity": "hot", "over capacity": "bad"}
MINUTE, HOUR, DAY = 60, 3600, 86_400


register.filter("money", money)
register.filter("short_money", short_money)


@register.filter
def field_anchor(field: str) -> str:
    """Where a field of the profile stands in the form of the expertise."""
    return "rest" if field in (DEAL_SIZE, SELLING_STYLE) else field


@register.filter
def percent(share: Decimal | float | int | None) -> str:
    """A share of one as `76 %`."""
    return "–" if share is None else f"{round(float(share) * 100)}{NBSP}%"


@register.filter
def initials(name: object) -> str:
    words = [
        word for word in str(name or "").replace(".", " ").replace("@", " ").split() if word[0].isalnum()
    ]
    if not words:
        return "?"
    return (words[0][0] + words[-1][0] if len(words) > 1 else words[0][:2]).upper()


@register.filter
def hours_lines(hours: dict[str, list[list[str]]]) -> list[tuple[str, str]]:
    """Working hours in few lines: days in a row with the same hours are told together."""
    lines: list[tuple[list[str], str]] = []
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        words = ", ".join(f"{start}–{end}" for start, end in hours.get(day, [])) or "off"
        if lines and lines[-1][1] == words:
            lines[-1][0].append(day.capitalize())
        else:
            lines.append(([day.capitalize()], words))
    return [(days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}", words) for days, words in lines]


@register.filter
def country_words(rep: Any) -> str:
    """`Germany, Bayern`; one that is no country says so."""
    if rep.country not in countries():
        return f"{rep.country}: not a country that we know, so no holidays"
    part = subdivisions(rep.country).get(getattr(rep, "subdivision", ""), "")
    return f"{countries()[rep.country]}, {part}" if part else countries()[rep.country]


@register.filter
def band_class(band: object) -> str:
    return BAND_CLASSES.get(str(band).replace("_", " "), "")


@register.filter
def count(number: int | None) -> str:
    """`1,200`; the organisation's numbers look alike on every page."""
    return "–" if number is None else f"{number:,}"


@register.filter
def stage_tone(stage: str) -> str:
    return {"won": "good", "lost": "bad"}.get(stage, "")


@register.filter
def routing_tone(routing: str) -> str:
    return {"suggested": "accent", "held": "hot", "waiting": "warn", "batch": "warn", "manager": "warn"}.get(
        routing, ""
    )


@register.filter
def toast_tone(level: str) -> str:
    """The tint of a Django message's level."""
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level, "good")


@register.filter
def band_tone(band: object) -> str:
    return BAND_TONES.get(str(band).replace("_", " "), "")


def age_words(moment: datetime, now: datetime, *, ago: bool = False) -> str:
    """Relative up to a day, a date beyond; `page.js` repeats these words in the browser."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) >= DAY:
        return day_words(moment, now)
    if abs(seconds) < MINUTE:
        return "in a moment" if seconds < 0 else "just now"
    minutes = abs(seconds) < HOUR
    words = f"{int(abs(seconds) // (MINUTE if minutes else HOUR))}{NBSP}{'min' if minutes else 'h'}"
    return f"in {words}" if seconds < 0 else f"{words} ago" if ago else words


def day_words(moment: datetime, now: datetime) -> str:
    """`16 Nov`, and `16 Nov 2025` for another year, in the reader's zone."""
    local = timezone.localtime(moment)
    return date_format(local, "j M" if local.year == timezone.localtime(now).year else "j M Y")


@register.simple_tag
def age(moment: datetime | None, *, ago: bool = False) -> SafeString | str:
    """A `<time>` with a relative age and, on hover, the exact moment in the reader's zone."""
    if moment is None:
        return "–"
    local, now = timezone.localtime(moment), timezone.now()
    return format_html(
        '<time datetime="{}" data-age="{}"{} title="{} {}">{}</time>',
        moment.isoformat(),
        day_words(moment, now),
        " data-ago" if ago else "",
        date_format(local, "j M Y, H:i"),
        local.tzname() or "",
        age_words(moment, now, ago=ago),
    )


@register.simple_tag
def moment(value: datetime | None, template_format: str = "j M Y, H:i") -> SafeString | str:
    """A `<time>` that shows the moment itself, in the reader's zone."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{} {}">{}</time>',
        value.isoformat(),
        date_format(local, "j M Y, H:i:s"),
        local.tzname() or "",
        date_format(local, template_format),
    )


@register.simple_tag
def span(absence: Absence, rep: Rep) -> str:
    """When a rep is away, in days where they are whole ones; in the rep's own time zone."""
    ends = absence.ends_at and timezone.localtime(absence.ends_at, rep.zone)
    today = timezone.localdate(timezone=rep.zone)
    return span_words(timezone.localtime(absence.starts_at, rep.zone), ends, today=today)


@register.filter
def date_there(local: datetime) -> str:
    """The clock where somebody is; templates would turn it into the reader's."""
    return f"{local:%H:%M}"


@register.simple_tag
def away_reasons() -> list[tuple[str, str]]:
    return list(Absence.Reason.choices)


@register.simple_tag
def until_offered(rep: Rep) -> tuple[Until, ...]:
    """Until when a rep may be marked as away with one click."""
    return until_choices(timezone.localtime(timezone.now(), rep.zone))


@register.inclusion_tag("components/face.html")
def face(name: object, *, key: int | None = None, large: bool = False) -> dict[str, Any]:
    """A round face with initials; the tint is the same wherever this person is shown."""
    tint = ("", "b", "c", "d")[(key if key is not None else sum(map(ord, str(name)))) % 4]
    return {"name": name, "tint": tint, "large": large}


@register.inclusion_tag("components/load.html")
def load_bar(
    open_count: int, maximum: int | None, *, band: object = None, words: bool = False
) -> dict[str, Any]:
    """A load as a bar with its number: `19 of 25`, and the band in words where asked."""
    share = open_count / maximum if maximum else None
    label = str(band or "").replace("_", " ")
    return {
        "open_count": open_count,
        "maximum": maximum,
        "share": share,
        "width": min(100, round((share or 0) * 100)),
        "band": label,
        "words": words and bool(label),
    }


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, *, unit: str = "", css: str = "", mark: bool = True) -> dict[str, Any]:
    """One field of a form: label above, help below, error beside."""
    kind = getattr(bound.field.widget, "input_type", "")
    return {
        "field": bound,
        "unit": unit,
        "css": css,
        "is_check": kind == "checkbox" and not bound.use_fieldset,
        "optional": mark and not bound.field.required and kind != "checkbox",
    }


@register.inclusion_tag("components/error_summary.html")
def error_summary(form: BaseForm, *, title: str = "Not saved yet. Please look at this:") -> dict[str, Any]:
    """What is wrong with a form, each line linked to its field."""
    wrong = [(bound, bound.errors) for bound in form if bound.errors and not bound.is_hidden]
    hidden = [error for bound in form.hidden_fields() for error in bound.errors]
    return {"fields": wrong, "others": [*form.non_field_errors(), *hidden], "title": title}


@register.inclusion_tag("components/tag.html")
def tag(word: object, tone: str = "") -> dict[str, Any]:
    """A status: a word in a tint."""
    return {"word": word, "tone": tone}


@register.inclusion_tag("components/score.html")
def score(value: float | None) -> dict[str, Any]:
    return {"value": None if value is None else round(value)}
