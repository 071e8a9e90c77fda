"""A stored decision explained: replayed from its inputs and said in words, for everybody on the roster."""

import math
from dataclasses import dataclass, field

from django.utils import timezone

from reps.models import Rep
from routing.engine.comparison import Comparison, Other, compare, runners_up
from routing.engine.explain import Line, Part, headline, ladder_lines, shown_sum
from routing.engine.explain import parts as explain_parts
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.trace import known_of
from routing.models import Decision
from routing.queries.inputs import stored_inputs
from routing.queries.names import load_names
from routing.queries.shadow import HEADLINE, TELLING, is_blind, shadow_words


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
    win_range: str
    others: list[Other] = field(default_factory=list)
    is_blind: bool = False
    shadow: str = ""


def explain(decision: Decision, *, also: int | None = None) -> Explanation:
    """The explanation, with the runners-up; `also` adds one rep who was asked about. Few queries for any roster."""
    if decision.archive:
        return _archived(decision)
    inputs = stored_inputs(decision)
    verdict = decide(inputs)
    if is_blind(decision):
        return _blind(decision, Comparison(inputs, verdict, load_names([decision])))
    shown = runners_up(inputs, verdict)
    if also is not None and also in inputs.roster.index and also != verdict.rep_id:
        shown = [also, *(rep_id for rep_id in shown if rep_id != also)]
    names = load_names([decision], more_reps=shown)
    compared = Comparison(inputs, verdict, names, timezone.get_current_timezone())
    return _whole(decision, compared, [compare(compared, rep_id) for rep_id in shown])


def _whole(decision: Decision, compared: Comparison, others: list[Other]) -> Explanation:
    inputs, verdict, names = compared.inputs, compared.verdict, compared.names
    chosen = None if verdict.rep_id is None else inputs.roster.index[verdict.rep_id]
    parts: list[Part] = []
    total, penalty = 0.0, 0.0
    if chosen is not None and verdict.scores is not None and verdict.penalties is not None:
        values = [float(value) for value in verdict.scores.parts[chosen]]
        known = known_of(verdict.scores, inputs, chosen)
        parts = explain_parts(inputs.facts, values, known, names, inputs.model.learned is not None)
        total, penalty = shown_sum(values), float(verdict.penalties[chosen].sum())
    lines = ladder_lines(decision.trace["steps"], names)
    is_chosen = chosen is not None
    return Explanation(
        decision=decision,
        headline=headline(inputs.facts, verdict.via, decision.trace, names)
        if is_chosen
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
        win_range=_win_range(decision),
        others=others,
        shadow=shadow_words(decision),
    )


def _blind(decision: Decision, compared: Comparison) -> Explanation:
    """What may be told before a person has chosen: everything but whom it would have been."""
    inputs = compared.inputs
    steps = [step for step in decision.trace["steps"] if step["name"] not in TELLING]
    return Explanation(
        decision=decision,
        headline=HEADLINE,
        rep_name="",
        score=None,
        committed=None,
        max_open=None,
        parts=[],
        total=0.0,
        odds=1.0,
        penalty=0.0,
        lines=ladder_lines(steps, compared.names),
        configuration_number=inputs.configuration.number,
        model_number=inputs.model.number,
        win_range="",
        is_blind=True,
    )


def _archived(decision: Decision) -> Explanation:
    """What stayed here of one in the archive: who and how, and the steps."""
    names = load_names([decision])
    lines = ladder_lines(decision.trace["steps"], names)
    said = headline(OpportunityFacts.from_json(decision.facts), decision.via, decision.trace, names)
    return Explanation(
        decision=decision,
        headline=lines[-1].sentence if decision.rep_id is None and lines else said,
        rep_name="" if decision.rep_id is None else names.rep(decision.rep_id),
        score=None if decision.score is None else round(decision.score),
        committed=None,
        max_open=None,
        parts=[],
        total=0.0,
        odds=1.0,
        penalty=0.0,
        lines=lines,
        configuration_number=decision.configuration.number,
        model_number=decision.model.number,
        win_range=_win_range(decision),
        shadow=shadow_words(decision),
    )


def _win_range(decision: Decision) -> str:
    """ "34 to 41 %": the promise, and what the model says in full; "" where no deal was learned from."""
    if decision.win_probability is None or decision.win_probability_low is None:
        return ""
    low, high = round(100 * decision.win_probability_low), round(100 * decision.win_probability)
    return f"{low} %" if low == high else f"{low} to {high} %"


def reps_to_ask_about(decision: Decision) -> list[tuple[int, str]]:
    """Everybody who was on the roster then and has a name now, for "why not …?"."""
    if is_blind(decision) or decision.archive:
        return []
    ids = [rep.id for rep in stored_inputs(decision).roster.reps]
    return list(Rep.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name"))
