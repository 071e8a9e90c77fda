"""Rows of opportunities → what the import adds and changes, column by column: each distinct word is looked up once.

A row that the organisation works on here is not overruled by a file: an owner whom a person or automation chose, a
lock, a stage that was closed here and an opportunity in the routing queue are kept, and the report says so.
"""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from crm.engine.imports.columns import Texts, Values
from crm.engine.imports.fields import CUSTOM
from crm.engine.imports.values import MAX_MONEY
from crm.engine.words import size_band
from crm.models import Assignment, Contact, Opportunity, StageChange
from crm.queries.vocabulary import in_base_currency, language_of_place
from crm.services.imports.companies import find_companies
from crm.services.imports.plans import Ambiguous, Tally, World, chunks, folded
from crm.services.opportunities import FROM_ACCOUNT

WORDS = {"industry": "industry", "source": "source", "language": "language", "country": "country",
         "currency": "currency", "region": "region"}  # fmt: skip
FLAGGED = ("industry", "source", "language", "country", "currency", "product", "competitor", "rate")
TEXTS = ("source", "industry", "size_band", "country", "region", "city", "postal_code", "language", "urgency",
         "currency")  # fmt: skip
DATES = ("opened_at", "closed_at", "assigned_at", "first_touch_at")
NUMBERS = ("employees", "complexity", "lead_score", "value", "satisfaction")
REFERENCES = ("account", "contact", "product", "owner")
STORED = (
    "kind", "stage", "name", *TEXTS, *NUMBERS, "competitors", "custom", "flags", "value_base", "opened_at", "closed_at",
    "converted_at", "assigned_at", "first_touch_at", "dates_known", "routing", "routing_since",
)  # fmt: skip
COMPANY = ("account", "country", "contact_email")  # what tells of which company a row is
IN_QUEUE = {"batch", "suggested", "manager", "held"}
A_DAY = datetime.timedelta(days=1)
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass
class OpportunityPlan:
    """`columns`: the final value of every stored column for every row of the file; references are model instances.
    `stored`: the row's present values where it is known here, else None."""

    columns: dict[str, Texts]
    external_ids: Texts
    rows: np.ndarray[Any, Any]
    stored: Texts
    new: list[int]  # places of rows to add
    changed: list[int]  # places of rows to change
    moved: list[int] = field(default_factory=list)  # places whose owner changes
    restaged: list[int] = field(default_factory=list)
    ids: dict[int, int] = field(default_factory=dict)  # place → id, once written
    kept: list[tuple[int, str, str]] = field(default_factory=list)  # (row, field, why)
    given: dict[str, Texts] = field(default_factory=dict)  # what tells the company, as the file has it


def plan_opportunities(
    values: Values, world: World, tally: Tally, options: dict[str, Any]
) -> OpportunityPlan:
    return _Planner(values, world, tally, options).plan()


def lock_stored(external_ids: Iterable[str]) -> None:
    """Locks the rows that a file names, in rising order of id, until the transaction ends."""
    for chunk in chunks(sorted(external_ids), 50_000):
        found = Opportunity.objects.filter(external_id__in=chunk).order_by("pk")
        list(found.select_for_update(no_key=True).values_list("pk", flat=True))


