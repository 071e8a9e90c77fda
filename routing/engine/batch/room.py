"""How many slots each rep has, by load band: the same bounds as in real time (`reps.engine.capacity`).

The band is that of the load before an assignment. So a rep takes opportunities at no price until the load is past the
bound of "available", then at a price, and high matches only, until it is past that of "near capacity"; the weekly cap
ends both.
"""

import numpy as np

from reps.engine.capacity import BandBounds
from routing.engine.roster import Ints


def free_slots(
    committed: Ints, max_open: Ints, week: Ints, max_new_per_week: Ints, bounds: BandBounds
) -> Ints:
    """n × 2: slots in "available" and in "near capacity". `week` counts the assignments of seven rolling days."""
    ends = [
        np.floor(bound * max_open / 100 + 1e-9).astype(np.int64) + 1  # the first load that takes none
        for bound in (bounds.available_up_to, bounds.near_up_to)
    ]
    left = np.where(max_open > 0, np.maximum(max_new_per_week - week, 0), 0)
    until = [np.minimum(np.maximum(end - committed, 0), left) for end in ends]
    return np.column_stack([until[0], until[1] - until[0]])
