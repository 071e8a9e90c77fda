"""What the worker does. Every one may run twice or be killed in the middle: the services are idempotent."""

import contextlib

from django.conf import settings
from django.utils import timezone

from crm.services.tiers import rank_tiers
from reps.services import audit
from reps.services.calendars import sync
from reps.services.calendars.reading import Network
from reps.services.profiles import expire_depths
from routing.services import (
    account_transfers,
    availability,
    calendar_alarms,
    changes,
    clocks,
    dry_runs,
    evaluations,
    experiments,
    first_touch,
    load_samples,
    outbox,
    profile_notices,
    queue_notices,
    renewal,
    sweep,
    tag_reviews,
    training,
    turns,
    web_forms,
)
from routing.services.batch_runs import parts, planning, review
from routing.services.delivery import digests, keeping, letters, sending
from routing.services.webhooks import keeping as webhook_keeping
from routing.services.webhooks import planning as webhook_planning
from routing.services.webhooks import sending as webhook_sending


def deliver_outbox() -> int:
    """Delivers what is due in the outbox."""
    return outbox.deliver_due(at=timezone.now())


def send_deliveries() -> sending.Sent:
    """Sends email and posts to chats. Apart from the outbox, so that a slow server keeps nothing from the page."""
    return sending.run_sender()


def send_letter(content: str, tries: int) -> bool:
    """Sends one letter of the sign-in: an invitation, a link for a new password."""
    return letters.send_letter(content=content, tries=tries)


def send_webhooks() -> int:
    """Tells webhooks of changes. Apart from email and chat, so that neither waits for the other's servers."""
    return webhook_sending.run_sender()


def drain() -> int:
    """Tries held opportunities again."""
    return sweep.drain_held()


def decide_anew() -> int:
    """Decides again what was suggested and does not hold any more, a piece of it at a time."""
    return renewal.renew_suggestions(at=timezone.now()).decided


def route_waiting() -> int:
    """Routes what intake left behind."""
    return sweep.route_waiting(at=timezone.now())


def run_batches() -> int:
    """Batches: confirms or withdraws what nobody looked over in time, and asks for those that are due; how many."""
    review.confirm_due(at=timezone.now())
    sweep.expire_unconfirmed(at=timezone.now())
    review.close_done(at=timezone.now())
    return sweep.ask_for_batches(at=timezone.now())


def plan_batch(job_id: int) -> None:
    """Plans a batch that was asked for, or is to be planned anew."""
    planning.run_batch(job_id=job_id)


def plan_part(job_id: int) -> None:
    """Plans a part of a large batch."""
    parts.plan_part(job_id=job_id)


def keep_clocks() -> int:
    """First touches: reminds, tells managers, and gives to somebody else what was not touched or answered in time."""
    now = timezone.now()
    clocks.keep_up(at=now)
    first_touch.remind_and_escalate(at=now)
    return sweep.reroute_missed(at=now)


def every_night() -> int:
    """Certifications that expired, the deals behind each tag, the review of tags when one is due, reminders of profiles
    to look over, turns that went to junk (an import may have said so), messages that were delivered long ago, changes
    that were told long ago, entries of the audit log that are no longer kept, the looks at experiments, what
    Analytics › Load is made of, and tiers that follow the win rate."""
    expire_depths(today=timezone.localdate())
    tag_reviews.refresh_all_evidence(at=timezone.now())
    tag_reviews.request_due_review(at=timezone.now())
    profile_notices.remind_of_reviews(at=timezone.now())
    turns.give_back_wasted(at=timezone.now())
    keeping.forget_old(at=timezone.now())
    webhook_keeping.forget_old(at=timezone.now())
    web_forms.forget_hours(at=timezone.now())
    changes.forget_changes(at=timezone.now())
    audit.forget_old(at=timezone.now())
    experiments.look_at_experiments(at=timezone.now(), day=timezone.localdate())
    load_samples.keep_load_samples(at=timezone.now())
    return rank_tiers(at=timezone.now())


def train_model(job_id: int) -> None:
    """Does a training that was asked for."""
    training.run_training(job_id=job_id)


def review_tags(job_id: int) -> None:
    """Does a review of expertise tags that was asked for or is due."""
    tag_reviews.run_review(job_id=job_id)


def decide_batch(job_id: int) -> None:
    """Confirms, discards or holds back what of a batch somebody chose, where it is much."""
    review.run_decision(job_id=job_id)


def try_draft(job_id: int) -> None:
    """Plays the draft on past days."""
    dry_runs.run_dry_run(job_id=job_id)


def check_history(job_id: int) -> None:
    """Tries the product on a file of deals that somebody gave."""
    evaluations.run_check(job_id=job_id)


def every_week() -> None:
    """Asks for the weekly training, unless one is under way."""
    with contextlib.suppress(training.TrainingUnderWay):
        training.request_training(by=None)


def read_calendars() -> sync.Synced:
    """Reads the calendars that are due, and tells of those that broke or work again."""
    network = Network(allows_private=settings.CALENDAR_ALLOW_PRIVATE)
    synced = sync.read_due(at=timezone.now(), network=network)
    calendar_alarms.tell_of_calendars(at=timezone.now())
    return synced


def every_few_minutes() -> None:
    """Calendars. Apart from the minute's work, which must not wait for other people's servers."""
    read_calendars()
    decide_anew()  # what names somebody whom a calendar has just sent away


def every_minute() -> None:
    """The sweep: transfers of accounts whose day has come, proposed changes to profiles, suggestions that
    do not hold any more, who carries too much, intake left behind, batches that are due, first touches that are due
    or missed, held ones, what waits in the queue and nobody was told of, undelivered messages, digests, webhooks, a
    training or a review of tags whose worker died, and numbers of the audit log."""
    account_transfers.do_planned(at=timezone.now())
    training.restart_stopped_training(at=timezone.now())
    tag_reviews.give_up_stopped(at=timezone.now())
    profile_notices.tell_of_proposals(at=timezone.now())
    decide_anew()
    availability.flag_over_capacity(at=timezone.now())
    route_waiting()
    run_batches()
    keep_clocks()
    drain()
    queue_notices.tell_of_waiting(at=timezone.now())
    deliver_outbox()
    digests.make_due(at=timezone.now())
    sending.wake_if_due(at=timezone.now())
    changes.number_all()
    audit.seal()
    webhook_planning.plan_deliveries(at=timezone.now())
    webhook_sending.wake_if_due(at=timezone.now())
