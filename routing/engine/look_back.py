"""One logged decision under another policy, and what `off_policy` must know of it.

Both ladders are run on the inputs that were stored with the decision. The estimate of what each rep would have won is
that of the model which decided then: it was learned before, so it cannot know how this decision ended, whatever model
or configuration is valued. Where rules decided there is none; there the share won in the other half of the accounts
stands for everybody (`expected_of`), and the estimate is carried by the outcomes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.engine.ladder import decide
from routing.engine.off_policy import Floats, Ints, LoggedDecisions
from routing.engine.verdict import Inputs, Verdict

SAME = 1e-6  # a propensity that differs by more from the stored one is of another ladder than decided then


@dataclass(frozen=True)
class Seen:
    """`propensity` of the logged rep as the ladder says it now · `target` the other policy's probability of the
    same rep · `q_logged`, `q_target` expected wins of either, NaN where no deal was learned · `has_overlap`,
    `squared` as in LoggedDecisions · `named` how likely the other policy names anybody."""

    propensity: float
    target: float
    q_logged: float
    q_target: float
    has_overlap: bool
    squared: float
    named: float


def look_back(inputs: Inputs, other: Inputs, rep_id: int) -> Seen:
    """`inputs` as stored, `other` the same situation under the other policy."""
    return seen_of(decide(inputs), chances(decide(other), other), inputs, rep_id)


def seen_of(verdict: Verdict, wanted: Floats, inputs: Inputs, rep_id: int) -> Seen:
    """From the logged verdict on the inputs, and with which probability the other policy names each rep (n)."""
    logged = chances(verdict, inputs)
    place, named = inputs.roster.index[rep_id], float(wanted.sum())
    q = _estimates(verdict, len(wanted))
    covered = logged > 0
    return Seen(
        propensity=float(logged[place]),
        target=float(wanted[place]),
        q_logged=float(q[place]),
        q_target=float(wanted @ q),
        has_overlap=bool(np.all((wanted == 0) | covered) and named > 0),
        squared=float((wanted[covered] ** 2 / logged[covered]).sum()),
        named=named,
    )


def chances(verdict: Verdict, inputs: Inputs) -> Floats:
    """With which probability a verdict names each rep (n); all 0 where it names nobody."""
    if verdict.propensities is not None:
        return verdict.propensities
    found = np.zeros(len(inputs.roster))
    if verdict.rep_id is not None:
        found[inputs.roster.index[verdict.rep_id]] = 1.0
    return found


def _estimates(verdict: Verdict, count: int) -> Floats:
    scores = verdict.scores
    known = None if scores is None else scores.win_probability
    return np.full(count, np.nan) if known is None else known


def log_of(seen: Sequence[Seen], reward: Floats, propensity: Floats, account: Ints) -> LoggedDecisions:
    """The columns of `evaluate`: what was seen of each decision, its outcome, its stored propensity, its account."""
    rows = np.array(
        [(s.target, s.q_logged, s.q_target, s.has_overlap, s.squared, s.named) for s in seen], dtype=float
    )
    target, q_logged, q_target, has_overlap, squared, named = rows.reshape(-1, 6).T
    expected = expected_of(reward, account)
    unknown = np.isnan(q_logged)
    return LoggedDecisions(
        reward=reward,
        propensity=np.minimum(
            propensity, 1.0
        ),  # shares that were added up may pass it by a bit of the last place
        target=np.minimum(target, 1.0),
        q_logged=np.where(unknown, expected, q_logged),
        q_target=np.where(unknown, named * expected, q_target),
        has_overlap=has_overlap > 0,
        squared=squared,
        account=account,
    )


def expected_of(reward: Floats, account: Ints) -> Floats:
    """For each decision the share won in the other half, an account lying in one; one half where there is no other."""
    _, number = np.unique(account, return_inverse=True)
    half = number % 2 == 1
    shares = [float(reward[half != side].mean()) if (half != side).any() else 0.5 for side in (False, True)]
    return np.where(half, shares[1], shares[0])
