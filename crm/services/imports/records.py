"""Rows of accounts, products, reps and contacts → records of the plan."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from crm.engine.imports.columns import Values
from crm.engine.words import size_band
from crm.models import Account, Contact, Product
from crm.services.imports.companies import find_companies
from crm.services.imports.plans import Ambiguous, Records, Tally, World, change, folded
from reps.models import Rep

WORDS = {
    "accounts": {"industry": "industry", "country": "country", "region": "region"},
    "contacts": {"preferred_language": "language"},
}


def rows_of(values: Values) -> Iterator[tuple[int, dict[str, Any]]]:
    """The good rows by place, each as a dict of its fields."""
    names = list(values.frame.columns)
    columns = [values.frame[name].to_numpy() for name in names]
    for place in np.flatnonzero(values.good):
        yield int(place), {name: column[place] for name, column in zip(names, columns, strict=True)}


def refuse(values: Values, place: int, name: str, reason: str) -> None:
    values.refuse_row(place, name, reason)


class Seen:
    """Which row of the files came first with an id or name, so that a second one can be told."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], int] = {}

    def again(self, key: str, text: str, row: int) -> int | None:
        """The earlier row with the same text, None where this is the first."""
        first = self.rows.setdefault((key, text), row)
        return None if first == row else first


def repeats(values: Values, place: int, row: dict[str, Any], seen: Seen, keys: Sequence[str]) -> bool:
    """Refuses a row that says again who it is. The first of the keys that the row has is what it is known by."""
    for key in keys:
        if row.get(key):
            text = row[key] if key == "external_id" else folded(row[key])
            first = seen.again(key, text, int(values.rows[place]))
            if first is not None:
                refuse(values, place, key, f"is in row {first} already")
                return True
            if key == "external_id":
                return False
    return False


def canonical(world: World, target: str, row: dict[str, Any]) -> None:
    for name, kind in WORDS[target].items():
        if row.get(name):
            row[name], known = world.word(kind, row[name])
            if not known:
                world.note_unknown(kind, row[name])


def match(records: Records, row: dict[str, Any], *, by_email: bool = False) -> Any | None:
    """The record that a row means: by external id, else email, else a name that no other external id claims."""
    identity = row.get("external_id")
    if identity and identity in records.by_id:
        return records.by_id[identity]
    email = row.get("email")
    if by_email and email and email.casefold() in records.by_email:
        return records.by_email[email.casefold()]
    named = [
        record
        for record in records.by_name.get(folded(row["name"]), ())
        if not identity or not record.external_id
    ]
    return named[0] if named else None


def settle(
    records: Records, tally: Tally, record: Any | None, make: Callable[[], Any], row: dict[str, Any]
) -> Any:
    """Counts a row as new, updated or unchanged and puts it on its record."""
    if record is None:
        record = make()
        change(record, row)
        tally.created += 1
        return records.add(record)
    if change(record, row):
        tally.updated += 1
        if record.pk:
            records.changed[record.pk] = record
        records.index(record)
    else:
        tally.unchanged += 1
    return record


# --- each kind -------------------------------------------------------------------------------------------------------


def plan_accounts(values: Values, world: World, tally: Tally, options: dict[str, Any]) -> None:
    seen = Seen()
    belongs: list[tuple[int, Account, str]] = []
    for place, row in rows_of(values):
        if repeats(values, place, row, seen, ("external_id", "name")):
            continue
        canonical(world, "accounts", row)
        parent, owner = row.pop("parent", None), row.pop("owner", None)
        if owner is not None and not _owned(values, world, place, row, owner):
            continue
        if row.get("employees") is not None:
            row["size_band"] = size_band(row["employees"])
        account = settle(world.accounts, tally, match(world.accounts, row), Account, row)
        if parent:
            belongs.append((place, account, parent))
    for place, account, name in belongs:
        _belongs(values, world, tally, place, account, name)


