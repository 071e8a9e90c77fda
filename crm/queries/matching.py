"""Leads → accounts of ours: one index in each process, kept current by what other transactions have changed.

Building it takes seconds at 100,000 accounts, so it is built once. Before each look-up one query reads the accounts
that were changed by transactions which were not visible the last time (`crm_accountchange`, which triggers write).
Contacts are looked up in the database.
"""

import json
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from crm.engine.matching.contacts import normalise_email, normalise_phone
from crm.engine.matching.matcher import (
    AccountKey,
    KnownContacts,
    Lead,
    Match,
    Matcher,
    NamesAlike,
    bare_phone,
)
from reps.queries.prepared import ask, ask_one

log = logging.getLogger(__name__)
MOST_CONTACTS = 1000  # of one lead's address and number; a switchboard's tells nothing more
AT_ONCE = 100  # leads for which one thread keeps the index, about a quarter of a second
# With the spellings that people have confirmed.
KEYS = """
SELECT a.id, a.name, a.domain, a.country, a.parent_id, ARRAY(
    SELECT m.company ->> 'name' FROM crm_accountmatch m
    WHERE m.account_id = a.id AND m.state = 'confirmed' AND m.confidence IS NOT NULL AND m.company ->> 'name' <> ''
) AS aliases
FROM crm_account a
"""
# What became visible since a snapshot, what this transaction itself has changed, and what is matched of both. No
# snapshot lists the transaction that took it (`seen_by`) as running: what that one went on to change is not seen yet.
# Numbers beyond the newest transaction come from another database's dump.
CHANGES = f"""
WITH seen AS (SELECT coalesce(nullif(%(seen)s, '')::pg_snapshot, pg_current_snapshot()) AS snapshot),
own AS (SELECT account_id FROM crm_accountchange WHERE changed_in = pg_current_xact_id_if_assigned()::text::bigint),
changed AS (
    SELECT account_id FROM crm_accountchange, seen
    WHERE changed_in >= pg_snapshot_xmin(seen.snapshot)::text::bigint
      AND changed_in < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
      AND pg_visible_in_snapshot(changed_in::text::xid8, pg_current_snapshot())
      AND (changed_in = %(seen_by)s::bigint OR NOT pg_visible_in_snapshot(changed_in::text::xid8, seen.snapshot))
    UNION SELECT account_id FROM own
    UNION SELECT unnest(%(again)s::bigint[])
)
SELECT pg_current_snapshot()::text, pg_current_xact_id_if_assigned()::text::bigint,
    ARRAY(SELECT account_id FROM own), ARRAY(SELECT account_id FROM changed),
    (SELECT jsonb_agg(to_jsonb(k)) FROM ({KEYS} WHERE a.id IN (SELECT account_id FROM changed)) AS k)
"""
CHANGES_WIDTH = 5  # columns
# By the address or by the last digits, each with an index.
CONTACTS = """
SELECT c.account_id, c.email, c.phone, a.country
FROM crm_contact c JOIN crm_account a ON a.id = c.account_id
WHERE (lower(c.email) = ANY(%(emails)s::text[]) AND c.email <> '')
   OR (crm_phone_digits(c.phone) = ANY(%(digits)s::text[]) AND c.phone <> '')
LIMIT %(most)s
"""


Brings = Callable[[int, tuple[Match, ...]], AccountKey | None]


@dataclass(frozen=True)
class Changes:
    """What became of accounts since an index was current: the answer to `KeptMatcher.asked` of the same `version`.
    `by`: the transaction that asked, None where it has written nothing yet."""

    version: int
    snapshot: str
    by: int | None
    own: frozenset[int]
    ids: frozenset[int]
    present: tuple[AccountKey, ...]


