"""The ladder, step by step, on small worked examples. No database."""

import dataclasses
import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reps.engine.capacity import Band, BandBounds, band, bands
from routing.engine.configuration import Capacity, Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.model import MatchModel
from routing.engine.roster import NEVER, OPEN_END, RepFacts, Roster, RosterState
from routing.engine.trace import digest, exit_code, pack_columns, rule_index, unpack_columns
from routing.engine.verdict import Exit, Inputs, Verdict

AT = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
MODEL = MatchModel.from_artifact(1, MatchModel.prior_artifact())
EAST, WEST = 1, 2
ANA, BO, CHEN, DANA, EVA, FINN = 11, 12, 13, 14, 15, 16


def rep(id: int, team: int = EAST, **changes: Any) -> RepFacts:
    return RepFacts(id=id, team_id=team, **changes)


def healthcare() -> dict[str, dict[str, int]]:
    return {"industry": {"healthcare": 2}}


ROSTER = Roster(
    (
        rep(ANA, skills=healthcare(), max_open=10),
        rep(BO, max_open=10),
        rep(CHEN, skills={"language": {"german": 3, "english": 3}}, max_open=10),
        rep(DANA, WEST, max_open=10),
        rep(EVA, WEST, max_open=10),
        rep(FINN, WEST, skills=healthcare(), seniority=4, tier="top", max_open=10),
    )
)


def state(**changes: dict[int, Any]) -> RosterState:
    """An idle state with some reps' values set: state(load={ANA: 9})."""
    idle = RosterState.idle(len(ROSTER))
    arrays: dict[str, Any] = {}
    for name, values in changes.items():
        if name in ("covering", "turn_clocks"):
            arrays[name] = values
            continue
        array = getattr(idle, name).copy()
        for rep_id, value in values.items():
            array[ROSTER.index[rep_id]] = value
        arrays[name] = array
    return dataclasses.replace(idle, **arrays)


def configuration(**content: Any) -> Configuration:
    policy = {
        "id": 1,
        "name": "All",
        "condition": {},
        "application": "assign",
        "fallback": ["round_robin", "hold"],
    }
    return Configuration.from_content(1, {"policies": [policy], "default_team_id": EAST} | content)


def verdict(
    facts: OpportunityFacts | None = None,
    *,
    live: Configuration | None = None,
    now: RosterState | None = None,
) -> Verdict:
    return decide(
        Inputs(facts or OpportunityFacts(id=1), ROSTER, now or state(), live or configuration(), MODEL, AT)
    )


def why_out(result: Verdict, rep_id: int) -> Exit:
    return exit_code(int(result.exits[ROSTER.index[rep_id]]))


def rule(id: int, action: str, **rest: Any) -> dict[str, Any]:
    return {"id": id, "name": f"rule {id}", "condition": {}, "action": action} | rest


def territory(id: int, condition: dict[str, Any], *covering: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"id": id, "name": f"territory {id}", "condition": condition, "coverage": list(covering)} | rest


US = {"field": "country", "op": "is", "value": "US"}
TEXAS = {"all": [US, {"field": "region", "op": "is", "value": "Texas"}]}


