"""How surely two names mean one company: log-odds that start high and lose with each difference.

    L = START - Σ cost(difference),   confidence = 1 / (1 + e^-L)

in the manner of Fellegi & Sunter (1969, A Theory for Record Linkage): every agreement and difference adds its log
likelihood ratio. Words are laid beside each other whatever their order (Monge & Elkan 1996), alike by optimal string
alignment distance; a word weighs -ln of the share of companies that bear it, so a slip in the one rare word costs more.
The costs are set by hand on a labelled set and are no fit; `benchmarks/account_matching.py` measures what they reach.
Not done: synonyms, former names, nicknames (those are aliases of the account).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp
from typing import Protocol

from rapidfuzz.distance import OSA

from crm.engine.matching.names import NameKey, folded, kind, kinds
from crm.engine.matching.words import LEGAL_FORMS

START = 4.6  # equal names: .99
SURE = 0.9  # from here on a match attaches by itself
ENOUGH_NATS = 6.0  # names of frequent words alone, together rarer than one in 400, tell enough
PER_MISSING_NAT = 0.6
SWAPPED, TOGETHER, FOLDED = 0.3, 0.3, 0.4
BOTH_DIFFER = 3.0  # beyond the cost of each: Delta Airlines and Delta Faucets
ACRONYM = 3.5
# A word that only one of the names has: (in the lead's, in the account's). Empty words and, behind the name, the
# country of a subsidiary may be added; what an account has besides is more often what tells it from its sibling.
EXTRA = {
    "small": (0.2, 0.2), "empty": (0.7, 0.7), "country": (3.0, 3.0), "local": (3.0, 3.0), "compass": (3.0, 3.0),
    "trade": (3.0, 3.0), "content": (3.2, 3.2), "number": (3.4, 3.4), "letter": (3.0, 3.0),
}  # fmt: skip
SUBSIDIARY = 0.9
TAIL = 1.9  # a trade left out at the end of a name of which two other words, one of them rare, agree
RARE_NATS = 7.0  # about one company in a thousand
BRANCH_NATS = 8.0  # what the rest of the name has to tell before a country behind it is only a branch
LISTED = frozenset({"small", "empty", "country", "local", "compass", "trade"})
NEVER = 99.0
HOPELESS = -3.0  # such a name is never offered, whatever else agrees: what it loses besides need not be known
OTHER_LETTER = 0.4  # one that neither lies beside the right one nor changed places
ABBREVIATED, FOLDED_SLIP, BEGINNING, OTHER_END = 1.0, 1.4, 1.8, 3.0
VOWELS = frozenset("aeiou")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
KEYS_BESIDE = {
    key: "".join(
        row[at]
        for other, row in enumerate(_ROWS)
        for at in range(len(row))
        if abs(other - line) + abs(at - place) in (1,)
        or (other == line + 1 and at == place - 1)
        or (other == line - 1 and at == place + 1)
    )
    for line, keys in enumerate(_ROWS)
    for place, key in enumerate(keys)
}  # on the American keyboard; those of other countries differ by few keys


@dataclass
class Comparison:
    """`log_odds` of one company; `differences` as they are said to people."""

    log_odds: float = START
    differences: list[str] = field(default_factory=list)
    shares_a_word: bool = False
    is_branch: bool = False

    def lose(self, cost: float, said: str = "") -> None:
        self.log_odds -= cost
        if said:
            self.differences.append(said)


@dataclass(frozen=True)
class Aligned:
    """Which words fit which: pairs of positions, and the positions left over."""

    pairs: list[tuple[int, int, float]]
    left: list[int]
    right: list[int]


def confidence(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds))


class Words(Protocol):
    """What is known of words from all accounts: `blocking.Frequencies`."""

    def nats(self, word: str) -> float:
        """What it tells: -ln of the share of companies that bear it."""

    def is_known(self, word: str) -> bool:
        """Whether an account bears it, or it is a listed word."""

    def crowd(self, word: str, slips: int) -> float:
        """What is lost by slips because some account is so near by chance."""


def compare(lead: NameKey, known: NameKey, words: Words) -> Comparison:
    """The lead's name comes first: what it adds and what it lacks are not the same."""
    found = Comparison()
    if lead.tokens == known.tokens:
        return _weigh_information(found, known.tokens, words)
    if _is_run_together(lead, known):
        found.lose(TOGETHER, "words run together or apart")
        return _weigh_information(found, known.tokens, words)
    if _is_acronym(lead, known) or _is_acronym(known, lead):
        found.lose(ACRONYM, "initials only")
        return found
    aligned = align(lead.tokens, known.tokens, words)
    found.shares_a_word = bool(aligned.pairs)
    cost = _as_one_word(lead, known, aligned, words)
    if cost < NEVER:
        found.lose(TOGETHER + cost, f"spelt “{' '.join(lead.tokens)}”")
        return found
    if (at_most := _at_most(lead, known, aligned)) < HOPELESS:
        found.log_odds = at_most
        return found
    _lose_slips(found, lead.tokens, known.tokens, aligned, words)
    _lose_extras(found, lead.tokens, known.tokens, aligned, words)
    order = [right for _, right, _ in sorted(aligned.pairs)]
    if order != sorted(order):
        found.lose(SWAPPED, "words in another order")
    return _weigh_information(found, [known.tokens[right] for _, right, _ in aligned.pairs], words)


