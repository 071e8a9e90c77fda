"""The demo organisation from a seed: people, market, a year of history by the import, a model learned from it, and a
morning routed for real."""

import contextlib
import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import F

from crm.models import Account, Opportunity
from crm.services.activities import log_activity
from crm.services.imports import import_files
from crm.services.placing import create_placed_opportunity
from crm.services.tiers import rank_tiers
from reps.models import Skill, TagReview, User
from routing.engine.learning.fit import CannotTrain
from routing.engine.worlds import (
    DAYS_PER_MONTH,
    Leads,
    World,
    WorldSettings,
    draw_leads,
    make_world,
    play_history,
    true_win_probability,
)
from routing.models import BatchWait, Delivery, ModelVersion, Notification, QueueItem
from routing.services import outbox
from routing.services.batch_runs.asking import open_batch
from routing.services.batch_runs.planning import run_batch
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.demo import calendars, history, market, people, weeks
from routing.services.demo.cast import Cast
from routing.services.demo.experiments import look_once, start_demo_experiment
from routing.services.demo.values import intake_values
from routing.services.tag_reviews import review_at_once
from routing.services.training import train_at_once

PASSWORD = "demo-lumora-2026"
FIRST_LIVE = 900_001
LIVE_HOURS = 20.0
LIVED_SHARE = 0.75  # of what would come in the last weeks; the rest of the year is imported
Progress = Callable[[str], None]


@dataclass(frozen=True)
class DemoSize:
    """How large, and which: the same size and seed give the same organisation."""

    reps: int = 60
    months: int = 12
    deals: int = 5200
    live: int = 90
    seed: int = 7
    affinity_sd: float = 0.6


class AlreadyFilled(Exception):
    """There are people already; a demo would mix with them."""


