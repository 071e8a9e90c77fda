"""The decision: from an opportunity and a roster to a verdict with its trace.

`decide` is pure: the same inputs give the same verdict, bit for bit. The steps are those of the specification's ladder
(lock, what it repeats, named account, territory, rules, eligibility, prediction, fallback); each narrows a mask over
the roster and writes one line. Reps leave with an `Exit` code, so that "why not Bo" has an answer for everybody.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reps.engine.capacity import Band, bands, load_pct
from routing.engine.arms import BY_TURN, EXPLORED_SHARE, EXPLORED_WITHIN, Choice
from routing.engine.columns import columns, speaks
from routing.engine.configuration import (
    Policy,
    Territory,
    coverage_today,
)
from routing.engine.exploration import explored
from routing.engine.model import REFERENCE_AT_LEAST, ROUNDING, Scores, score
from routing.engine.penalties import penalties
from routing.engine.requirements import ROUTES, kept_by
from routing.engine.roster import Floats, Mask
from routing.engine.turns import Turn, next_turn
from routing.engine.verdict import (
    OF_ACCOUNT,
    OF_ORIGINAL,
    OF_UNDECIDED,
    RULE_STRIDE,
    Exit,
    Inputs,
    Step,
    Survey,
    Verdict,
)

WALLS = (Exit.OUTSIDE_TERRITORY, Exit.LANGUAGE)


@dataclass(frozen=True)
class _Claim:
    """Somebody's right to an opportunity whatever the load: the name of its step, what decided then, whom its exits are
    about, and what the trace says of it besides the owner."""

    owner_id: int
    step: str
    via_owner: str
    via_covering: str
    about: int
    found: dict[str, Any]


DEFAULT_POLICY = Policy(
    id=None, name="Suggest everything", matches=lambda facts: True, fallback=("round_robin", "hold")
)


def decide(inputs: Inputs) -> Verdict:
    """The verdict on one opportunity. Raises nothing for inputs that passed their constructors."""
    return _Ladder(inputs).climb()


def survey(inputs: Inputs) -> Survey:
    """The ladder up to eligibility."""
    return _Ladder(inputs).look_around()


def reach(inputs: Inputs) -> Mask:
    """Who is left after territory and rules, without scoring anybody; nobody where it is nobody's choice."""
    return _Ladder(inputs).reach()


