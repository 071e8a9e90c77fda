"""Which known account a lead belongs to, with confidence and the reason.

Evidence in order: the email address of a known contact, a phone number, the company's own domain (no free mail), the
name (equal, then alike: `comparison`). Each gives log-odds; a country or a domain that agrees or contradicts adds its
own, and so does a name beside a contact that agrees or does not. A match of .9 and more attaches by itself, unless a
second account fits about as well. The rest from .35 on is offered to a person, never attached.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from crm.engine.matching.blocking import Frequencies, Pieces, initials, label
from crm.engine.matching.comparison import SURE, Comparison, compare, confidence
from crm.engine.matching.contacts import company_domain, normalise_email, normalise_phone
from crm.engine.matching.names import NameKey, folded, name_key
from crm.engine.matching.words import (
    COMPASS,
    EMPTY,
    SMALL,
    TRADES,
    country_code,
    country_words,
    local_words,
    written_out,
)

OFFERED = 0.35
LIMIT = 5
EMAIL, PHONE, DOMAIN = 4.6, 3.0, 3.5  # log-odds: .99, .95, .97
BARE_PHONE = 1.5  # the same digits without a country
SHARED = 1.7  # two accounts have the address, number or domain
NAME_AGREES, NAME_CONTRADICTS = 1.0, -1.8  # beside a contact that agrees
COUNTRY_AGREES, COUNTRY_CONTRADICTS = 0.4, -2.6
DOMAIN_CONTRADICTS = -1.6
READS_LIKE_DOMAIN = 1.0
CLEARLY = 0.7  # log-odds between the best and the second
ALIKE = 1.0  # log-odds of a name that agrees; one that shares no word contradicts


@dataclass(frozen=True)
class AccountKey:
    """What of an account is matched. `phones` and `emails` are those of the account and its contacts."""

    id: int
    name: str
    domain: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    country: str = ""
    aliases: tuple[str, ...] = ()
    parent_id: int | None = None


@dataclass(frozen=True)
class Lead:
    """What a lead says of its company; "" where it says nothing. `name` is the company's."""

    name: str = ""
    email: str = ""
    phone: str = ""
    domain: str = ""
    country: str = ""


@dataclass(frozen=True)
class KnownContacts:
    """Ids of accounts one of whose contacts has the lead's email address, phone number, or that number's digits; for
    callers who look contacts up elsewhere and leave them out of AccountKey."""

    by_email: frozenset[int] = frozenset()
    by_phone: frozenset[int] = frozenset()
    by_digits: frozenset[int] = frozenset()


NO_CONTACTS = KnownContacts()


@dataclass(frozen=True)
class Match:
    """`is_sure`: attaches by itself. `why` is one sentence for people."""

    account_id: int
    confidence: float
    why: str
    is_sure: bool


@dataclass(frozen=True)
class _Asked:
    """A lead, normalised once."""

    key: NameKey
    email: str
    phone: str
    domain: str
    country: str


@dataclass(frozen=True)
class _Known:
    """An account's place and domain, normalised once."""

    country: str
    domain: str


@dataclass(frozen=True)
class NamesAlike:
    """The accounts whose names a lead could mean: most of the work of a match, and good as long as nothing changes in
    the matcher that gave it."""

    lead: Lead
    version: int
    asked: _Asked
    comparisons: Mapping[int, Comparison]


