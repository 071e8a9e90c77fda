"""Which few of many names could be the one: an inverted index of three-letter pieces.

    score(entry) = Σ over shared pieces of ln(N / df)  /  √(Σ over all pieces of the entry)

the TF-IDF of Cohen, Ravikumar & Fienberg (2003) on the sounds of the words; no loop over the names, two array sums.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from crm.engine.matching.names import NameKey, folded

SHORT = 6
AT_MOST = 25  # names that are compared word by word
MOST_POSTINGS = 80_000  # the frequent pieces of a name are left out beyond so many entries


class Pieces:
    """Built once over the names; `nearest` is what is asked of it."""

    def __init__(self, keys: Sequence[NameKey]) -> None:
        numbers: dict[str, int] = {}
        piece_of, entry_of = array("i"), array("i")
        for entry, key in enumerate(keys):
            for piece in pieces(key):
                piece_of.append(numbers.setdefault(piece, len(numbers)))
                entry_of.append(entry)
        which = np.frombuffer(piece_of, dtype=np.int32) if piece_of else np.zeros(0, dtype=np.int32)
        entries = np.frombuffer(entry_of, dtype=np.int32) if entry_of else np.zeros(0, dtype=np.int32)
        counts = np.bincount(which, minlength=len(numbers))
        self._numbers = numbers
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._postings = entries[np.argsort(which, kind="stable")]
        self._weights = np.log((len(keys) + 1) / np.maximum(counts, 1))
        lengths = np.bincount(entries, weights=self._weights[which], minlength=len(keys))
        self._scale = 1 / np.sqrt(np.maximum(lengths, 1e-9))

    def nearest(self, key: NameKey) -> NDArray[np.intp]:
        """Entries that share most with the name, at most AT_MOST, best first."""
        known = sorted(
            (self._starts[n + 1] - self._starts[n], n)
            for piece in pieces(key)
            if (n := self._numbers.get(piece)) is not None
        )
        chosen: list[int] = []
        postings = 0
        for size, number in known:
            if chosen and postings + size > MOST_POSTINGS:
                break
            chosen.append(number)
            postings += int(size)
        if not chosen:
            return np.zeros(0, dtype=np.intp)
        parts = [self._postings[self._starts[n] : self._starts[n + 1]] for n in chosen]
        weights = np.repeat(self._weights[chosen], [len(part) for part in parts])
        scores = np.bincount(np.concatenate(parts), weights=weights, minlength=len(self._scale)) * self._scale
        count = min(AT_MOST, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        best = best[scores[best] > 0]
        return best[np.lexsort((best, -scores[best]))]


def pieces(key: NameKey) -> set[str]:
    """Three letters each, of every word's sound with its ends marked; of short words also what is left without one
    letter, since a slip there may leave no three letters whole (Konex, Knoex)."""
    found: set[str] = set()
    for token in key.tokens:
        found |= _pieces_of(token)
    return found


@lru_cache(maxsize=200_000)
def _pieces_of(token: str) -> frozenset[str]:
    marked = f"^{folded(token)}$"
    found = {marked[i : i + 3] for i in range(len(marked) - 2)}
    if len(token) <= SHORT:
        found.update(f"-{token[:i]}{token[i + 1 :]}" for i in range(len(token)))
        found.add(f"-{token}")
    return frozenset(found)


class Frequencies:
    """What a word tells: -ln of the share of companies that bear it.

    Where few accounts are known, the share is mostly that of company registers, roughly: one in 200 for a listed word
    (trade, place), one in 100,000 for any other. PRIOR is how many accounts that belief is worth.
    """

    SLIPS, CHOICES = 60, 10
    PRIOR, LISTED_SHARE, OTHER_SHARE = 10_000, 1 / 200, 1 / 100_000

    def __init__(self, keys: Iterable[NameKey], listed: Iterable[str]) -> None:
        self._count: Counter[str] = Counter()
        self._total = 0
        self._listed = frozenset(listed)
        for key in keys:
            self._total += 1
            self._count.update(set(key.tokens))

    def nats(self, word: str) -> float:
        share = self.LISTED_SHARE if word in self._listed else self.OTHER_SHARE
        return -log((self._count[word] + self.PRIOR * share) / (self._total + self.PRIOR))

    def crowd(self, word: str, slips: int) -> float:
        """Log of one plus how many accounts lie so many slips away from such a word by chance: a word of n letters
        has about SLIPS neighbours, half as many times SLIPS at two, among CHOICES^n words that could be names."""
        near = self.SLIPS if slips == 1 else self.SLIPS**2 / 2
        return log1p(self._total * near / self.CHOICES ** len(word))

    def is_known(self, word: str) -> bool:
        return word in self._listed or self._count[word] > 0


def initials(key: NameKey) -> str:
    return "".join(token[0] for token in key.tokens) if len(key.tokens) >= 3 else ""


def label(domain: str) -> str:
    """acme of acme.co.uk, without hyphens."""
    return re.sub(r"[^a-z0-9]", "", domain.partition(".")[0])
