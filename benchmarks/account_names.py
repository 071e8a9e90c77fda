"""A labelled set of leads and accounts: real or invented names, a written list of corruptions, and hard negatives.

A corruption writes the name of a known company in another way, so the lead is that account's. A hard negative is
another company with a close name, so the lead is nobody's. Everything follows from the names and the seed.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crm.engine.matching.matcher import AccountKey, Lead

Name = tuple[str, str]  # as it is known, ISO code of its country
Change = Callable[[str, random.Random], str | None]  # None: does not apply to this name

LEGAL = ("Inc", "Inc.", "Incorporated", "Corp.", "Corporation", "Company", "Co.", "LLC", "Ltd", "Ltd.", "Limited",
         "PLC", "GmbH", "GmbH & Co. KG", "AG", "SE", "S.A.", "SAS", "S.A.R.L.", "S.p.A.", "S.r.l.", "B.V.", "N.V.",
         "AB", "A/S", "ApS", "AS", "Oy", "Oyj", "K.K.", "Pty Ltd", "Pvt. Ltd.", "Co., Ltd.", "Sp. z o.o.", "s.r.o.",
         "d.o.o.", "Kft.", "S. de R.L. de C.V.", "Ltda.", "Sdn. Bhd.", "Pte. Ltd.")  # fmt: skip
SUBSIDIARIES = ("Germany GmbH", "Deutschland GmbH", "(Germany) GmbH", "UK Ltd", "UK Limited", "France SAS",
                "Italia S.r.l.", "España S.A.", "Nederland B.V.", "Polska Sp. z o.o.", "Japan K.K.", "Canada Inc.",
                "North America Inc.", "Europe B.V.", "Brasil Ltda.", "India Pvt. Ltd.", "Australia Pty Ltd",
                "Sverige AB", "Asia Pacific", "(Switzerland) AG", "USA Inc.", "Belgium NV")  # fmt: skip
ABBREVIATED = {
    "company": "Co", "corporation": "Corp", "international": "Intl", "manufacturing": "Mfg", "brothers": "Bros",
    "technologies": "Tech", "technology": "Tech", "services": "Svcs", "systems": "Sys", "group": "Grp",
    "holdings": "Hldgs", "holding": "Hldg", "national": "Natl", "associates": "Assoc", "partners": "Ptnrs",
    "industries": "Ind.", "pharmaceuticals": "Pharma", "pharmaceutical": "Pharm", "management": "Mgmt",
    "engineering": "Eng", "laboratories": "Labs", "communications": "Comms", "insurance": "Ins", "center": "Ctr",
    "electronics": "Elec", "electric": "Elec", "financial": "Fin", "university": "Univ", "chemical": "Chem",
    "enterprises": "Ent", "solutions": "Solns", "motors": "Mtrs", "motor": "Mtr", "airlines": "Air",
    "foods": "Fds", "energy": "Engy", "capital": "Cap", "products": "Prods", "logistics": "Logis",
    "marketing": "Mktg", "transport": "Transp", "telecom": "Telco", "steel": "Stl", "bank": "Bk",
}  # fmt: skip
NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
CYRILLIC = dict(zip("abvgdezijklmnoprstufhcy", "абвгдезийклмнопрстуфхцы", strict=True)) | {
    "w": "в",
    "x": "кс",
    "q": "к",
}
CYRILLIC_GROUPS = {"sch": "ш", "sh": "ш", "ch": "ч", "th": "т", "ph": "ф", "ck": "к", "ce": "се", "ci": "си",
                   "cy": "си", "qu": "кв", "c": "к", "j": "дж", "y": "и"}  # fmt: skip
ACCENTED = {"a": "á", "e": "é", "i": "í", "o": "ó", "u": "ü", "c": "ç", "n": "ñ", "s": "š", "z": "ž"}
WRITTEN_OUT = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "é": "e", "è": "e", "ñ": "n",
               "ó": "o", "á": "a", "í": "i", "ç": "c", "ô": "o"}  # fmt: skip
OTHER_TRADES = ("Insurance", "Logistics", "Faucets", "Bakery", "Airlines", "Dental", "Mining", "Textiles", "Foods",
                "Robotics", "Realty", "Security", "Aviation", "Brewing", "Plumbing", "Pharma", "Consulting",
                "Steel")  # fmt: skip
SURNAMES = ("Lindqvist", "Okafor", "Moretti", "Hartwell", "Kowalczyk", "Fairbanks", "Delacroix", "Yamashita",
            "Brennan", "Vasquez", "Thornton", "Ostrowski")  # fmt: skip
PLACES = (("North", "South"), ("East", "West"), ("of Texas", "of Ohio"), ("of Maine", "of Idaho"), ("Berlin", "Munich"),
          ("of Iowa", "of Utah"), ("Midwest", "Northwest"), ("Boston", "Houston"),
          ("New Jersey", "New Mexico"), ("of Dallas", "of Dayton"))  # fmt: skip
COUNTRIES = ("US", "DE", "GB", "FR", "JP", "KE", "BR", "PL", "IT", "CA")


@dataclass(frozen=True)
class Pair:
    """`account_id` is None for a hard negative; `made_by` names the corruption or the kind of negative."""

    lead: Lead
    account_id: int | None
    made_by: str
    near: str


@dataclass(frozen=True)
class LabelledSet:
    accounts: tuple[AccountKey, ...]
    pairs: tuple[Pair, ...]

    @property
    def negatives_share(self) -> float:
        return sum(pair.account_id is None for pair in self.pairs) / len(self.pairs)


def make_labelled_set(names: Sequence[Name], near_words: Sequence[tuple[str, str]], seed: int) -> LabelledSet:
    """Every corruption and every kind of negative of every name that it applies to.

    Of `near_words` (two real companies with nearly the same name) the first is a known account.
    """
    rng = random.Random(seed)
    accounts = [AccountKey(i + 1, name, country=country) for i, (name, country) in enumerate(names)]
    pairs: list[Pair] = []
    for account in tuple(accounts):
        for change in CORRUPTIONS:
            written = change(account.name, rng)
            if written is not None and written != account.name:
                pairs.append(Pair(_lead(written, account, rng), account.id, change.__name__, account.name))
        for change in NEGATIVES:
            written = change(account.name, rng)
            if written is not None:
                pairs.append(Pair(_lead(written, account, rng), None, change.__name__, account.name))
        pairs += _same_name_elsewhere(account, rng)
        _add_siblings(account, accounts, pairs, rng)
    taken = {_bare(account.name) for account in accounts}
    for known, other in near_words:
        if _bare(known) not in taken:
            accounts.append(AccountKey(len(accounts) + 1, known))
        pairs.append(Pair(Lead(other), None, "near_word", known))
    taken = {_bare(account.name) for account in accounts}
    pairs = [
        pair
        for pair in pairs
        if pair.account_id or pair.made_by == "other_country" or _bare(pair.lead.name) not in taken
    ]
    return LabelledSet(tuple(accounts), tuple(pairs))


def _lead(written: str, account: AccountKey, rng: random.Random) -> Lead:
    """Half of the leads say their country; a subsidiary's lead says nothing of its own."""
    return Lead(written, country=account.country if rng.random() < 0.5 else "")


