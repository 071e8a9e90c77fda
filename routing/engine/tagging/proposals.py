"""Tags inferred from closed deals, and held ones that the deals speak against.

A tag is suggested where a rep is likely to be better with such deals than with others (`specialities.py`): the
likeliest first, as long as no more than `false_share` of those suggested are expected to be chance (the Bayesian false
discovery rate; M. A. Newton et al., Biostatistics 2004). Having many such deals is no evidence: somebody else decided
that. Languages are held to the same test with fewer wins: a deal that was won in German may have been won in English.
Wins, wins by chance and the p-value of the pair by itself (`evidence.py`) are what the reader sees. Nothing is given
or taken here; people decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reps.engine.unavailable import Unavailable
from routing.engine.tagging.columns import Key, folded, in_order, labels_of, lead_columns, pairs_of, values_of
from routing.engine.tagging.deals import (
    DEAL_SIZE,
    LANGUAGE,
    ClosedDeal,
    HeldTag,
    Removal,
    Suggestion,
    TagProposals,
    TagSettings,
)
from routing.engine.tagging.evidence import Evidence, Floats, evidence_of
from routing.engine.tagging.specialities import specialities_of

LEAST_REPS = 2
LEAST_DEALS = 30
LEAST_CHANCE = 0.35  # of one suggestion, however sure the others are
MONTH_DAYS = 30.4375


@dataclass(frozen=True)
class _Looked:
    """The pairs of one window. `p`: of a range of deal sizes times the number of the rep's ranges; `chance` of an
    expertise."""

    keys: Sequence[Key]
    evidence: Evidence
    p: Floats
    chance: Floats


def propose_tags(
    deals: Iterable[ClosedDeal], held: Iterable[HeldTag], settings: TagSettings | None = None
) -> TagProposals | Unavailable:
    """Suggestions and removals. `deals` should reach back `silent_after_days`; older ones are left out."""
    settings = settings or TagSettings()
    known = in_order(deal for deal in deals if deal.closed_days_ago <= settings.silent_after_days)
    window = [deal for deal in known if deal.closed_days_ago <= settings.window_days]
    if len(window) < LEAST_DEALS:
        return Unavailable(f"fewer than {LEAST_DEALS} deals were closed in {_months(settings.window_days)}")
    if len({deal.rep_id for deal in window}) < LEAST_REPS:
        return Unavailable("only one rep closed deals, so that there is nobody to compare with")
    if len({deal.won for deal in window}) < 2:
        return Unavailable("all deals ended the same way")
    tags = sorted(set(held), key=lambda tag: (tag.rep_id, tag.kind, tag.value))
    looked = _look(window, settings)
    return TagProposals(
        suggestions=_suggestions(looked, tags, settings),
        removals=_removals(looked, tags, known, settings),
        pairs=len(looked.keys),
    )


def chances_of(window: Sequence[ClosedDeal], settings: TagSettings) -> list[tuple[Key, float]]:
    """The chance of every pair, whatever would be suggested; for measuring whether it is true."""
    looked = _look(window, settings)
    return list(zip(looked.keys, looked.chance.tolist(), strict=True))


def _look(window: Sequence[ClosedDeal], settings: TagSettings) -> _Looked:
    _, rep = np.unique([deal.rep_id for deal in window], return_inverse=True)
    won = np.array([deal.won for deal in window], dtype=float)
    labels = labels_of(window)
    keys, pairs = pairs_of(window, labels, rep, settings)
    lead = lead_columns(window, labels)
    evidence = evidence_of(pairs, rep, won, lead, level_sd=settings.level_sd)
    found = specialities_of(
        pairs, values_of(keys, pairs, len(window)), rep, won, lead, level_sd=settings.level_sd
    )
    p, chance = _with_best_ranges(keys, evidence, found.chance)
    return _Looked(keys, evidence, p, chance)


def _with_best_ranges(keys: Sequence[Key], evidence: Evidence, chance: Floats) -> tuple[Floats, Floats]:
    """p and chance: of a rep's ranges only the likeliest counts, with the chance that it or one that overlaps it is
    the one; its p times their number."""
    p, chance = evidence.upper.copy(), chance.copy()
    ranges: dict[int, list[int]] = {}
    for i, key in enumerate(keys):
        if key.kind == DEAL_SIZE:
            ranges.setdefault(key.rep_id, []).append(i)
    for places in ranges.values():
        best = min(places, key=lambda i: (-chance[i], p[i], keys[i].value))
        together = sum(chance[i] for i in places if _overlap(keys[i], keys[best]))
        p[places] = np.minimum(1.0, p[places] * len(places))
        chance[places] = 0.0
        chance[best] = min(1.0, together)
    return p, chance


def _overlap(one: Key, other: Key) -> bool:
    def below(low: float | None, high: float | None) -> bool:
        return low is None or high is None or low < high

    return below(one.low, other.high) and below(other.low, one.high)


def _suggestions(looked: _Looked, held: Sequence[HeldTag], settings: TagSettings) -> list[Suggestion]:
    """The likeliest first; q is the mean chance of being none of those up to this one."""
    has = {(tag.rep_id, tag.kind, _value(tag)) for tag in held}
    possible = [
        i
        for i, key in enumerate(looked.keys)
        if (key.rep_id, key.kind, "" if key.kind == DEAL_SIZE else key.value) not in has
        and _has_enough(looked, i, settings)
    ]
    possible.sort(key=lambda i: (-looked.chance[i], looked.p[i], _name(looked.keys[i])))
    none = 1 - looked.chance[possible]
    q = np.cumsum(none) / np.arange(1, len(possible) + 1)
    found = [
        _suggestion(looked, i, float(share), settings)
        for i, share in zip(possible, q, strict=True)
        if _is_clear(looked, i, float(share), settings)
    ]
    return sorted(found, key=lambda one: (one.q_value, one.p_value, one.rep_id, one.kind, one.value))


def _name(key: Key) -> tuple[int, str, str]:
    return key.rep_id, key.kind, key.value


def _has_enough(looked: _Looked, i: int, settings: TagSettings) -> bool:
    wins, expected = int(looked.evidence.wins[i]), float(looked.evidence.expected[i])
    enough = wins >= settings.wins_needed(looked.keys[i].kind) and wins >= settings.least_lift * expected
    return enough and looked.chance[i] > 0


def _is_clear(looked: _Looked, i: int, q: float, settings: TagSettings) -> bool:
    plenty = looked.evidence.wins[i] >= settings.plenty_wins and looked.p[i] <= settings.plenty_p
    return bool(plenty or (q <= settings.false_share and looked.chance[i] >= LEAST_CHANCE))


def _suggestion(looked: _Looked, i: int, q: float, settings: TagSettings) -> Suggestion:
    key, evidence = looked.keys[i], looked.evidence
    wins, deals, expected = int(evidence.wins[i]), int(evidence.deals[i]), float(evidence.expected[i])
    return Suggestion(
        rep_id=key.rep_id,
        kind=key.kind,
        value=key.label,
        wins=wins,
        deals=deals,
        expected=expected,
        p_value=float(looked.p[i]),
        q_value=q,
        sentence=_sentence(key, wins, deals, expected, settings.window_days),
        low=key.low,
        high=key.high,
    )


def _removals(
    looked: _Looked, held: Sequence[HeldTag], known: Sequence[ClosedDeal], settings: TagSettings
) -> list[Removal]:
    """Of tags held long enough. Languages and ranges stay: a language is spoken, whoever buys."""
    old = [tag for tag in held if tag.held_days >= settings.stale_after_days]
    old = [tag for tag in old if tag.kind not in (LANGUAGE, DEAL_SIZE)]
    place = {(key.rep_id, key.kind, key.value): i for i, key in enumerate(looked.keys)}
    at = [place.get((tag.rep_id, tag.kind, _value(tag)), -1) for tag in old]
    enough = [i for i in at if i >= 0 and looked.evidence.deals[i] >= settings.least_deals_to_remove]
    q = stats.false_discovery_control(looked.evidence.lower[enough]) if enough else []
    worse = {i for i, share in zip(enough, q, strict=True) if share <= settings.false_share}
    record = _records(known)
    removals = []
    for tag, i in zip(old, at, strict=True):
        removal = _worse(tag, looked, i, settings) if i in worse else _silent(tag, record, settings)
        if removal is not None:
            removals.append(removal)
    return sorted(
        removals,
        key=lambda one: (1.0 if one.p_value is None else one.p_value, one.rep_id, one.kind, one.value),
    )


def _records(known: Sequence[ClosedDeal]) -> dict[tuple[int, str, str], tuple[int, int]]:
    """(rep, kind, value) → deals and wins; (rep, "", "") → of all the rep's deals."""
    record: dict[tuple[int, str, str], tuple[int, int]] = {}
    for deal in known:
        named = {
            (kind, folded(text))
            for kind in ("industry", "product", "competitor")
            for text in deal.values(kind)
        }
        for kind, value in named | {("", "")}:
            count, wins = record.get((deal.rep_id, kind, value), (0, 0))
            record[deal.rep_id, kind, value] = (count + 1, wins + deal.won)
    return record


