"""What an import would do: the records that it would add and change, before anything is written.

Records of the plan are model instances; those that are new are not saved yet, and others can already refer to them.
Checking and writing make the same plan, so what was shown is what happens.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models.functions import Upper

from crm.engine.matching.matcher import Match
from crm.models import Account, Contact, ImportRun, Product
from crm.queries.dictionary import Dictionary, load_dictionary
from reps.models import Rep, RoleTemplate, Team

CHUNK = 5_000


class Ambiguous(Exception):
    """Several records could be meant; the message says which."""


@dataclass
class Tally:
    """What became of one file's rows."""

    file: str
    target: str
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    kept: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class Records:
    """New and changed records of one kind, and the index by which rows find them."""

    new: list[Any] = field(default_factory=list)
    changed: dict[int, Any] = field(default_factory=dict)
    by_id: dict[str, Any] = field(default_factory=dict)
    by_name: dict[str, list[Any]] = field(default_factory=dict)
    by_email: dict[str, Any] = field(default_factory=dict)

    def index(self, record: Any) -> None:
        if record.external_id:
            self.by_id[record.external_id] = record
        named = self.by_name.setdefault(folded(record.name), [])
        if record not in named:
            named.append(record)
        email = getattr(record, "email", "")
        if email:
            self.by_email.setdefault(email.casefold(), record)

    def add(self, record: Any) -> Any:
        self.new.append(record)
        self.index(record)
        return record

    def find(self, text: str) -> Any | None:
        """By external id, email or name. Raises Ambiguous for a name that several bear."""
        found = self.by_id.get(text) or self.by_email.get(text.casefold())
        if found is not None:
            return found
        named = self.by_name.get(folded(text), [])
        if len(named) > 1 and isinstance(named[0], Rep):
            named = [rep for rep in named if rep.left_at is None] or named  # one who left does not confuse
            if len(named) > 1:
                raise Ambiguous(f"names {len(named)} reps; use the email address or ID instead")
        return named[0] if named else None


def folded(name: str) -> str:
    return " ".join(name.split()).casefold()


@dataclass
class Companies:
    """Names that no account bears exactly, folded: ours under another spelling, perhaps ours, or new."""

    ours: dict[str, tuple[Account, tuple[Match, ...]]] = field(default_factory=dict)
    perhaps: dict[str, tuple[Match, ...]] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    spelt: dict[str, str] = field(default_factory=dict)  # as first written


@dataclass
class World:
    """Everything that rows can refer to, stored or about to be, and the words that they are written in."""

    run: ImportRun
    at: datetime.datetime
    words: Dictionary
    teams: dict[str, Team]
    default_team: Team
    role_template: RoleTemplate
    reps: Records = field(default_factory=Records)
    accounts: Records = field(default_factory=Records)
    products: Records = field(default_factory=Records)
    contacts: Records = field(default_factory=Records)
    owners_then: dict[int, int | None] = field(default_factory=dict)  # of accounts, when they were read
    companies: Companies = field(default_factory=Companies)
    opportunity_files: dict[str, str] = field(default_factory=dict)  # external id → the file that has it
    new_teams: list[Team] = field(default_factory=list)
    parents: dict[int, tuple[Account, Account]] = field(
        default_factory=dict
    )  # by the identity of the lower one
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, word) → rows
    spellings: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, folded) → as first written

    def option(self, name: str) -> Any:
        return self.run.options.get(name)

    def word(self, kind: str, text: str) -> tuple[str, bool]:
        """The word that a spelling means and whether it is known. Two spellings that differ in case are one word."""
        word, known = self.words.vocabulary.canonical(kind, text)
        if not known:
            word = self.spellings.setdefault((kind, word.casefold()), word)
        return word, known

    def note_unknown(self, kind: str, word: str, rows: int = 1) -> None:
        self.unknown[kind, word] += rows

    def rep(self, text: str) -> Rep | None:
        """The rep who is meant; a new one where that is allowed. Raises Ambiguous."""
        found = self.reps.find(text)
        if found is None and self.option("create_reps"):
            address = text if "@" in text else ""
            name = text.split("@")[0].replace(".", " ").title() if address else text
            found = self.reps.add(
                Rep(name=name[:120], email=address, team=self.default_team, role_template=self.role_template)
            )
        return found

    def team(self, name: str) -> Team:
        team = self.teams.get(folded(name))
        if team is None:
            team = self.teams[folded(name)] = Team(name=name)
            self.new_teams.append(team)
        return team

    def account(self, text: str) -> Account | None:
        """The account that is meant, a new one where that is allowed; None where a person has to say."""
        found: Account | None = self.accounts.find(text)
        key = folded(text)
        if found is None and key in self.companies.ours:
            return self.companies.ours[key][0]
        if found is None and self.option("create_accounts") and key not in self.companies.perhaps:
            found = self.accounts.add(Account(name=text))
        return found

    def product(self, text: str) -> tuple[Product, bool]:
        """The product, added where nobody knows it, and whether its word is known."""
        found: Product | None = self.products.by_id.get(text)
        word = self.word("product", text)[0]
        found = found or self.products.find(word)
        if found is None:
            found = self.products.add(Product(name=word))
        is_listed = found.pk is not None or hasattr(found, "from_file")
        _, known = self.words.vocabulary.terms.get(("product", found.name.casefold()), ("", is_listed))
        return found, known


