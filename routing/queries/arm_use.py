"""How many open opportunities each arm of a slot split has with each rep.

Counting them all takes some fifty milliseconds where there are ten thousand, too long for every lead. Many are
therefore counted every few seconds by each process, and what was decided since is added: what was closed meanwhile
frees its slot a few seconds later. The share of an arm is a measure of fairness, no limit: limits are checked on locked
rows.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from reps.queries.prepared import ask_all
from routing.queries.state import NO_ID

MANY, KEPT_SECONDS = 2000, 5.0
Used = Mapping[tuple[int, str], Mapping[int, int]]

USED = """
SELECT x.experiment_id, x.arm, x.rep_id, count(*) FROM (
    SELECT DISTINCT e.experiment_id, e.arm, o.id, coalesce(o.owner_id, q.rep_id) AS rep_id
    FROM experiments_exposure e
    JOIN crm_opportunity o ON o.id = e.opportunity_id AND o.stage = 'open'
    LEFT JOIN routing_queueitem q ON q.opportunity_id = o.id AND q.state = 'pending'
    WHERE e.experiment_id = ANY(%s::bigint[]) AND e.apart = ''
) x WHERE x.rep_id IS NOT NULL GROUP BY 1, 2, 3
"""
NEWEST = "SELECT coalesce(max(id), 0) FROM experiments_exposure"
SINCE = f"""
SELECT experiment_id, arm, rep_id, count(*) FROM experiments_exposure
WHERE id > %s AND id < {NO_ID} AND experiment_id = ANY(%s::bigint[]) AND apart = '' AND rep_id IS NOT NULL
GROUP BY 1, 2, 3
"""


@dataclass(frozen=True)
class _Counted:
    """What was counted, of which experiments, up to which exposure, and until when it may be used."""

    of: tuple[str, tuple[int, ...]]
    used: Used
    newest: int
    until: float


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    counted: _Counted | None = None


_kept = _Kept()


def used_by(experiment_ids: Sequence[int]) -> Used:
    """By experiment and arm, each rep's."""
    if not experiment_ids:
        return {}
    of = connection.settings_dict["NAME"], tuple(experiment_ids)
    with _kept.lock:
        counted = _kept.counted
    if counted is not None and counted.of == of and time.monotonic() < counted.until:
        (new,) = ask_all((SINCE, [counted.newest, list(experiment_ids)]))
        return added(counted.used, by_arm(new))
    newest, rows = ask_all((NEWEST, ()), (USED, [list(experiment_ids)]))
    used = by_arm(rows)
    if sum(sum(counts.values()) for counts in used.values()) >= MANY:
        with _kept.lock:
            _kept.counted = _Counted(of, used, newest[0][0], time.monotonic() + KEPT_SECONDS)
    return used


def by_arm(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[int, str], dict[int, Any]]:
    """Rows of experiment, arm, rep and a value, by arm and rep."""
    found: dict[tuple[int, str], dict[int, Any]] = {}
    for experiment_id, arm, rep_id, value in rows:
        found.setdefault((experiment_id, arm), {})[rep_id] = value
    return found


def added(one: Used, other: Used, *, times: int = 1) -> Used:
    """The first with so many times the second, never below none."""
    found = {arm: dict(counts) for arm, counts in one.items()}
    for arm, counts in other.items():
        into = found.setdefault(arm, {})
        for rep_id, count in counts.items():
            into[rep_id] = max(into.get(rep_id, 0) + times * count, 0)
    return found


def forget() -> None:
    """The next one counts anew."""
    with _kept.lock:
        _kept.counted = None