class KeptMatcher:
    """The process's index. One thread at a time refreshes and asks it; the first builds it, the others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._matcher: Matcher | None = None
        self._version = 0  # of the index: an answer about another one is not taken in
        self._seen = ""  # the database's snapshot that the index is of
        self._seen_by: int | None = None  # the transaction that took it
        # Not read from the database, or changed by a transaction that may still be rolled back: to be read again.
        self._doubtful: set[int] = set()
        self._undisturbed = False  # whether nobody came between the last question and its answer

    def asked(self) -> tuple[int, tuple[str, dict[str, Any]]]:
        """The version, and the statement that asks what has changed since; to be sent with others that its transaction
        asks before it matches."""
        with self._lock:
            return self._version, self._statement()

    def match_each(
        self,
        leads: Sequence[Lead],
        contacts: Sequence[KnownContacts],
        changes: Changes | None = None,
        brings: Brings = lambda place, matches: None,
        names_alike: NamesAlike | None = None,
    ) -> list[tuple[Match, ...]]:
        """The matches of leads one after the other: what `brings` says of one (its place, its matches) is known to
        those after it. Other transactions never see it: whatever was not committed goes with the next look.
        `names_alike`: what was given ahead for one of them."""
        connection.ensure_connection()  # whoever waits for one must not keep the others waiting
        found: list[tuple[Match, ...]] = []
        with self._lock:
            matcher = self._current(changes)
            for place, (lead, known) in enumerate(zip(leads, contacts, strict=True)):
                found.append(matcher.match(lead, known, names_alike))
                account = brings(place, found[-1])
                if account is not None:
                    self._version += 1
                    self._doubtful.add(account.id)
                    matcher.change([account])
        return found

    def names_alike(self, lead: Lead) -> NamesAlike | None:
        """For a match that follows, by who waits for the database meanwhile; None where it is likely to be in vain,
        since others change the index at the same time."""
        if not self._undisturbed or not self._lock.acquire(blocking=False):
            return None
        try:
            return None if self._matcher is None else self._matcher.names_alike(lead)
        finally:
            self._lock.release()

    def added(self, account: AccountKey) -> None:
        """Takes in what a transaction of this process has added and committed, before it is read."""
        with self._lock:
            matcher, self._matcher = self._matcher, None
            if matcher is not None:
                matcher.change([account])
                self._doubtful.add(account.id)
            self._matcher = matcher

    def prepare(self) -> None:
        """Builds it, or brings it up to date."""
        connection.ensure_connection()
        with self._lock:
            self._current(None)

    def forget(self) -> None:
        with self._lock:
            self._matcher = None
            self._version += 1

    def settle(self) -> None:
        """Does what changes have left to the next match, unless somebody matches already."""
        if self._lock.acquire(blocking=False):
            try:
                if self._matcher is not None:
                    self._matcher.settle()
            finally:
                self._lock.release()

    def _statement(self) -> tuple[str, dict[str, Any]]:
        seen = "" if self._matcher is None else self._seen
        return CHANGES, {"seen": seen, "seen_by": self._seen_by, "again": list(self._doubtful)}

    def _current(self, changes: Changes | None) -> Matcher:
        """Up to date with the changes, which are asked for here where another thread was faster."""
        matcher = self._matcher
        self._undisturbed = changes is not None and changes.version == self._version
        if changes is None or changes.version != self._version or matcher is None:
            statement, parameters = self._statement()
            changes = changes_of(self._version, ask_one(statement, parameters))
        if matcher is None:
            matcher = Matcher(account_keys())
            log.info("index of %s accounts built", len(matcher))
        elif changes.ids:
            self._matcher = None  # if this fails half-way it is built anew
            matcher.change(changes.present, gone=changes.ids)
        self._version += 1
        self._matcher, self._seen, self._seen_by = matcher, changes.snapshot, changes.by
        self._doubtful = (self._doubtful - changes.ids) | changes.own
        return matcher


def changes_of(version: int, row: Sequence[Any]) -> Changes:
    """The answer to `changes_asked`."""
    snapshot, by, own, ids, rows = row
    present = tuple(_account_key(**one) for one in json.loads(rows or "[]"))
    return Changes(version, snapshot, by, frozenset(own), frozenset(ids), present)


_kept = KeptMatcher()


def changes_asked() -> tuple[int, tuple[str, dict[str, Any]]]:
    """For who looks up more than the matches: a version, and the statement whose row `changes_of` reads."""
    return _kept.asked()


def match_lead(lead: Lead) -> tuple[Match, ...]:
    """The accounts that a lead may belong to, best first; the first is sure or none is."""
    return match_known(lead, contacts_of([lead])[0])


def match_known(
    lead: Lead,
    contacts: KnownContacts,
    changes: Changes | None = None,
    names_alike: NamesAlike | None = None,
) -> tuple[Match, ...]:
    """The same where the lead's contacts, and perhaps what has changed, have been looked up."""
    return _kept.match_each([lead], [contacts], changes, names_alike=names_alike)[0]


def names_alike(lead: Lead) -> NamesAlike | None:
    """A part of a match that can be done while what has changed is asked for; None where that does not pay."""
    return _kept.names_alike(lead)