@dataclass
class _Ladder:
    """One run down the ladder. Mutable while it runs; nothing of it outlives `climb`."""

    inputs: Inputs
    mask: Mask = field(init=False)
    exits: npt.NDArray[np.int64] = field(init=False)
    steps: list[Step] = field(init=False, default_factory=list)
    covers: Floats = field(init=False)
    policy: Policy = field(init=False)
    scores: Scores | None = None
    penalties: Floats | None = None
    priority: Floats | None = None
    team_id: int | None = None
    ruled_rep: int | None = None
    propensities: Floats | None = None
    kept: list[tuple[int, Mask]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.inputs.roster)
        self.mask = np.ones(n, dtype=bool)
        self.exits = np.zeros(n, dtype=np.int64)
        self.covers = np.zeros(n)
        self.policy = self._policy()

    # --- the climb --------------------------------------------------------------------------------------------

    def climb(self) -> Verdict:
        settled = self._settled()
        if settled is not None:
            return settled
        candidates, eligible = self._bounded()
        return self._chosen(eligible) or self._fallback(candidates, eligible)

    def _chosen(self, eligible: Mask) -> Verdict | None:
        """Step 6, or what stands in its place; None leads to the fallback."""
        if self._is_by_turn and self.ruled_rep is None:
            return self._strategy(eligible)
        return self._prediction(eligible) if self.inputs.planned is None else self._planned(eligible)

    def look_around(self) -> Survey:
        settled = self._settled()
        eligible = self.mask
        if settled is None:
            _, eligible = self._bounded()
        elif self.scores is None:
            self._score(self.mask)
        assert self.scores is not None
        assert self.penalties is not None
        offered, high = eligible, np.ones_like(eligible)
        if settled is not None or (self._is_by_turn and self.ruled_rep is None):
            offered = np.zeros_like(eligible)
        elif self.ruled_rep is None:
            offered = eligible & (self.scores.score >= self.policy.threshold)
            high = self.scores.score >= self.inputs.high_match
        bounds = next((step.found.get("territory") for step in self.steps if step.name == "territory"), None)
        return Survey(self.policy, settled, offered, high, self.scores, self.penalties, self._walls(), bounds)

    def reach(self) -> Mask:
        if self._settled() is not None:
            return np.zeros_like(self.mask)
        self._territory()
        self._rules()
        self._arm()
        return self.mask

    def _settled(self) -> Verdict | None:
        """Steps 1 and 2: what is nobody's choice."""
        if self.inputs.facts.is_locked:
            self._note("locked", {}, len(self.inputs.roster))
            return self._verdict("untouched", "locked", None)
        self._not_again()
        return self._duplicate() or self._named_account()

    def _bounded(self) -> tuple[Mask, Mask]:
        """Steps 3 to 5, with the scores: who is left after territory and rules, and who of them may take it now."""
        self._territory()
        self._rules()
        reference = self.mask.copy()
        self._arm()
        candidates = self.mask.copy()
        self._score(reference)
        return candidates, self._eligibility()

    def _walls(self) -> dict[Exit, Mask]:
        """By territory and language: whom nothing else keeps out."""
        found: dict[Exit, Mask] = {}
        for code in WALLS:
            behind = [~keep for kept_code, keep in self.kept if kept_code == code]
            if behind:
                others = [keep for kept_code, keep in self.kept if kept_code != code]
                found[code] = np.logical_and.reduce([np.logical_or.reduce(behind), *others])
        return found

    def _policy(self) -> Policy:
        tests, in_arm = self.inputs.facts.tests, self.inputs.in_arm
        policy = next((p for p in self.inputs.configuration.policies if p.matches(tests)), DEFAULT_POLICY)
        if in_arm is None or in_arm.choice not in (Choice.PREDICT, Choice.EXPLORE):
            return policy
        share = EXPLORED_SHARE if in_arm.choice is Choice.EXPLORE else 0.0
        return replace(policy, exploration_share=share, exploration_within=EXPLORED_WITHIN)

    # --- who had it before ------------------------------------------------------------------------------------

    def _not_again(self) -> None:
        """Whoever had it and did not touch it in time, declined or passed is not offered it again, by no step. No line
        where there is nobody, so that decisions from before this step replay to the same digest."""
        turned = self.inputs.facts.not_again
        if not turned:
            return
        before = self._in
        self._narrow(self.inputs.roster.without(self._had_it), Exit.NOT_AGAIN)
        self._note("not_again", {"reps": [list(pair) for pair in turned]}, before)

    @cached_property
    def _had_it(self) -> tuple[int, ...]:
        return tuple(rep_id for rep_id, _ in self.inputs.facts.not_again)

    def _team_that_had_it(self) -> int | None:
        """Whose manager is asked where no step named a team: of whoever had it before, else the default one."""
        roster = self.inputs.roster
        had = next((roster.index[rep_id] for rep_id in self._had_it if rep_id in roster.index), None)
        return self.inputs.configuration.default_team_id if had is None else int(roster.team_ids[had])

    # --- 2. what it repeats, and the named account ------------------------------------------------------------

    def _duplicate(self) -> Verdict | None:
        """What repeats an open opportunity goes to its owner; as long as nobody owns that one, this one waits.

        No line where it repeats nothing, so that decisions from before this step replay to the same digest."""
        facts, before = self.inputs.facts, self._in
        if facts.duplicate_of_id is None:
            return None
        found = {"original": facts.duplicate_of_id}
        if facts.duplicate_owner_id is None:
            self._narrow(np.zeros_like(self.mask), Exit.NOT_THE_OWNER + OF_UNDECIDED)
            self._note("duplicate", found | {"why": "undecided"}, before)
            return self._verdict("hold", "duplicate", None)
        return self._claimed(
            _Claim(facts.duplicate_owner_id, "duplicate", "duplicate", "duplicate_cover", OF_ORIGINAL, found)
        )

    def _named_account(self) -> Verdict | None:
        """The owner's verdict, or None when the ladder goes on."""
        owner_id = self.inputs.facts.account_owner_id
        if owner_id is None:
            self._note("named_account", {"why": "no_owner"}, self._in)
            return None
        return self._claimed(
            _Claim(owner_id, "named_account", "named_account", "covering", OF_ACCOUNT, found={})
        )

    def _claimed(self, claim: _Claim) -> Verdict | None:
        """To the owner, else to who stands in; None when the ladder goes on, in the team of an owner who is away."""
        roster, state, owner_id = self.inputs.roster, self.inputs.state, claim.owner_id
        before, found = self._in, claim.found | {"owner": owner_id}
        if owner_id not in roster.index:
            self._note(claim.step, found | {"why": "owner_left"}, before)
            return None
        owner = roster.index[owner_id]
        if owner_id in self._had_it:
            self._note(claim.step, found | {"why": "owner_had_it"}, before)
            return None
        if not state.away[owner]:
            return self._take(owner, claim, claim.via_owner, found | {"why": "owner"})
        covering = state.covering.get(owner_id)
        if covering in roster.index and self._open_to(roster.index[covering]):
            found |= {"why": "owner_away_covered", "covering": covering}
            return self._take(roster.index[covering], claim, claim.via_covering, found)
        team_id = int(roster.team_ids[owner])
        in_team = np.asarray(roster.team_ids == team_id)
        if not (self.mask & in_team).any():  # an absent owner of what it repeats has narrowed to another team
            self._note(claim.step, found | {"why": "owner_away_elsewhere"}, before)
            return None
        self.team_id = team_id
        self._narrow(in_team, Exit.NOT_THE_OWNER + claim.about)
        self._note(claim.step, found | {"why": "owner_away", "team": team_id}, before)
        return None

    def _open_to(self, rep: int) -> bool:
        """Whether a rep may take this opportunity as far as presence, capacity and caps go."""
        if self.inputs.roster.ids[rep] in self._had_it:
            return False
        return all(not blocked[rep] for _, blocked in self._blocks())

    def _take(self, rep: int, claim: _Claim, via: str, found: dict[str, Any]) -> Verdict:
        before = self._in
        self._score(self.mask.copy())
        only = np.zeros_like(self.mask)
        only[rep] = True
        is_owner = via == claim.via_owner
        self._narrow(only, (Exit.NOT_THE_OWNER if is_owner else Exit.NOT_THE_COVERING_REP) + claim.about)
        self.mask = only  # also where a team that it was narrowed to is not the owner's
        self._note(claim.step, found, before)
        self.team_id = int(self.inputs.roster.team_ids[rep])
        return self._choose(rep, via, exempt=is_owner)

    # --- 3. territory -----------------------------------------------------------------------------------------

    def _territory(self) -> None:
        configuration, tests = self.inputs.configuration, self.inputs.facts.tests
        before = self._in
        matching = configuration.territories_matching(tests)
        if not matching:
            self._note("territory", {"why": "none" if configuration.territories else "not_used"}, before)
            return
        best = matching[0]
        covered_by, inside, team_id = coverage_today(
            configuration, best, self.inputs.roster, self.inputs.at.date()
        )
        self.covers = inside
        found = {"why": "matched", "territory": best.id, "coverage_of": covered_by}
        also = [t.id for t in matching[1:] if t.id not in best.lineage and _ties(t, best)]
        if also:
            found["tied_with"] = also
        self._narrow(inside > 0, Exit.OUTSIDE_TERRITORY)
        if self.team_id is None:
            self.team_id = team_id
        self._note("territory", found, before)

    # --- 4. rules ---------------------------------------------------------------------------------------------

    def _rules(self) -> None:
        """First match wins for the two that route; exclusions and requirements all apply. None where an experiment goes
        by the territory only."""
        if self.inputs.in_arm is not None and self.inputs.in_arm.choice is Choice.TERRITORY_TURNS:
            return
        tests, at = self.inputs.facts.tests, self.inputs.at
        language = self.inputs.configuration.default_language
        routed = False
        for index, rule in self.inputs.configuration.rules_matching(tests):
            routes = rule.action in ROUTES
            if (routes and routed) or not rule.holds_at(at):
                continue
            keep = kept_by(rule, self.inputs.roster, self.inputs.facts, language)
            before = self._in
            found = {"rule": rule.id, "index": index, "action": rule.action}
            if keep is None or not (self.mask & keep).any():
                why = "not_given" if keep is None else "would_leave_nobody"
                self._note("rule_skipped", found | {"why": why}, before)
                continue
            self._narrow(keep, Exit.RULE + RULE_STRIDE * index)
            self._note("rule", found, before)
            if routes:
                routed = True
                self.ruled_rep = rule.rep_id
                self.team_id = rule.team_id or int(self.inputs.roster.team_ids[np.flatnonzero(keep)[0]])

    # --- an experiment ----------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Whose reps they are, where the arms share them out; the line says which arm it is."""
        in_arm, room = self.inputs.in_arm, self.inputs.state.room
        if in_arm is None:
            return
        before = self._in
        if room is not None:
            self._narrow(room.open_to, Exit.OTHER_ARM)
        found: dict[str, Any] = {"experiment": in_arm.experiment_id, "name": in_arm.name, "arm": in_arm.arm}
        found["choice"] = str(in_arm.choice)
        self._note("experiment", found | ({"after": True} if in_arm.is_after else {}), before)

    @property
    def _is_by_turn(self) -> bool:
        return self.inputs.in_arm is not None and self.inputs.in_arm.choice in BY_TURN

    def _strategy(self, eligible: Mask) -> Verdict | None:
        """The next in turn, instead of the best: those available first, then those near capacity."""
        in_arm, room, roster = self.inputs.in_arm, self.inputs.state.room, self.inputs.roster
        assert in_arm is not None
        assert room is not None
        weights = np.ones(len(roster)) if in_arm.choice is Choice.TURNS else roster.turn_weight
        for band in (Band.AVAILABLE, Band.NEAR):
            members = eligible & (self._bands == band)
            turn = next_turn(members, roster.ids, room.finish, weights, room.clock)
            if turn is not None:
                found = {"rep": int(roster.ids[turn.rep]), "of": _count(members)}
                self._note("strategy", found, _count(eligible), after=1)
                self.exits[eligible] = Exit.NOT_THE_TURN
                if self.team_id is None:
                    self.team_id = int(roster.team_ids[turn.rep])
                return self._choose(turn.rep, "strategy", arm_turn=turn)
        return None

    # --- scores -----------------------------------------------------------------------------------------------

    def _score(self, candidates: Mask) -> None:
        """Scores against the average of those left after territory and rules, whatever their load and absence."""
        enough = _count(candidates) >= REFERENCE_AT_LEAST
        reference = candidates if enough else np.ones_like(candidates)
        facts, roster, model = self.inputs.facts, self.inputs.roster, self.inputs.model
        found = columns(
            facts,
            roster,
            covers=self.covers,
            load_share=load_pct(self.inputs.state.load, roster.max_open) / 100,
            default_language=self.inputs.configuration.default_language,
            only=model.pair,
        )
        self.scores = score(model, found, reference, facts=facts, roster=roster, at=self.inputs.at)
        capacity, self.priority = self.inputs.configuration.capacity, None
        self.penalties = penalties(roster, self.inputs.state, capacity, self._bands == Band.NEAR)

    @cached_property
    def _bands(self) -> npt.NDArray[np.int64]:
        """Where an arm has its own share of the slots, the band is that of the share."""
        room, bounds = self.inputs.state.room, self.inputs.configuration.capacity.bounds
        return self._own_bands if room is None else bands(load_pct(room.used, room.slots), bounds)

    @cached_property
    def _own_bands(self) -> npt.NDArray[np.int64]:
        return bands(
            load_pct(self.inputs.state.committed, self.inputs.roster.max_open),
            self.inputs.configuration.capacity.bounds,
        )

    # --- 5. eligibility ---------------------------------------------------------------------------------------

    def _eligibility(self) -> Mask:
        """Who of those left may take it now. Near capacity is included: whether the match is high comes later."""
        before = self._in
        out: dict[str, int] = {}
        language = self._language()
        if language is not None:
            out["language"] = self._narrow(language, Exit.LANGUAGE)
        for code, blocked in self._blocks():
            out[code.name.lower()] = self._narrow(~blocked, code)
        found: dict[str, Any] = {"out": {name: count for name, count in out.items() if count}}
        if self.inputs.facts.language and self.policy.language == "required" and language is None:
            found["nobody_speaks"] = self.inputs.facts.language
        self._note("eligibility", found, before)
        return self.mask.copy()

    def _language(self) -> Mask | None:
        """Speakers of a required language; None where none is asked or nobody left speaks it (then it only counts)."""
        language = self.inputs.facts.language
        if not language or self.policy.language != "required":
            return None
        speakers = speaks(self.inputs.roster, language, self.inputs.configuration.default_language) > 0
        return speakers if (self.mask & speakers).any() else None

    def _blocks(self) -> list[tuple[Exit, Mask]]:
        """What keeps a rep from anything new today, in the order in which it is named."""
        roster, state = self.inputs.roster, self.inputs.state
        value = self.inputs.facts.value or 0.0
        band = self._own_bands
        blocks = [
            (Exit.AWAY, state.away),
            (Exit.OVER_CAPACITY, band == Band.OVER),
            (Exit.AT_CAPACITY, band == Band.AT),
            *(((Exit.ARM_FULL, self._bands >= Band.AT),) if state.room is not None else ()),
            (Exit.WEEKLY_CAP, state.week + state.pending >= roster.max_new_per_week),
            (Exit.PIPELINE_CAP, state.pipeline_value + value > roster.max_pipeline_value),
        ]
        if self.policy.needs_working_now:
            blocks.insert(1, (Exit.OFF_HOURS, ~state.works_now))
        return blocks

    # --- 6. prediction ----------------------------------------------------------------------------------------

    def _prediction(self, eligible: Mask) -> Verdict | None:
        """The rep with the highest priority, if confident; None leads to the fallback."""
        assert self.scores is not None
        assert self.penalties is not None
        before = _count(eligible)
        if self.ruled_rep is not None and before:
            rep = self.inputs.roster.index[self.ruled_rep]
            self._note("prediction", {"why": "rule_named_the_rep", "rep": self.ruled_rep}, before)
            return self._choose(rep, "rule")
        high = self.inputs.high_match
        low_match = (self._bands == Band.NEAR) & (self.scores.score < high)
        pool = eligible & ~low_match
        self.exits[eligible & low_match] = Exit.NOT_HIGH_MATCH
        found: dict[str, Any] = {"threshold": self.policy.threshold, "high_match": high}
        if not pool.any():
            self._note("prediction", found | {"why": "nobody_eligible"}, before, after=0)
            return None
        ready = self._ready(pool)
        if ready is not pool:
            pool, before = ready, _count(ready)
        scores, policy = self.scores.score, self.policy
        best, self.propensities, drawn = explored(pool, scores, self._best(pool), policy, self.inputs.seed)
        if drawn is not None:
            found["explored"] = drawn
        self.exits[pool] = Exit.LOWER_PRIORITY
        self.exits[best] = Exit.IN
        found |= {"rep": int(self.inputs.roster.ids[best]), "score": float(self.scores.score[best])}
        if self.scores.score[best] < self.policy.threshold:
            self.exits[best] = Exit.NOT_CONFIDENT
            self._note("prediction", found | {"why": "not_confident"}, before, after=0)
            return None
        self._note("prediction", found | {"why": "best"}, before, after=1)
        if self.team_id is None:
            self.team_id = int(self.inputs.roster.team_ids[best])
        return self._choose(best, "prediction")

    def _planned(self, eligible: Mask) -> Verdict | None:
        """The rep of the batch's plan, which is the best for all of it together; None leads to the fallback."""
        planned = self.inputs.planned
        assert planned is not None
        assert self.scores is not None
        before = _count(eligible)
        found: dict[str, Any] = {"batch": planned.batch_id, "rep": planned.rep_id, "why_not": planned.why_not}
        near = self._bands == Band.NEAR
        low_match = near & (self.scores.score < self.inputs.high_match) & (self.ruled_rep is None)
        self.exits[eligible & low_match] = Exit.NOT_HIGH_MATCH
        pool = eligible & ~low_match
        if self.ruled_rep is None:
            doubtful = pool & (self.scores.score < self.policy.threshold)
            self.exits[doubtful] = Exit.NOT_CONFIDENT
            pool &= ~doubtful
        self.exits[pool] = Exit.NOT_IN_PLAN
        if pool.any():
            best = self._best(pool)
            found |= {"of": _count(pool), "best": int(self.inputs.roster.ids[best])}
            found["best_score"] = float(self.scores.score[best])
        if planned.rep_id is None:
            self._note("batch", found, before, after=0)
            return None
        rep = self.inputs.roster.index[planned.rep_id]
        self._note("batch", found | {"score": float(self.scores.score[rep])}, before, after=1)
        if self.team_id is None:
            self.team_id = int(self.inputs.roster.team_ids[rep])
        return self._choose(rep, "prediction" if self.ruled_rep is None else "rule")

    def _ready(self, pool: Mask) -> Mask:
        """Where the policy needs a quick answer: those of the pool who work now and have room, if the best of them is
        confident; else everybody of it. No line where the policy does not ask, so that older decisions replay alike."""
        if not self.policy.prefers_ready:
            return pool
        assert self.scores is not None
        ready, before = pool & self._works_with_room, _count(pool)
        found = {"ready": _count(ready), "of": before}
        if not ready.any():
            why = "nobody_ready"
        elif self.scores.score[self._best(ready)] < self.policy.threshold:
            why = "not_confident"
        else:
            self.exits[pool & ~ready] = Exit.NOT_READY
            self._note("ready", found | {"why": "among_them"}, before, after=_count(ready))
            return ready
        self._note("ready", found | {"why": why}, before, after=before)
        return pool

    @property
    def _works_with_room(self) -> Mask:
        return np.asarray(self.inputs.state.works_now & (self._bands == Band.AVAILABLE))

    def _best(self, pool: Mask) -> int:
        """Highest priority, ties by the lower rep id (the roster's order)."""
        priority = np.where(pool, self._priority(), -np.inf)
        return int(np.argmax(priority))

    def _priority(self) -> Floats:
        assert self.scores is not None
        assert self.penalties is not None
        if self.priority is None:
            self.priority = np.round(self.scores.log_odds_ratio - self.penalties.sum(axis=1), ROUNDING)
        return self.priority

    # --- 7. fallback ------------------------------------------------------------------------------------------

    def _fallback(self, candidates: Mask, eligible: Mask) -> Verdict:
        """The policy's chain; it always ends in hold."""
        team = self.team_id if self.team_id is not None else self._team_that_had_it()
        self.team_id = team
        for kind in self.policy.fallback:
            if kind == "round_robin":
                verdict = self._round_robin(candidates, eligible, team)
                if verdict is not None:
                    return verdict
            elif kind == "manager" and team is not None and self.inputs.configuration.manager_ids.get(team):
                self._note("fallback", {"why": "manager", "team": team}, _count(eligible), after=0)
                return self._verdict("manager", "manager", None)
            elif kind == "hold":
                break
        self._note("fallback", {"why": "hold", "team": team}, _count(eligible), after=0)
        return self._verdict("hold", "hold", None)

    def _round_robin(self, candidates: Mask, eligible: Mask, team: int | None) -> Verdict | None:
        """Next in turn: those available first, then those near capacity; before both, where the policy needs a quick
        answer, those available who work now. Never leaves the candidates."""
        roster, state = self.inputs.roster, self.inputs.state
        in_team = candidates & (roster.team_ids == team)
        pool = eligible & in_team if in_team.any() else eligible
        ranks = [pool & (self._bands == band) for band in (Band.AVAILABLE, Band.NEAR)]
        if self.policy.prefers_ready:
            ranks.insert(0, pool & self._works_with_room)
        for rank, members in enumerate(ranks):
            clock = state.turn_clocks.get(team, 0.0) if team is not None else 0.0
            turn = next_turn(members, roster.ids, state.turn_finish, roster.turn_weight, clock)
            if turn is not None:
                found = {
                    "why": "round_robin",
                    "team": team,
                    "rep": int(roster.ids[turn.rep]),
                    "of": _count(members),
                }
                if self.policy.prefers_ready and rank == 0:
                    found["ready"] = True
                    self.exits[pool & ~members] = Exit.NOT_READY
                self._note("fallback", found, _count(eligible), after=1)
                self.exits[members] = Exit.NOT_THE_TURN
                return self._choose(turn.rep, "round_robin", turn=turn)
        return None

    @property
    def _in(self) -> int:
        """How many are left."""
        return _count(self.mask)

    # --- bookkeeping ------------------------------------------------------------------------------------------

    def _narrow(self, keep: Mask, code: int) -> int:
        """Takes out of the mask those not kept, with the code; returns how many left."""
        self.kept.append((code, keep))
        leaving = self.mask & ~keep
        self.exits[leaving] = code
        self.mask = self.mask & keep
        return _count(leaving)

    def _note(self, name: str, found: dict[str, Any], before: int, after: int | None = None) -> None:
        self.steps.append(Step(name, found, before, self._in if after is None else after))

    def _choose(
        self,
        rep: int,
        via: str,
        *,
        exempt: bool = False,
        turn: Turn | None = None,
        arm_turn: Turn | None = None,
    ) -> Verdict:
        self.exits[rep] = Exit.IN
        made = self._verdict(self.policy.application, via, rep, exempt=exempt, turn=turn)
        return made if arm_turn is None else replace(made, arm_turn=arm_turn)

    def _verdict(
        self, outcome: str, via: str, rep: int | None, *, exempt: bool = False, turn: Turn | None = None
    ) -> Verdict:
        scores, score_, priority, probability, low = self.scores, None, None, None, None
        propensities = self.propensities if via == "prediction" else None
        if rep is not None and scores is not None:
            score_, priority = float(scores.score[rep]), float(self._priority()[rep])
            if scores.win_probability is not None and scores.win_probability_low is not None:
                probability, low = float(scores.win_probability[rep]), float(scores.win_probability_low[rep])
        return Verdict(
            outcome=outcome,
            via=via,
            rep_id=None if rep is None else int(self.inputs.roster.ids[rep]),
            team_id=self.team_id,
            policy=self.policy,
            steps=tuple(self.steps),
            exits=self.exits,
            scores=scores,
            penalties=self.penalties,
            score=score_,
            win_probability=probability,
            win_probability_low=low,
            priority=priority,
            propensity=1.0 if propensities is None or rep is None else float(propensities[rep]),
            exempt=exempt,
            turn=turn,
            propensities=propensities,
        )


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))  # a sum of bools takes five times as long


def _ties(one: Territory, other: Territory) -> bool:
    """Two territories of the same depth that match the same opportunity overlap."""
    return len(one.lineage) == len(other.lineage)
