"""Whether a suggestion that waits may no longer hold, and what the ladder would say if it did not take its own room.

A suggestion takes one of its rep's slots and perhaps a turn. Deciding anew with those taken would find the rep fuller
than the decision did and name somebody else for no reason, so `without_own_claim` takes them off first. No room means
the limits of the ladder (capacity band, weekly cap, pipeline cap), held against what the others take.
"""

import dataclasses
from dataclasses import dataclass
from enum import Enum

from reps.engine.capacity import Band, BandBounds, band
from routing.engine.facts import OpportunityFacts
from routing.engine.verdict import Inputs


class Why(Enum):
    """What casts doubt on a suggestion."""

    LEFT = "left"
    AWAY = "away"
    FULL = "full"
    WEEK = "week"
    PIPELINE = "pipeline"
    FACTS = "facts"
    RULES = "rules"
    MODEL = "model"


# As a sentence about the rep, and as what goes on after "Before: Ana, ".
SAID: dict[Why, tuple[str, str]] = {
    Why.LEFT: ("{rep} has left", "who has left"),
    Why.AWAY: ("{rep} is away", "who is away"),
    Why.FULL: ("{rep} has no room any more", "who has no room any more"),
    Why.WEEK: ("{rep} has reached the weekly cap", "who has reached the weekly cap"),
    Why.PIPELINE: ("{rep} has reached the pipeline cap", "who has reached the pipeline cap"),
    Why.FACTS: ("the lead has changed ({detail})", "until the lead changed ({detail})"),
    Why.RULES: ("the rules have changed ({detail})", "until the rules changed ({detail})"),
    Why.MODEL: ("the model has changed ({detail})", "until the model changed ({detail})"),
}
OF_THE_REP = (Why.LEFT, Why.AWAY, Why.FULL, Why.WEEK, Why.PIPELINE)
GONE = (Why.LEFT, Why.AWAY)


@dataclass(frozen=True)
class Doubt:
    """Why a suggestion may no longer hold. `detail`: which version, or what has changed."""

    why: Why
    detail: str = ""

    @property
    def is_of_rep(self) -> bool:
        """Whether it can't be carried out: whatever the ladder would say of the lead, this rep can't take it."""
        return self.why in OF_THE_REP

    def sentence(self, rep: str) -> str:
        """ "Ana has no room any more"."""
        return SAID[self.why][0].format(rep=rep, detail=self.detail)

    @property
    def before(self) -> str:
        """ "who has no room any more"."""
        return SAID[self.why][1].format(detail=self.detail)


@dataclass(frozen=True)
class Standing:
    """A rep as one of the own suggestions finds it: numbers with that suggestion in them. The limits of one rep, as the
    ladder has them for all; a claim asks here too, with what it is about to give."""

    is_here: bool
    is_away: bool
    committed: int
    max_open: int
    week: int
    pending: int
    max_new_per_week: int
    pipeline_value: float
    max_pipeline_value: float | None

    def with_one_more(self, value: float) -> "Standing":
        """As another suggestion worth so much would find the rep."""
        return dataclasses.replace(
            self,
            committed=self.committed + 1,
            pending=self.pending + 1,
            pipeline_value=self.pipeline_value + value,
        )

    def doubt(self, bounds: BandBounds, *, is_exempt: bool) -> Doubt | None:
        """What keeps the rep from taking what is suggested; limits do not where it is the rep's own account."""
        if not self.is_here:
            return Doubt(Why.LEFT)
        if self.is_away:
            return Doubt(Why.AWAY)
        if is_exempt:
            return None
        if band(self.committed - 1, self.max_open, bounds) >= Band.AT:
            return Doubt(Why.FULL)
        if self.week + self.pending - 1 >= self.max_new_per_week:
            return Doubt(Why.WEEK)
        if self.max_pipeline_value is not None and self.pipeline_value > self.max_pipeline_value:
            return Doubt(Why.PIPELINE)
        return None


def without_own_claim(inputs: Inputs, *, rep_id: int, value: float, took_turn: bool) -> Inputs:
    """The inputs as if the rep's slot, value and turn were not taken by what is looked at."""
    place = inputs.roster.index.get(rep_id)
    if place is None:
        return inputs
    state = inputs.state
    pending, worth, finish = state.pending.copy(), state.pipeline_value.copy(), state.turn_finish.copy()
    pending[place] = max(pending[place] - 1, 0)
    worth[place] -= value
    if took_turn:
        finish[place] = max(finish[place] - 1 / inputs.roster.turn_weight[place], 0.0)
    room = None if state.room is None else state.room.with_one(place, -1)
    freed = dataclasses.replace(state, pending=pending, pipeline_value=worth, turn_finish=finish, room=room)
    return dataclasses.replace(inputs, state=freed)


# Facts whose name is not the user's word for it, and those that say nothing of the lead itself.
IN_WORDS = {
    "account_id": "account",
    "account_owner_id": "the account’s owner",
    "size_band": "company size",
    "employees": "company size",
    "lead_score": "lead score",
    "postal_code": "postal code",
    "region": "state or region",
    "custom": "your own fields",
}
NOT_OF_THE_LEAD = {"id", "is_locked", "duplicate_of_id", "duplicate_owner_id", "not_again"}


def changed_facts(before: OpportunityFacts, now: OpportunityFacts) -> tuple[str, ...]:
    """What is otherwise about the lead than it was decided on, in words, each once."""
    changed = (
        field.name
        for field in dataclasses.fields(OpportunityFacts)
        if field.name not in NOT_OF_THE_LEAD and getattr(before, field.name) != getattr(now, field.name)
    )
    return tuple(dict.fromkeys(IN_WORDS.get(name, name) for name in changed))
