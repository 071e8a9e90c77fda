"""Whom something is held on: found by name, email or phone, and known by what the records call them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db.models import Model, Q, QuerySet

from crm.models import Account, Contact, Opportunity
from crm.models.accounts import PHONE_TAIL
from privacy.engine.identity import LEAST_LETTERS, Identity
from privacy.models import Erasure, Kind
from reps.models import AuditEntry, ProfileChange, Rep, User

MODELS: Mapping[str, type[Model]] = {Kind.CONTACT: Contact, Kind.REP: Rep, Kind.USER: User}
LABELS = {Kind.CONTACT: "Erased contact", Kind.REP: "Former rep", Kind.USER: "Former user"}
NOBODY = "erased.invalid"  # no address of this domain exists (RFC 2606)
MOST_FOUND = 20
TELLING_LETTERS = 8  # a shorter name of an opportunity may be any text's word


@dataclass(frozen=True)
class Subject:
    """A person. `members`: the records that are this person, a rep's user among them. `titles`: what the opportunities
    of a contact are called, where that says whose they are. `addresses`: from where a user came."""

    kind: Kind
    pk: int
    name: str
    members: Mapping[Kind, int]
    identity: Identity
    emails: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    is_erased: bool = False

    @property
    def label(self) -> str:
        return self.identity.label


@dataclass(frozen=True)
class Said:
    """What somebody was called, and from where a user came, by what is not in the tables any more."""

    names: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def __add__(self, other: "Said") -> "Said":
        return Said(self.names | other.names, self.emails | other.emails, self.addresses | other.addresses)


NOTHING = Said()


@dataclass(frozen=True)
class Found:
    kind: Kind
    record: Any  # a contact, rep or user

    @property
    def where(self) -> str:
        place = getattr(self.record, "account" if self.kind == Kind.CONTACT else "team", None)
        return str(place or "")


def find_people(words: str) -> list[Found]:
    """Contacts, reps and users by a part of the name or address, or the number's end; a rep's user is the rep."""
    words = words.strip()
    if len(words) < 2:
        return []
    digits = "".join(one for one in words if one.isdigit())
    named = Q(name__icontains=words) | Q(email__icontains=words)
    contacts = Contact.objects.annotate(tail=PHONE_TAIL)
    by_phone = Q(tail=digits[-7:]) & ~Q(phone="") if len(digits) >= 7 else Q(pk__in=[])
    reps = Rep.objects.filter(named).select_related("team").order_by("name", "pk")[:MOST_FOUND]
    users = User.objects.filter(named, rep__isnull=True).order_by("name", "pk")[:MOST_FOUND]
    known = contacts.filter(named | by_phone).select_related("account").order_by("name", "pk")[:MOST_FOUND]
    parts = ((Kind.REP, reps), (Kind.USER, users), (Kind.CONTACT, known))
    return [Found(kind, record) for kind, rows in parts for record in rows]


def load_subject(kind: str, pk: int, *, said: Said = NOTHING) -> Subject | None:
    """The person, with every word that means nobody else; of a rep's user the rep. None: there is no such record."""
    kind = Kind(kind)
    record: Any = MODELS[kind]._base_manager.filter(pk=pk).first()
    if record is None:
        return None
    if kind == Kind.USER and (rep := Rep.objects.filter(user=pk).first()) is not None:
        kind, record = Kind.REP, rep
    members = {kind: record.pk}
    if kind == Kind.REP and record.user_id is not None:
        members[Kind.USER] = record.user_id
    label = f"{LABELS[kind]} {record.pk}"
    names, emails, phones = _called(members, said)
    shared = set(_shared_names(names, members)) | set(_shared_emails(emails, members))
    titles = tuple(_titles(record)) if kind == Kind.CONTACT else ()
    alone = [word for word in (*names, *emails, *titles) if word not in shared]
    return Subject(
        kind=kind,
        pk=record.pk,
        name=record.name,
        members=members,
        identity=Identity(label, tuple(alone), tuple(sorted(shared)), tuple(phones)),
        emails=tuple(emails),
        titles=titles,
        addresses=tuple(sorted({*_addresses(members), *said.addresses})),
        is_erased=record.name == label,
    )


# --- what somebody is called, and was ------------------------------------------------------------------------------


def _called(members: Mapping[Kind, int], said: Said) -> tuple[list[str], list[str], list[str]]:
    """Names, addresses and numbers, former ones too."""
    names: dict[str, None] = {}
    emails: dict[str, None] = {}
    phones: dict[str, None] = {}
    before = [
        *((name, "", "") for name in sorted(said.names)),
        *(("", email, "") for email in sorted(said.emails)),
    ]
    for name, email, phone in [*_sayings(members), *before]:
        if name and not name.startswith(tuple(LABELS.values())) and len(name) >= LEAST_LETTERS:
            names[name] = None
        if email and not email.endswith(NOBODY):
            emails[email.lower()] = None
        if phone:
            phones[phone] = None
    return list(names), list(emails), list(phones)