class Matcher:
    """Built once over the known accounts; then `change` keeps it current, and it answers as one built anew would.

    Not for several threads at once: matching reads what a change moves.
    """

    def __init__(self, accounts: Iterable[AccountKey]) -> None:
        self._version = 0
        self._accounts = {account.id: account for account in sorted(accounts, key=lambda account: account.id)}
        self._known: dict[int, _Known] = {}
        self._keys: list[NameKey] = []
        self._owner: list[int] = []
        self._entries: dict[int, tuple[int, ...]] = {}
        self._by_text: defaultdict[str, list[int]] = defaultdict(list)
        self._by_email: defaultdict[str, set[int]] = defaultdict(set)
        self._by_phone: defaultdict[str, set[int]] = defaultdict(set)
        self._by_domain: defaultdict[str, set[int]] = defaultdict(set)
        for account in self._accounts.values():
            self._add(account)
        listed = TRADES | EMPTY | SMALL | COMPASS | country_words() | local_words()
        self._frequencies = Frequencies(self._keys, listed)
        self._pieces = Pieces(self._keys, self._ranks())

    def __len__(self) -> int:
        return len(self._accounts)

    def change(self, accounts: Iterable[AccountKey], *, gone: Iterable[int] = ()) -> None:
        """Takes in accounts that are new or changed, and takes out those that are gone. Ids nobody knows are passed
        over."""
        wanted = {account.id: account for account in accounts}
        for account_id in {*wanted, *gone}:
            if self._accounts.get(account_id) != wanted.get(account_id):
                self._take_out(account_id)
                if account_id in wanted:
                    self._take_in(wanted[account_id])

    def settle(self) -> None:
        """Does what a change leaves to the next match."""
        self._pieces.settle()

    def names_alike(self, lead: Lead) -> NamesAlike:
        """For a match of this lead that follows."""
        asked = _Asked(
            key=self._key(lead.name),
            email=normalise_email(lead.email),
            phone=normalise_phone(lead.phone, lead.country) if lead.phone else "",
            domain=company_domain(lead.domain, lead.email),
            country=country_code(lead.country),
        )
        return NamesAlike(lead, self._version, asked, self._by_name(asked))

    def match(
        self, lead: Lead, contacts: KnownContacts = NO_CONTACTS, names_alike: NamesAlike | None = None
    ) -> tuple[Match, ...]:
        """The accounts that it may belong to, best first, at most LIMIT; the first is sure or none is. `names_alike`:
        what this matcher gave before, of use where it is the same lead's and nothing has changed since."""
        if names_alike is None or names_alike.version != self._version or names_alike.lead != lead:
            names_alike = self.names_alike(lead)
        asked, names = names_alike.asked, names_alike.comparisons
        evidence = self._by_contact(asked, contacts)
        found = [
            (*self._weigh(asked, account_id, names.get(account_id), evidence.get(account_id)), account_id)
            for account_id in names.keys() | evidence.keys()
        ]
        if not found and asked.domain and not asked.key.tokens:
            found = list(self._by_label(asked.domain))
        found.sort(key=lambda item: (-item[0], self._accounts[item[2]].parent_id is not None, item[2]))
        return self._judged([item for item in found if confidence(item[0]) >= OFFERED][:LIMIT])

    def _key(self, name: str) -> NameKey:
        """With slips in words of every company (Corporatoin, Systmes) put right, so that they are seen as such."""
        key = name_key(name)
        words = [
            word if self._frequencies.is_known(word) else _put_right(word) if place else word
            for place, word in enumerate(key.tokens)
        ]
        return key if tuple(words) == key.tokens else name_key(" ".join(words))

    def _take_in(self, account: AccountKey) -> None:
        self._version += 1
        self._accounts[account.id] = account
        self._add(account)
        for place, entry in enumerate(self._entries[account.id]):
            key = self._keys[entry]
            self._frequencies.add(key)
            self._pieces.add(key, rank(account.id, place))

    def _take_out(self, account_id: int) -> None:
        self._version += 1
        account = self._accounts.pop(account_id, None)
        if account is None:
            return
        for entry in self._entries.pop(account_id):
            key = self._keys[entry]
            self._frequencies.remove(key)
            self._pieces.remove(entry, key)
            for index in _texts(key):
                self._by_text[index].remove(entry)
        known = self._known.pop(account_id)
        for email in account.emails:
            self._by_email[normalise_email(email)].discard(account_id)
        for number in _numbers(account):
            self._by_phone[number].discard(account_id)
        self._by_domain[known.domain].discard(account_id)

    def _ranks(self) -> list[int]:
        """The rank of every entry: by account, then by place among its names."""
        return [
            rank(account_id, place)
            for account_id, entries in self._entries.items()
            for place in range(len(entries))
        ]

    def _add(self, account: AccountKey) -> None:
        self._known[account.id] = _Known(country_code(account.country), company_domain(account.domain))
        entries = []
        for text in dict.fromkeys((account.name, *account.aliases)):
            key = name_key(text)
            if not key.tokens:
                continue
            entries.append(len(self._keys))
            self._keys.append(key)
            self._owner.append(account.id)
            for index in _texts(key):
                self._by_text[index].append(entries[-1])
        self._entries[account.id] = tuple(entries)
        for email in account.emails:
            if address := normalise_email(email):
                self._by_email[address].add(account.id)
        for number in _numbers(account):
            self._by_phone[number].add(account.id)
        if domain := self._known[account.id].domain:
            self._by_domain[domain].add(account.id)

    def _by_name(self, asked: _Asked) -> dict[int, Comparison]:
        """The best comparison of each account whose name could be meant."""
        key = asked.key
        if not key.tokens:
            return {}
        texts = (key.squeezed, f"~{key.folded}", f"={key.squeezed}", initials(key), f"+{key.full}")
        exact = [entry for text in texts if text for entry in self._by_text.get(text, ())]
        best: dict[int, Comparison] = {}
        for entry in dict.fromkeys([*exact, *self._pieces.nearest(key)]):
            found = compare(key, self._keys[entry], self._frequencies)
            account_id = self._owner[entry]
            if account_id not in best or found.log_odds > best[account_id].log_odds:
                best[account_id] = found
        return best

    def _by_contact(self, asked: _Asked, known: KnownContacts) -> dict[int, tuple[float, str]]:
        """Log-odds and reason of the strongest contact evidence of each account."""
        emails = self._by_email.get(asked.email, set()) | known.by_email
        phones = self._by_phone.get(asked.phone, set()) | known.by_phone
        digits = self._by_phone.get(bare_phone(asked.phone), set()) | known.by_digits
        evidence = (
            (emails & self._accounts.keys(), EMAIL, f"{asked.email} is a known contact"),
            (phones & self._accounts.keys(), PHONE, "the phone number is known"),
            (self._by_domain.get(asked.domain, set()), DOMAIN, f"{asked.domain} is its domain"),
            (digits & self._accounts.keys(), BARE_PHONE, "the phone number's digits are known"),
        )
        found: dict[int, tuple[float, str]] = {}
        for accounts, log_odds, said in evidence:
            for account_id in accounts:
                shared = SHARED if len(accounts) > 1 else 0.0
                found.setdefault(account_id, (log_odds - shared, said))
        return found

    def _weigh(
        self, asked: _Asked, account_id: int, name: Comparison | None, contact: tuple[float, str] | None
    ) -> tuple[float, str]:
        """Log-odds of one account, and why."""
        if contact is not None:
            log_odds, said = contact
            if name is not None and name.log_odds >= ALIKE:
                return log_odds + NAME_AGREES + name.log_odds / 4, f"{said}, and the name agrees"
            if asked.key.tokens and (name is None or not name.shares_a_word) and log_odds < EMAIL:
                return log_odds + NAME_CONTRADICTS, f"{said}, though the name is another"
            return log_odds, said
        assert name is not None
        said = "Same name" if not name.differences else f"Name alike ({', '.join(name.differences)})"
        return self._with_place(asked, account_id, name, said)

    def _with_place(self, asked: _Asked, account_id: int, name: Comparison, said: str) -> tuple[float, str]:
        """A branch may be in another country than its parent, any other company of the name is another."""
        log_odds = name.log_odds
        known = self._known[account_id]
        if asked.country and known.country:
            if asked.country == known.country:
                log_odds, said = log_odds + COUNTRY_AGREES, f"{said}, same country"
            elif not name.is_branch:
                log_odds, said = log_odds + COUNTRY_CONTRADICTS, f"{said}, another country"
        if asked.domain and known.domain and not _same_label(asked, known.domain):
            log_odds, said = log_odds + DOMAIN_CONTRADICTS, f"{said}, another domain"
        return log_odds, said

    def _by_label(self, domain: str) -> Iterator[tuple[float, str, int]]:
        """Accounts whose name reads like a domain that nobody has, where the lead gives no name."""
        for entry in self._by_text.get(label(domain), ()):
            yield READS_LIKE_DOMAIN, f"{domain} reads like its name", self._owner[entry]

    def _judged(self, found: list[tuple[float, str, int]]) -> tuple[Match, ...]:
        """The first is sure where it is confident enough and clearly before the second."""
        matches = []
        for place, (log_odds, said, account_id) in enumerate(found):
            sure = place == 0 and confidence(log_odds) >= SURE
            if sure and len(found) > 1 and log_odds - found[1][0] < CLEARLY:
                second = self._accounts[found[1][2]]
                if second.parent_id != account_id:
                    sure, said = False, f"{said}; {second.name} fits as well"
            capped = confidence(log_odds) if sure else min(confidence(log_odds), SURE - 0.01)
            matches.append(Match(account_id, round(capped, 3), f"{said[0].upper()}{said[1:]}.", sure))
        return tuple(matches)


