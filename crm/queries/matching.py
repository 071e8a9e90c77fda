"""Leads → accounts of ours: one index in each process, kept current by what other transactions have changed.

Building it takes seconds at 100,000 accounts, so it is built once. Before each look-up one query asks which accounts
were changed by transactions that were not visible the last time (`crm_accountchange`, which triggers write), and only
those are read. Contacts are looked up in the database.
"""

import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection

from crm.engine.matching.contacts import normalise_email, normalise_phone
from crm.engine.matching.matcher import AccountKey, KnownContacts, Lead, Match, Matcher, bare_phone
from reps.queries.prepared import ask, ask_one

log = logging.getLogger(__name__)
MOST_CONTACTS = 1000  # of one lead's address and number; a switchboard's tells nothing more
AT_ONCE = 100  # leads for which one thread keeps the index, about a quarter of a second
# What became visible since a snapshot, and what this transaction itself has changed. Numbers beyond the newest
# transaction come from another database's dump.
CHANGED = """
SELECT pg_current_snapshot()::text,
    ARRAY(SELECT account_id FROM crm_accountchange
        WHERE changed_in >= pg_snapshot_xmin(seen.snapshot)::text::bigint
          AND changed_in < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
          AND pg_visible_in_snapshot(changed_in::text::xid8, pg_current_snapshot())
          AND NOT pg_visible_in_snapshot(changed_in::text::xid8, seen.snapshot)),
    ARRAY(SELECT account_id FROM crm_accountchange
        WHERE changed_in = pg_current_xact_id_if_assigned()::text::bigint)
FROM (SELECT coalesce(nullif(%s, '')::pg_snapshot, pg_current_snapshot()) AS snapshot) AS seen
"""
# With the spellings that people have confirmed.
KEYS = """
SELECT a.id, a.name, a.domain, a.country, a.parent_id, ARRAY(
    SELECT m.company ->> 'name' FROM crm_accountmatch m
    WHERE m.account_id = a.id AND m.state = 'confirmed' AND m.confidence IS NOT NULL AND m.company ->> 'name' <> '')
FROM crm_account a
"""
# By the address or by the last digits, each with an index.
CONTACTS = """
SELECT c.account_id, c.email, c.phone, a.country
FROM crm_contact c JOIN crm_account a ON a.id = c.account_id
WHERE (lower(c.email) = ANY(%s::text[]) AND c.email <> '')
   OR (crm_phone_digits(c.phone) = ANY(%s::text[]) AND c.phone <> '')
LIMIT %s
"""


Brings = Callable[[int, tuple[Match, ...]], AccountKey | None]


class KeptMatcher:
    """The process's index. One thread at a time refreshes and asks it; the first builds it, the others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._matcher: Matcher | None = None
        self._seen = ""  # the database's snapshot that the index is of
        self._uncommitted: set[int] = set()  # changed by a transaction that may still be rolled back

    def match(self, leads: Sequence[Lead], contacts: Sequence[KnownContacts]) -> list[tuple[Match, ...]]:
        connection.ensure_connection()  # whoever waits for one must not keep the others waiting
        with self._lock:
            matcher = self._current()
            return [matcher.match(lead, known) for lead, known in zip(leads, contacts, strict=True)]

    def match_each(
        self, leads: Sequence[Lead], contacts: Sequence[KnownContacts], brings: Brings
    ) -> list[tuple[Match, ...]]:
        """The same one after the other: what `brings` says of a lead (its place, its matches) is known to those after
        it. Other transactions never see it: whatever was not committed goes with the next look."""
        connection.ensure_connection()
        found: list[tuple[Match, ...]] = []
        with self._lock:
            matcher = self._current()
            for place, (lead, known) in enumerate(zip(leads, contacts, strict=True)):
                found.append(matcher.match(lead, known))
                account = brings(place, found[-1])
                if account is not None:
                    self._uncommitted.add(account.id)
                    matcher.change([account])
        return found

    def prepare(self) -> None:
        """Builds it, or brings it up to date."""
        connection.ensure_connection()
        with self._lock:
            self._current()

    def forget(self) -> None:
        with self._lock:
            self._matcher = None

    def _current(self) -> Matcher:
        matcher = self._matcher
        seen, changed, own = changed_since("" if matcher is None else self._seen)
        if matcher is None:
            matcher = Matcher(account_keys())
            log.info("index of %s accounts built", len(matcher))
        elif stale := {*changed, *own, *self._uncommitted}:
            present = list(account_keys(stale))
            self._matcher = None  # if this fails half-way it is built anew
            matcher.change(present, gone=stale)
        self._matcher, self._seen, self._uncommitted = matcher, seen, set(own)
        return matcher


_kept = KeptMatcher()


def match_lead(lead: Lead) -> tuple[Match, ...]:
    """The accounts that a lead may belong to, best first; the first is sure or none is."""
    return match_known(lead, contacts_of([lead])[0])


def match_known(lead: Lead, contacts: KnownContacts) -> tuple[Match, ...]:
    """The same where the lead's contacts have been looked up."""
    return _kept.match([lead], [contacts])[0]


def match_each(
    leads: Sequence[Lead], contacts: Sequence[KnownContacts], brings: Brings
) -> list[tuple[Match, ...]]:
    """The same for many whose contacts have been looked up, each of which may bring an account that the others may
    belong to: `brings` gives it, with an id that the database has drawn."""
    return _kept.match_each(leads, contacts, brings)


def match_leads(leads: Sequence[Lead]) -> list[tuple[Match, ...]]:
    """The same for many. Others come in between: a long list does not make leads wait for seconds."""
    found: list[tuple[Match, ...]] = []
    for start in range(0, len(leads), AT_ONCE):
        some = leads[start : start + AT_ONCE]
        found += _kept.match(some, contacts_of(some))
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


def changed_since(seen: str) -> tuple[str, list[int], list[int]]:
    """The snapshot of now, the ids of accounts that became another since the one seen ("": none was), and of those
    that the present transaction changed."""
    snapshot, changed, own = ask_one(CHANGED, [seen])
    return snapshot, changed, own


def account_keys(ids: Collection[int] | None = None) -> Iterator[AccountKey]:
    """What is matched of all accounts, or of those with the given ids that there are."""
    rows = ask(KEYS) if ids is None else ask(f"{KEYS} WHERE a.id = ANY(%s)", [list(ids)])
    for pk, name, domain, country, parent_id, aliases in rows:
        yield AccountKey(
            pk,
            name,
            domain=domain,
            country=country,
            parent_id=parent_id,
            aliases=tuple(sorted(set(aliases))),
        )


# --- contacts ------------------------------------------------------------------------------------------------------


def contacts_of(leads: Sequence[Lead]) -> list[KnownContacts]:
    """The accounts of whose contacts each lead has the email address or phone number; a query for some thousands."""
    return known_contacts(leads, ask(*contacts_asked(leads)))


def contacts_asked(leads: Sequence[Lead]) -> tuple[str, list[Any]]:
    """The statement that looks for them, and its parameters."""
    emails = {email for lead in leads if (email := normalise_email(lead.email))}
    digits = {key for lead in leads for key in phone_keys(lead.phone, lead.country)}
    return CONTACTS, [list(emails), list(digits), MOST_CONTACTS * len(leads)]


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