def _same_name_elsewhere(account: AccountKey, rng: random.Random) -> list[Pair]:
    country = rng.choice([code for code in COUNTRIES if code != account.country])
    domain = f"{rng.choice(SURNAMES).lower()}.{country.lower()}" if rng.random() < 0.5 else ""
    return [Pair(Lead(account.name, domain=domain, country=country), None, "other_country", account.name)]


def _add_siblings(
    account: AccountKey, accounts: list[AccountKey], pairs: list[Pair], rng: random.Random
) -> None:
    """For every name one known sibling, and one that is not known: told apart by a place or a number only."""
    if rng.random() < 0.5:
        here, there = rng.choice(PLACES)
        made_by = "other_place"
    else:
        here, there = (str(number) for number in rng.sample(range(1, 99), 2))
        made_by = "other_number"
    stem = _stem(account.name)
    sibling = AccountKey(len(accounts) + 1, f"{stem} {here}", country=account.country)
    accounts.append(sibling)
    pairs.append(Pair(_lead(f"{stem} {there}", account, rng), None, made_by, sibling.name))


def _stem(name: str) -> str:
    words = name.split()
    while len(words) > 1 and words[-1].strip(".,").casefold() in _LEGAL_WORDS:
        words.pop()
    return " ".join(words).removesuffix(" &").removesuffix(",")


_LEGAL_WORDS = {word.strip(".,").casefold() for form in LEGAL for word in form.split()} | {"&", "s.l", "a.s"}


def _bare(name: str) -> str:
    return "".join(character for character in _stem(name).casefold() if character.isalnum())


def _longest(name: str) -> str:
    """The word that a slip is put in: the longest of those with four letters and more."""
    return max(name.split(), key=len)


# Corruptions: the same company, written in another way.


def legal_form(name: str, rng: random.Random) -> str | None:
    return f"{_stem(name)} {rng.choice(LEGAL)}"


def legal_form_with_comma(name: str, rng: random.Random) -> str | None:
    return f"{_stem(name)}, {rng.choice(LEGAL)}"


def no_legal_form(name: str, rng: random.Random) -> str | None:
    return _stem(name)


def case_and_punctuation(name: str, rng: random.Random) -> str | None:
    shapes = (str.upper, str.lower, lambda text: text.replace("-", " "), lambda text: text.replace(" ", "-"))
    return f" {rng.choice(shapes)(name)}. "


def the_and_ampersand(name: str, rng: random.Random) -> str | None:
    if "&" in name:
        return name.replace("&", "and")
    return name.removeprefix("The ") if name.startswith("The ") else f"The {name}"


def abbreviation(name: str, rng: random.Random) -> str | None:
    words = [ABBREVIATED.get(word.casefold(), word) for word in name.split()]
    return " ".join(words)


def letter_left_out(name: str, rng: random.Random) -> str | None:
    return _with_slip(name, rng, lambda word, at: word[:at] + word[at + 1 :])