def _worse(tag: HeldTag, looked: _Looked, i: int, settings: TagSettings) -> Removal:
    evidence, key = looked.evidence, looked.keys[i]
    wins, deals, expected = int(evidence.wins[i]), int(evidence.deals[i]), float(evidence.expected[i])
    sentence = _sentence(key, wins, deals, expected, settings.window_days)
    p = float(evidence.lower[i])
    return Removal(tag.rep_id, tag.kind, tag.value, "worse than chance", wins, deals, expected, p, sentence)


def _silent(
    tag: HeldTag, record: dict[tuple[int, str, str], tuple[int, int]], settings: TagSettings
) -> Removal | None:
    """No win or no deal since long, although the tag was held all the time and the rep closed enough deals."""
    deals, wins = record.get((tag.rep_id, tag.kind, _value(tag)), (0, 0))
    all_deals, _ = record.get((tag.rep_id, "", ""), (0, 0))
    if tag.held_days < settings.silent_after_days or wins:
        return None
    since = _months(settings.silent_after_days)
    if deals >= settings.least_deals_to_remove:
        sentence = f"won none of {deals} {tag.value} deals in {since}"
        return Removal(tag.rep_id, tag.kind, tag.value, "no win", 0, deals, None, None, sentence)
    if deals == 0 and all_deals >= settings.least_deals_while_silent:
        sentence = f"closed no {tag.value} deal in {since}, and {all_deals} others"
        return Removal(tag.rep_id, tag.kind, tag.value, "no deal", 0, 0, None, None, sentence)
    return None


def _value(tag: HeldTag) -> str:
    return "" if tag.kind == DEAL_SIZE else folded(tag.value)


def _sentence(key: Key, wins: int, deals: int, expected: float, window_days: float) -> str:
    if key.kind == DEAL_SIZE:
        which = f"deals of {key.label}"
    elif key.kind == "competitor":
        which = f"deals against {key.label}"
    else:
        which = f"{key.label} deals"
    chance = f"{expected:.0f}" if expected >= 3 else f"{expected:.1f}"
    return f"won {wins} of {deals} {which} in {_months(window_days)}; by chance about {chance}"


def _months(days: float) -> str:
    return f"{days / MONTH_DAYS:.0f} months"
