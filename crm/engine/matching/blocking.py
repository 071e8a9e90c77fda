"""Which few of many names could be the one: an inverted index of three-letter pieces.

    score(entry) = Σ over shared pieces of ln(N / df)  /  √(Σ over all pieces of the entry)

the TF-IDF of Cohen, Ravikumar & Fienberg (2003) on the sounds of the words; no loop over the names, two array sums.
The length below the root is kept as n ln N − Σ ln df, so that one more name costs what its own pieces are in.
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
AT_MOST = 15  # names that are compared word by word; with 25 nothing more was found, at a quarter more time
FIRST_LOOK = 0.3  # of the best score: the share of a score where the nearest are mostly found at once
MOST_ADDED = (
    20_000  # postings beside the sorted ones, and a quarter as many as those, before they are sorted again
)
MOST_TOUCHED = 2_000_000  # postings of changed pieces up to which lengths are corrected and not counted anew
MOST_POSTINGS = 80_000  # the frequent pieces of a name are left out beyond so many entries


class Pieces:
    """`nearest` is what is asked of it. Names are added and taken out at any time, and the answer is that of an index
    built anew over what is left: numbers of entries are never given twice, and what they weigh follows each change.

    A change moves the weight of its pieces and with them the length of every name that shares one. Few changes are
    added to the lengths, many count them anew; what was added lies in small lists beside the sorted postings until
    there is enough of it to sort them again.
    """

    def __init__(self, keys: Sequence[NameKey], ranks: Sequence[int]) -> None:
        self._numbers: dict[str, int] = {}
        self._added: dict[int, array[int]] = {}
        self._added_count = 0
        self._living = len(keys)
        self._new: list[tuple[int, int]] = []  # size and rank of each entry that the arrays do not hold yet
        self._before: dict[int, int] = {}  # the count of each changed piece when the lengths were right last
        which, entries = self._read(keys)
        counts = np.bincount(which, minlength=len(self._numbers))
        self._counts: list[int] = counts.tolist()  # living entries of each piece
        self._postings = entries[np.argsort(which, kind="stable")]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._ranks = np.array(ranks, dtype=np.int64)
        # Pieces of each entry (0 where it is taken out), and Σ ln df over them
        self._sizes = np.bincount(entries, minlength=len(keys)).astype(np.float64)
        self._logs = np.zeros(len(keys))
        self._settled = 0  # entries whose length is right but for the pieces in `_before`
        self._count_lengths()

    def _read(self, keys: Sequence[NameKey]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The number of each piece of each name, and the entry that has it."""
        piece_of, entry_of = array("i"), array("i")
        numbers = self._numbers
        for entry, key in enumerate(keys):
            for piece in pieces(key):
                piece_of.append(numbers.setdefault(piece, len(numbers)))
                entry_of.append(entry)
        if not piece_of:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
        return np.frombuffer(piece_of, dtype=np.int32), np.frombuffer(entry_of, dtype=np.int32)

    def add(self, key: NameKey, rank: int) -> int:
        """Takes a name in; returns its number, which is the number of names ever added before it. Of names that fit
        as well, the one of lower rank is nearer."""
        entry = len(self._sizes) + len(self._new)
        found = pieces(key)
        for piece in found:
            number = self._numbers.setdefault(piece, len(self._numbers))
            if number == len(self._counts):
                self._counts.append(0)
            self._count(number, 1)
            self._added.setdefault(number, array("i")).append(entry)
        self._added_count += len(found)
        self._new.append((len(found), rank))
        self._living += 1
        return entry

    def remove(self, entry: int, key: NameKey) -> None:
        """Takes out the name that was added as `key` under this number."""
        self._grow()
        for piece in pieces(key):
            self._count(self._numbers[piece], -1)
        self._sizes[entry] = 0
        self._living -= 1

    def nearest(self, key: NameKey) -> list[int]:
        """Entries that share most with the name, at most AT_MOST, best first; of equals the lower rank."""
        self.settle()
        known = sorted(
            (self._counts[number], piece, number)
            for piece in pieces(key)
            if (number := self._numbers.get(piece)) is not None and self._counts[number]
        )
        chosen: list[int] = []
        postings = 0
        for size, _, number in known:
            if chosen and postings + size > MOST_POSTINGS:
                break
            chosen.append(number)
            postings += size
        if not chosen:
            return []
        return self._best(chosen)

    def _best(self, chosen: Sequence[int]) -> list[int]:
        entries, sizes = self._entries(chosen)
        most = log(self._living + 1)
        weights = [most - log(self._counts[number]) for number in chosen]
        weighed = np.repeat(weights, sizes)
        scores = np.bincount(entries, weights=weighed, minlength=len(self._sizes)).astype(
            np.float64, copy=False
        )
        reached, shares = self._near_the_top(scores, most)
        if len(shares) > AT_MOST:
            edge = _edge(shares)
            reached, shares = reached[shares >= edge], shares[shares >= edge]
        found: list[int] = reached[np.lexsort((self._ranks[reached], -shares))[:AT_MOST]].tolist()
        return found

    def _near_the_top(
        self, scores: NDArray[np.float64], most: float
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Entries, the AT_MOST best among them, with the shares that they are ordered by.

        What an entry shares is a part of its length, so its share is no more than the root of its score: once AT_MOST
        entries with a share of at least s are known, those whose score is below s² need not be looked at. That leaves
        some hundred of many thousands."""
        first = FIRST_LOOK * float(scores.max())
        reached, shares = self._shares(scores, first, most)
        least = (_edge(shares) - 1e-8) ** 2 * (1 - 1e-9) if len(shares) >= AT_MOST else 0.0
        if least >= first:
            return reached, shares
        return self._shares(scores, least, most)

    def _shares(
        self, scores: NDArray[np.float64], least: float, most: float
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Of the living entries of at least this score."""
        reached = np.flatnonzero(scores >= least if least > 0 else scores > 0)
        sizes = self._sizes.take(reached)
        if not sizes.all():
            reached, sizes = reached[sizes > 0], sizes[sizes > 0]
        lengths = np.maximum(sizes * most - self._logs.take(reached), 1e-9)
        # Rounded, so that the order in which numbers were added up does not decide between equals.
        return reached, np.round(scores.take(reached) / np.sqrt(lengths), 9)

    def _entries(self, numbers: Iterable[int]) -> tuple[NDArray[np.int32], list[int]]:
        """All entries that ever had these pieces, one piece after the other, and how many each has."""
        parts: list[NDArray[np.int32]] = [self._postings[:0]]
        sizes: list[int] = []
        starts, last = self._starts, len(self._starts) - 1
        for number in numbers:
            size = 0
            if number < last:
                parts.append(self._postings[starts[number] : starts[number + 1]])
                size = len(parts[-1])
            if added := self._added.get(number):
                parts.append(np.frombuffer(added, dtype=np.int32))
                size += len(added)
            sizes.append(size)
        # A copy: an array that is looked at cannot grow.
        return np.concatenate(parts), sizes

    def _count(self, number: int, change: int) -> None:
        self._before.setdefault(number, self._counts[number])
        self._counts[number] += change

    def _grow(self) -> None:
        if self._new:
            sizes, ranks = zip(*self._new, strict=True)
            self._sizes = np.concatenate([self._sizes, np.array(sizes, dtype=np.float64)])
            self._ranks = np.concatenate([self._ranks, np.array(ranks, dtype=np.int64)])
            self._logs = np.concatenate([self._logs, np.zeros(len(sizes))])
            self._new = []

    def settle(self) -> None:
        """Brings the lengths up to the present counts, as the next look would have to."""
        if not self._before:
            return
        self._grow()
        if self._added_count > MOST_ADDED + len(self._postings) // 4:
            self._sort()
        elif sum(self._counts[number] for number in self._before) <= MOST_TOUCHED:
            self._shift()
            self._before, self._settled = {}, len(self._sizes)
            return
        self._count_lengths()

    def _shift(self) -> None:
        """The logarithms of the changed counts change in the lengths of all their entries, and are new in new ones."""
        entries, sizes = self._entries(self._before)
        after = np.log([max(self._counts[number], 1) for number in self._before])
        before = np.log([max(count, 1) for count in self._before.values()])
        moved = np.repeat(after - before, sizes)
        new = np.flatnonzero(entries >= self._settled)
        moved[new] += np.repeat(before, sizes)[new]
        self._logs += np.bincount(entries, weights=moved, minlength=len(self._logs))

    def _count_lengths(self) -> None:
        logs = np.log(np.maximum(self._counts, 1))
        counts = np.diff(self._starts)
        weights = np.repeat(logs[: len(counts)], counts)
        logs_of_sorted = np.bincount(self._postings, weights=weights, minlength=len(self._sizes))
        self._logs = logs_of_sorted.astype(np.float64)
        for number, entries in self._added.items():
            self._logs[np.frombuffer(entries, dtype=np.int32)] += logs[number]
        self._before, self._settled = {}, len(self._sizes)

    def _sort(self) -> None:
        """Lays the added postings among the sorted ones, and leaves out those of names that are gone."""
        self._grow()
        counts = np.diff(self._starts)
        pieces_of = [np.repeat(np.arange(len(counts), dtype=np.int32), counts)]
        entries_of = [self._postings]
        for number, entries in self._added.items():
            pieces_of.append(np.full(len(entries), number, dtype=np.int32))
            entries_of.append(np.frombuffer(entries, dtype=np.int32).copy())
        which, entries_all = np.concatenate(pieces_of), np.concatenate(entries_of)
        living = self._sizes[entries_all] > 0
        which, entries_all = which[living], entries_all[living]
        self._postings = entries_all[np.argsort(which, kind="stable")]
        sizes = np.bincount(which, minlength=len(self._numbers))
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._added, self._added_count = {}, 0


def _edge(shares: NDArray[np.float64]) -> float:
    """The AT_MOST-th largest."""
    return float(np.partition(shares, len(shares) - AT_MOST)[len(shares) - AT_MOST])


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
            self.add(key)

    def add(self, key: NameKey) -> None:
        self._total += 1
        self._count.update(set(key.tokens))

    def remove(self, key: NameKey) -> None:
        """A name that was added before."""
        self._total -= 1
        self._count.subtract(set(key.tokens))

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