def _sayings(members: Mapping[Kind, int]) -> Iterator[tuple[str, str, str]]:
    for kind, pk in members.items():
        record: Any = MODELS[kind]._base_manager.get(pk=pk)
        yield record.name, record.email, getattr(record, "phone", "")
        for name, email in _said_before(kind, pk):
            yield name, email, ""
    if (user_id := members.get(Kind.USER)) is not None:
        for email in EmailAddress.objects.filter(user=user_id).values_list("email", flat=True):
            yield "", email, ""
        for extra in SocialAccount.objects.filter(user=user_id).values_list("extra_data", flat=True):
            yield str((extra or {}).get("name") or ""), str((extra or {}).get("email") or ""), ""
        told = AuditEntry.objects.filter(user_id=user_id).values_list("user_name", "user_email").order_by()
        for name, email in told.distinct():
            yield name, email, ""


def _said_before(kind: Kind, pk: int) -> Iterator[tuple[str, str]]:
    """By the audit log, and a rep's by the history of the profile."""
    entries = AuditEntry.objects.filter(kind=kind.value, record_id=str(pk))
    changes = list(entries.values_list("changes", flat=True))
    if kind == Kind.REP:
        changes += list(ProfileChange.objects.filter(rep=pk).values_list("changes", flat=True))
    for change in changes:
        yield from renamings(change)


def renamings(changes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and addresses, each with nothing beside it."""
    for name in _texts(changes.get("name")):
        yield name, ""
    for email in _texts(changes.get("email")):
        yield "", email


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _titles(contact: Contact) -> list[str]:
    """Names of the contact's opportunities that name nobody else's, and no company."""
    mine = Opportunity.objects.filter(contact=contact).values_list("name", flat=True)
    names = {name for name in mine if len(name) >= TELLING_LETTERS}
    others = Opportunity.objects.filter(name__in=names).exclude(contact=contact)
    taken = set(others.values_list("name", flat=True))
    taken |= set(Account.objects.filter(name__in=names).values_list("name", flat=True))
    neutral = {
        f"Opportunity {pk}" for pk in Opportunity.objects.filter(contact=contact).values_list("pk", flat=True)
    }
    return sorted(names - taken - neutral)


def _addresses(members: Mapping[Kind, int]) -> list[str]:
    entries = AuditEntry.objects.filter(user_id=members.get(Kind.USER, -1), address__isnull=False)
    return sorted({str(address) for address in entries.order_by().values_list("address", flat=True)})


def is_about(entry: AuditEntry, subject: Subject, invitations: Sequence[int] = ()) -> bool:
    """Whether an entry of the audit log is about the person, or about what belongs to the person."""
    if entry.kind == "invitation" and entry.record_id in {str(pk) for pk in invitations}:
        return True
    about = {(entry.kind, entry.record_id), (entry.of_kind, entry.of_id)}
    return any((kind.value, str(pk)) in about for kind, pk in subject.members.items())


# --- who is called the same ----------------------------------------------------------------------------------------


def _others(members: Mapping[Kind, int]) -> Iterator["QuerySet[Any]"]:
    for kind, model in MODELS.items():
        yield model._base_manager.exclude(pk=members.get(Kind(kind), -1))


def _shared_names(names: Iterable[str], members: Mapping[Kind, int]) -> list[str]:
    """Those that somebody else has, alone or as a part; and a contact's single word, which may mean anything."""
    return [
        name
        for name in names
        if (Kind.CONTACT in members and " " not in name.strip())
        or any(others.filter(_says(name)).exists() for others in _others(members))
    ]


def _says(name: str) -> Q:
    return Q(name__iregex=rf"(?<!\w){re.escape(name)}(?!\w)")


def _shared_emails(emails: Iterable[str], members: Mapping[Kind, int]) -> list[str]:
    return [
        email
        for email in emails
        if any(others.filter(email__iexact=email).exists() for others in _others(members))
    ]


def same_person_elsewhere(subject: Subject) -> list[Contact]:
    """Other contacts with the same address: the same person perhaps, and not erased along."""
    if not subject.emails:
        return []
    same = Q(pk__in=[])
    for email in subject.emails:
        same |= Q(email__iexact=email)
    own = subject.members.get(Kind.CONTACT, -1)
    return list(Contact.objects.filter(same).exclude(pk=own).order_by("pk")[:MOST_FOUND])


def only_this_person(subject: Subject) -> Account | None:
    """The account that is only this contact: nobody else is known there, and it is called by the person's name."""
    if subject.kind != Kind.CONTACT:
        return None
    contact = Contact.objects.select_related("account").get(pk=subject.pk)
    account = contact.account
    if account is None or account.contacts.exclude(pk=contact.pk).exists():
        return None
    names = {part.casefold() for part in contact.name.split() if len(part) >= LEAST_LETTERS}
    said = {part.casefold().strip(",.") for part in account.name.split()}
    return account if names and names <= said else None


def erasures() -> "QuerySet[Erasure]":
    return Erasure.objects.select_related("made_by").exclude(kind="")
