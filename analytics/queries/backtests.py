"""Backtests as they are listed: what was asked, how far it is, and the answer in a sentence."""

import datetime
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.utils import timezone

from analytics.engine.variation import PolicyChange
from reps.models import Job
from reps.queries import organisation
from reps.services.jobs import is_stopped
from routing.models import ConfigurationVersion, Policy
from routing.queries.configuration import live_version
from routing.queries.dry_runs import Period
from routing.queries.model_words import day

KIND = "backtest"
DRAFT, LIVE = "draft", "live"
LISTED = 20
DAYS_PROPOSED = 90
MOST_DAYS = 366
KNOWN_AFTER = 60  # days, where nothing has closed yet
STATES = {
    Job.State.QUEUED: ("waiting", ""),
    Job.State.RUNNING: ("under way", "accent"),
    Job.State.FAILED: ("failed", "bad"),
    Job.State.CANCELLED: ("stopped", "warn"),
}


def days_of(first: datetime.date, last: datetime.date) -> Period:
    """From the begin of the first day to the end of the last, in the organisation's time zone."""
    zone = zoneinfo.ZoneInfo(organisation().time_zone)
    return Period(
        datetime.datetime.combine(first, datetime.time.min, zone),
        datetime.datetime.combine(last, datetime.time.max, zone),
    )


def proposed_days(today: datetime.date) -> tuple[datetime.date, datetime.date]:
    """The newest days of which three in four outcomes should be known: as long ago as three in four deals take."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT percentile_cont(.75) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - opened_at) / 86400)
            FROM crm_opportunity
            WHERE closed_at > %s AND stage IN ('won', 'lost') AND dates_known
            """,
            [timezone.now() - datetime.timedelta(days=365)],
        )
        found = cursor.fetchone()[0]
    last = today - datetime.timedelta(days=KNOWN_AFTER if found is None else round(found))
    return last - datetime.timedelta(days=DAYS_PROPOSED - 1), last


def configurations(most: int) -> list[tuple[int, str]]:
    """Versions and candidates, the newest first: number, and what it is called."""
    found = ConfigurationVersion.objects.order_by("-number").values_list(
        "number", "is_candidate", "published_at"
    )
    return [
        (number, f"{'Candidate' if is_candidate else 'Version'} {number}, {day(timezone.localdate(at))}")
        for number, is_candidate, at in found[:most]
    ]


def policy_names() -> list[str]:
    """Of what is live, then those of the draft that are new."""
    live = [row["name"] for row in live_version().content.get("policies", ())]
    drafted = Policy.objects.filter(is_active=True).values_list("name", flat=True)
    return list(dict.fromkeys([*live, *drafted]))


@dataclass(frozen=True)
class Listed:
    """`said`: the answer, or why there is none yet."""

    job: Job
    question: str
    days: str
    word: str
    tone: str
    said: str


def newest_backtests(now: datetime.datetime) -> list[Listed]:
    """Without their bulk; one query."""
    jobs: QuerySet[Job] = Job.objects.filter(kind=KIND).select_related("requested_by").defer("result")
    found = jobs.annotate(asked=KeyTransform("asked", "result"), told=KeyTransform("told", "result"))
    return [_listed(job, now) for job in found[:LISTED]]


def backtests() -> QuerySet[Job]:
    return Job.objects.filter(kind=KIND).select_related("requested_by")


def _listed(job: Any, now: datetime.datetime) -> Listed:
    word, tone = state_of(job, now)
    said = headline(job.told) if job.told else job.error
    if word == "worker stopped":
        said = "Its worker stopped before it was done. Ask again; nothing was changed."
    return Listed(job, question_words(job.asked or {}), days_words(job.asked or {}), word, tone, said)


def state_of(job: Job, now: datetime.datetime, told: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """In a word, with its tone."""
    if is_stopped(job, at=now):
        return "worker stopped", "bad"
    if job.state != Job.State.DONE:
        return STATES[Job.State(job.state)]
    found = getattr(job, "told", told) or {}
    return ("answered", "good") if found.get("gain") else ("in part", "warn")


def told_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the list shows of an answer: how many would move, and the gain per decision with its interval, if told."""
    robust = answer["value"].get("doubly_robust", {})
    gain = robust.get("gain")
    return {
        "arrivals": answer["world"]["arrivals"],
        "moved": answer["world"]["moved"],
        "gain": [gain["value"], gain["low"], gain["high"]] if gain else None,
    }


def headline(told: Mapping[str, Any]) -> str:
    moved = moved_words(told["arrivals"], told["moved"])
    if told["gain"] is None:
        return f"{moved} What it would have won cannot be told from the log."
    value, low, high = told["gain"]
    return f"{moved} {gain_words(value, low, high)}"


def moved_words(arrivals: int, moved: int) -> str:
    if not moved:
        return f"None of {arrivals:,} opportunities would go elsewhere."
    return f"{moved:,} of {arrivals:,} opportunities ({100 * moved / arrivals:.0f} %) would go elsewhere."


def gain_words(value: float, low: float, high: float) -> str:
    """Per 100 decisions."""
    if low <= 0 <= high:
        return f"The difference in wins could be nothing: {signed(low)} to {signed(high)} of 100."
    more = "more" if value > 0 else "fewer"
    near, far = sorted((abs(100 * low), abs(100 * high)))
    return f"It would have won {abs(100 * value):.1f} {more} of 100 ({near:.1f} to {far:.1f})."


def signed(share: float) -> str:
    """Of 100, with a sign that is no hyphen."""
    return f"{100 * share:+.1f}".replace("-", "−")


def question_words(asked: Mapping[str, Any]) -> str:
    """ "The draft with “Inbound” confident from a score of 60, model 3 choosing"."""
    name = asked.get("configuration", "")
    words = {DRAFT: "The draft", LIVE: f"Version {asked.get('live', '–')} (live)"}.get(
        name, f"Version {name}"
    )
    if asked.get("change"):
        words += f" with {PolicyChange(asked['change']['policy'], asked['change']['changes']).said}"
    return words + (f", model {asked['model']} choosing" if asked.get("model") else "")


def days_words(asked: Mapping[str, Any]) -> str:
    if not asked:
        return ""
    first, last = (datetime.date.fromisoformat(asked[name]) for name in ("first", "last"))
    return f"{first:%-d %b %Y} to {last:%-d %b %Y}"
