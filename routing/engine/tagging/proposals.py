"""Tags inferred from closed deals, and held ones that the deals speak against.

A tag is suggested where a rep wins clearly more of such deals than chance gives (`evidence.py`), by Benjamini and
Hochberg (J. R. Stat. Soc. B 1995), with Storey's share of nulls, over all pairs of rep and value that could reach any
evidence at all. Having many such deals is no evidence: somebody else decided that. Languages are held to the same test
with fewer wins: a deal that was won in German may have been won in English. Nothing is given or taken here; people
decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from routing.engine.tagging.columns import Key, folded, in_order, labels_of, lead_columns, pairs_of
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
from routing.engine.tagging.evidence import Evidence, Floats, Mask, evidence_of
from routing.engine.unavailable import Unavailable

LEAST_REPS = 2
LEAST_DEALS = 30
HOPELESS_P = (
    0.01  # a pair that could not reach it by winning everything is not looked at: it only costs the others
)
MONTH_DAYS = 30.4375


@dataclass(frozen=True)
class _Looked:
    """The pairs of one window. `p`: Bonferroni over the ranges of one rep for deal sizes, of which the best is kept."""

    keys: Sequence[Key]
    evidence: Evidence
    p: Floats
    q: Floats


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


def _look(window: Sequence[ClosedDeal], settings: TagSettings) -> _Looked:
    _, rep = np.unique([deal.rep_id for deal in window], return_inverse=True)
    won = np.array([deal.won for deal in window], dtype=float)
    labels = labels_of(window)
    keys, pairs = pairs_of(window, labels, rep, settings)
    evidence = evidence_of(pairs, rep, won, lead_columns(window, labels), level_sd=settings.level_sd)
    p, counts = _with_best_ranges(keys, evidence)
    q = np.ones(len(keys))
    tested = counts & (evidence.best_upper <= HOPELESS_P)
    if tested.any():
        q[tested] = np.minimum(
            1.0, _null_share(p[tested]) * stats.false_discovery_control(p[tested], method="bh")
        )
    return _Looked(keys, evidence, p, q)


def _null_share(p: Floats) -> float:
    """How many of the pairs are nothing special (J. D. Storey, J. R. Stat. Soc. B 2002), from those with p above ½."""
    return min(1.0, (1 + int((p > 0.5).sum())) / (0.5 * len(p)))


def _with_best_ranges(keys: Sequence[Key], evidence: Evidence) -> tuple[Floats, Mask]:
    """p, and which pairs count: of a rep's ranges only the one with the smallest p, times their number."""
    p, counts = evidence.upper.copy(), np.ones(len(keys), dtype=bool)
    ranges: dict[int, list[int]] = {}
    for i, key in enumerate(keys):
        if key.kind == DEAL_SIZE:
            ranges.setdefault(key.rep_id, []).append(i)
    for places in ranges.values():
        best = min(places, key=lambda i: (p[i], keys[i].value))
        counts[places] = False
        counts[best] = True
        p[best] = min(1.0, p[best] * len(places))
    p[~counts] = 1.0
    return p, counts


def _suggestions(looked: _Looked, held: Sequence[HeldTag], settings: TagSettings) -> list[Suggestion]:
    has = {(tag.rep_id, tag.kind, _value(tag)) for tag in held}
    found = []
    for i, key in enumerate(looked.keys):
        value = "" if key.kind == DEAL_SIZE else key.value
        if (key.rep_id, key.kind, value) in has or not _is_clear(looked, i, settings):
            continue
        found.append(_suggestion(looked, i, settings))
    return sorted(found, key=lambda one: (one.q_value, one.p_value, one.rep_id, one.kind, one.value))


def _is_clear(looked: _Looked, i: int, settings: TagSettings) -> bool:
    wins, expected = int(looked.evidence.wins[i]), float(looked.evidence.expected[i])
    if wins < settings.wins_needed(looked.keys[i].kind) or wins < settings.least_lift * expected:
        return False
    plenty = wins >= settings.plenty_wins and looked.p[i] <= settings.plenty_p
    return bool(plenty or looked.q[i] <= settings.false_share)


def _suggestion(looked: _Looked, i: int, settings: TagSettings) -> Suggestion:
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
        q_value=float(looked.q[i]),
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
