"""The answer of a backtest as its page tells it: sentences first, then what they are based on, then who moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.queries.backtests import gain_words, moved_words
from crm.queries.opportunities import opportunities_visible_to
from reps.models import Job, Rep, User
from routing.engine.off_policy import LEAST_EFFECTIVE, MOST_WITHOUT_OVERLAP
from routing.models import Decision
from routing.queries.dry_runs import MoveLine, move_lines, who

MOST_OPEN = (
    1 / 3
)  # of followed decisions without an outcome, above which the answer is of those that were quick
FALLBACKS = ("round_robin", "manager", "hold")
LABELS = dict(Decision.Via.choices)


@dataclass(frozen=True)
class Value:
    """What it would have won: `said` in sentences, `helps` what would make it tellable, `own` the model's estimate
    where nothing is evidence, `warnings` what to mind."""

    is_told: bool
    said: tuple[str, ...]
    helps: tuple[str, ...]
    own: str
    warnings: tuple[str, ...]
    basis: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RepLine:
    """One rep under what is live (`before`) and what is tried (`after`): assignments, highest load in per cent, and how
    often past the maximum and past the cap of seven days."""

    rep_id: int
    name: str
    before: int
    after: int
    peak_before: float
    peak_after: float
    maximum_before: int
    maximum_after: int
    week_before: int
    week_after: int

    @property
    def change(self) -> int:
        return self.after - self.before

    @property
    def breaks_more(self) -> bool:
        return self.maximum_after > self.maximum_before or self.week_after > self.week_before

    @property
    def breaks_any(self) -> bool:
        return bool(self.maximum_before or self.maximum_after or self.week_before or self.week_after)


@dataclass(frozen=True)
class Answer:
    """`moved` sentences · `reps` whose share or limits change, the largest change first · `caps` those of them who go
    past a limit · `vias` what decides, before and after."""

    value: Value
    moved: tuple[str, ...]
    reps: tuple[RepLine, ...]
    caps: tuple[RepLine, ...]
    pairs: tuple[tuple[str, str, int], ...]
    moves: tuple[MoveLine, ...]
    hidden_moves: int
    vias: tuple[tuple[str, int, int], ...]


def answer_of(job: Job, *, user: User) -> Answer | None:
    """None until it is done. Moves are of opportunities that the user may see."""
    found = job.result
    if job.state != Job.State.DONE or "world" not in found:
        return None
    world = found["world"]
    names = _names(world)
    reps = rep_lines(world, names)
    moves = _moves(world, names, user)
    return Answer(
        value=value_of(found),
        moved=tuple(_moved(world)),
        reps=tuple(line for line in reps if line.change),
        caps=tuple(line for line in reps if line.breaks_any),
        pairs=tuple((who(one, names), who(other, names), count) for one, other, count in world["pairs"]),
        moves=moves,
        hidden_moves=len(world["moves"]) - len(moves),
        vias=_vias(world),
    )


# --- what it would have won -------------------------------------------------------------------------------------------


def value_of(found: Mapping[str, Any]) -> Value:
    value, counts = found["value"], found["counts"]
    reason = value.get("unavailable") or value["doubly_robust"].get("reason", "")
    return Value(
        is_told=not reason,
        said=tuple(_refused(reason) if reason else _told(value)),
        helps=tuple(_helps(value, counts) if reason else ()),
        own=_own(found["world"]) if reason else "",
        warnings=tuple(_warnings(counts, found["asked"])),
        basis=tuple(_basis(value, counts)),
    )


def _told(value: Mapping[str, Any]) -> list[str]:
    robust, snips, logged = value["doubly_robust"], value["snips"], value["logged"]
    gain, decisions = robust["gain"], with_overlap(value)
    total = [decisions * gain[name] for name in ("value", "low", "high")]
    return [
        gain_words(gain["value"], gain["low"], gain["high"]),
        f"Of 100 such decisions it would have won {_range(robust['value'])}; what was decided then won "
        f"{100 * logged['value']:.1f}.",
        f"Over the {decisions:,} decisions that this is based on: {_wins(total[0])}, between {_wins(total[1])} and "
        f"{_wins(total[2])}.",
        f"A second way of reckoning (SNIPS), which leans on outcomes alone, says {_range(snips['value'])}.",
    ]


def with_overlap(value: Mapping[str, Any]) -> int:
    return round(value["decisions"] * (1 - value["share_without_overlap"]))


def _range(estimate: Mapping[str, float]) -> str:
    low, high = max(estimate["low"], 0.0), min(estimate["high"], 1.0)
    return f"{100 * estimate['value']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _wins(count: float) -> str:
    whole = round(count)
    if not whole:
        return "no win more or less"
    return f"{abs(whole):,} {'win' if abs(whole) == 1 else 'wins'} {'more' if whole > 0 else 'fewer'}"


def _refused(reason: str) -> list[str]:
    return [f"What it would have won cannot be told from what was logged: {reason}."]


def _helps(value: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    if counts["known"] and not counts["used"]:
        return ["Choose days after the model was trained, or wait until what it decides now has closed."]
    if counts["used"] < LEAST_EFFECTIVE:
        return [
            "Choose more days, or wait: the log begins with the first decision here, and needs at least "
            f"{LEAST_EFFECTIVE:.0f} that were followed and are won or lost.",
            "An experiment measures the same from today on, whatever the past holds.",
        ]
    helps = [
        "Let the live policies explore a small share (0.05 is plenty), so that the log of the next weeks holds what "
        "others would have won.",
        "Try something nearer to what was live: one policy or one rule at a time.",
    ]
    if value.get("share_without_overlap", 0) >= MOST_WITHOUT_OVERLAP:
        helps.append("Choose days on which what decided was more alike: fewer days often are.")
    return [*helps, "For a change this large, an experiment is the honest way."]


def _own(world: Mapping[str, Any]) -> str:
    before, after = world["before"], world["after"]
    if after["expected_wins"] is None or before["expected_wins"] is None or not world["moved"]:
        return ""
    ends = sorted(after[name] - before[name] for name in ("expected_wins_low", "expected_wins"))
    share = [100 * end / world["arrivals"] for end in ends]
    low, high = (f"{end:+.1f}".replace("-", "−") for end in ends)
    of_100 = " to ".join(f"{one:+.1f}".replace("-", "−") for one in share)
    return (
        f"{low} to {high} wins over the {world['arrivals']:,} opportunities of these days ({of_100} of 100), against "
        "what is live. The model that decides believes this of its own choices; no outcome bears it out."
    )


def _warnings(counts: Mapping[str, int], asked: Mapping[str, Any]) -> list[str]:
    said, single = [], counts["followed"] - counts["planned"]
    if single and counts["open"] > MOST_OPEN * single:
        said.append(
            f"{counts['open']:,} of {single:,} followed decisions have no outcome yet. What closes early is not like "
            "what closes late, so earlier days would tell more."
        )
    if counts["known"] and counts["used"]:
        said.append(
            f"Model {asked['model']} may know how {counts['known']:,} of the decisions ended, since it was trained "
            "later; they are left out."
        )
    return said


def _basis(value: Mapping[str, Any], counts: Mapping[str, int]) -> list[tuple[str, str]]:
    rows = [
        ("Decisions by prediction in these days", f"{counts['made']:,}"),
        ("Followed: assigned, or approved as suggested", f"{counts['followed']:,}"),
        ("Planned in a batch, left out", f"{counts['planned']:,}"),
        ("Without an outcome yet, left out", f"{counts['open']:,}"),
        ("Disqualified or with somebody else by now, left out", f"{counts['ended']:,}"),
        ("Known to the model that is tried, left out", f"{counts['known']:,}"),
        ("Decided by an older version of the ladder, left out", f"{counts['unlike']:,}"),
        ("Looked at", f"{counts['used']:,}"),
        ("By rules, without a learned model", f"{counts['by_rules']:,}"),
    ]
    always = {rows[0][0], rows[1][0], rows[3][0], rows[7][0]}
    kept = [row for row in rows if row[0] in always or row[1] != "0"]
    if "effective_size" in value and value["decisions"]:
        kept.append(("Tell as much as so many decisions of its own", f"{int(value['effective_size']):,}"))
        kept.append(("Could have gone its way then", f"{100 * (1 - value['share_without_overlap']):.0f} %"))
    return kept


# --- who moves --------------------------------------------------------------------------------------------------------


def _moved(world: Mapping[str, Any]) -> list[str]:
    before, after, arrivals = world["before"], world["after"], world["arrivals"]
    said = [moved_words(arrivals, world["moved"])]
    said.append(
        f"{_covered(after, arrivals)} would be decided by the model, an account or a rule (now "
        f"{_covered(before, arrivals)}); nobody would get {after['held']:,} (now {before['held']:,})."
    )
    for name, limit in (("past_maximum", "the maximum"), ("past_week", "the cap of seven days")):
        if after[name] or before[name]:
            said.append(
                f"{after[name]:,} would take somebody past {limit}, as named accounts may (now {before[name]:,})."
            )
    if not any(totals[name] for totals in (before, after) for name in ("past_maximum", "past_week")):
        said.append("Nobody would go past a limit.")
    return said


def _covered(totals: Mapping[str, Any], arrivals: int) -> str:
    fallen = sum(totals["by_via"].get(via, 0) for via in FALLBACKS)
    return f"{100 * (arrivals - fallen) / max(arrivals, 1):.0f} %"


def _vias(world: Mapping[str, Any]) -> tuple[tuple[str, int, int], ...]:
    before, after = world["before"]["by_via"], world["after"]["by_via"]
    found = [via for via in LABELS if via in before or via in after]
    return tuple((str(LABELS[via]).capitalize(), before.get(via, 0), after.get(via, 0)) for via in found)


def _names(world: Mapping[str, Any]) -> dict[int, str]:
    ids = {
        int(rep) for side in ("before", "after") for rep in (*world[side]["by_rep"], *world[side]["peak_pct"])
    }
    return dict(Rep.objects.filter(pk__in=ids).values_list("pk", "name"))


def rep_lines(world: Mapping[str, Any], names: Mapping[int, str]) -> list[RepLine]:
    """The largest change first."""

    def line(rep_id: int, name: str) -> RepLine:
        sides = [world["before"], world["after"]]
        counts = [
            side[what].get(str(rep_id), 0)
            for what in ("by_rep", "peak_pct", "past_maximum_of", "past_week_of")
            for side in sides
        ]
        return RepLine(rep_id, name, *counts)

    return sorted((line(*one) for one in names.items()), key=lambda one: (-abs(one.change), one.name))


def all_rep_lines(job: Job) -> Sequence[RepLine]:
    world = job.result["world"]
    return rep_lines(world, _names(world))


def _moves(world: Mapping[str, Any], names: Mapping[int, str], user: User) -> tuple[MoveLine, ...]:
    ids = [row[0] for row in world["moves"]]
    seen = dict(opportunities_visible_to(user).filter(pk__in=ids).values_list("pk", "name"))
    return move_lines(world["moves"], seen, names)


def moves_of(job: Job, *, user: User) -> tuple[MoveLine, ...]:
    world = job.result["world"]
    return _moves(world, _names(world), user)
