"""Company names in the one form that they are compared in.

NFKD and transliteration to ASCII, small letters, without punctuation, joiners (the, and, of) and legal forms, with
abbreviations written out: `The Acme Mfg. Co., Ltd.` and `ACME Manufacturing GmbH & Co. KG` are `acme manufacturing`.
A name that is nothing but such words keeps them. The result of a result is the result.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from anyascii import anyascii

from crm.engine.matching.words import (
    ABBREVIATIONS,
    COMPASS,
    EMPTY,
    JOINERS,
    LEGAL_ANYWHERE,
    LEGAL_BEFORE,
    LEGAL_FORMS,
    PLACE_PAIRS,
    SMALL,
    TRADES,
    country_words,
    local_words,
)

# Legal forms of several words, whose small words are no forms of their own: S. de R.L. de C.V., sp. z o.o.
_COMPOUND_FORMS = re.compile(
    r"(?<=\S) (?:s de rl(?: de cv)?|sa de cv|sab de cv|sapi de cv|s en c|spol? [sz] (?:ro|oo|zoo)|s ro|s rl"
    r"|societe anonyme|sociedad anonima|spolka z (?:oo|ograniczona odpowiedzialnoscia)|z oo|co kg|d oo)$"
)
_APOSTROPHES = re.compile("['`´’]")
_US = re.compile(r"\bu\.s\.a?(?=\W|$)")
_WORD = re.compile("[a-z0-9]+")
_LETTERS = re.compile(r"\b[a-z](?: [a-z])+\b")
# Written without a space, so they are told before the letters are: Japanese and Chinese.
_EASTERN_FORMS = re.compile(
    "株式会社|有限会社|合同会社|\\(株\\)|\\(有\\)|股份有限公司|有限责任公司|有限公司|集团|주식회사|\\(주\\)"
)
# How one sound is written in several alphabets and countries: Müller, Mueller, Muller; Yandex, Яндекс.
_SOUNDS = {
    "ae": "a", "oe": "o", "ue": "u", "sch": "s", "tch": "s", "sh": "s", "ch": "s", "tz": "z", "ts": "z", "cz": "z",
    "ph": "f", "th": "t", "kh": "h", "dzh": "i", "dj": "i", "zh": "i", "ks": "x", "ce": "se", "ci": "si", "cy": "si",
    "ck": "k", "c": "k", "q": "k", "w": "v", "iy": "i", "ij": "i", "y": "i", "j": "i",
}  # fmt: skip
_SOUND = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_DOUBLED = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class NameKey:
    """A name taken apart: `squeezed` without spaces, `folded` by sound, `written` squeezed with its abbreviations,
    `full` with the joiners as well."""

    tokens: tuple[str, ...]
    squeezed: str
    folded: str
    written: str
    full: str


def normalise_name(text: str) -> str:
    """Words with one space between them; "" where no letter or digit is left."""
    return _shortened(_plain(text))


@lru_cache(maxsize=10_000)  # a lead's name is read for the locks, the match and the index
def name_key(text: str) -> NameKey:
    plain = _plain(text)
    tokens = tuple(_shortened(plain).split())
    return NameKey(
        tokens,
        squeezed="".join(tokens),
        folded="".join(map(folded, tokens)),
        written="".join(_without_forms(_without_joiners(plain))),
        full="".join(_without_forms(plain)),
    )


@lru_cache(maxsize=200_000)
def folded(word: str) -> str:
    """The word by its sound, for comparing only."""
    return _DOUBLED.sub(r"\1", _SOUND.sub(lambda found: _SOUNDS[found.group()], word))


@lru_cache(maxsize=200_000)
def kind(token: str) -> str:
    """What a word tells: number, letter, small, compass, country, local, empty (of the family), trade or content."""
    if any(character.isdigit() for character in token):
        return "number"
    if len(token) == 1:
        return "letter"
    for name, words in (
        ("small", SMALL), ("compass", COMPASS), ("country", country_words()), ("local", local_words()),
        ("empty", EMPTY), ("trade", TRADES),
    ):  # fmt: skip
        if token in words:
            return name
    return "content"


@lru_cache(maxsize=50_000)
def kinds(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The kind of every word, two words that are one place (North America) seen together."""
    found = [kind(token) for token in tokens]
    for at in range(len(tokens) - 1):
        if tokens[at : at + 2] in PLACE_PAIRS:
            found[at] = found[at + 1] = "country"
    return tuple(found)


def _plain(text: str) -> str:
    """ASCII words in small letters, apart where anything else stood between them."""
    name = text
    if not text.isascii():
        name = unicodedata.normalize("NFKC", text)
        name = unicodedata.normalize("NFKD", _EASTERN_FORMS.sub(" ", name) or name)
        name = anyascii("".join(character for character in name if not unicodedata.combining(character)))
    name = _APOSTROPHES.sub("", name.casefold())
    return " ".join(_WORD.findall(_US.sub("us", name)))


def _shortened(name: str) -> str:
    """Abbreviations written out and forms left out, until nothing changes."""
    while True:
        words = [ABBREVIATIONS.get(word, word) for word in name.split()]
        shorter = " ".join(_without_forms(_without_joiners(" ".join(words))))
        if shorter == name:
            return name
        name = shorter


def _without_joiners(name: str) -> str:
    """And single letters beside each other joined: A. G., J & J."""
    words = name.split()
    name = " ".join([word for word in words if word not in JOINERS] or words)
    return _LETTERS.sub(lambda run: run.group().replace(" ", ""), name)


def _without_forms(name: str) -> list[str]:
    words = _COMPOUND_FORMS.sub("", name).split()
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    while len(words) > 1 and words[0] in LEGAL_BEFORE:
        words.pop(0)
    last = len(words)
    while last > 1 and kind(words[last - 1]) in {"country", "empty"}:
        last -= 1
    while 1 < last < len(words) and words[last - 1] in LEGAL_FORMS:  # Equinor ASA Japan
        words.pop(last - 1)
        last -= 1
    return words[:1] + [word for word in words[1:] if word not in LEGAL_ANYWHERE]
