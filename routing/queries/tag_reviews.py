"""What a review of expertise reads: closed deals with who owns them, held tags, and the thresholds.

Deals as the training takes them (`routing.queries.deals`): won or lost, by their owner of today, in the base currency;
of undated ones nobody knows whether they lie in the window, so they are left out.
"""

import datetime

from django.db.models import Count, Q, QuerySet

from crm.models import Opportunity
from reps.models import Job, Rep, Skill, TagReview, TagReviewSettings, TagSuggestion
from reps.queries import organisation
from reps.services.jobs import ACTIVE, is_stopped
from routing.engine.tagging.deals import DEAL_SIZE, ClosedDeal, HeldTag, TagSettings
from routing.engine.tagging.proposals import LEAST_DEALS, MONTH_DAYS

KIND = "tag review"
DAY_SECONDS = 86_400
FORGOTTEN_AFTER = datetime.timedelta(minutes=30)  # queued so long, its task is lost or nobody works
KIND_OF_ENGINE = {DEAL_SIZE: TagSuggestion.DEAL_SIZE}  # the other kinds have the same names


def tag_settings(settings: TagReviewSettings) -> TagSettings:
    """The stored thresholds as the engine takes them."""
    return TagSettings(
        window_days=settings.window_months * MONTH_DAYS,
        least_wins=settings.least_wins,
        least_language_wins=settings.least_language_wins,
        plenty_wins=settings.plenty_wins,
        least_lift=settings.least_lift,
        false_share=settings.false_share_pct / 100,
        default_language=organisation().default_language,
        stale_after_days=settings.stale_after_months * MONTH_DAYS,
        silent_after_days=settings.silent_after_months * MONTH_DAYS,
        least_deals_to_remove=settings.least_deals_to_remove,
        least_deals_while_silent=settings.least_deals_while_silent,
    )


def load_closed_deals(*, at: datetime.datetime, days: float) -> list[ClosedDeal]:
    """Won and lost deals closed within so many days before `at`; one query."""
    rows = (
        _closed(at, days)
        .order_by("pk")
        .values_list(
            "owner_id", "stage", "closed_at", "industry", "product__name", "competitors", "language", "value_base"
        )
    )  # fmt: skip
    return [
        ClosedDeal(
            rep_id=owner,
            won=stage == Opportunity.Stage.WON,
            closed_days_ago=(at - closed).total_seconds() / DAY_SECONDS,
            industry=industry,
            product=product or "",
            competitors=tuple(competitors),
            language=language,
            value=None if value is None else float(value),
        )
        for owner, stage, closed, industry, product, competitors, language, value in rows.iterator(
            chunk_size=5000
        )
        if owner is not None and closed is not None  # never, by the filter; said for the types
    ]


def count_closed_deals(*, at: datetime.datetime, days: float) -> tuple[int, int]:
    """Deals, and reps who closed them."""
    found = _closed(at, days).aggregate(deals=Count("pk"), reps=Count("owner", distinct=True))
    return found["deals"], found["reps"]


def _closed(at: datetime.datetime, days: float) -> QuerySet[Opportunity]:
    return Opportunity.objects.filter(
        stage__in=[Opportunity.Stage.WON, Opportunity.Stage.LOST],
        closed_at__gte=at - datetime.timedelta(days=days),
        closed_at__lte=at,
        dates_known=True,
        owner__isnull=False,
    )


def load_held_tags(*, at: datetime.datetime) -> list[HeldTag]:
    """The tags of those who are here, certifications left out, and who has a deal size range; two queries."""
    skills = (
        Skill.objects.filter(rep__left_at__isnull=True)
        .exclude(kind=Skill.Kind.CERTIFICATION)
        .order_by("pk")
        .values_list("rep_id", "kind", "name", "created_at")
    )
    held = [
        HeldTag(rep, kind, name, max((at - created).total_seconds() / DAY_SECONDS, 0))
        for rep, kind, name, created in skills
    ]
    ranged = Rep.objects.filter(
        Q(deal_size_min__isnull=False) | Q(deal_size_max__isnull=False), left_at__isnull=True
    )
    return held + [HeldTag(pk, DEAL_SIZE, "", 0) for pk in ranged.order_by("pk").values_list("pk", flat=True)]


def enough_to_look(*, at: datetime.datetime, settings: TagReviewSettings) -> bool:
    """Whether there are as many deals as any statement needs."""
    deals, reps = count_closed_deals(at=at, days=settings.window_months * MONTH_DAYS)
    return deals >= LEAST_DEALS and reps > 1


def newest_review_job(now: datetime.datetime) -> Job | None:
    """The newest job, where it runs, waits, stopped or failed; None where the newest look came to its end."""
    job = Job.objects.filter(kind=KIND).select_related("requested_by").first()
    if job is None or job.state in (Job.State.DONE, Job.State.CANCELLED):
        return None
    if job.state == Job.State.FAILED:
        later = TagReview.objects.filter(at__gt=job.created_at).exists()
        return None if later else job
    return job


def is_under_way(job: Job | None, now: datetime.datetime) -> bool:
    """False as well where its worker died or nobody took it up: then it can be asked for again."""
    return (
        job is not None and job.state in ACTIVE and not is_stopped(job, at=now) and not is_forgotten(job, now)
    )


def is_forgotten(job: Job, now: datetime.datetime) -> bool:
    return job.state == Job.State.QUEUED and now - job.created_at > FORGOTTEN_AFTER
