"""What waits for a batch: put off until its run, visible all the while. The runs: `batch_runs`."""

import datetime

from django.db import transaction

from crm.models import Opportunity
from crm.services import ownership
from routing.engine.schedule import next_run
from routing.engine.verdict import Verdict
from routing.models import BatchWait, Decision
from routing.queries.configuration import live_version

# What belongs to somebody goes there at once, whatever the policy: only what is to be chosen waits for the batch.
CHOSEN = (
    Decision.Via.RULE,
    Decision.Via.PREDICTION,
    Decision.Via.ROUND_ROBIN,
    Decision.Via.STRATEGY,
    Decision.Via.MANAGER,
    Decision.Via.HOLD,
)


def waits_for_batch(verdict: Verdict) -> bool:
    """Whether the policy lets this verdict wait for the next run."""
    return verdict.policy.batch is not None and verdict.via in CHOSEN


@transaction.atomic
def put_off(
    *, opportunity_id: int, verdict: Verdict, configuration_id: int, at: datetime.datetime
) -> BatchWait | None:
    """Lets it wait for the next run of its policy; the run it waits for already stays, as long as the schedule does.

    None where somebody decided it meanwhile.
    """
    opportunity = ownership.lock_opportunity(opportunity_id)
    if opportunity.routing not in (Opportunity.Routing.WAITING, Opportunity.Routing.BATCH):
        return None
    before = BatchWait.objects.filter(opportunity=opportunity).first()
    wait = new_wait(opportunity, verdict, configuration_id, at, before)
    wait.save()
    opportunity.routing = Opportunity.Routing.BATCH
    opportunity.save(update_fields=["routing"])
    return wait


def new_wait(
    opportunity: Opportunity,
    verdict: Verdict,
    configuration_id: int,
    at: datetime.datetime,
    before: BatchWait | None = None,
) -> BatchWait:
    """Its place in the next run of its policy, not stored yet; one that waits already keeps its place."""
    assert verdict.policy.batch is not None
    wait = before or BatchWait(opportunity=opportunity, waiting_since=opportunity.routing_since)
    wait.policy_name, wait.configuration_id = verdict.policy.name, configuration_id
    wait.due_at = next_run(verdict.policy.batch, at if before is None else wait.waiting_since)
    return wait


def taken_out(opportunity_id: int) -> None:
    """It is decided: nothing waits for the batch any more. The opportunity is locked by whoever calls."""
    BatchWait.objects.filter(opportunity=opportunity_id).delete()


def outdated(most: int) -> list[int]:
    """What waits under a configuration that is not live any more, the oldest first. Forgets what somebody decided by
    hand."""
    BatchWait.objects.exclude(
        opportunity__routing=Opportunity.Routing.BATCH, opportunity__stage=Opportunity.Stage.OPEN
    ).delete()
    found = BatchWait.objects.exclude(configuration=live_version()).order_by(
        "waiting_since", "opportunity_id"
    )
    return list(found.values_list("opportunity_id", flat=True)[:most])
