"""Counts each night what Analytics › Load is made of, so that the page reads little however long the history is."""

import datetime

import numpy as np
from django.db import transaction

from routing.engine.load_effects import Assignments
from routing.models import LoadSample
from routing.queries.load_effects import packed, past_assignments

MOST = 20_000  # of a role: medians and shares move by less than a point beyond


@transaction.atomic
def keep_load_samples(*, at: datetime.datetime) -> int:
    """Replaces what the night before had; how many roles."""
    found = past_assignments(at)
    LoadSample.objects.exclude(role_template__in=found).delete()
    for role, assignments in found.items():
        kept = _some(assignments, seed=role)
        values = {"content": packed(kept), "counted": len(assignments), "kept": len(kept), "counted_at": at}
        LoadSample.objects.update_or_create(role_template_id=role, defaults=values)
    return len(found)


def _some(assignments: Assignments, *, seed: int) -> Assignments:
    """So many of them by chance, in the order in which they were."""
    if len(assignments) <= MOST:
        return assignments
    chosen = np.random.default_rng(seed).choice(len(assignments), MOST, replace=False)
    which = np.zeros(len(assignments), dtype=bool)
    which[chosen] = True
    return assignments.part(which)