def _at_most(lead: NameKey, known: NameKey, aligned: Aligned) -> float:
    """What is left of the log-odds after the words that only one of the names has: most names that share a word."""
    if not aligned.left or not aligned.right:
        return START
    lead_kinds, known_kinds = kinds(lead.tokens), kinds(known.tokens)
    cost = sum(EXTRA[lead_kinds[at]][0] for at in aligned.left)
    cost += sum(min(EXTRA[known_kinds[at]][1], TAIL) for at in aligned.right)
    return START - cost


def align(left: Sequence[str], right: Sequence[str], words: Words) -> Aligned:
    """Equal words first, then the cheapest spellings; each word once."""
    options = [
        (_with_slips(cost, a, b, words), i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if (cost := 0.0 if a == b else spelling_cost(a, b)) < NEVER
    ]
    options.sort()
    pairs: list[tuple[int, int, float]] = []
    lefts, rights = set(range(len(left))), set(range(len(right)))
    for cost, i, j in options:
        if i in lefts and j in rights:
            pairs.append((i, j, cost))
            lefts.remove(i)
            rights.remove(j)
    return Aligned(pairs, sorted(lefts), sorted(rights))


def _with_slips(cost: float, a: str, b: str, words: Words) -> float:
    """What it costs that one word is written `a` and `b`, from what the two spellings cost by themselves. The lead's
    word comes first."""
    if not FOLDED < cost < NEVER or cost == ABBREVIATED:
        return cost
    slips = 1 if OSA.distance(a, b, score_cutoff=1) <= 1 else 2
    return cost + words.crowd(min(a, b, key=len), slips) + (2.0 if words.is_known(a) else 0.0)


@lru_cache(maxsize=200_000)
def spelling_cost(a: str, b: str) -> float:
    """NEVER where the words are two: numbers, single letters, two listed words, short words, too many slips."""
    if a[0] != b[0] and _is_far(a, b, 2) and _is_far(folded(a), folded(b), 1):
        return NEVER  # as what follows would find, at a fraction of the time; so are nearly all pairs
    which = {kind(a), kind(b)}
    if which & {"number", "letter"} or abs(len(a) - len(b)) > 12:
        return NEVER
    short, long = sorted((a, b), key=len)
    if kind(long) in LISTED and _is_consonants(short, long):
        return ABBREVIATED
    if which <= LISTED:
        return NEVER
    if len(short) >= 3 and folded(a) == folded(b):
        return FOLDED
    if len(long) < 4:
        return NEVER
    distance = OSA.distance(a, b, score_cutoff=2)
    if distance <= (2 if len(long) >= 8 else 1):
        return _slips_cost(a, b, distance)
    if len(short) >= 6 and OSA.distance(folded(a), folded(b), score_cutoff=1) <= 1:
        return FOLDED_SLIP
    if len(short) >= 3 and len(long) >= len(short) + 2 and long.startswith(short):
        return BEGINNING if kind(long) in LISTED else OTHER_END
    return NEVER


def _is_far(a: str, b: str, slips: int) -> bool:
    return OSA.distance(a, b, score_cutoff=slips) > slips


def _slips_cost(a: str, b: str, distance: int) -> float:
    """Typing errors are likely in long words, in their middle, and to the key beside the right one."""
    shorter = min(len(a), len(b))
    cost = 3.0 if shorter <= 4 else 1.6 if shorter <= 6 else 0.9
    if distance == 2:
        cost += 1.2 if shorter > 8 else 1.7
    if a[0] != b[0] and a[:2] != b[1::-1]:
        cost += 1.0
    if distance == 1 and not _is_typing_error(a, b):
        cost += 1.0 if shorter <= 6 else OTHER_LETTER
    if distance == 2 and len(a) == len(b):
        cost += OTHER_LETTER * sum(
            x != y and y not in KEYS_BESIDE.get(x, "") for x, y in zip(a, b, strict=True)
        )
    return cost


def _is_typing_error(a: str, b: str) -> bool:
    """One letter doubled, left out, exchanged with the next one or typed one key beside; not one put at the end."""
    if len(a) != len(b):
        return a[:-1] != b and b[:-1] != a
    places = [at for at in range(len(a)) if a[at] != b[at]]
    return len(places) == 2 or b[places[0]] in KEYS_BESIDE.get(a[places[0]], "")


def _is_consonants(short: str, long: str) -> bool:
    """Fds for food, mtr for motor: the consonants of a word in their order."""
    if not 2 <= len(short) <= 5 or short[0] != long[0] or VOWELS & set(short[1:]) or len(long) < 4:
        return False
    letters = iter(long)
    return len(short) < len(long) and all(
        letter in letters for letter in (short[:-1] if short[-1] == "s" else short)
    )


def _lose_slips(
    found: Comparison,
    lead: Sequence[str],
    known: Sequence[str],
    aligned: Aligned,
    words: Words,
) -> None:
    """A slip costs less beside a rare word that agrees: Massive Dynmic. Beside a trade alone (Taulbari Bank) it
    costs all."""
    if not any(cost for _, _, cost in aligned.pairs):
        return
    matched = [known[right] for _, right, _ in aligned.pairs]
    total = sum(words.nats(word) for word in matched if kind(word) not in LISTED)
    for left, right, cost in aligned.pairs:
        if cost:
            share = min(1.0, words.nats(known[right]) / total) if total else 1.0
            found.lose(cost * (0.4 + 0.6 * share), f"{lead[left]} for {known[right]}")


def _lose_extras(
    found: Comparison,
    lead: Sequence[str],
    known: Sequence[str],
    aligned: Aligned,
    words: Words,
) -> None:
    matched = [known[right] for _, right, _ in aligned.pairs]
    lead_kinds, known_kinds = kinds(tuple(lead)), kinds(tuple(known))
    if not aligned.right:
        last = max((left for left, _, _ in aligned.pairs), default=-1)
        if (
            _is_branch(aligned.left, lead_kinds, last)
            and sum(words.nats(word) for word in matched) >= BRANCH_NATS
        ):
            found.is_branch = True
            found.lose(SUBSIDIARY, f"a subsidiary, {' '.join(lead[left] for left in aligned.left)}")
            return
    for left in aligned.left:
        found.lose(EXTRA[lead_kinds[left]][0], f"“{lead[left]}” besides")
    for right in aligned.right:
        cost = EXTRA[known_kinds[right]][1]
        is_tail = known_kinds[right] == "trade" and right == len(known) - 1 and len(matched) > 1
        if is_tail and any(kind(word) not in LISTED and words.nats(word) >= RARE_NATS for word in matched):
            cost = TAIL
        found.lose(cost, f"without “{known[right]}”")
    telling = [
        {of[position] for position in positions} - {"small", "empty"}
        for of, positions in ((lead_kinds, aligned.left), (known_kinds, aligned.right))
    ]
    if all(telling):
        found.lose(BOTH_DIFFER)


def _is_branch(positions: Sequence[int], of: Sequence[str], last: int) -> bool:
    """Whether all that is added stands behind the name and is a country, perhaps with empty words."""
    added = {of[position] for position in positions}
    return (
        bool(positions)
        and min(positions) > last
        and "country" in added
        and added <= {"country", "small", "empty"}
    )


def _weigh_information(found: Comparison, matched: Sequence[str], words: Words) -> Comparison:
    """Names that agree in frequent words only may be two companies."""
    if all(kind(word) in LISTED for word in matched):
        missing = ENOUGH_NATS - sum(words.nats(word) for word in matched)
        if missing > 0:
            found.lose(PER_MISSING_NAT * missing, "only frequent words agree")
    return found


def _is_run_together(lead: NameKey, known: NameKey) -> bool:
    """The same letters, perhaps with a legal form stuck to them (AcmeToolsGmbH)."""
    if lead.squeezed == known.squeezed or lead.written == known.written or lead.full == known.full:
        return True
    rest = lead.written.removeprefix(known.written)
    return len(lead.tokens) == 1 and len(known.tokens) > 1 and rest != lead.written and rest in LEGAL_FORMS


def _as_one_word(lead: NameKey, known: NameKey, aligned: Aligned, words: Words) -> float:
    """The cost of slips in the letters of the whole name; NEVER where the words themselves say more."""
    if not aligned.left or not aligned.right:
        return NEVER
    if len(lead.tokens) == len(known.tokens) and any(words.is_known(lead.tokens[at]) for at in aligned.left):
        return NEVER
    if _marks(lead.tokens) != _marks(known.tokens):
        return NEVER
    a, b = lead.written, known.written
    return _with_slips(spelling_cost(a, b), a, b, words)


def _is_acronym(short: NameKey, long: NameKey) -> bool:
    if len(short.tokens) != 1 or len(long.tokens) < 3:
        return False
    return short.squeezed == "".join(token[0] for token in long.tokens)


def _marks(tokens: Sequence[str]) -> list[str]:
    """What may not differ where the words are compared as one string."""
    return sorted(token for token in tokens if kind(token) in {"number", "country", "local", "compass"})
