"""What could be behind a lift that plateaus or turns: profiles out of date, a market that has shifted, an old model.

Each with what speaks for it and where one looks; that nothing speaks for one is told as well.
"""

import datetime
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse

from analytics.engine.changes import Change, change
from analytics.engine.shares import Share
from analytics.engine.stability import Level, Shift, shift
from analytics.models import Fact
from analytics.queries.period import monday_of
from analytics.queries.weekly_figures import DAY, WEEK
from analytics.queries.words import percent, points
from crm.models import Opportunity
from crm.models.accounts import SizeBand
from reps.models import Organisation, Rep
from reps.queries.people import organisation
from reps.queries.profiles import completeness_pct, is_due, months
from routing.models import ModelVersion
from routing.queries.models import champion_version, model_settings

RECENT = 12 * WEEK  # of results, and of arrivals
LEAST_CLOSED = 5  # of a rep in either half
FELL = 0.25  # the share of the reps whose results fell most
COMPLETE_FROM = 70  # per cent
OLD_AFTER = datetime.timedelta(days=120)
COLUMNS = (("source", "source"), ("industry", "industry"), ("size_band", "company size"))


@dataclass(frozen=True)
class Found:
    """As an alarm keeps it; `people`: the id of a rep and what is said of them."""

    title: str
    text: str
    speaks: bool
    url: str
    action: str
    people: list[dict[str, Any]] = field(default_factory=list)


def candidates(at: datetime.datetime, today: datetime.date) -> list[dict[str, Any]]:
    """Those that something speaks for first."""
    ours, champion = organisation(), champion_version()
    found = [_profiles(at, today, ours), _market(today, champion), _model(today, champion)]
    return [asdict(one) for one in sorted(found, key=lambda one: not one.speaks)]


# --- profiles ------------------------------------------------------------------------------------------------------


def _profiles(at: datetime.datetime, today: datetime.date, ours: Organisation) -> Found:
    """Of the reps whose results fell most: how many profiles nobody looked over in time, or that lack much, beside
    everybody's."""
    fell = _reps_that_fell(today)
    here = Rep.objects.filter(left_at__isnull=True)
    due = set(here.filter(is_due(now=at, ours=ours)).values_list("pk", flat=True))
    complete = dict(here.annotate(pct=completeness_pct(today)).values_list("pk", "pct"))
    stale = {pk for pk, pct in complete.items() if pk in due or pct < COMPLETE_FROM}
    whose = [pk for pk in fell if pk in complete]
    share, everybody = Share(sum(pk in stale for pk in whose), len(whose)), Share(len(stale), len(complete))
    url, action = f"{reverse('reps')}?profile=due", "Profiles to review"
    if not share.known:
        text = f"Too little has closed to say whose results fell. {_of(everybody)} of all profiles are out of date."
        return Found("Profiles out of date", text, False, url, action)
    text = (
        f"Of the {share.known} reps whose results fell most, {share.hits} have a profile that nobody has looked over "
        f"for {ours.profile_review_months} months or more, or that lacks much; of all reps {_of(everybody)}."
    )
    people = [
        {"rep": pk, "text": f"{points(fell[pk].value)}, {_why(pk, due, complete)}"}
        for pk in whose
        if pk in stale
    ]
    speaks = bool(share.hits) and (share.value or 0) >= max(everybody.value or 0, 0.3)
    return Found("Profiles out of date", text, speaks, url, action, people[:8])


def _of(share: Share) -> str:
    return f"{share.hits} of {share.known}"


def _why(pk: int, due: set[int], complete: dict[int, int]) -> str:
    return "not reviewed in time" if pk in due else f"profile {complete[pk]} % complete"


