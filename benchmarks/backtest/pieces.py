"""The pieces of work: an organisation with all its backtests, done by itself and kept under its words.

good    a log with half of the choices at random among those who come close; the target is the same without exploring,
        with less of it, another model, or a rule more
poor    a log without any, or with hardly any, exploring, and a target that chooses otherwise: the model turned upside
        down, everything to one team, nobody by record but all by tags
knows   as good, the target being a model that was trained on the log's own outcomes as well: what the product refuses
        to value on them
"""

from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.backtest.world import House, Log, configuration, deals_of
from reps.engine.unavailable import Unavailable
from routing.engine.configuration import Configuration
from routing.engine.model import MatchModel
from routing.engine.off_policy import OffPolicy

HOUSES, SHORT_HOUSES = 50, 5
GOOD, POOR = 800, 300  # decisions of a log
EXPLORES: dict[str, Any] = {"exploration_share": 0.5, "exploration_within": 30}  # as much as a policy may
HARDLY: dict[str, Any] = {"exploration_share": 0.02, "exploration_within": 30}
OWN_INDUSTRY = {
    "id": 1, "name": "Own industry", "action": "require", "required_field": "industry", "required_value": "",
    "condition": {"field": "source", "op": "in", "value": ["Website form", "Demo request"]},
}  # fmt: skip
ONE_REP = {"id": 2, "name": "All to one", "condition": {}, "action": "route_to_rep", "rep_id": 1}
Piece = tuple[Any, ...]
Target = tuple[MatchModel | None, Configuration | None]
Row = dict[str, Any]


def pieces(*, short: bool) -> list[Piece]:
    return [("house", seed) for seed in range(SHORT_HOUSES if short else HOUSES)]


def key_of(piece: Piece) -> str:
    return " ".join(str(part) for part in piece)


def work(piece: Piece) -> list[Row]:
    """All backtests of one organisation, each on a log of its own."""
    house = House(int(piece[1]))
    with threadpool_limits(1):
        return [*_good(house), *_poor(house), _knows(house)]


def _good(house: House) -> list[Row]:
    decides = configuration(**EXPLORES)
    targets: dict[str, Target] = {
        "no exploring": (None, configuration()),
        "less exploring": (None, configuration(exploration_share=0.1, exploration_within=20)),
        "another model": (house.challenger, configuration()),
        "a rule more": (None, configuration(rules=[OWN_INDUSTRY])),
    }
    return [
        _row("good", name, house.log(number, decides, GOOD), target)
        for number, (name, target) in enumerate(targets.items())
    ]


def _poor(house: House) -> list[Row]:
    worst = upside_down(house.model)
    never, hardly = (house.log(10, configuration(), POOR), house.log(11, configuration(**HARDLY), POOR))
    targets: dict[str, tuple[Log, Target]] = {
        "upside down": (never, (worst, None)),
        "all to one": (never, (None, configuration(rules=[ONE_REP]))),
        "tags only": (never, (MatchModel.from_artifact(1, MatchModel.prior_artifact()), None)),
        "upside down, hardly explored": (hardly, (worst, configuration())),
    }
    return [_row("poor", name, log, target) for name, (log, target) in targets.items()]


def _knows(house: House) -> Row:
    log = house.log(20, configuration(**EXPLORES), GOOD)
    model = house.learned([*house.past[::2], *deals_of(log)])
    return _row("knows", "trained on it", log, (model, configuration()))


def _row(kind: str, name: str, log: Log, target: Target) -> Row:
    found, value, gain = log.backtest(*target)
    return {"kind": kind, "target": name, "true_value": value, "true_gain": gain, **_told(found)}


def _told(found: OffPolicy) -> Row:
    row: Row = {"size": found.effective_size, "without": found.share_without_overlap}
    for name, valued in (("dr", found.doubly_robust), ("snips", found.snips)):
        if isinstance(valued, Unavailable):
            row[name] = None
        else:
            value, gain = valued.value, valued.gain
            row[name] = [value.value, value.low, value.high, gain.value, gain.low, gain.high]
    return row


def upside_down(model: MatchModel) -> MatchModel:
    """Whoever was best is worst."""
    learned = model.learned
    assert learned is not None
    return MatchModel(
        9,
        {name: -effect for name, effect in model.pair.items()},
        type(learned)(
            levels=learned.levels,
            lead=learned.lead,
            rep={rep: -effect for rep, effect in learned.rep.items()},
            cross={
                name: {level: {rep: -effect for rep, effect in by.items()} for level, by in levels.items()}
                for name, levels in learned.cross.items()
            },
        ),
    )