def note_added(account: AccountKey) -> None:
    """Tells this process's index of an account whose transaction has been committed, so that the next lead finds it
    there."""
    _kept.added(account)


def match_each(
    leads: Sequence[Lead], contacts: Sequence[KnownContacts], changes: Changes, brings: Brings
) -> list[tuple[Match, ...]]:
    """The same for many, each of which may bring an account that the others may belong to: `brings` gives it, with an
    id that the database has drawn."""
    return _kept.match_each(leads, contacts, changes, brings)


def match_leads(leads: Sequence[Lead]) -> list[tuple[Match, ...]]:
    """The same for many. Others come in between: a long list does not make leads wait for seconds."""
    found: list[tuple[Match, ...]] = []
    for start in range(0, len(leads), AT_ONCE):
        some = leads[start : start + AT_ONCE]
        found += _kept.match_each(some, contacts_of(some))
    return found


def prepare_matcher() -> None:
    """Builds this process's index, so that the first lead need not wait for it."""
    _kept.prepare()


def prepare_in_background(then: Callable[[], None]) -> None:
    """The same on a thread of its own, and `then` something else. What fails here is only logged: the first lead tries
    again."""

    def work() -> None:
        try:
            prepare_matcher()
            then()
        except Exception:
            log.exception("the index of accounts could not be built beforehand")
        finally:
            connection.close()

    threading.Thread(target=work, name="account-index", daemon=True).start()


def forget_matcher() -> None:
    """For tests, whose database is emptied without its triggers."""
    _kept.forget()


def settle_index(**signal: Any) -> None:
    """After an answer, when nobody waits for it."""
    _kept.settle()


def account_keys() -> Iterator[AccountKey]:
    """What is matched of all accounts."""
    for pk, name, domain, country, parent_id, aliases in ask(KEYS):
        yield _account_key(pk, name, domain, country, parent_id, aliases)


def _account_key(
    id: int, name: str, domain: str, country: str, parent_id: int | None, aliases: Iterable[str]
) -> AccountKey:
    return AccountKey(
        id, name, domain=domain, country=country, parent_id=parent_id, aliases=tuple(sorted(set(aliases)))
    )


# --- contacts ------------------------------------------------------------------------------------------------------


def contacts_of(leads: Sequence[Lead]) -> list[KnownContacts]:
    """The accounts of whose contacts each lead has the email address or phone number; a query for some thousands."""
    return known_contacts(leads, ask(*contacts_asked(leads)))


def contacts_asked(leads: Sequence[Lead]) -> tuple[str, dict[str, Any]]:
    """The statement that looks for them, and its parameters."""
    emails = {email for lead in leads if (email := normalise_email(lead.email))}
    digits = {key for lead in leads for key in phone_keys(lead.phone, lead.country)}
    return CONTACTS, {"emails": list(emails), "digits": list(digits), "most": MOST_CONTACTS * len(leads)}


def known_contacts(leads: Sequence[Lead], rows: Iterable[tuple[int, str, str, str]]) -> list[KnownContacts]:
    """For each lead, what the statement's rows tell."""
    by_email: defaultdict[str, set[int]] = defaultdict(set)
    by_phone: defaultdict[str, set[int]] = defaultdict(set)
    for account_id, email, phone, country in rows:
        by_email[normalise_email(email)].add(account_id)
        number = normalise_phone(phone, country)
        for text in {number, bare_phone(number)} - {""}:
            by_phone[text].add(account_id)
    return [_known(lead, by_email, by_phone) for lead in leads]


def _known(lead: Lead, by_email: dict[str, set[int]], by_phone: dict[str, set[int]]) -> KnownContacts:
    number = normalise_phone(lead.phone, lead.country) if lead.phone else ""
    return KnownContacts(
        by_email=frozenset(by_email.get(normalise_email(lead.email), ())) if lead.email else frozenset(),
        by_phone=frozenset(by_phone.get(number, ())) if number else frozenset(),
        by_digits=frozenset(by_phone.get(bare_phone(number), ())) if number else frozenset(),
    )


def phone_keys(phone: str, country: str) -> set[str]:
    """By what a number may be found in the database: its last nine digits as it is dialled from anywhere, and as
    it is written without the country."""
    number = normalise_phone(phone, country) if phone else ""
    if not number:
        return set()
    written = re.sub(r"\D", "", phone)
    return {re.sub(r"\D", "", number)[-9:], written[-9:]}
