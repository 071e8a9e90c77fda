"""The pieces of work of the benchmark: blocks of runs, each done by itself and kept under its words.

same       both arms by turns: how often a difference is declared where there is none
power      treatment wins more by itself, as much as the calculator says would be seen in four of five runs
apart      turns against best match: what the experiment measures
rollout    everybody by turns, and everybody by best match: the truth of `apart`
nil        turns against best match where giving everybody the best match gains nothing
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.experiments.seen import HORIZON_DAYS, Run, is_declared, planned, runs_of
from benchmarks.experiments.world import Organisations, Strategy, Trial, World
from experiments.engine.allocation import Design
from experiments.engine.effect import Effect, p_of_one_look

WORLDS = {
    world.name: world
    for world in (
        World("load_tires"),
        World("load_does_not_tire", tiredness=0.0, base=-1.6),
        World("small_team", reps=6),
    )
}
TIRED = WORLDS["load_tires"]
NIL = World("only_skill", fit=0.0)  # every slot is used anyway, so that it does not matter who gets whom
UTILISATIONS = (0.4, 0.7, 0.9)
WEEKS = {Design.SLOT_SPLIT: 8, Design.REP_PARTITION: 8, Design.SWITCHBACK: 24, Design.LEAD_SPLIT: 8}
LONG = (Design.SWITCHBACK, 40)  # 20 periods; 12 in WEEKS
SAME = (*WEEKS.items(), LONG)
WIDER = 1.1  # log-odds within leads that differ are worth less than between averages
BIAS_WEEKS = 12  # a switchback's are as in WEEKS
LEAST_REPS = 10  # of a partition
RUNS = 200  # of a block
SAME_BLOCKS, OTHER_BLOCKS, SHORT_BLOCKS = 20, 5, 2
DAILY, WEEKLY = 1, 7
Piece = tuple[Any, ...]


def pieces(*, short: bool) -> list[Piece]:
    """Block by block, so that a run stopped early has something of everything."""
    found: list[Piece] = []
    for block in range(SHORT_BLOCKS if short else SAME_BLOCKS):
        is_of_all = block < OTHER_BLOCKS
        found += [("same", str(one[0]), one[1], block) for one in SAME if is_of_all or one != LONG]
        if is_of_all:
            found += [("power", str(design), weeks, block) for design, weeks in WEEKS.items()]
            found += [("nil", str(design), block) for design in WEEKS]
        for world, utilisation in places():
            if is_of_all or WORLDS[world].reps < LEAST_REPS:  # few leads, much chance
                found.append(("rollout", world, utilisation, block))
                found += [("apart", world, utilisation, str(one), block) for one in designs_in(world)]
    return found


def places() -> list[tuple[str, float]]:
    """Worlds and utilisations in which the bias is asked for."""
    return [*((TIRED.name, one) for one in UTILISATIONS), *((name, 0.9) for name in list(WORLDS)[1:])]


def designs_in(world: str) -> list[Design]:
    return [one for one in WEEKS if one is not Design.REP_PARTITION or WORLDS[world].reps >= LEAST_REPS]


def key_of(piece: Piece) -> str:
    return " ".join(str(part) for part in piece)


def work(piece: Piece) -> dict[str, Any]:
    """One block, as plain data."""
    kind, *of = piece
    with threadpool_limits(1):
        if kind == "same":
            design, weeks, block = of
            return _looked_at(_same_trial(Design(design), weeks), (1, weeks, block))
        if kind == "power":
            design, weeks, block = of
            return _looked_at(_boosted(Design(design), weeks), (2, weeks, block))
        if kind == "nil":
            design, block = of
            return _measured(_nil_trial(Design(design)), (3, block))
        if kind == "apart":
            world, utilisation, design, block = of
            return _measured(_apart(world, utilisation, Design(design)), (4, round(100 * utilisation), block))
        world, utilisation, block = of
        return _rolled_out(world, utilisation, (5, round(100 * utilisation), block))


# --- the trials -------------------------------------------------------------------------------------------------------


def _same_trial(design: Design, weeks: int) -> Trial:
    return Trial(TIRED, design, weeks, treatment=Strategy.TURNS)


def _boosted(design: Design, weeks: int) -> Trial:
    """A boost of log-odds that makes about the detectable difference."""
    trial = _same_trial(design, weeks)
    base, found = base_rate(TIRED), planned(trial, base_rate(TIRED)).detectable
    assert found is not None
    more = base + found
    return replace(trial, boost=float(np.log(more / (1 - more) / (base / (1 - base)))) * WIDER)


def _apart(world: str, utilisation: float, design: Design) -> Trial:
    return Trial(replace(WORLDS[world], utilisation=utilisation), design, _bias_weeks(design))


def _nil_trial(design: Design) -> Trial:
    return Trial(NIL, design, _bias_weeks(design))


def _bias_weeks(design: Design) -> int:
    return WEEKS[design] if design is Design.SWITCHBACK else BIAS_WEEKS


@lru_cache
def base_rate(world: World) -> float:
    """By turns, as the past would say it."""
    return float(np.mean(_won(Trial(world, None, BIAS_WEEKS, split=0.0), 40, (0,))))


# --- what becomes of them ---------------------------------------------------------------------------------------------


def _looked_at(trial: Trial, seed: tuple[int, ...]) -> dict[str, Any]:
    """Declared at daily looks, at weekly ones, and at one at the end by a plain test; the last estimate, and between
    what all daily intervals have in common."""
    plan = planned(trial, base_rate(trial.world))
    found: dict[str, Any] = {"runs": RUNS, "daily": 0, "weekly": 0, "once": 0, "estimates": [], "common": []}
    found |= {
        "base": base_rate(trial.world),
        "treatment": plan.treatment_units,
        "control": plan.control_units,
    }
    for run in runs_of(Organisations(trial, RUNS, seed).run()):
        daily = run.looks(plan.planned_information, DAILY)
        found["daily"] += is_declared(daily)
        found["weekly"] += is_declared(run.looks(plan.planned_information, WEEKLY))
        effect = run.effect(run.last_day)
        if isinstance(effect, Effect):
            found["once"] += p_of_one_look(effect) < 0.05
            found["estimates"].append(round(effect.value, 6))
        if daily:
            found["common"].append([
                round(max(one.low for one in daily), 6), round(min(one.high for one in daily), 6)
            ])  # fmt: skip
    return found


def _measured(trial: Trial, seed: tuple[int, ...]) -> dict[str, Any]:
    """The estimate of each run after the last day, and how many a plain test would call different."""
    effects = [run.effect(run.last_day) for run in runs_of(Organisations(trial, RUNS, seed).run())]
    told = [one for one in effects if isinstance(one, Effect)]
    return {
        "estimates": [round(one.value, 6) for one in told],
        "different": sum(p_of_one_look(one) < 0.05 for one in told),
    }


def _rolled_out(world: str, utilisation: float, seed: tuple[int, ...]) -> dict[str, Any]:
    """The win rate of each organisation, by turns and by best match."""
    place = replace(WORLDS[world], utilisation=utilisation)
    return {
        name: _won(Trial(place, None, BIAS_WEEKS, split=split), RUNS, seed)
        for name, split in (("control", 0.0), ("treatment", 1.0))
    }


def _won(trial: Trial, runs: int, seed: tuple[int, ...]) -> list[float]:
    """Of each run the share won within the horizon."""
    return [_share(one) for one in runs_of(Organisations(trial, runs, seed).run())]


def _share(run: Run) -> float:
    arms = [arm for arm in (run.treatment, run.control) if len(arm.came)]
    return round(
        float(np.mean(np.concatenate([_in_time(arm.won, arm.closed - arm.came) for arm in arms]))), 6
    )


def _in_time(won: Any, days: Any) -> Any:
    return won & (days <= HORIZON_DAYS)
