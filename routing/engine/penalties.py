"""What lowers a rep's priority and is no odds of winning: nearly full, much today, much pipeline, away soon.

priority = log odds ratio - sum of penalties. They are settings of the configuration, in the same unit (log odds), and
learned from nothing. What they do not do: keep anybody out, which is for eligibility.
"""

import numpy as np

from routing.engine.configuration import Capacity
from routing.engine.roster import Floats, Mask, Roster, RosterState

PIPELINE_AT_MOST = 3  # times the average, above it


def penalties(roster: Roster, state: RosterState, capacity: Capacity, near: Mask) -> Floats:
    """Of each rep (n × 4): near capacity (`near`), over a day's new ones, pipeline above the average, absence ahead."""
    today = np.maximum(state.day + 1 - roster.max_new_per_day, 0)
    average = state.pipeline_value.mean() if len(roster) else 0.0
    pipeline = np.maximum(state.pipeline_value / average - 1, 0) if average > 0 else np.zeros(len(roster))
    ahead = (state.absence_in >= 0) & (state.absence_in <= capacity.absence_horizon_hours * 3600)
    found = np.array(
        [
            capacity.near_capacity_penalty * near,
            capacity.assigned_today_penalty * today,
            capacity.pipeline_penalty * np.minimum(pipeline, PIPELINE_AT_MOST),
            capacity.absence_ahead_penalty * ahead,
        ],
        dtype=np.float64,
    )
    return found.T  # the numbers of each penalty side by side