def load_world(run: ImportRun, at: datetime.datetime, named: Mapping[str, Iterable[str]]) -> World:
    """`named`: the texts by which rows name `accounts` and `contacts`, so that only those are read."""
    world = World(
        run=run,
        at=at,
        words=with_confirmed(load_dictionary(), run.options),
        teams={folded(team.name): team for team in Team.objects.all()},
        default_team=_default_team(),
        role_template=RoleTemplate.objects.order_by("-is_default", "pk")[0],
    )
    for rep in Rep.objects.order_by("left_at", "pk").select_related("team"):
        world.reps.index(rep)
    for product in Product.objects.order_by("pk"):
        world.products.index(product)
    for account in _named(Account, named.get("accounts", ()), ("name",)):
        world.accounts.index(account)
        world.owners_then[account.pk] = account.owner_id
    for contact in _named(Contact, named.get("contacts", ()), ("email", "name")):
        world.contacts.index(contact)
    return world


def _default_team() -> Team:
    return Team.objects.order_by("-is_default", "pk").first() or Team.objects.create(
        name="Sales", is_default=True
    )


def _named(model: Any, texts: Iterable[str], field_names: Sequence[str]) -> list[Any]:
    wanted = sorted(set(texts))
    found: dict[int, Any] = {}
    records = model.objects.select_related(*(("owner", "parent") if model is Account else ("account",)))
    for chunk in chunks(wanted):
        upper = [text.upper() for text in chunk]
        for name in field_names:
            by_name = records.annotate(upper_text=Upper(name)).filter(upper_text__in=upper)
            found |= {record.pk: record for record in by_name}
        found |= {record.pk: record for record in records.filter(external_id__in=chunk)}
    return [found[pk] for pk in sorted(found)]


def with_confirmed(words: Dictionary, options: Mapping[str, Any]) -> Dictionary:
    """The dictionary with the spellings and words that were confirmed for this run."""
    aliases = {(kind, spelling.casefold()): term for kind, spelling, term in options.get("aliases", [])}
    terms = {(kind, word.casefold()): (word, True) for kind, word in options.get("known", [])}
    terms |= {
        (kind, term.casefold()): words.vocabulary.terms.get((kind, term.casefold()), (term, True))
        for kind, _, term in options.get("aliases", [])
    }
    vocabulary = replace(
        words.vocabulary,
        aliases={**words.vocabulary.aliases, **aliases},
        terms={**words.vocabulary.terms, **terms},
    )
    return replace(words, vocabulary=vocabulary)


def chunks(items: Sequence[Any], size: int = CHUNK) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def change(record: Any, values: Mapping[str, Any]) -> bool:
    """Puts the given values on the record (None leaves what is there). Says whether anything changed."""
    changed = False
    for name, value in values.items():
        if value is not None and getattr(record, name) != value:
            setattr(record, name, value)
            changed = True
    return changed