def _reps_that_fell(today: datetime.date) -> dict[int, Change]:
    """Rep → how the win rate changed from the weeks before to the last ones, those that fell most first."""
    end = monday_of(today)
    middle, first = end - RECENT, end - 2 * RECENT
    closed = Fact.objects.filter(event=Fact.Event.CLOSED, day__gte=first, day__lt=end, rep__isnull=False)
    now = Q(day__gte=middle)
    rows = closed.order_by().values_list("rep").annotate(
        now_hits=Count("pk", filter=now & Q(hit=True)), now_known=Count("hit", filter=now),
        was_hits=Count("pk", filter=~now & Q(hit=True)), was_known=Count("hit", filter=~now),
    )  # fmt: skip
    changes: dict[int, Change] = {}
    for rep_id, now_hits, now_known, was_hits, was_known in rows:
        found = change(Share(now_hits, now_known), Share(was_hits, was_known))
        if found is not None and min(now_known, was_known) >= LEAST_CLOSED:
            changes[rep_id] = found
    most = max(round(FELL * len(changes)), 1)
    fallen = sorted((one for one in changes.items() if one[1].value < 0), key=lambda one: one[1].value)
    return dict(fallen[:most])


# --- market --------------------------------------------------------------------------------------------------------


def _market(today: datetime.date, champion: ModelVersion) -> Found:
    """What came in lately beside what came in while the model learned; of rules, beside the year before."""
    until = today - RECENT if champion.as_of is None else min(champion.as_of, today - RECENT)
    since = until - months(model_settings().months)
    before = Q(opened_at__date__gte=since, opened_at__date__lt=until)
    now = Q(opened_at__date__gte=today - RECENT, opened_at__date__lte=today)
    moved: list[tuple[str, str, Shift]] = []
    still: list[str] = []
    for column, label in COLUMNS:
        found = _shift(column, before, now)
        if found is not None and found.has_moved:
            moved.append((column, label, found))
        else:
            still.append(label)
    url, action = reverse("analytics_gaps"), "Where nobody is a match"
    period = f"since {today - RECENT:%-d %b %Y} beside {since:%-d %b %Y} to {until - DAY:%-d %b %Y}"
    if not moved:
        text = f"What came in {period} has much the same {', '.join(still)}."
        return Found("The market has shifted", text, False, url, action)
    told = " ".join(_shift_words(column, label, found) for column, label, found in moved)
    return Found("The market has shifted", f"{told} (What came in {period}.)", True, url, action)


def _shift(column: str, before: Q, now: Q) -> Shift | None:
    rows = Opportunity.objects.filter(before | now).exclude(**{column: ""}).order_by().values_list(column)
    found = list(rows.annotate(before=Count("pk", filter=before), now=Count("pk", filter=now)))
    return shift({name: n for name, n, _ in found}, {name: n for name, _, n in found})


def _shift_words(column: str, label: str, found: Shift) -> str:
    moved = ", ".join(
        f"{_level(column, level)} {percent(level.before)} → {percent(level.now)}"
        for level in found.levels[:3]
    )
    size = "much" if found.psi >= 0.25 else "somewhat"
    return f"By {label} it has moved {size} (stability index {found.psi:.2f}): {moved}."


def _level(column: str, level: Level) -> str:
    return dict(SizeBand.choices).get(level.name, level.name) if column == "size_band" else level.name


# --- model ---------------------------------------------------------------------------------------------------------


def _ago(days: int) -> str:
    if days >= 61:
        return f"{round(days / 30.44)} months ago"
    return f"{days} day{'' if days == 1 else 's'} ago"


def _model(today: datetime.date, champion: ModelVersion) -> Found:
    url, action = reverse("analytics_model"), "The model"
    if champion.kind == ModelVersion.Kind.RULES or champion.as_of is None:
        text = "Rules decide: no model has learned from deals, so nothing follows what is won now."
        return Found("The model is old", text, True, url, action)
    age = today - champion.as_of
    text = (
        f"Model {champion.number} has learned from what had closed before {champion.as_of:%-d %b %Y}, "
        f"{_ago(age.days)}."
    )
    return Found("The model is old", text, age > OLD_AFTER, url, action)