def letter_doubled(name: str, rng: random.Random) -> str | None:
    return _with_slip(name, rng, lambda word, at: word[:at] + word[at] + word[at:])


def neighbouring_key(name: str, rng: random.Random) -> str | None:
    def slip(word: str, at: int) -> str:
        return word[:at] + rng.choice(NEIGHBOURS.get(word[at].lower(), "e")) + word[at + 1 :]

    return _with_slip(name, rng, slip)


def letters_changed_places(name: str, rng: random.Random) -> str | None:
    return _with_slip(name, rng, lambda word, at: word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :])


def two_slips(name: str, rng: random.Random) -> str | None:
    if len(_longest(name)) < 9:
        return None
    once = neighbouring_key(name, rng)
    return letter_left_out(once, rng) if once else None


def slip_and_legal_form(name: str, rng: random.Random) -> str | None:
    slipped = letters_changed_places(_stem(name), rng)
    return f"{slipped} {rng.choice(LEGAL)}" if slipped else None


def accents(name: str, rng: random.Random) -> str | None:
    """Written out where there are accents, else one put where none belongs."""
    if any(letter in WRITTEN_OUT for letter in name.lower()):
        return "".join(WRITTEN_OUT.get(letter.lower(), letter) for letter in name)
    places = [at for at, letter in enumerate(name) if letter in ACCENTED]
    if not places:
        return None
    at = rng.choice(places)
    return name[:at] + ACCENTED[name[at]] + name[at + 1 :]


def other_script(name: str, rng: random.Random) -> str | None:
    """In Cyrillic letters, as a Russian or Bulgarian source has it."""
    written = _stem(name).lower()
    for latin, letters in CYRILLIC_GROUPS.items():
        written = written.replace(latin, letters)
    return "".join(CYRILLIC.get(letter, letter) for letter in written)


def words_swapped(name: str, rng: random.Random) -> str | None:
    words = _stem(name).replace("&", " ").split()
    return " ".join([*words[1:], words[0]]) if len(words) > 1 else None


def run_together(name: str, rng: random.Random) -> str | None:
    stem = _stem(name)
    return stem.replace(" ", "").replace("-", "") if " " in stem or "-" in stem else None


def split_apart(name: str, rng: random.Random) -> str | None:
    word = _longest(name)
    if len(word) < 7:
        return None
    at = rng.randrange(3, len(word) - 3)
    return name.replace(word, f"{word[:at]} {word[at:]}", 1)


def subsidiary(name: str, rng: random.Random) -> str | None:
    return f"{_stem(name)} {rng.choice(SUBSIDIARIES)}"


def family_word(name: str, rng: random.Random) -> str | None:
    return f"{_stem(name)} {rng.choice(('Group', 'Holdings', 'International', 'Global'))}"


def _with_slip(name: str, rng: random.Random, slip: Callable[[str, int], str]) -> str | None:
    """One slip in the longest word, never in its first letter: people look at that one."""
    word = _longest(name)
    if len(word) < 5:
        return None
    changed = slip(word, rng.randrange(2, len(word)))
    return name.replace(word, changed, 1)


CORRUPTIONS: tuple[Change, ...] = (
    legal_form, legal_form_with_comma, no_legal_form, case_and_punctuation, the_and_ampersand, abbreviation,
    letter_left_out, letter_doubled, neighbouring_key, letters_changed_places, two_slips, slip_and_legal_form,
    accents, other_script, words_swapped, run_together, split_apart, subsidiary, family_word,
)  # fmt: skip


# Hard negatives: another company with a close name.


def other_trade(name: str, rng: random.Random) -> str | None:
    """Delta Faucets for Delta Airlines; Betatech Faucets for Betatech."""
    words = _stem(name).split()
    return " ".join([*(words[:-1] or words), rng.choice(OTHER_TRADES)])


def other_trade_added(name: str, rng: random.Random) -> str | None:
    return f"{_stem(name)} {rng.choice(OTHER_TRADES)} {rng.choice(LEGAL)}"


def shared_first_word(name: str, rng: random.Random) -> str | None:
    return f"{_stem(name).split()[0]} {rng.choice(SURNAMES)}"


def shared_last_word(name: str, rng: random.Random) -> str | None:
    words = _stem(name).split()
    return " ".join([rng.choice(SURNAMES), *(words[1:] or words)])


def two_companies(name: str, rng: random.Random) -> str | None:
    """A law firm, a joint venture, a street: the name and another beside it."""
    return f"{rng.choice(SURNAMES)} {_stem(name)} & {rng.choice(SURNAMES)}"


def other_ending(name: str, rng: random.Random) -> str | None:
    """The start of a made-up word with another end: Betaquote for Betatech."""
    word = _longest(_stem(name))
    if len(word) < 6:
        return None
    ending = rng.choice(
        ("quote", "zoom", "mart", "plex", "dex", "lytics", "forge", "nova", "ware", "holding")
    )
    half = word[: len(word) // 2]
    return _stem(name).replace(word, half + ending, 1) if not word.endswith(ending) else None


NEGATIVES: tuple[Change, ...] = (
    other_trade, other_trade_added, shared_first_word, shared_last_word, two_companies, other_ending,
)  # fmt: skip
