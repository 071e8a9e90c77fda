"""Everybody else, compared with who was chosen: who came closest, why not, and what would change it.

Pure: inputs and verdict in, sentences out. The names, and the time zone in which a return from an absence is said, are
arguments.
"""

import datetime
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from routing.engine.columns import DIMENSION_LABELS, DIMENSIONS
from routing.engine.evidence import Known
from routing.engine.explain import Names, RepMoment, WhyNot, missing_phrases, round_to_sum, why_not
from routing.engine.roster import NEVER, OPEN_END
from routing.engine.trace import PENALTY_NAMES, about, exit_code, known_of, rule_index
from routing.engine.verdict import RULE_STRIDE, Exit, Inputs, Verdict

OTHERS_SHOWN = 5
WORTH_SAYING = 0.02  # a penalty below this, in log-odds, is not worth a word


@dataclass(frozen=True)
class Other:
    """Somebody who was not chosen: score (None where not scored), the load then, why not and what would change it.

    `gaps`: in which dimensions the chosen rep is ahead (or behind), in log-odds; they add up to the scores' distance.
    """

    rep_id: int
    name: str
    score: int | None
    committed: int
    max_open: int
    why: WhyNot
    gaps: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A decided situation, and what is needed to say it."""

    inputs: Inputs
    verdict: Verdict
    names: Names
    zone: datetime.tzinfo = datetime.UTC

    @cached_property
    def leader(self) -> int | None:
        """The place of whom the others are compared with: who was chosen, else who came closest."""
        if self.verdict.rep_id is not None:
            return self.inputs.roster.index[self.verdict.rep_id]
        closest = np.flatnonzero(self.verdict.exits == Exit.NOT_CONFIDENT)
        return int(closest[0]) if len(closest) else None

    @cached_property
    def known_of_leader(self) -> Known:
        """What can be said of that rep."""
        if self.leader is None or self.verdict.scores is None:
            return Known()
        return known_of(self.verdict.scores, self.inputs, self.leader)


# How far from the end a rep went out: 0 in until the end or only not free, 1 the language, 2 territory and rules.
_DISTANCE = np.zeros(RULE_STRIDE, dtype=np.int64)
_DISTANCE[Exit.LANGUAGE] = 1
_DISTANCE[[Exit.OUTSIDE_TERRITORY, Exit.RULE, Exit.NOT_THE_OWNER, Exit.NOT_THE_COVERING_REP]] = 2


def runners_up(inputs: Inputs, verdict: Verdict) -> list[int]:
    """The ids of those who came closest: who stayed in longest, then by score."""
    if verdict.scores is None:
        return []
    order = np.lexsort((-verdict.scores.score, _DISTANCE[verdict.exits % RULE_STRIDE]))
    ids = (int(inputs.roster.ids[i]) for i in order[: OTHERS_SHOWN + 1])
    return [rep_id for rep_id in ids if rep_id != verdict.rep_id][:OTHERS_SHOWN]


def compare(compared: Comparison, rep_id: int) -> Other:
    """One rep against who was chosen (or came closest)."""
    inputs, verdict = compared.inputs, compared.verdict
    i = inputs.roster.index[rep_id]
    return Other(
        rep_id=rep_id,
        name=compared.names.rep(rep_id),
        score=round(float(verdict.scores.score[i])) if verdict.scores is not None else None,
        committed=int(inputs.state.committed[i]),
        max_open=inputs.roster.reps[i].max_open,
        why=_why_not(compared, i),
        gaps=_gaps(compared, i),
    )


def _gaps(compared: Comparison, i: int) -> tuple[tuple[str, float], ...]:
    """Dimension and distance as shown, without those that round to nothing."""
    chosen, scores = compared.leader, compared.verdict.scores
    if chosen is None or scores is None:
        return ()
    shown = round_to_sum([float(v) for v in scores.parts[chosen] - scores.parts[i]], 2)
    return tuple(
        (DIMENSION_LABELS[name], value) for name, value in zip(DIMENSIONS, shown, strict=True) if value
    )


def _why_not(compared: Comparison, i: int) -> WhyNot:
    inputs, verdict, names = compared.inputs, compared.verdict, compared.names
    code = exit_code(int(verdict.exits[i]))
    rules = inputs.configuration.rules
    rule = rules[rule_index(int(verdict.exits[i]))] if code is Exit.RULE else None
    gap, missing, penalties = None, [], []
    chosen = compared.leader
    if chosen is not None and verdict.scores is not None and verdict.penalties is not None:
        priority = verdict.scores.log_odds_ratio - verdict.penalties.sum(axis=1)
        gap = float(priority[chosen] - priority[i])
        lowered = verdict.penalties[i] - verdict.penalties[chosen]
        penalties = [name for name, value in zip(PENALTY_NAMES, lowered, strict=True) if value > WORTH_SAYING]
        own = known_of(verdict.scores, inputs, i)
        missing = missing_phrases(compared.known_of_leader, own, inputs.facts)
    return why_not(
        code,
        _moment(compared, i),
        rule_name=names.rule(rule.id) if rule else "",
        chosen="nobody" if chosen is None else names.rep(inputs.roster.reps[chosen].id),
        gap=gap,
        missing=missing,
        penalties=penalties,
        near_up_to_pct=inputs.configuration.capacity.bounds.near_up_to,
        high_match=inputs.high_match,
        threshold=verdict.policy.threshold,
        owner_is_away=any(step.found.get("why") == "owner_away" for step in verdict.steps),
        about=about(int(verdict.exits[i])),
        turned=dict(inputs.facts.not_again).get(inputs.roster.reps[i].id, ""),
    )


def _moment(compared: Comparison, i: int) -> RepMoment:
    inputs = compared.inputs
    state, rep = inputs.state, inputs.roster.reps[i]
    until = int(state.away_until[i])
    return RepMoment(
        id=rep.id,
        load=int(state.load[i]),
        committed=int(state.committed[i]),
        max_open=rep.max_open,
        week=int(state.week[i]),
        max_new_per_week=rep.max_new_per_week,
        is_away=until != NEVER,
        away_until=None
        if until in (NEVER, OPEN_END)
        else datetime.datetime.fromtimestamp(until, tz=compared.zone),
        works_now=bool(state.works_now[i]),
    )
