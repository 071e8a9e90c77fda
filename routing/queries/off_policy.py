"""What another model or configuration would have won, from the decisions that are logged (routing.engine.off_policy).

Used are decisions by prediction that were followed (assigned outright, or approved as suggested) and whose opportunity
is won or lost. Both ladders are run again on the inputs stored with the decision; the estimate of what others would
have won is the champion's win probability. What managers changed is left out: they see more than the log does. So is
what a policy in shadow decided: a person chose there, without having seen it.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from crm.models import Opportunity
from reps.engine.unavailable import Unavailable
from routing.engine.ladder import Inputs, Verdict, decide
from routing.engine.model import MatchModel, Scores
from routing.engine.off_policy import LoggedDecisions, OffPolicy, evaluate
from routing.engine.roster import Floats
from routing.models import ConfigurationVersion, Decision, ModelVersion, QueueItem
from routing.queries.configuration import compiled
from routing.queries.inputs import match_model, stored_inputs
from routing.queries.models import champion_version


@dataclass(frozen=True)
class Target:
    """What is to be valued: another model, another configuration, or both; None leaves what decided then."""

    model: ModelVersion | None = None
    configuration: ConfigurationVersion | None = None

    def applied(self, inputs: Inputs) -> Inputs:
        """The same situation under the target."""
        return replace(
            inputs,
            model=inputs.model if self.model is None else match_model(self.model.pk),
            configuration=inputs.configuration
            if self.configuration is None
            else compiled(self.configuration.pk),
        )


def logged_decisions(since: datetime.datetime) -> QuerySet[Decision]:
    """Followed predictions with a known outcome, the oldest first."""
    approved = QueueItem.objects.filter(decision=OuterRef("pk"), assignment__rep=OuterRef("rep"))
    followed = Q(assignment__isnull=False) | Exists(approved)
    return (
        Decision.objects.filter(
            followed,
            via=Decision.Via.PREDICTION,
            made_at__gte=since,
            opportunity__stage__in=(Opportunity.Stage.WON, Opportunity.Stage.LOST),
            opportunity__owner=F("rep"),
        )
        .exclude(outcome=Decision.Outcome.SHADOW)
        .select_related("opportunity")
        .order_by("pk")
    )


def value_from_log(
    target: Target, *, since: datetime.datetime, say: Callable[[int, int], None] = lambda done, total: None
) -> OffPolicy | Unavailable:
    """The value of the target with its intervals, or why it cannot be told."""
    champion = match_model(champion_version().pk)
    if champion.learned is None:
        return Unavailable("rules decide: there is no learned model to estimate what others would have won")
    decisions = logged_decisions(since)
    total = decisions.count()
    rows = []
    for done, decision in enumerate(decisions.iterator(chunk_size=200)):
        say(done, total)
        rows.append(_row(decision, target, champion))
    columns = np.array(rows, dtype=float).reshape(-1, 6).T
    reward, propensity, wanted, q_logged, q_target, has_overlap = columns
    return evaluate(LoggedDecisions(reward, propensity, wanted, q_logged, q_target, has_overlap > 0))


def _row(decision: Decision, target: Target, champion: MatchModel) -> tuple[float, ...]:
    """Reward, propensity, target probability, both estimates, and whether the log could have taken the target's way."""
    inputs = stored_inputs(decision)
    logged = chances(decide(inputs), inputs)
    wanted = chances(decide(target.applied(inputs)), inputs)
    q = _win_probabilities(inputs, champion)
    place = inputs.roster.index[decision.rep_id or 0]
    won = float(decision.opportunity.stage == Opportunity.Stage.WON)
    has_overlap = bool(np.all((wanted == 0) | (logged > 0)) and wanted.sum() > 0)
    return (
        won,
        decision.propensity,
        float(wanted[place]),
        float(q[place]),
        float(wanted @ q),
        float(has_overlap),
    )


def chances(verdict: Verdict, inputs: Inputs) -> Floats:
    """With which probability a verdict names each rep (n); all 0 where it names nobody."""
    if verdict.propensities is not None:
        return verdict.propensities
    found = np.zeros(len(inputs.roster))
    if verdict.rep_id is not None:
        found[inputs.roster.index[verdict.rep_id]] = 1.0
    return found


def _win_probabilities(inputs: Inputs, model: MatchModel) -> Floats:
    scores: Scores | None = decide(replace(inputs, model=model)).scores
    assert scores is not None
    assert scores.win_probability is not None
    return scores.win_probability


def in_words(result: OffPolicy | Unavailable) -> Iterator[str]:
    """The result in sentences."""
    if isinstance(result, Unavailable):
        yield f"Cannot be told: {result.reason}."
        return
    if not isinstance(result.logged, Unavailable):
        yield f"{result.decisions:,} followed predictions with an outcome; {result.logged.value:.1%} were won."
    for name, valued in (("SNIPS", result.snips), ("Doubly robust", result.doubly_robust)):
        if isinstance(valued, Unavailable):
            yield f"{name}: cannot be told: {valued.reason}."
        else:
            value, gain = valued.value, valued.gain
            yield (
                f"{name}: {value.value:.1%} ({value.low:.1%} to {value.high:.1%}), "
                f"{gain.value:+.1%} against the log ({gain.low:+.1%} to {gain.high:+.1%})."
            )
