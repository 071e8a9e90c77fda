"""What another model or configuration would have won, from the decisions that are logged (routing.engine.off_policy).

Used are decisions by prediction that were followed (assigned outright, or approved as suggested) and whose opportunity
is won or lost. Both ladders are run again on the inputs stored with the decision (routing.engine.look_back). What
managers changed is left out: they see more than the log does. So is what a policy in shadow decided (a person chose
there, without having seen it), what the plan of a batch chose (it weighed all of the batch, which one decision run
again does not), and what was decided by a ladder that would not decide so any more.

A model that has learned from the outcomes of a decision is not valued on it: it would be praised for knowing them.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from crm.models import Opportunity
from reps.engine.unavailable import Unavailable
from routing.engine.configuration import Configuration
from routing.engine.look_back import SAME, Seen, log_of, look_back
from routing.engine.model import MatchModel
from routing.engine.off_policy import OffPolicy, evaluate
from routing.engine.verdict import Inputs
from routing.models import ConfigurationVersion, Decision, ModelVersion, QueueItem
from routing.queries.configuration import compiled
from routing.queries.inputs import match_model, stored_inputs

CLOSED = (Opportunity.Stage.WON, Opportunity.Stage.LOST)
Say = Callable[[int, int], None]


@dataclass(frozen=True)
class Target:
    """What is to be valued: another model, another configuration, or both; None leaves what decided then. The model
    has learned from what closed before the day `learned_before`."""

    model: MatchModel | None = None
    configuration: Configuration | None = None
    learned_before: datetime.date | None = None

    @classmethod
    def of(
        cls, *, model: ModelVersion | None = None, configuration: ConfigurationVersion | None = None
    ) -> "Target":
        return cls(
            model=None if model is None else match_model(model.pk),
            configuration=None if configuration is None else compiled(configuration.pk),
            learned_before=None if model is None else model.as_of,
        )

    @property
    def knows_until(self) -> datetime.datetime | None:
        """Up to this moment it may know how things ended."""
        if self.learned_before is None:
            return None
        return timezone.make_aware(datetime.datetime.combine(self.learned_before, datetime.time.min))

    def applied(self, inputs: Inputs) -> Inputs:
        """The same situation under the target, outside of any experiment."""
        return replace(
            inputs,
            model=self.model or inputs.model,
            configuration=self.configuration or inputs.configuration,
            state=replace(inputs.state, room=None),
            in_arm=None,
        )


@dataclass(frozen=True)
class LogCounts:
    """Of the decisions by prediction that a period has (`made`): `followed` by people or automation; of these `planned`
    in a batch, whose opportunity is still `open`, or `ended` otherwise (disqualified, or with somebody else). Of the
    rest `known` to the target's model, decided by a ladder `unlike` today's, and the ones `used`; of these `by_rules`,
    without a learned model."""

    made: int
    followed: int
    planned: int
    open: int
    ended: int
    known: int = 0
    unlike: int = 0
    used: int = 0
    by_rules: int = 0


@dataclass(frozen=True)
class ValuedLog:
    counts: LogCounts
    value: OffPolicy | Unavailable


def predictions(first: datetime.datetime, last: datetime.datetime | None = None) -> QuerySet[Any]:
    """Decisions by prediction of a period, each with whether it was followed and planned in a batch; those in the
    archive cannot be decided again."""
    approved = QueueItem.objects.filter(decision=OuterRef("pk"), assignment__rep=OuterRef("rep"))
    found = Decision.objects.filter(via=Decision.Via.PREDICTION, made_at__gte=first)
    if last is not None:
        found = found.filter(made_at__lte=last)
    found = found.exclude(outcome=Decision.Outcome.SHADOW).exclude(trace__has_key="archive")
    return found.annotate(
        is_followed=Q(assignment__isnull=False) | Exists(approved),
        is_planned=Q(trace__steps__contains=[{"name": "batch"}]),
    )


def logged_decisions(first: datetime.datetime, last: datetime.datetime | None = None) -> QuerySet[Decision]:
    """Followed predictions with a known outcome, the oldest first."""
    return (
        predictions(first, last)
        .filter(
            is_followed=True, is_planned=False, opportunity__stage__in=CLOSED, opportunity__owner=F("rep")
        )
        .select_related("opportunity")
        .defer("columns")
        .order_by("pk")
    )


def count_log(first: datetime.datetime, last: datetime.datetime | None = None) -> LogCounts:
    """One query."""
    single = Q(is_followed=True, is_planned=False)
    is_open = Q(opportunity__stage=Opportunity.Stage.OPEN)
    used = Q(opportunity__stage__in=CLOSED, opportunity__owner=F("rep"))
    counts = predictions(first, last).aggregate(
        made=Count("pk"),
        followed=Count("pk", filter=Q(is_followed=True)),
        planned=Count("pk", filter=Q(is_followed=True, is_planned=True)),
        open=Count("pk", filter=single & is_open),
        ended=Count("pk", filter=single & ~is_open & ~used),
    )
    return LogCounts(**counts)


def value_log(
    target: Target,
    *,
    first: datetime.datetime,
    last: datetime.datetime | None = None,
    say: Say = lambda done, total: None,
) -> ValuedLog:
    """The value of the target with its intervals, or why it cannot be told, and what that is based on."""
    counts, decisions = count_log(first, last), logged_decisions(first, last)
    knows = target.knows_until
    unseen = decisions if knows is None else decisions.filter(made_at__gte=knows)
    total = unseen.count()
    known = 0 if knows is None else decisions.filter(made_at__lt=knows).count()
    kept, seen = _look_back(unseen, target, lambda done: say(done, total))
    counts = replace(
        counts,
        known=known,
        unlike=total - len(kept),
        used=len(kept),
        by_rules=sum(bool(np.isnan(one.q_logged)) for one in seen),
    )
    if known and not total:
        return ValuedLog(counts, _refused_as_known(target, known))
    reward, propensity, account = np.array(kept, dtype=float).reshape(-1, 3).T
    return ValuedLog(counts, evaluate(log_of(seen, reward, propensity, account.astype(np.int64))))


def _refused_as_known(target: Target, known: int) -> Unavailable:
    assert target.learned_before is not None
    return Unavailable(
        f"the model has learned from everything that closed before {target.learned_before:%-d %b %Y}, so that it may "
        f"know how each of the {known:,} logged decisions ended"
    )


def value_from_log(
    target: Target, *, since: datetime.datetime, say: Say = lambda done, total: None
) -> OffPolicy | Unavailable:
    """The value of the target from everything that was logged since, or why it cannot be told."""
    return value_log(target, first=since, say=say).value


def _look_back(
    decisions: QuerySet[Decision], target: Target, say: Callable[[int], None]
) -> tuple[list[tuple[float, float, float]], list[Seen]]:
    """Of each decision that the ladder still makes as it was made: outcome, propensity, account, and what was seen."""
    rows, seen = [], []
    for done, decision in enumerate(decisions.iterator(chunk_size=200)):
        say(done)
        inputs, opportunity = stored_inputs(decision), decision.opportunity
        assert decision.rep_id is not None
        found = look_back(inputs, target.applied(inputs), decision.rep_id)
        if abs(found.propensity - decision.propensity) > SAME:
            continue
        won = float(opportunity.stage == Opportunity.Stage.WON)
        rows.append((won, decision.propensity, float(opportunity.account_id or -opportunity.pk)))
        seen.append(found)
    return rows, seen


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
