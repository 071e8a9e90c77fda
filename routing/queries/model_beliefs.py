"""What a model believes, as odds: effects of pairings and leads, and each rep's own level, with their uncertainty."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from routing.queries.model_words import Words, counted, listed, number, signed

WIDTH_SD = 1.96  # of a 95 % interval
FEW = 6  # rows that are shown at once
MARK_HALF = 50.0  # units from the middle of the interval mark to its edge


@dataclass(frozen=True)
class Mark:
    """The interval as drawn, in units from −MARK_HALF to MARK_HALF around no effect."""

    low: float
    high: float
    at: float
    prior: float


@dataclass(frozen=True)
class Belief:
    """One effect: in words, as log-odds ± sd, as an odds multiplier with its interval."""

    name: str
    sentence: str
    effect: str
    sd: str
    prior: str
    odds: str
    interval: str
    mark: Mark
    is_clear: bool
    odds_fall: bool
    deals: int | None = None
    rep_id: int | None = None


@dataclass(frozen=True)
class _Raw:
    name: str
    effect: float
    sd: float
    prior: float
    deals: int | None = None
    rep_id: int | None = None


def effects(report: Mapping[str, Any], words: Words, kind: str) -> list[Belief]:
    """The effects of one kind, "pair" or "lead", the strongest first."""
    found = []
    for row in report.get("effects", ()):
        if row["kind"] == kind:
            name, step = words.effect(row["name"])
            found.append(
                _Raw(name, step * row["effect"], row["sd"] * step, step * row["prior"], row["deals"])
            )
    return _told(found)


def declared(artifact: Mapping[str, Any], words: Words) -> list[Belief]:
    """What rules believe before any deal."""
    found = []
    for key, effect in artifact.get("effects", {}).items():
        name, step = words.effect(key)
        found.append(_Raw(name, step * effect, 0.0, step * effect))
    return _told(sorted(found, key=lambda raw: -abs(raw.effect)))


def rep_levels(report: Mapping[str, Any], names: Mapping[int, str]) -> list[Belief]:
    """The own level of every rep who may be seen, the highest first."""
    deals = {row[0]: row[2] for row in report.get("segments", {}).get("rep", ())}
    found = [
        _Raw(names[int(key)], effect, sd, 0.0, deals.get(int(key), 0), int(key))
        for key, (effect, sd) in report.get("rep_effects", {}).items()
        if int(key) in names
    ]
    return _told(sorted(found, key=lambda raw: (-raw.effect, raw.name)))


def _told(rows: Iterable[_Raw]) -> list[Belief]:
    rows = list(rows)
    reach = max((abs(raw.effect) + WIDTH_SD * raw.sd for raw in rows), default=1.0) or 1.0
    return [_belief(raw, MARK_HALF / reach) for raw in rows]


def _belief(raw: _Raw, unit: float) -> Belief:
    low, high = raw.effect - WIDTH_SD * raw.sd, raw.effect + WIDTH_SD * raw.sd
    is_clear = raw.sd > 0 and (low > 0 or high < 0)
    return Belief(
        name=raw.name,
        sentence=_sentence(raw, is_clear),
        effect=signed(raw.effect),
        sd=number(raw.sd, 2),
        prior=signed(raw.prior) if raw.prior else "0",
        odds=f"× {math.exp(raw.effect):.2f}",
        interval=f"{math.exp(low):.2f} to {math.exp(high):.2f}",
        mark=Mark(*(round(unit * value, 1) for value in (low, high, raw.effect, raw.prior))),
        is_clear=is_clear,
        odds_fall=raw.effect < 0,
        deals=raw.deals,
        rep_id=raw.rep_id,
    )


def _sentence(raw: _Raw, is_clear: bool) -> str:
    """ "raises the odds of winning by 68 %", or that it could be nothing."""
    change = math.exp(raw.effect) - 1
    if raw.deals == 0 and raw.rep_id is None and raw.sd:
        return "no deal tells: this is what was believed beforehand"
    if raw.sd and not is_clear:
        leaning = "better odds" if raw.effect > 0 else "worse odds"
        return f"could be nothing; leans to {leaning}" if abs(change) >= 0.01 else "no difference seen"
    word = "raises" if change > 0 else "lowers"
    return f"{word} the odds of winning by {abs(round(100 * change))} %"


@dataclass(frozen=True)
class Beliefs:
    """A table with its sentence; `first` are shown, `more` one click away."""

    sentence: str
    first: tuple[Belief, ...]
    more: tuple[Belief, ...]

    @property
    def count(self) -> int:
        return len(self.first) + len(self.more)


def of_pairs(rows: list[Belief]) -> Beliefs:
    """What is clear comes first; where little is, the strongest."""
    clear = [row for row in rows if row.is_clear]
    shown = clear if len(clear) >= FEW else rows[:FEW]
    names = listed([row.name.lower() for row in clear])
    said = (
        f"Clear so far: {names}. The rest could be nothing, and stays close to what was believed beforehand."
        if clear
        else "Nothing is clear yet: all of it could be nothing, and stays close to what was believed beforehand."
    )
    return Beliefs(said, tuple(shown), tuple(row for row in rows if row not in shown))


def of_reps(rows: list[Belief], *, distinguishable: bool) -> Beliefs:
    """Who stands out, and the whole table one click away."""
    above = [row.name for row in rows if row.is_clear and not row.odds_fall]
    below = [row.name for row in rows if row.is_clear and row.odds_fall]
    if not above and not below:
        why = "they differ only taken together" if distinguishable else "who leads is a guess yet"
        said = f"No single rep is clearly better or worse than the average, leads held alike; {why}."
    else:
        parts = [f"{word} the average: {listed(found)}" for word, found in
                 (("clearly above", above), ("clearly below", below)) if found]  # fmt: skip
        said = "; ".join(parts)
        said = f"{said[:1].upper()}{said[1:]}."
    return Beliefs(said, (), tuple(rows))


def little_history(report: Mapping[str, Any], names: Mapping[int, str]) -> list[tuple[int, str, str]]:
    """Reps with few closed deals: id, name, how many."""
    return [
        (rep_id, names[rep_id], counted(closed, "deal") if closed else "none yet")
        for rep_id, closed in report.get("little_history", ())
        if rep_id in names
    ]


@dataclass(frozen=True)
class Flagged:
    """A rep who disqualifies more than the leads explain."""

    rep_id: int
    name: str
    sentence: str


def disqualifiers(report: Mapping[str, Any], names: Mapping[int, str]) -> list[Flagged]:
    return [
        Flagged(
            row["rep_id"],
            names[row["rep_id"]],
            f"disqualified {row['observed']} of {row['deals']:,} leads; of such leads about "
            f"{row['expected']:.0f} usually "
            f"are. The {row['observed'] - row['expected']:.0f} beyond that count as lost, so that dropping "
            "bad leads does "
            "not raise a win rate.",
        )
        for row in report.get("dropped", ())
        if row["rep_id"] in names
    ]


@dataclass(frozen=True)
class Mover:
    rep_id: int
    name: str
    was: str
    now: str
    change: str


@dataclass(frozen=True)
class Drift:
    """How far a model thinks otherwise than the one before."""

    against: int
    sentence: str
    movers: tuple[Mover, ...]


def drift(report: Mapping[str, Any], names: Mapping[int, str]) -> Drift | None:
    found = report.get("drift")
    if not found or not found.get("leads"):
        return None
    same, alike = found["same_first_choice"], found["correlation"]
    word = "much as" if alike > 0.9 else "somewhat otherwise than" if alike > 0.6 else "quite otherwise than"
    sentence = (
        f"It thinks {word} model {found['against']} did: on {counted(found['leads'], 'recent lead')} both "
        "name the same "
        f"first choice for {round(100 * same)} of 100, and their scores go together with a correlation of "
        f"{number(alike, 2)}."
    )
    movers = tuple(
        Mover(rep, names[rep], f"× {math.exp(was):.2f}", f"× {math.exp(now):.2f}", signed(now - was))
        for rep, was, now in found["movers"]
        if rep in names and abs(now - was) >= 0.005
    )
    return Drift(found["against"], sentence, movers)