class _Planner:
    """One file's plan. The steps are methods, in the order in which `plan` calls them."""

    def __init__(self, values: Values, world: World, tally: Tally, options: dict[str, Any]) -> None:
        self.values, self.world, self.tally, self.options = values, world, tally, options
        self.count = len(values.good)
        self.columns: dict[str, Texts] = {}
        self.flags = {kind: np.zeros(self.count, dtype=bool) for kind in FLAGGED}
        self.stored = np.full(self.count, None, dtype=object)
        self.kept: list[tuple[int, str, str]] = []

    def plan(self) -> OpportunityPlan:
        self.find_stored()
        self.take_values()
        self.stages_and_dates()
        self.refer()
        self.fill_from_account()
        self.make_canonical()
        self.take_products_and_competitors()
        self.complete()
        self.name_rows()
        self.owners()
        self.route()
        return self.outcome()

    # --- what is given, what is stored

    def given(self, name: str) -> Texts:
        frame = self.values.frame
        return frame[name].to_numpy() if name in frame else np.full(self.count, None, dtype=object)

    def find_stored(self) -> None:
        self.external_ids = self.given("external_id")
        first: dict[str, int] = {}
        again = np.zeros(self.count, dtype=bool)
        for place, text in enumerate(self.external_ids):
            if text is not None and first.setdefault(text, place) != place:
                again[place] = True
        for place in _places(again):
            row = self.values.rows[first[self.external_ids[place]]]
            self.values.refuse_row(place, "external_id", f"is in row {row} already")
        elsewhere = self.world.opportunity_files
        for text, place in first.items():
            if elsewhere.setdefault(text, self.tally.file) != self.tally.file:
                self.values.refuse_row(place, "external_id", f"is in {elsewhere[text]} already")
        known: dict[str, dict[str, Any]] = {}
        for chunk in chunks(sorted(first), 50_000):
            fields = ("id", "external_id", *STORED, *(f"{name}_id" for name in REFERENCES), "is_locked")
            for record in Opportunity.objects.filter(external_id__in=chunk).values(*fields):
                known[record["external_id"]] = record
        for place, text in enumerate(self.external_ids):
            if text in known and self.values.good[place]:
                self.stored[place] = known[text]
        self.is_stored = np.fromiter((record is not None for record in self.stored), bool, self.count)

    def take_values(self) -> None:
        """The file's values over those stored; an empty cell leaves what is there."""
        for name in (*TEXTS, *NUMBERS, *DATES, "name", "kind", "stage"):
            self.columns[name] = self._over_stored(self.given(name), name)
        for name in TEXTS:
            self.columns[name] = _filled(self.columns[name], "")
        self._name_source()
        looks_like_deals = bool({"stage", "value", "closed_at"} & set(self.values.frame))
        kind = self.options.get("kind") or ("deal" if looks_like_deals else "lead")
        self.columns["kind"] = _filled(self.columns["kind"], kind)
        self.columns["stage"] = _filled(self.columns["stage"], "open")
        self.columns["custom"] = self._custom()

    def _name_source(self) -> None:
        """What the import says of new rows that do not say it."""
        text = self.world.option("source")
        if text:
            source, _ = self.world.word("source", text)
            unnamed = ~self.is_stored & (self.columns["source"] == "")
            self.columns["source"] = np.where(unnamed, source, self.columns["source"]).astype(object)

    def _over_stored(self, given: Texts, name: str) -> Texts:
        if not self.is_stored.any():
            return given.copy()
        found = given.copy()
        for place in _places(self.is_stored):
            if found[place] is None:
                found[place] = self.stored[place][name]
        return found

    def _custom(self) -> Texts:
        names = [str(name) for name in self.values.frame if str(name).startswith(CUSTOM)]
        keys = [name.removeprefix(CUSTOM) for name in names]
        cells = np.empty(self.count, dtype=object)
        given = [self.given(name) for name in names]
        for place in range(self.count):
            row = [column[place] for column in given]
            stored = self.stored[place]
            cells[place] = dict(stored["custom"]) if stored is not None else {}
            cells[place] |= {key: value for key, value in zip(keys, row, strict=True) if value is not None}
        return cells

    # --- who and what the rows refer to

    def _each(self, texts: Texts, look_up: Callable[[str], Any], name: str) -> Texts:
        """Looks every distinct text of the good rows up once; what is ambiguous or unknown makes its rows bad."""
        asked = texts.copy()
        asked[~self.values.good] = None
        codes, distinct = pd.factorize(asked)
        found = np.full(len(distinct) + 1, None, dtype=object)
        reasons: dict[int, str] = {}
        for place, text in enumerate(distinct):
            try:
                found[place] = look_up(text)
            except Ambiguous as reason:
                reasons[place] = str(reason)
        for place in _places(np.isin(codes, list(reasons))) if reasons else ():
            self.values.refuse_row(place, name, reasons[int(codes[place])])
        return found[codes]

    def refer(self) -> None:
        world = self.world
        self.given_owner = self._each(self.given("owner"), self._rep, "owner")
        find_companies(world, zip(*(self._good(name) for name in COMPANY), strict=True))
        accounts = self._each(self.given("account"), world.account, "account")
        self.columns["account"] = self._referred("account", accounts)
        self.columns["contact"] = self._contacts()
        named = _compare(self.given("account"), lambda name: folded(name) not in world.companies.perhaps)
        unlinked = int((self.values.good & named & ~_has(self.columns["account"])).sum())
        if unlinked:
            self.tally.notes.append(
                f"{unlinked:,} {'row names' if unlinked == 1 else 'rows name'} an account that is not known here, and "
                "stays without one."
            )

    def _good(self, name: str) -> Texts:
        found = self.given(name).copy()
        found[~self.values.good] = None
        return found

    def _rep(self, text: str) -> Any:
        rep = self.world.rep(text)
        if rep is None:
            raise Ambiguous("is no rep here")
        return rep

    def _referred(self, name: str, given: Texts) -> Texts:
        """The records given; where none is, the one stored (as an id only, which is all that is compared)."""
        found = given.copy()
        for place in _places(self.is_stored):
            if found[place] is None and self.stored[place][f"{name}_id"] is not None:
                found[place] = Stored(self.stored[place][f"{name}_id"])
        return found

    def _contacts(self) -> Texts:
        names, emails = self.given("contact_name"), self.given("contact_email")
        accounts = self.columns["account"]
        found = np.full(self.count, None, dtype=object)
        for place in _places(self.values.good):
            if names[place] or emails[place]:
                account = accounts[place] if not isinstance(accounts[place], Stored) else None
                found[place] = contact_of(self.world, names[place], emails[place], account)
        return self._referred("contact", found)

    # --- words

    def fill_from_account(self) -> None:
        accounts = self.columns["account"]
        having = _places(_compare(accounts, lambda account: not isinstance(account, Stored)))
        for name in FROM_ACCOUNT:
            column = self.columns[name]
            for place in having:
                if column[place] is None or column[place] == "":
                    column[place] = getattr(accounts[place], name)

    def make_canonical(self) -> None:
        for name, kind in WORDS.items():
            if name == "language":
                self._complete_languages()
            self.columns[name] = self._words(self.columns[name], kind, name, remember=kind != "region")
        too_long = np.fromiter((len(word) > 3 for word in self.columns["currency"]), bool, self.count)
        self.values.refuse(too_long & self.values.good, "currency", "is no currency; use a code such as EUR")

    def _words(self, texts: Texts, kind: str, name: str, *, remember: bool) -> Texts:
        codes, distinct = pd.factorize(texts)
        counts = np.bincount(codes[self.values.good], minlength=len(distinct))
        words = np.empty(len(distinct), dtype=object)
        is_unknown = np.zeros(len(distinct), dtype=bool)
        for place in sorted(range(len(distinct)), key=lambda place: -counts[place]):
            words[place], known = self.world.word(kind, distinct[place])
            if not known and remember and counts[place]:
                self.world.note_unknown(kind, words[place], int(counts[place]))
                is_unknown[place] = True
        if is_unknown.any():
            self.flags[kind] |= is_unknown[codes]
        return words[codes]

    def _complete_languages(self) -> None:
        """Of the contact, else of the place."""
        languages, contacts = self.columns["language"], self.columns["contact"]
        places = self.world.words.languages
        for place in _places(languages == ""):
            contact = contacts[place]
            preferred = contact.preferred_language if isinstance(contact, Contact) else ""
            country, region = self.columns["country"][place], self.columns["region"][place]
            languages[place] = preferred or language_of_place(places, country, region)

    def take_products_and_competitors(self) -> None:
        products = self._each(self.given("product"), self.world.product, "product")
        self.flags["product"] = _compare(products, lambda found: not found[1])
        for word, rows in Counter(found[0].name for found in products[self.flags["product"]]).items():
            self.world.note_unknown("product", word, rows)
        records = np.empty(self.count, dtype=object)
        records[:] = [found[0] if found else None for found in products]
        self.columns["product"] = self._referred("product", records)
        self.columns["competitors"] = self._competitors()
        self._keep_flags("product", "product")
        self._keep_flags("competitor", "competitors")

    def _competitors(self) -> Texts:
        given = self.given("competitors")
        codes, distinct = pd.factorize(given)
        counts = np.bincount(codes[self.values.good & (codes >= 0)], minlength=len(distinct))
        lists = np.empty(len(distinct) + 1, dtype=object)
        is_unknown = np.zeros(len(distinct) + 1, dtype=bool)
        lists[-1] = []
        for place, texts in enumerate(distinct):
            words = dict(self.world.word("competitor", text) for text in texts)
            lists[place] = list(words)
            for word in [word for word, known in words.items() if not known and counts[place]]:
                self.world.note_unknown("competitor", word, int(counts[place]))
                is_unknown[place] = True
        found = lists[codes]
        self.flags["competitor"] = is_unknown[codes]
        for place in _places(self.is_stored):
            if given[place] is None:
                found[place] = self.stored[place]["competitors"]
        return found

    def _keep_flags(self, kind: str, name: str) -> None:
        given = self.given(name)
        for place in _places(self.is_stored):
            if given[place] is None and kind in (self.stored[place]["flags"] or ()):
                self.flags[kind][place] = True

    # --- when

    def stages_and_dates(self) -> None:
        self._keep_stages()
        at, columns = self.world.at, self.columns
        self.closed = columns["stage"] != "open"
        expected = ~self.closed & _has(self.given("closed_at"))
        columns["closed_at"][~self.closed] = None
        count = int((expected & self.values.good).sum())
        if count:
            self.tally.notes.append(
                f"{count:,} open {'row has' if count == 1 else 'rows have'} a close date; "
                "it is taken as an expectation and left out."
            )
        for name in DATES:
            future = _has(self.given(name)) & _compare(columns[name], lambda moment: moment > at + A_DAY)
            self.values.refuse(future, name, "lies in the future")
        self._open_dates()
        self._ordered("closed_at", "opened_at", "is before the day on which it was opened")

    def _open_dates(self) -> None:
        """Undated rows came into being when they were imported, or (closed ones) when they closed, at the latest."""
        opened, at = self.columns["opened_at"], self.world.at
        undated = ~_has(opened)
        self.columns["dates_known"] = np.where(undated, False, True).astype(object)
        for place in _places(self.is_stored & ~_has(self.given("opened_at"))):
            self.columns["dates_known"][place] = self.stored[place]["dates_known"]
        for place in _places(undated):
            opened[place] = min(filter(None, (self.columns["closed_at"][place], at)))
        self.undated = undated

    def _ordered(self, later: str, earlier: str, reason: str) -> None:
        """Refuses rows whose dates are the wrong way round. Within a day (a time may be missing) they become one."""
        late, early = self.columns[later], self.columns[earlier]
        wrong = np.zeros(self.count, dtype=bool)
        for place in _places(_has(late) & _has(early)):
            if late[place] < early[place]:
                if early[place] - late[place] < A_DAY:
                    late[place] = early[place]
                else:
                    wrong[place] = True
        self.values.refuse(wrong & _has(self.given(later)), later, reason)

    def _keep_stages(self) -> None:
        """What was closed here, by a person or the API, is not opened again by an older export; and what waits in the
        routing queue is closed there."""
        reopened, queued = [], []
        for place in _places(self.is_stored):
            stage, stored = self.columns["stage"][place], self.stored[place]
            if stage != stored["stage"] and stored["stage"] != "open":
                reopened.append(place)
            elif stage != "open" and stored["routing"] in IN_QUEUE:
                queued.append(place)
        closed_here = closed_by_people([self.stored[place]["id"] for place in reopened])
        for place in reopened:
            if self.stored[place]["id"] in closed_here:
                self._keep(place, "stage", f"closed here as {self.stored[place]['stage']}")
        for place in queued:
            self._keep(place, "stage", "waits in the routing queue here; close it there")

    def _keep(self, place: int, name: str, why: str) -> None:
        self.kept.append((int(self.values.rows[place]), name, why))
        self.columns[name][place] = self.stored[place][name]
        if name == "stage":
            self.columns["closed_at"][place] = self.stored[place]["closed_at"]

    # --- derived values

    def complete(self) -> None:
        columns = self.columns
        for place in _places(_has(columns["employees"])):
            columns["size_band"][place] = size_band(columns["employees"][place])
        base = self.world.words.base_currency
        valued = _has(columns["value"])
        symbols = self.values.currencies
        for place in _places(valued & (columns["currency"] == "")):
            columns["currency"][place] = (symbols[place] if symbols is not None else "") or base
        columns["value_base"] = self._in_base(valued)
        self.flags["rate"] = valued & ~_has(columns["value_base"])
        columns["flags"] = self._flag_lists()

    def _in_base(self, valued: Mask) -> Texts:
        rates, columns = self.world.words.rates, self.columns
        found = np.full(self.count, None, dtype=object)
        for place in _places(valued):
            found[place] = in_base_currency(
                rates, columns["value"][place], columns["currency"][place], columns["opened_at"][place].date()
            )
        large = _compare(found, lambda value: value >= MAX_MONEY)
        self.values.refuse(large, "value", "is too large in the base currency")
        return found

    def _flag_lists(self) -> Texts:
        code = np.zeros(self.count, dtype=int)
        for place, kind in enumerate(FLAGGED):
            code |= self.flags[kind].astype(int) << place
        lists = np.empty(1 << len(FLAGGED), dtype=object)
        for number in np.unique(code):
            lists[number] = sorted(kind for place, kind in enumerate(FLAGGED) if number >> place & 1)
        return lists[code]

    def name_rows(self) -> None:
        columns = self.columns
        accounts, contacts, products = columns["account"], columns["contact"], columns["product"]
        for place in _places(~_has(columns["name"])):
            who = _name_of(accounts[place]) or self.given("account")[place] or _name_of(contacts[place])
            what = _name_of(products[place])
            which = self.external_ids[place] or f"row {self.values.rows[place]}"
            name = ": ".join(filter(None, (who, what))) if who else f"{what or 'Opportunity'} {which}"
            columns["name"][place] = name[:200]

    # --- who owns it

    def owners(self) -> None:
        given, at = self.given_owner, self.world.at
        self.columns["owner"] = self._referred("owner", given)
        self.moved = [
            place
            for place in _places(self.is_stored & _has(given) & self.values.good)
            if given[place].pk is None or given[place].pk != self.stored[place]["owner_id"]
        ]
        self._keep_owners()
        assigned, opened = self.columns["assigned_at"], self.columns["opened_at"]
        asked = self.given("assigned_at")
        for place in _places(~self.is_stored & _has(self.columns["owner"])):
            assigned[place] = asked[place] or (at if self.undated[place] else opened[place])
        for place in _places(~_has(self.columns["owner"])):
            assigned[place] = None
        for place in self.moved:
            assigned[place] = (
                asked[place] if asked[place] and asked[place] != self.stored[place]["assigned_at"] else at
            )
            self.columns["first_touch_at"][place] = self.given("first_touch_at")[place]
        self._leave_assigned()
        self._ordered("first_touch_at", "assigned_at", "is before the day on which it was assigned")

    def _leave_assigned(self) -> None:
        """Since when the present owner owns it is not changed by a file."""
        moved = set(self.moved)
        for place in _places(self.is_stored):
            if place not in moved:
                self.columns["assigned_at"][place] = self.stored[place]["assigned_at"]

    def _keep_owners(self) -> None:
        chosen = owned_by_choice([self.stored[place]["id"] for place in self.moved])
        left = []
        for place in self.moved:
            stored = self.stored[place]
            if stored["is_locked"]:
                why = "locked here"
            elif stored["id"] in chosen:
                why = f"owned here by {chosen[stored['id']]}"
            elif stored["routing"] in IN_QUEUE:
                why = "waits in the routing queue here; decide it there"
            else:
                left.append(place)
                continue
            self.kept.append((int(self.values.rows[place]), "owner", why))
            self.columns["owner"][place] = Stored(stored["owner_id"]) if stored["owner_id"] else None
        self.moved = left

    def route(self) -> None:
        owned, closed = _has(self.columns["owner"]), self.closed
        waiting = "waiting" if self.world.option("route") else "none"
        routing = np.where(closed, "none", np.where(owned, "assigned", waiting)).astype(object)
        since = np.full(self.count, self.world.at, dtype=object)
        for place in _places(self.is_stored):
            stored = self.stored[place]
            stays = stored["stage"] == self.columns["stage"][place] and place not in self.moved
            if stays or (closed[place] and owned[place]):
                routing[place] = stored["routing"]
            if routing[place] == stored["routing"]:
                since[place] = stored["routing_since"]
        self.columns["routing"], self.columns["routing_since"] = routing, since
        self.columns["converted_at"] = self._conversions()

    def _conversions(self) -> Texts:
        found = np.full(self.count, None, dtype=object)
        for place in _places(self.is_stored):
            stored = self.stored[place]
            converts = stored["kind"] == "lead" and self.columns["kind"][place] == "deal"
            found[place] = self.world.at if converts else stored["converted_at"]
        return found

    # --- outcome

    def outcome(self) -> OpportunityPlan:
        good = self.values.good
        new = _places(good & ~self.is_stored)
        places = _places(good & self.is_stored)
        changed = [place for place in places if self._differs(place)]
        self.tally.created += len(new)
        self.tally.updated += len(changed)
        self.tally.unchanged += len(places) - len(changed)
        self.tally.kept += len({row for row, _, _ in self.kept})
        restaged = [place for place in changed if self.stored[place]["stage"] != self.columns["stage"][place]]
        moved = [place for place in self.moved if good[place]]
        return OpportunityPlan(
            columns=self.columns,
            external_ids=self.external_ids,
            rows=self.values.rows,
            stored=self.stored,
            new=new,
            changed=changed,
            moved=moved,
            restaged=restaged,
            kept=self.kept,
            given={name: self.given(name) for name in ("account", "language", *FROM_ACCOUNT)},
        )

    def _differs(self, place: int) -> bool:
        stored = self.stored[place]
        for name in STORED:
            if name != "routing_since" and self.columns[name][place] != stored[name]:
                return True
        return any(_pk(self.columns[name][place]) != stored[f"{name}_id"] for name in REFERENCES)