class TestBands:
    @pytest.mark.parametrize(
        ("committed", "maximum", "expected"),
        [
            (700, 1000, Band.AVAILABLE),
            (701, 1000, Band.NEAR),
            (900, 1000, Band.NEAR),
            (901, 1000, Band.AT),
            (1000, 1000, Band.AT),
            (1001, 1000, Band.OVER),
            (0, 0, Band.OVER),
        ],
    )
    def test_band_at_the_bounds(self, committed: int, maximum: int, expected: Band) -> None:
        assert band(committed, maximum) is expected

    def test_seven_of_ten_is_exactly_seventy(self) -> None:
        maxima = np.arange(10, 1010, 10)
        assert set(bands(100.0 * (maxima * 7 // 10) / maxima, configuration().capacity.bounds)) == {
            Band.AVAILABLE
        }


class TestRoutingByBand:
    """What the specification's table says of each band, at the very bounds: ANA carries so many of 1,000, BO none."""

    TWO = Roster((rep(ANA, skills=healthcare(), max_open=1000), rep(BO, max_open=1000)))
    FITS, ANY = OpportunityFacts(id=1, industry="Healthcare"), OpportunityFacts(id=2)

    def decided(self, load: int, facts: OpportunityFacts, bounds: BandBounds | None = None) -> Verdict:
        now = RosterState.idle(2)
        now = dataclasses.replace(now, load=np.array([load, 0]))
        model = MatchModel.from_artifact(1, MatchModel.prior_artifact({"industry_tag": 1.5}))
        live = dataclasses.replace(configuration(), capacity=Capacity(bounds=bounds or BandBounds()))
        return decide(Inputs(facts, self.TWO, now, live, model, AT))

    @pytest.mark.parametrize(
        ("load", "fits_goes_to", "why_out_of_any"),
        [
            (700, ANA, Exit.IN),  # 70 %: available, normal priority
            (701, ANA, Exit.NOT_HIGH_MATCH),  # 70.1 %: high matches only
            (900, ANA, Exit.NOT_HIGH_MATCH),  # 90 %: still near capacity
            (901, BO, Exit.AT_CAPACITY),  # 90.1 %: nothing automatic
            (1000, BO, Exit.AT_CAPACITY),  # 100 %
            (1001, BO, Exit.OVER_CAPACITY),  # 100.1 %: excluded
        ],
    )
    def test_at_the_bounds(self, load: int, fits_goes_to: int, why_out_of_any: Exit) -> None:
        assert self.decided(load, self.FITS).rep_id == fits_goes_to
        plain = self.decided(load, self.ANY)
        out = exit_code(int(plain.exits[0]))
        if why_out_of_any is Exit.IN:
            assert plain.rep_id == ANA  # equal odds, equal priority: the first
        else:
            assert (plain.rep_id, out) == (BO, why_out_of_any)

    @pytest.mark.parametrize(("load", "penalty"), [(700, 0.0), (701, 0.3), (900, 0.3)])
    def test_near_capacity_lowers_priority_by_the_stated_penalty(self, load: int, penalty: float) -> None:
        assert self.decided(load, self.FITS).penalties[0, 0] == penalty

    @pytest.mark.parametrize(
        ("load", "goes_to"), [(500, ANA), (501, ANA), (600, ANA), (601, BO), (800, BO), (801, BO)]
    )
    def test_the_bounds_are_settings(self, load: int, goes_to: int) -> None:
        result = self.decided(load, self.FITS, BandBounds(50, 60, 80))
        assert result.rep_id == goes_to
        expected = Exit.OVER_CAPACITY if load == 801 else Exit.AT_CAPACITY if load > 600 else Exit.IN
        assert exit_code(int(result.exits[0])) is expected

    def test_pending_suggestions_count(self) -> None:
        now = dataclasses.replace(RosterState.idle(2), load=np.array([400, 0]), pending=np.array([501, 0]))
        result = decide(Inputs(self.FITS, self.TWO, now, configuration(), MODEL, AT))
        assert exit_code(int(result.exits[0])) is Exit.AT_CAPACITY


class TestLock:
    def test_locked_is_left_alone(self) -> None:
        result = verdict(OpportunityFacts(id=1, is_locked=True, account_owner_id=ANA))
        assert (result.outcome, result.via, result.rep_id) == ("untouched", "locked", None)


class TestNamedAccount:
    facts = OpportunityFacts(id=1, account_id=5, account_owner_id=BO)

    def test_goes_to_owner_whatever_the_load(self) -> None:
        result = verdict(self.facts, now=state(load={BO: 40}))
        assert (result.rep_id, result.via, result.exempt) == (BO, "named_account", True)

    def test_goes_to_owner_outside_the_territory(self) -> None:
        live = configuration(territories=[territory(1, {}, {"team_id": WEST})])
        assert verdict(self.facts, live=live).rep_id == BO

    def test_of_absent_owner_goes_to_the_covering_rep(self) -> None:
        now = state(away_until={BO: OPEN_END}, covering={BO: EVA})
        result = verdict(self.facts, now=now)
        assert (result.rep_id, result.via, result.exempt) == (EVA, "covering", False)

    def test_of_absent_owner_whose_cover_is_full_stays_in_the_owners_team(self) -> None:
        now = state(away_until={BO: OPEN_END}, covering={BO: EVA}, load={EVA: 10})
        result = verdict(self.facts, now=now)
        assert result.team_id == EAST
        assert result.rep_id in {ANA, CHEN}

    def test_of_owner_who_left_does_not_count(self) -> None:
        result = verdict(OpportunityFacts(id=1, account_id=5, account_owner_id=99))
        assert result.via == "prediction"
        assert result.steps[0].found == {"why": "owner_left", "owner": 99}


class TestTerritory:
    def test_keeps_to_the_covering_team(self) -> None:
        live = configuration(territories=[territory(1, US, {"team_id": WEST})])
        result = verdict(OpportunityFacts(id=1, country="US", industry="Healthcare"), live=live)
        assert result.rep_id == FINN
        assert why_out(result, ANA) is Exit.OUTSIDE_TERRITORY

    def test_most_specific_wins(self) -> None:
        live = configuration(
            territories=[
                territory(1, US, {"team_id": WEST}),
                territory(2, TEXAS, {"rep_id": BO}, parent_id=1),
            ]
        )
        result = verdict(OpportunityFacts(id=1, country="US", region="texas"), live=live)
        assert result.rep_id == BO

    def test_without_own_coverage_takes_the_parents(self) -> None:
        live = configuration(
            territories=[territory(1, US, {"team_id": WEST}), territory(2, TEXAS, parent_id=1)]
        )
        result = verdict(OpportunityFacts(id=1, country="US", region="Texas"), live=live)
        assert result.rep_id in {DANA, EVA, FINN}

    def test_coverage_has_dates(self) -> None:
        past = {"team_id": WEST, "ends_on": "2026-03-01"}
        current = {"team_id": EAST, "starts_on": "2026-03-02"}
        live = configuration(territories=[territory(1, US, past, current)])
        assert verdict(OpportunityFacts(id=1, country="US"), live=live).team_id == EAST

    def test_that_nobody_covers_holds(self) -> None:
        live = configuration(territories=[territory(1, US)])
        result = verdict(OpportunityFacts(id=1, country="US"), live=live)
        assert (result.outcome, result.rep_id) == ("hold", None)

    def test_is_not_left_when_its_reps_are_full(self) -> None:
        live = configuration(territories=[territory(1, US, {"rep_id": BO})])
        result = verdict(OpportunityFacts(id=1, country="US"), live=live, now=state(load={BO: 10}))
        assert (result.outcome, result.rep_id) == ("hold", None)
        assert why_out(result, BO) is Exit.AT_CAPACITY

    def test_tie_is_named(self) -> None:
        texas_only = {"field": "region", "op": "is", "value": "Texas"}
        live = configuration(
            territories=[territory(1, US, {"team_id": WEST}), territory(2, texas_only, {"team_id": EAST})]
        )
        result = verdict(OpportunityFacts(id=1, country="US", region="Texas"), live=live)
        assert result.team_id == EAST
        assert result.steps[1].found["tied_with"] == [1]


class TestRules:
    def test_first_routing_rule_wins(self) -> None:
        live = configuration(
            rules=[rule(1, "route_to_team", team_id=WEST), rule(2, "route_to_team", team_id=EAST)]
        )
        assert verdict(live=live).team_id == WEST

    def test_route_to_rep_does_not_ask_the_threshold(self) -> None:
        live = configuration(
            rules=[rule(1, "route_to_rep", rep_id=BO)],
            policies=[{"id": 1, "name": "strict", "condition": {}, "application": "assign", "threshold": 99}],
        )
        result = verdict(live=live)
        assert (result.rep_id, result.via) == (BO, "rule")
        assert rule_index(int(result.exits[ROSTER.index[ANA]])) == 0

    def test_route_to_a_full_rep_falls_back_and_never_to_others(self) -> None:
        live = configuration(rules=[rule(1, "route_to_rep", rep_id=BO)])
        result = verdict(live=live, now=state(load={BO: 10}))
        assert (result.outcome, result.rep_id) == ("hold", None)

    def test_that_leaves_nobody_is_skipped_and_said(self) -> None:
        live = configuration(
            territories=[territory(1, {}, {"team_id": WEST})], rules=[rule(7, "route_to_rep", rep_id=BO)]
        )
        result = verdict(live=live)
        assert result.team_id == WEST
        skipped = [step for step in result.steps if step.name == "rule_skipped"]
        assert skipped[0].found == {
            "rule": 7,
            "index": 0,
            "action": "route_to_rep",
            "why": "would_leave_nobody",
        }

    def test_exclusions_and_requirements_all_apply(self) -> None:
        live = configuration(
            rules=[
                rule(1, "exclude_reps", excluded=[ANA]),
                rule(2, "require", required_field="industry"),
                rule(3, "require", required_field="tier", required_value="top"),
            ]
        )
        assert verdict(OpportunityFacts(id=1, industry="Healthcare"), live=live).rep_id == FINN

    def test_not_matching_does_nothing(self) -> None:
        over = {"field": "value", "op": "over", "value": 100_000}
        live = configuration(rules=[rule(1, "route_to_rep", rep_id=EVA, condition=over)])
        assert verdict(OpportunityFacts(id=1, value=100_000.0), live=live).via == "prediction"
        assert verdict(OpportunityFacts(id=1, value=100_000.01), live=live).rep_id == EVA

    def test_outside_its_schedule_does_nothing(self) -> None:
        live = configuration(rules=[rule(1, "route_to_rep", rep_id=EVA, ends_at="2026-03-02T12:00:00+00:00")])
        assert verdict(live=live).via == "prediction"


class TestEligibility:
    def test_away_gets_nothing(self) -> None:
        now = state(away_until={ANA: 1_800_000_000, FINN: OPEN_END})
        result = verdict(OpportunityFacts(id=1, industry="Healthcare"), now=now)
        assert why_out(result, ANA) is Exit.AWAY
        assert result.rep_id not in {ANA, FINN}

    def test_pending_suggestions_count_against_the_limit(self) -> None:
        now = state(load={rep.id: 5 for rep in ROSTER.reps}, pending={rep.id: 5 for rep in ROSTER.reps})
        assert verdict(now=now).outcome == "hold"

    def test_weekly_cap(self) -> None:
        now = state(week={ANA: 15})
        assert (
            why_out(verdict(OpportunityFacts(id=1, industry="Healthcare"), now=now), ANA) is Exit.WEEKLY_CAP
        )

    def test_pipeline_cap_counts_the_new_value(self) -> None:
        capped = Roster((rep(ANA, max_pipeline_value=100.0), rep(BO)))
        for value, expected in ((100.0, Exit.IN), (100.01, Exit.PIPELINE_CAP)):
            inputs = Inputs(
                OpportunityFacts(id=1, value=value), capped, RosterState.idle(2), configuration(), MODEL, AT
            )
            assert exit_code(int(decide(inputs).exits[0])) is expected

    def test_near_capacity_takes_high_matches_only(self) -> None:
        everyone_near = {rep.id: 8 for rep in ROSTER.reps}
        result = verdict(OpportunityFacts(id=1), now=state(load=everyone_near))
        assert result.via == "round_robin"
        others_near = {rep.id: 8 for rep in ROSTER.reps if rep.id != ANA}
        assert verdict(OpportunityFacts(id=1), now=state(load=others_near)).rep_id == ANA

    def test_required_language_keeps_its_speakers(self) -> None:
        result = verdict(OpportunityFacts(id=1, language="German"))
        assert result.rep_id == CHEN
        assert why_out(result, ANA) is Exit.LANGUAGE

    def test_language_that_nobody_speaks_only_counts(self) -> None:
        result = verdict(OpportunityFacts(id=1, language="Finnish"))
        assert result.rep_id is not None
        assert next(s for s in result.steps if s.name == "eligibility").found["nobody_speaks"] == "Finnish"

    def test_default_language_is_spoken_by_those_who_state_none(self) -> None:
        assert why_out(verdict(OpportunityFacts(id=1, language="English")), ANA) is not Exit.LANGUAGE


class TestPrediction:
    def test_equal_reps_score_fifty_and_go_by_id(self) -> None:
        result = verdict()
        assert (result.rep_id, result.score) == (ANA, 50.0)

    def test_score_is_the_odds_ratio_against_the_average(self) -> None:
        result = verdict(OpportunityFacts(id=1, industry="Healthcare"))
        # Two of six have the tag of .2: the average is .2/3, so ln OR = .2 · 2/3 = .1333 and OR = 1.1426.
        assert result.rep_id == ANA
        assert result.score == pytest.approx(100 * 1.1426308**2 / (1 + 1.1426308**2), abs=1e-4)

    def test_parts_add_up_to_the_score(self) -> None:
        result = verdict(OpportunityFacts(id=1, industry="Healthcare", value=50_000.0, language="English"))
        assert result.scores is not None
        ratio = np.exp(result.scores.parts.sum(axis=1))
        np.testing.assert_allclose(result.scores.score, 100 * ratio**2 / (1 + ratio**2), atol=1e-6)

    def test_score_does_not_move_when_somebody_is_away(self) -> None:
        facts = OpportunityFacts(id=1, industry="Healthcare")
        assert (
            verdict(facts).score == verdict(facts, now=state(away_until={BO: OPEN_END, EVA: OPEN_END})).score
        )

    def test_below_the_threshold_falls_back(self) -> None:
        live = configuration(
            policies=[
                {
                    "id": 1,
                    "name": "strict",
                    "condition": {},
                    "application": "assign",
                    "threshold": 60,
                    "fallback": ["round_robin"],
                }
            ]
        )
        assert verdict(live=live).via == "round_robin"

    def test_penalty_lowers_priority_and_not_the_score(self) -> None:
        busy = state(day={ANA: 5})
        result = verdict(now=busy)
        assert result.rep_id == BO
        assert result.scores is not None
        assert result.scores.score[ROSTER.index[ANA]] == 50.0

    def test_absence_ahead_lowers_priority(self) -> None:
        assert verdict(now=state(absence_in={ANA: 3600})).rep_id == BO
        assert verdict(now=state(absence_in={ANA: 100 * 3600})).rep_id == ANA


class TestFallback:
    chain = staticmethod(
        lambda *kinds: configuration(
            policies=[
                {
                    "id": 1,
                    "name": "never sure",
                    "condition": {},
                    "application": "assign",
                    "threshold": 100,
                    "fallback": list(kinds),
                }
            ],
            managers={EAST: [3]},
        )
    )

    def test_round_robin_takes_the_available_before_those_near_capacity(self) -> None:
        now = state(load={ANA: 8, BO: 8}, turn_finish={CHEN: 50.0})
        assert verdict(live=self.chain("round_robin"), now=now).rep_id == CHEN

    def test_round_robin_never_takes_those_at_capacity(self) -> None:
        now = state(load={ANA: 10, BO: 10, CHEN: 10})
        result = verdict(live=self.chain("round_robin", "manager"), now=now)
        assert (result.outcome, result.team_id) == ("manager", EAST)

    def test_chain_ends_in_hold(self) -> None:
        assert verdict(live=self.chain()).outcome == "hold"

    def test_suggest_policy_suggests(self) -> None:
        live = configuration(policies=[{"id": 1, "name": "s", "condition": {}, "application": "suggest"}])
        assert verdict(live=live).outcome == "suggest"


@st.composite
def situations(draw: st.DrawFn) -> Inputs:
    n = draw(st.integers(0, 8))
    skills = st.dictionaries(
        st.sampled_from(["industry", "language", "product"]),
        st.dictionaries(
            st.sampled_from(["healthcare", "german", "analytics"]), st.integers(1, 3), max_size=2
        ),
    )
    roster = Roster(
        tuple(
            RepFacts(
                id=10 * (i + 1),
                team_id=draw(st.integers(1, 2)),
                skills=draw(skills),
                max_open=draw(st.integers(1, 12)),
                max_new_per_week=draw(st.integers(0, 6)),
                max_pipeline_value=draw(st.none() | st.floats(0, 1000)),
            )
            for i in range(n)
        )
    )

    def counts(high: int) -> np.ndarray[Any, Any]:
        return np.array(draw(st.lists(st.integers(0, high), min_size=n, max_size=n)), dtype=np.int64)

    away = np.array(
        draw(st.lists(st.sampled_from([NEVER, NEVER, OPEN_END]), min_size=n, max_size=n)), dtype=np.int64
    )
    now = dataclasses.replace(
        RosterState.idle(n),
        load=counts(14),
        pending=counts(3),
        week=counts(7),
        day=counts(7),
        away_until=away,
    )
    facts = OpportunityFacts(
        id=1,
        industry=draw(st.sampled_from(["", "Healthcare"])),
        language=draw(st.sampled_from(["", "German"])),
        country=draw(st.sampled_from(["", "US"])),
        value=draw(st.none() | st.floats(0, 1000)),
    )
    live = configuration(
        territories=draw(st.sampled_from([[], [territory(1, US, {"team_id": 2})]])),
        rules=draw(
            st.sampled_from(
                [[], [rule(1, "route_to_team", team_id=1)], [rule(1, "exclude_reps", excluded=[10])]]
            )
        ),
    )
    return Inputs(facts, roster, now, live, MODEL, AT, seed=draw(st.integers(0, 9)))


class TestAlways:
    @given(situations())
    @settings(max_examples=300, deadline=None)
    def test_same_inputs_same_verdict_and_limits_hold(self, inputs: Inputs) -> None:
        result = decide(inputs)
        assert digest(result) == digest(decide(inputs))
        if result.rep_id is None:
            assert result.outcome in {"hold", "manager"}
            return
        i = inputs.roster.index[result.rep_id]
        chosen = inputs.roster.reps[i]
        assert inputs.state.away_until[i] == NEVER
        assert inputs.state.committed[i] + 1 <= chosen.max_open
        assert inputs.state.week[i] + inputs.state.pending[i] + 1 <= chosen.max_new_per_week
        if chosen.max_pipeline_value is not None:
            assert (inputs.facts.value or 0) <= chosen.max_pipeline_value
        if inputs.facts.country == "US" and inputs.configuration.territories:
            assert chosen.team_id == 2

    @given(situations())
    @settings(max_examples=100, deadline=None)
    def test_inputs_survive_storage(self, inputs: Inputs) -> None:
        stored = dataclasses.replace(
            inputs,
            facts=OpportunityFacts.from_json(inputs.facts.to_json()),
            roster=Roster.from_content(inputs.roster.content),
            state=RosterState.from_bytes(inputs.state.to_bytes()),
        )
        assert digest(decide(stored)) == digest(decide(inputs))
        assert stored.roster.digest == inputs.roster.digest

    @given(situations())
    @settings(max_examples=100, deadline=None)
    def test_columns_survive_storage(self, inputs: Inputs) -> None:
        result = decide(inputs)
        columns = unpack_columns(pack_columns(result))
        np.testing.assert_array_equal(columns.exits, result.exits)
        assert result.scores is not None
        kept = ~np.isnan(columns.parts[:, 0])
        np.testing.assert_allclose(columns.parts[kept], result.scores.parts[kept], atol=0.0005)

    def test_trace_of_a_thousand_reps_stays_below_twenty_kilobytes(self) -> None:
        rng = np.random.default_rng(1)
        n = 1000
        names = ["healthcare", "energy", "retail", "software"]
        roster = Roster(
            tuple(
                rep(
                    i + 1,
                    1 + i % 12,
                    skills={"industry": {str(rng.choice(names)): int(rng.integers(1, 4))}},
                    max_open=int(rng.integers(8, 40)),
                    deal_size_min=float(rng.integers(0, 100_000)),
                )
                for i in range(n)
            )
        )
        now = dataclasses.replace(
            RosterState.idle(n),
            load=rng.integers(0, 40, n),
            week=rng.integers(0, 15, n),
            day=rng.integers(0, 6, n),
            pipeline_value=rng.lognormal(12, 1, n).round(2),
            turn_finish=rng.integers(0, 90, n).astype(float),
        )
        facts = OpportunityFacts(id=1, industry="Healthcare", value=90_000.0)
        result = decide(Inputs(facts, roster, now, configuration(), MODEL, AT))
        assert len(now.to_bytes()) + len(pack_columns(result)) < 20_000


class TestExploration:
    @staticmethod
    def explored(seed: int, share: float = 0.5, within: float = 30.0, threshold: float = 0.0) -> Verdict:
        policy = {
            "id": 1,
            "name": "All",
            "condition": {},
            "application": "assign",
            "fallback": ["hold"],
            "threshold": threshold,
            "exploration_share": share,
            "exploration_within": within,
        }
        live = configuration(policies=[policy])
        facts = OpportunityFacts(id=1, industry="Healthcare")
        return decide(Inputs(facts, ROSTER, state(), live, MODEL, AT, seed=seed))

    def test_is_off_by_default_and_logs_a_propensity_of_one(self) -> None:
        result = verdict(OpportunityFacts(id=1, industry="Healthcare"))
        assert (result.rep_id, result.propensity) == (ANA, 1.0)
        assert result.propensities is not None
        assert result.propensities.tolist() == [1, 0, 0, 0, 0, 0]

    def test_chooses_as_often_as_it_says(self) -> None:
        results = [self.explored(seed) for seed in range(4000)]
        chances = results[0].propensities
        assert chances is not None
        assert chances.sum() == pytest.approx(1)
        assert chances[ROSTER.index[ANA]] == pytest.approx(0.5 + 0.5 / 6)
        for result in results:
            assert result.rep_id is not None
            assert result.propensity == chances[ROSTER.index[result.rep_id]]
        for rep_id in ROSTER.ids:
            share = np.mean([result.rep_id == rep_id for result in results])
            assert share == pytest.approx(chances[ROSTER.index[int(rep_id)]], abs=0.03)

    def test_stays_within_the_distance_and_above_the_threshold(self) -> None:
        near = {self.explored(seed, share=0.5, within=1.0).rep_id for seed in range(200)}
        assert near == {ANA, FINN}
        confident = {self.explored(seed, within=30.0, threshold=52.0).rep_id for seed in range(200)}
        assert confident == {ANA, FINN}

    def test_says_that_it_explored(self) -> None:
        found = [self.explored(seed).steps[-1].found.get("explored") for seed in range(50)]
        assert {"among": 6, "within": 30.0} in found
        assert None in found

    def test_the_same_seed_chooses_the_same(self) -> None:
        assert digest(self.explored(7)) == digest(self.explored(7))

    def test_rules_and_turns_are_not_explored(self) -> None:
        live = configuration(rules=[rule(1, "route_to_rep", rep_id=BO)])
        result = verdict(live=live)
        assert (result.rep_id, result.propensity, result.propensities) == (BO, 1.0, None)