def rank(account_id: int, place: int) -> int:
    """The order of entries that fit equally well, whenever they were added."""
    return account_id * 1000 + min(place, 999)


def _texts(key: NameKey) -> set[str]:
    """What a name is looked up by exactly."""
    return {key.squeezed, f"~{key.folded}", f"={initials(key)}", f"+{key.full}"} - {"="}


@lru_cache(maxsize=50_000)
def _put_right(word: str) -> str:
    if len(word) < 6:
        return word
    found = process.extractOne(word, written_out(), scorer=OSA.distance, score_cutoff=1)
    return found[0] if found else word


def _same_label(asked: _Asked, domain: str) -> bool:
    """acme.de beside acme.com, or a domain made of the lead's own name: no contradiction."""
    own = label(asked.domain)
    return own == label(domain) or folded(own) == asked.key.folded or own == asked.key.tokens[0]


def _numbers(account: AccountKey) -> set[str]:
    """Its phone numbers, each also without the country."""
    numbers = {normalise_phone(phone, account.country) for phone in account.phones}
    return (numbers | {bare_phone(number) for number in numbers}) - {""}


def bare_phone(phone: str) -> str:
    """The last nine digits: enough to be a number, few enough to leave the country out."""
    digits = phone.removeprefix("+")
    return f"…{digits[-9:]}" if len(digits) >= 9 else ""
