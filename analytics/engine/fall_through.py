"""Why an opportunity fell through to turns, a manager or nobody: read from the stored decision, without deciding anew.

A decision keeps who left the ladder at which step. What is asked here besides is whom *one* requirement alone kept out:
who covers the territory, meets everything else and had room. Where there is such a rep, the requirement is the cause
and training closes the gap; where nobody is left over, it is room, absence or the threshold. Of several causes the one
that stands first in `Cause` counts, except that a confident match that was missed by its score had somebody to choose.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from reps.engine.capacity import Band, bands, load_pct
from routing.engine.batch.plan import WhyNot
from routing.engine.columns import speaks
from routing.engine.configuration import Policy, Rule
from routing.engine.ladder import DEFAULT_POLICY
from routing.engine.requirements import kept_by
from routing.engine.roster import Mask
from routing.engine.trace import TraceColumns, exit_code
from routing.engine.verdict import Exit, Inputs

MOST_NAMED = 10  # reps kept with a row
LIMITS = {
    Exit.AT_CAPACITY: "open opportunities",
    Exit.OVER_CAPACITY: "open opportunities",
    Exit.NOT_HIGH_MATCH: "open opportunities",
    Exit.WEEKLY_CAP: "new in seven days",
    Exit.PIPELINE_CAP: "pipeline value",
    Exit.ARM_FULL: "the slots of an experiment’s arm",
}
BEFORE_RULES = (
    Exit.NOT_AGAIN, Exit.NOT_THE_OWNER, Exit.NOT_THE_COVERING_REP, Exit.OUTSIDE_TERRITORY, Exit.OTHER_ARM,
)  # fmt: skip
LEFT_OVER = (
    Exit.IN, Exit.NOT_CONFIDENT, Exit.LOWER_PRIORITY, Exit.NOT_THE_TURN, Exit.NOT_HIGH_MATCH, Exit.NOT_READY,
    Exit.NOT_IN_PLAN,
)  # fmt: skip


class Cause(StrEnum):
    """Kept in rows: names are never reused."""

    TERRITORY = "territory"
    TURNED_DOWN = "turned_down"
    EXPERIMENT = "experiment"
    LANGUAGE = "language"
    REQUIREMENT = "requirement"
    RULE = "rule"
    CONFIDENCE = "confidence"
    HOURS = "hours"
    AWAY = "away"
    CAPACITY = "capacity"


@dataclass(frozen=True)
class Reason:
    """`missing`: the language, territory, requirement, rule, policy or limit that it is about, as people write it;
    `subject_id` of that territory or rule. `best_score` of those left, and the `threshold` it did not reach.
    `lacking`: reps whom only this kept from it (of capacity: who would have had it), the best first."""

    cause: Cause
    missing: str = ""
    subject_id: int | None = None
    best_score: float | None = None
    threshold: float | None = None
    lacking: tuple[int, ...] = ()


def reason_of(inputs: Inputs, steps: list[dict[str, Any]], columns: TraceColumns) -> Reason:
    """Of a decision that fell through, from its stored inputs, steps and columns."""
    return _Look(inputs, steps, columns).reason()


class _Look:
    def __init__(self, inputs: Inputs, steps: list[dict[str, Any]], columns: TraceColumns) -> None:
        self.inputs, self.columns = inputs, columns
        self.found: dict[str, dict[str, Any]] = {step["name"]: step["found"] for step in steps}
        self.steps = steps
        codes, places = np.unique(columns.exits, return_inverse=True)
        self.codes = np.array([exit_code(int(code)) for code in codes], dtype=np.int64)[places]
        self.inside = ~np.isin(self.codes, BEFORE_RULES)
        self.left_over = np.isin(self.codes, LEFT_OVER)

    def reason(self) -> Reason:
        if not self.inside.any():
            return self._nobody()
        return self._unmet() or self._doubtful() or self._walled() or self._full()

    def _nobody(self) -> Reason:
        """Nobody was left before rules."""
        if (self.codes == Exit.OTHER_ARM).any():
            return Reason(Cause.EXPERIMENT, str(self.found.get("experiment", {}).get("name", "")))
        territory = self.found.get("territory", {})
        if territory.get("why") == "matched":
            of = self.inputs.configuration.by_id[territory["territory"]]
            return Reason(Cause.TERRITORY, of.name, of.id)
        return Reason(Cause.TURNED_DOWN)

    def _unmet(self) -> Reason | None:
        """What nobody meets, so that the ladder passed it over: a language, or a requirement of a rule.

        Where everybody was full or away besides, that is the cause."""
        lacking = self.left_over & self._free
        if not lacking.any():
            return None
        if self._nobody_speaks:
            return self._about(Cause.LANGUAGE, self.inputs.facts.language, None, lacking)
        for step in self.steps:
            if step["name"] == "rule_skipped" and step["found"]["why"] == "would_leave_nobody":
                rule = self.inputs.configuration.rules[step["found"]["index"]]
                if rule.action == "require":
                    return self._about(Cause.REQUIREMENT, self._wanted(rule), rule.id, lacking)
        return None

    def _doubtful(self) -> Reason | None:
        """Somebody could have had it, but nobody was a confident match."""
        prediction, batch = self.found.get("prediction", {}), self.found.get("batch", {})
        if prediction.get("why") == "not_confident":
            score, threshold = float(prediction["score"]), float(prediction["threshold"])
        elif batch.get("why_not") == WhyNot.NOT_CONFIDENT:
            scores = self.columns.score[self.codes == Exit.NOT_CONFIDENT]
            score, threshold = float(np.max(scores, initial=0.0)), self._policy.threshold
        else:
            return None
        return Reason(Cause.CONFIDENCE, self._policy.name, self._policy.id, round(score, 2), threshold)

    def _walled(self) -> Reason | None:
        """Somebody had room, and one requirement alone kept them out."""
        walls = self._walls()
        for number, (cause, missing, subject, keep) in enumerate(walls):
            others = [kept for other, (*_, kept) in enumerate(walls) if other != number]
            behind = np.logical_and.reduce([self.inside, self._free, ~keep, *others])
            if behind.any():
                return self._about(cause, missing, subject, behind)
        return None

    def _walls(self) -> list[tuple[Cause, str, int | None, Mask]]:
        """Requirements first: they are what training meets."""
        facts, configuration, roster = self.inputs.facts, self.inputs.configuration, self.inputs.roster
        walls: list[tuple[Cause, str, int | None, Mask]] = []
        if facts.language and self._policy.language == "required" and not self._nobody_speaks:
            keep = np.asarray(speaks(roster, facts.language, configuration.default_language) > 0)
            walls.append((Cause.LANGUAGE, facts.language, None, keep))
        rules = [configuration.rules[step["found"]["index"]] for step in self.steps if step["name"] == "rule"]
        for rule in sorted(rules, key=lambda one: one.action != "require"):  # sorted() keeps their order
            kept = kept_by(rule, roster, facts, configuration.default_language)
            if kept is not None and rule.action == "require":
                walls.append((Cause.REQUIREMENT, self._wanted(rule), rule.id, kept))
            elif kept is not None:
                walls.append((Cause.RULE, rule.name, rule.id, kept))
        return walls

    def _full(self) -> Reason:
        """Whoever could have had it was full, away or not at work: what most of them were."""
        gone = Counter(
            Exit(int(code)) for code in self.codes if Exit(int(code)) in (Exit.AWAY, Exit.OFF_HOURS)
        )
        limits = Counter(LIMITS[Exit(int(code))] for code in self.codes if Exit(int(code)) in LIMITS)
        if sum(gone.values()) > sum(limits.values()):
            hours = gone[Exit.OFF_HOURS] > gone[Exit.AWAY]
            which = np.isin(self.codes, (Exit.AWAY, Exit.OFF_HOURS))
            return self._about(Cause.HOURS if hours else Cause.AWAY, "", None, which)
        missing = min(limits, key=lambda name: (-limits[name], name), default="left out by the batch’s plan")
        return self._about(Cause.CAPACITY, missing, None, np.isin(self.codes, tuple(LIMITS)))

    def _about(self, cause: Cause, missing: str, subject: int | None, which: Mask) -> Reason:
        """With the reps it is about, the best first; those without a kept score last, by id."""
        places = np.flatnonzero(which)
        scores = np.nan_to_num(self.columns.score[places], nan=-1.0)
        order = places[np.lexsort((places, -scores))][:MOST_NAMED]
        return Reason(
            cause, missing, subject, lacking=tuple(int(self.inputs.roster.ids[place]) for place in order)
        )

    @property
    def _free(self) -> Mask:
        """Who was present and below every limit."""
        roster, state, facts = self.inputs.roster, self.inputs.state, self.inputs.facts
        bounds = self.inputs.configuration.capacity.bounds
        free = ~state.away & (bands(load_pct(state.committed, roster.max_open), bounds) <= Band.NEAR)
        free &= state.week + state.pending < roster.max_new_per_week
        free &= state.pipeline_value + (facts.value or 0.0) <= roster.max_pipeline_value
        return np.asarray(free & state.works_now if self._policy.needs_working_now else free)

    @property
    def _nobody_speaks(self) -> bool:
        return "nobody_speaks" in self.found.get("eligibility", {})

    @property
    def _policy(self) -> Policy:
        tests = self.inputs.facts.tests
        policies = self.inputs.configuration.policies
        return next((policy for policy in policies if policy.matches(tests)), DEFAULT_POLICY)

    def _wanted(self, rule: Rule) -> str:
        """`certification: ISO 27001`, `technical depth: 4`."""
        name = rule.required_field.replace("_", " ")
        own = rule.required_value or str(getattr(self.inputs.facts, rule.required_field, "") or "")
        return f"{name}: {own}" if own else name
