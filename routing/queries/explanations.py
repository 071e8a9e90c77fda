"""A stored decision explained: replayed from its inputs and said in words, for everybody on the roster."""

import datetime
import math
from dataclasses import dataclass, field

from django.utils import timezone

from reps.models import Rep
from routing.engine.explain import (
    Line,
    Names,
    Part,
    RepMoment,
    WhyNot,
    headline,
    ladder_lines,
    missing_phrases,
    shown_sum,
    why_not,
)
from routing.engine.explain import parts as explain_parts
from routing.engine.ladder import Exit, Inputs, Verdict, decide
from routing.engine.roster import NEVER, OPEN_END
from routing.engine.trace import PENALTY_NAMES, exit_code, known_of, rule_index
from routing.models import Decision
from routing.queries.inputs import stored_inputs
from routing.queries.names import load_names

OTHERS_SHOWN = 5
WORTH_SAYING = 0.02  # a penalty below this, in log-odds, is not worth a word


@dataclass(frozen=True)
class Other:
    """Somebody who was not chosen: score (None where not scored), the load then, why not and what would change it."""

    rep_id: int
    name: str
    score: int | None
    committed: int
    max_open: int
    why: WhyNot


@dataclass(frozen=True)
class Explanation:
    """Everything that a page says about a decision."""

    decision: Decision
    headline: str
    rep_name: str
    score: int | None
    committed: int | None
    max_open: int | None
    parts: list[Part]
    total: float
    odds: float
    penalty: float
    lines: list[Line]
    configuration_number: int
    model_number: int
    others: list[Other] = field(default_factory=list)


@dataclass(frozen=True)
class _Replayed:
    decision: Decision
    inputs: Inputs
    verdict: Verdict
    names: Names


def explain(decision: Decision, *, also: int | None = None) -> Explanation:
    """The explanation, with the runners-up; `also` adds one rep who was asked about. Few queries for any roster."""
    inputs = stored_inputs(decision)
    verdict = decide(inputs)
    shown = _runners_up(inputs, verdict)
    if also is not None and also in inputs.roster.index and also != verdict.rep_id:
        shown = [also, *(rep_id for rep_id in shown if rep_id != also)]
    names = load_names([decision], more_reps=shown)
    replayed = _Replayed(decision, inputs, verdict, names)
    return _whole(replayed, [_other(replayed, rep_id) for rep_id in shown])


def _runners_up(inputs: Inputs, verdict: Verdict) -> list[int]:
    """Those who came closest: who stayed in longest, then by score."""
    scores = verdict.scores
    if scores is None:
        return []
    order = sorted(
        (i for i in range(len(inputs.roster)) if inputs.roster.reps[i].id != verdict.rep_id),
        key=lambda i: (_distance(exit_code(int(verdict.exits[i]))), -float(scores.score[i]), i),
    )
    return [inputs.roster.reps[i].id for i in order[:OTHERS_SHOWN]]


def _distance(code: Exit) -> int:
    """0 for those who were in until the end or only not free, 1 for the language, 2 for territory and rules."""
    if code is Exit.LANGUAGE:
        return 1
    return 2 * (code in (Exit.OUTSIDE_TERRITORY, Exit.RULE, Exit.NOT_THE_OWNER, Exit.NOT_THE_COVERING_REP))


def _whole(replayed: _Replayed, others: list[Other]) -> Explanation:
    decision, inputs, verdict, names = replayed.decision, replayed.inputs, replayed.verdict, replayed.names
    chosen = None if verdict.rep_id is None else inputs.roster.index[verdict.rep_id]
    parts: list[Part] = []
    total, penalty = 0.0, 0.0
    if chosen is not None and verdict.scores is not None and verdict.penalties is not None:
        values = [float(value) for value in verdict.scores.parts[chosen]]
        known = known_of(verdict.scores, inputs, chosen)
        parts = explain_parts(inputs.facts, values, known, names, inputs.model.learned is not None)
        total, penalty = shown_sum(values), float(verdict.penalties[chosen].sum())
    steps = decision.trace["steps"]
    lines = ladder_lines(steps, names)
    return Explanation(
        decision=decision,
        headline=headline(inputs.facts, verdict.via, decision.trace, names)
        if chosen is not None
        else lines[-1].sentence,
        rep_name="" if verdict.rep_id is None else names.rep(verdict.rep_id),
        score=None if decision.score is None else round(decision.score),
        committed=None if chosen is None else int(inputs.state.committed[chosen]),
        max_open=None if chosen is None else inputs.roster.reps[chosen].max_open,
        parts=parts,
        total=total,
        odds=math.exp(total),
        penalty=penalty,
        lines=lines,
        configuration_number=inputs.configuration.number,
        model_number=inputs.model.number,
        others=others,
    )


def _other(replayed: _Replayed, rep_id: int) -> Other:
    inputs, verdict = replayed.inputs, replayed.verdict
    i = inputs.roster.index[rep_id]
    scored = verdict.scores is not None
    return Other(
        rep_id=rep_id,
        name=replayed.names.rep(rep_id),
        score=round(float(verdict.scores.score[i])) if verdict.scores is not None and scored else None,
        committed=int(inputs.state.committed[i]),
        max_open=inputs.roster.reps[i].max_open,
        why=_why_not(replayed, i),
    )


def _why_not(replayed: _Replayed, i: int) -> WhyNot:
    inputs, verdict, names = replayed.inputs, replayed.verdict, replayed.names
    code = exit_code(int(verdict.exits[i]))
    rules = inputs.configuration.rules
    rule = rules[rule_index(int(verdict.exits[i]))] if code is Exit.RULE else None
    gap, missing, penalties = None, [], []
    chosen = _leader(replayed)
    if chosen is not None and verdict.scores is not None and verdict.penalties is not None:
        priority = verdict.scores.log_odds_ratio - verdict.penalties.sum(axis=1)
        gap = float(priority[chosen] - priority[i])
        lowered = verdict.penalties[i] - verdict.penalties[chosen]
        penalties = [name for name, value in zip(PENALTY_NAMES, lowered, strict=True) if value > WORTH_SAYING]
        missing = missing_phrases(
            known_of(verdict.scores, inputs, chosen), known_of(verdict.scores, inputs, i), inputs.facts
        )
    return why_not(
        code,
        _moment(inputs, i),
        rule_name=names.rule(rule.id) if rule else "",
        chosen="nobody" if chosen is None else names.rep(inputs.roster.reps[chosen].id),
        gap=gap,
        missing=missing,
        penalties=penalties,
        near_up_to_pct=inputs.configuration.capacity.bounds.near_up_to,
        high_match=inputs.high_match,
        threshold=verdict.policy.threshold,
        owner_is_away=any(step.found.get("why") == "owner_away" for step in verdict.steps),
    )


def _leader(replayed: _Replayed) -> int | None:
    """The place of whom the others are compared with: who was chosen, else who came closest."""
    verdict = replayed.verdict
    if verdict.rep_id is not None:
        return replayed.inputs.roster.index[verdict.rep_id]
    return next((i for i, code in enumerate(verdict.exits) if code == Exit.NOT_CONFIDENT), None)


def _moment(inputs: Inputs, i: int) -> RepMoment:
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
        else timezone.localtime(datetime.datetime.fromtimestamp(until, tz=datetime.UTC)),
    )


def reps_to_ask_about(decision: Decision) -> list[tuple[int, str]]:
    """Everybody who was on the roster then and has a name now, for "why not …?"."""
    ids = [rep.id for rep in stored_inputs(decision).roster.reps]
    return list(Rep.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name"))