@dataclass(frozen=True)
class Stored:
    """A record that a stored row refers to, by its id alone."""

    pk: int


def _pk(record: Any) -> int | None:
    """The id of a record; −1 for one that is not written yet, which differs from every stored one."""
    return None if record is None else (record.pk or -1)


def _name_of(record: Any) -> str:
    return getattr(record, "name", "") if record is not None else ""


def _places(where: Mask) -> list[int]:
    found: list[int] = np.flatnonzero(where).tolist()
    return found


def _has(column: Texts) -> Mask:
    return np.fromiter((value is not None for value in column), bool, len(column))


def _filled(column: Texts, default: Any) -> Texts:
    return np.where(_has(column), column, default).astype(object)


def _compare(column: Texts, condition: Callable[[Any], bool]) -> Mask:
    return np.fromiter((value is not None and condition(value) for value in column), bool, len(column))


def contact_of(world: World, name: str | None, email: str | None, account: Any) -> Contact:
    """The contact with this address, or of this name at this account; else a new one."""
    known: Contact | None = world.contacts.by_email.get(email.casefold()) if email else None
    if known is None and not email and name:
        named = world.contacts.by_name.get(folded(name), [])
        known = next(
            (contact for contact in named if contact.account is account or contact.account == account), None
        )
    if known is not None:
        return known
    contact: Contact = world.contacts.add(
        Contact(name=(name or email or "")[:120], email=email or "", account=account)
    )
    return contact


def owned_by_choice(ids: list[int]) -> dict[int, str]:
    """Of these opportunities those whose owner a person or automation chose here → the owner's name."""
    found: dict[int, str] = {}
    for chunk in chunks(ids, 20_000):
        active = Assignment.objects.filter(opportunity__in=chunk, ended_at__isnull=True)
        chosen = active.exclude(source=Assignment.Source.IMPORT)
        found |= dict(chosen.values_list("opportunity", "rep__name"))
    return found


def closed_by_people(ids: list[int]) -> set[int]:
    """Of these opportunities those whose last stage did not come with an import."""
    last: dict[int, str] = {}
    for chunk in chunks(ids, 20_000):
        changes = StageChange.objects.filter(opportunity__in=chunk).order_by("pk")
        last |= dict(changes.values_list("opportunity", "reason"))
    return {pk for pk, reason in last.items() if not reason.startswith("Import ")}
