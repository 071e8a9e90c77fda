"""What of a batch can be planned apart, before anybody is scored.

Who could have an opportunity at all follows from territory and rules alone (`ladder.reach`), and that is cheap. Two
opportunities whose reach shares no rep, through whatever chain of others, do not touch each other; so a batch that is
too large for one machine is planned in parts, each by any worker, and the plans together are the best for the whole.
The reach is wider than what the plan chooses from, so parts can only be larger than they need be, never wrong.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from routing.engine.roster import Ints, Mask

_NOBODY = -1


def parts_by_reach(reach: Sequence[Mask], at_least: int) -> list[Ints]:
    """The rows of each part, rising; the largest part first, so that workers end together. `reach`: for each row the
    mask of the reps who could have it. Components are put together until a part has `at_least` rows; rows that nobody
    could have go with the smallest part."""
    kinds: dict[bytes, int] = {}
    kind_of_row = np.array([kinds.setdefault(mask.tobytes(), len(kinds)) for mask in reach], dtype=np.int64)
    if not len(kind_of_row):
        return []
    component = _components(list(kinds))[kind_of_row]
    sizes = np.bincount(component[component >= 0], minlength=1)
    parts: list[list[int]] = [[]]
    filled = 0
    for number in np.argsort(sizes, kind="stable"):
        if filled >= at_least:
            parts.append([])
            filled = 0
        parts[-1].append(int(number))
        filled += int(sizes[number])
    if len(parts) > 1 and filled < at_least:
        parts[-2:] = [parts[-2] + parts[-1]]
    rows = [np.flatnonzero(np.isin(component, part)) for part in parts]
    smallest = min(range(len(rows)), key=lambda place: len(rows[place]))
    rows[smallest] = np.sort(np.append(rows[smallest], np.flatnonzero(component == _NOBODY)))
    return sorted(rows, key=lambda part: -len(part))


def _components(masks: Sequence[bytes]) -> Ints:
    """The component of each kind of reach; _NOBODY where it is empty."""
    reaches = np.stack([np.frombuffer(mask, dtype=bool) for mask in masks])
    kind, rep = np.nonzero(reaches)
    size = sum(reaches.shape)
    graph = coo_matrix((np.ones(len(kind), dtype=np.int8), (kind, len(reaches) + rep)), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][: len(reaches)]
    _, dense = np.unique(labels, return_inverse=True)
    return np.where(reaches.any(axis=1), dense, _NOBODY)