def _owned(values: Values, world: World, place: int, row: dict[str, Any], owner: str) -> bool:
    try:
        rep = world.rep(owner)
    except Ambiguous as reason:
        refuse(values, place, "owner", str(reason))
        return False
    if rep is None:
        refuse(values, place, "owner", "is no rep here")
        return False
    row["owner"] = rep
    return True


def _belongs(values: Values, world: World, tally: Tally, place: int, account: Account, name: str) -> None:
    parent = world.account(name)
    if parent is None or (parent.pk is not None and account.parent_id == parent.pk):
        return
    if account in above(parent, world):
        refuse(values, place, "parent", "would make the account belong to itself")
        return
    world.parents[id(account)] = (account, parent)
    if account.pk and account.pk not in world.accounts.changed:
        tally.unchanged, tally.updated = tally.unchanged - 1, tally.updated + 1


def above(account: Account, world: World) -> list[Account]:
    """The account and all that it belongs to, stored or planned."""
    found: list[Account] = []
    upper: Account | None = account
    while upper is not None and upper not in found:
        found.append(upper)
        upper = world.parents[id(upper)][1] if id(upper) in world.parents else upper.parent
    return found


def plan_products(values: Values, world: World, tally: Tally, options: dict[str, Any]) -> None:
    seen = Seen()
    for place, row in rows_of(values):
        if repeats(values, place, row, seen, ("external_id", "name")):
            continue
        row["name"] = world.word("product", row["name"])[0]
        same_name = _only(world.products.by_name.get(folded(row["name"]), []))
        known = match(world.products, row) or same_name
        if same_name is not None and same_name is not known:
            refuse(values, place, "name", "is the name of another product")
            continue
        product = settle(world.products, tally, known, Product, row)
        product.from_file = True


def _only(found: list[Any]) -> Any | None:
    return found[0] if found else None


def plan_reps(values: Values, world: World, tally: Tally, options: dict[str, Any]) -> None:
    seen = Seen()
    managers: set[str] = set()
    for place, row in rows_of(values):
        if repeats(values, place, row, seen, ("external_id", "email" if row.get("email") else "name")):
            continue
        known = match(world.reps, row, by_email=True)
        same_email = world.reps.by_email.get((row.get("email") or "").casefold())
        if same_email is not None and same_email is not known:
            refuse(values, place, "email", f"is the address of {same_email.name}")
            continue
        manager, team = row.pop("manager", None), row.pop("team", None)
        managers |= {manager} if manager else set()
        if team:
            row["team"] = world.team(team)
        settle(world.reps, tally, known, _make_rep(world), row)
    if managers:
        named = ", ".join(sorted(managers)[:12])
        tally.notes.append(
            f"Managers named in the file: {named}. No user is created for them; add them under Users."
        )


def _make_rep(world: World) -> Callable[[], Rep]:
    return lambda: Rep(team=world.default_team, role_template=world.role_template)


def plan_contacts(values: Values, world: World, tally: Tally, options: dict[str, Any]) -> None:
    seen = Seen()
    find_companies(world, ((row.get("account"), None, row.get("email")) for _, row in rows_of(values)))
    for place, row in rows_of(values):
        if repeats(
            values, place, row, seen, ("external_id", "email") if row.get("email") else ("external_id",)
        ):
            continue
        canonical(world, "contacts", row)
        account = row.pop("account", None)
        if account:
            row["account"] = world.account(account)
        known = _contact(world, row)
        settle(world.contacts, tally, known, Contact, row)


def _contact(world: World, row: dict[str, Any]) -> Contact | None:
    """By id, else by email; else the same name at the same account."""
    if row.get("external_id") in world.contacts.by_id:
        return world.contacts.by_id[row["external_id"]]
    if row.get("email"):
        found: Contact | None = world.contacts.by_email.get(row["email"].casefold())
        return found
    named = world.contacts.by_name.get(folded(row["name"]), [])
    return next((contact for contact in named if _account_of(contact) is row.get("account")), None)


def _account_of(contact: Contact) -> Account | None:
    return contact.account if contact.account_id or contact.account else None