@transaction.atomic
def seed_demo(size: DemoSize, *, now: datetime.datetime, folder: Path, progress: Progress) -> dict[str, int]:
    """Fills an empty installation. Raises AlreadyFilled. Writes the logins and the truth into the folder."""
    if User.objects.exists():
        raise AlreadyFilled(
            "There are users already. The demo organisation is made in an empty database only."
        )
    settings = WorldSettings(
        reps=size.reps, deals=size.deals, months=size.months, affinity_sd=size.affinity_sd, max_open=18
    )
    world, cast = make_world(settings, size.seed), Cast.from_seed(size.seed)
    start = (now - datetime.timedelta(days=size.months * DAYS_PER_MONTH)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    progress("people")
    made = people.make_people(world, cast, PASSWORD)
    market.make_words(now.date())
    progress("history")
    rng = np.random.default_rng(size.seed + 1)
    span = size.months * DAYS_PER_MONTH - 1
    cut = max(span - 7 * weeks.WEEKS, span / 2)
    lived_count = round(size.deals * (span - cut) / span * LIVED_SHARE)
    past = draw_leads(world, size.deals - lived_count, rng, days=cut)
    lived = draw_leads(world, lived_count, rng, from_day=cut, days=span - cut)
    files = history.history_files(world, past, play_history(world, past, rng), made.reps, cast, start, now)
    import_files(files=files, by=made.ops, at=now)
    cut_at, before = start + datetime.timedelta(days=cut), now - datetime.timedelta(hours=LIVE_HOURS + 1)
    configure(made, rng, now=now, at=cut_at)
    progress("model")
    ModelVersion.objects.filter(kind=ModelVersion.Kind.RULES).update(created_at=start)
    learn(cut_at)
    progress("the last weeks")
    weeks.live_weeks(world, lived, cast, made, start, before)
    learn(before)
    progress("expertise")
    review_at_once(at=before, trigger=TagReview.Trigger.SETUP)
    progress("the last hours")
    live = draw_leads(world, size.live, rng, from_day=span, days=LIVE_HOURS / 24)
    play_morning(world, live, cast, made, now)
    keep_logins(made, folder)
    keep_truth(world, {1: past, weeks.FIRST_NUMBER: lived, FIRST_LIVE: live}, made, folder)
    return {
        "users": User.objects.count(),
        "reps": len(made.reps),
        "accounts": Account.objects.count(),
        "opportunities": Opportunity.objects.count(),
        "open": Opportunity.objects.filter(stage="open").count(),
        "waiting": Opportunity.objects.filter(routing__in=["suggested", "held", "manager", "batch"]).count(),
    }


def configure(
    made: people.DemoPeople, rng: np.random.Generator, *, now: datetime.datetime, at: datetime.datetime
) -> None:
    """Territories, rules, policies and who owns what, published before the weeks that are lived."""
    market.make_territories()
    market.make_rules()
    market.make_named_accounts([rep.pk for rep in made.reps if rep.seniority >= 3], 40)
    rank_tiers(at=now)
    people.make_absences(made, rng, now)
    calendars.make_calendars(made.reps[:2], made.ops, now)
    Skill.objects.update(created_at=at - datetime.timedelta(days=365))  # stated before what is played
    publish_configuration(by=made.ops, at=at, note="Territories, rules and policies")


def learn(at: datetime.datetime) -> None:
    """From what had closed by then; a small demo keeps the rules."""
    with contextlib.suppress(CannotTrain):
        train_at_once(as_of=at.date(), at=at)


def play_morning(
    world: World, live: Leads, cast: Cast, made: people.DemoPeople, now: datetime.datetime
) -> None:
    """The last hours, with an experiment that runs; nothing of it leaves the house."""
    experiment = start_demo_experiment(by=made.ops, at=now - datetime.timedelta(hours=LIVE_HOURS + 1))
    route_live(world, live, cast, made, now)
    if experiment is not None:
        look_once(experiment, at=now)
    outbox.deliver_due(at=now, most=10_000)
    keep_inside()


def keep_inside() -> None:
    """The simulated people have no mailboxes: what was told so far is in the page, and nothing of it is sent."""
    QueueItem.objects.filter(told_at__isnull=True).update(told_at=F("created_at"))
    Delivery.objects.all().delete()
    Notification.objects.filter(awaits_digest=True).update(awaits_digest=False)


def route_live(
    world: World, live: Leads, cast: Cast, made: people.DemoPeople, now: datetime.datetime
) -> None:
    """Takes the last hours' leads in, one after the other at its time, and routes each; some are touched. Batches that
    waited for are planned at the end."""
    accounts = history.draw_accounts(live, cast)
    hours = np.sort(cast.rng.uniform(0.05, LIVE_HOURS, len(live)))[::-1]
    rows = history.lead_rows(live, accounts, cast, now, FIRST_LIVE)
    for i, row in enumerate(rows.to_dict("records")):
        at = now - datetime.timedelta(hours=float(hours[i]))
        opportunity = create_placed_opportunity(values=intake_values(row), at=at, by=made.ops)
        decision = route(opportunity_id=opportunity.pk, at=at)
        if (
            decision is None
            or decision.assignment is None
            or decision.rep is None
            or cast.rng.random() < 0.35
        ):
            continue
        touched = at + datetime.timedelta(minutes=float(cast.rng.lognormal(2.2, 1)))
        if touched < now:
            log_activity(
                opportunity_id=opportunity.pk,
                kind="call",
                rep=decision.rep,
                happened_at=touched,
                by=decision.rep.user,
            )
    propose_batch(world, max(len(live) // 3, 1), cast, made, now)


def propose_batch(
    world: World, count: int, cast: Cast, made: people.DemoPeople, now: datetime.datetime
) -> None:
    """Leads of a nurture campaign that ended today, planned together: a batch to look over."""
    leads = draw_leads(world, count, np.random.default_rng(count), days=1)
    rows = history.lead_rows(leads, history.draw_accounts(leads, cast), cast, now, 950_001)
    for row in rows.to_dict("records"):
        values = intake_values(row) | {"source": "Nurture"}
        opportunity = create_placed_opportunity(values=values, at=now, by=made.ops)
        route(opportunity_id=opportunity.pk, at=now)
    for name in sorted(set(BatchWait.objects.order_by().values_list("policy_name", flat=True))):
        batch = open_batch(policy_name=name, by=made.ops, at=now)
        run_batch(job_id=batch.job_id or 0, now=now)


def keep_logins(made: people.DemoPeople, folder: Path) -> None:
    """One login of each role, for `bin/start` to print."""
    busiest = max(
        made.reps, key=lambda rep: rep.opportunities.filter(routing="assigned", stage="open").count()
    )
    chosen = [made.ops, made.managers[busiest.team.name], busiest.user, made.analyst, made.admin]
    logins = [
        {"role": user.get_role_display(), "email": user.email, "name": user.name} for user in chosen if user
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo-logins.json").write_text(json.dumps({"password": PASSWORD, "logins": logins}, indent=2))


def keep_truth(world: World, parts: Mapping[int, Leads], made: people.DemoPeople, folder: Path) -> None:
    """The known win probabilities, kept aside for benchmarks: opportunity × rep, by external id. `parts`: leads by the
    number of the first."""
    ids = [f"L-{first + n:06d}" for first, leads in parts.items() for n in range(len(leads))]
    probability = np.vstack([true_win_probability(world, leads) for leads in parts.values()]).astype(
        np.float32
    )
    np.savez_compressed(
        folder / "demo-truth.npz",
        opportunity=np.array(ids),
        rep=np.array([rep.external_id for rep in made.reps]),
        win_probability=probability,
    )
