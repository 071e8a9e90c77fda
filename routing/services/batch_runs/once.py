"""Asking for a batch by a program, which may send the same request twice: the second gets the first one's batch."""

import datetime

from django.db import IntegrityError, transaction

from reps.models import User
from routing.models import Batch, BatchRequest
from routing.services.batch_runs.asking import BatchRefused, request_batch


class KeyReused(Exception):
    """An Idempotency-Key came again for another policy."""


def request_once(
    *, policy_name: str, by: User, at: datetime.datetime, idempotency_key: str = ""
) -> tuple[Batch, bool]:
    """The batch, and whether this request asked for it. Raises BatchRefused, KeyReused."""
    if not idempotency_key:
        return request_batch(policy_name=policy_name, by=by, at=at), True
    if (before := _asked_before(policy_name, by, idempotency_key)) is not None:
        return before, False
    try:
        with transaction.atomic():
            batch = request_batch(policy_name=policy_name, by=by, at=at)
            BatchRequest.objects.create(batch=batch, user=by, idempotency_key=idempotency_key)
    except (BatchRefused, IntegrityError):
        # The same request side by side: the other was faster.
        if (before := _asked_before(policy_name, by, idempotency_key)) is None:
            raise
        return before, False
    return batch, True


def _asked_before(policy_name: str, by: User, idempotency_key: str) -> Batch | None:
    found = BatchRequest.objects.filter(user=by, idempotency_key=idempotency_key)
    before = found.select_related("batch").first()
    if before is None:
        return None
    if before.batch.policy_name != policy_name:
        raise KeyReused("This Idempotency-Key was used before for another policy.")
    return before.batch
