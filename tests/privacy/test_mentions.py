"""Every column that may name anybody, filled with a name by force, forgets it; a row of each table is made for that."""

import dataclasses
import datetime
import itertools
import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection, transaction
from django.db.models import Field, Model

from crm.models import Contact, Opportunity
from privacy.queries.catalogue import TABLES, Gone, Linked, Table
from privacy.queries.catalogue.tables import is_text
from privacy.services.erasing import erase, linked
from reps.models import Rep, User
from routing.models import Change
from tests.conftest import NOW
from tests.privacy.searching import where_is

pytestmark = pytest.mark.django_db
NAME = "Odalys Perrinvex"
SAID = "perrinvex"
NUMBERS = itertools.count(5000)
JSON_KEY, JSON_LINE = {"said": [f"by {NAME}!"], NAME: 1}, {"said": [f"Call back:\n{NAME}"]}


def value_for(column: "Field[Any, Any]", says: bool, in_json: Any = JSON_KEY) -> Any:
    """Something that the column takes; a name in it where it says one."""
    kind = column.get_internal_type()
    if says:
        if kind == "JSONField":
            return json.dumps(in_json)
        if kind == "ArrayField":
            return [f"{NAME} Ltd"]
        if kind == "BinaryField":
            return NAME.encode()
        if kind == "GenericIPAddressField":
            return "192.0.2.9"
        most = column.max_length or 200
        return (f"{NAME} said {column.name}" if most > len(NAME) else SAID)[:most]
    if column.null and not column.unique:
        return None
    if column.is_relation:
        return next(NUMBERS)
    if column.choices:
        return column.choices[0][0]
    simple = {
        "JSONField": "{}", "ArrayField": [], "BooleanField": False, "DateField": NOW.date(), "DateTimeField": NOW,
        "BinaryField": b"", "TimeField": datetime.time(8), "UUIDField": uuid.uuid4(),
    }  # fmt: skip
    simple |= {"GenericIPAddressField": "192.0.2.9"}
    if kind in simple:
        return simple[kind]
    return "x" if kind in ("CharField", "TextField", "EmailField", "URLField") else next(NUMBERS)


def put(one: Table, says: set[str], refers: dict[str, int], in_json: Any = JSON_KEY) -> None:
    """A row of the table, whatever triggers and references say. `says`: columns with the name; `refers`: references."""
    model: type[Model] = one.rows_model
    numbered = ("AutoField", "BigAutoField")
    columns = [c for c in model._meta.concrete_fields if c.get_internal_type() not in numbered]
    names = ", ".join(f'"{c.column}"' for c in columns)
    marks = ", ".join("%s" for _ in columns)
    values = [refers.get(c.name, value_for(c, c.name in says, in_json)) for c in columns]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({marks})", values)


def drop_checks(cursor: Any) -> None:
    cursor.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype IN ('c', 'f') "
        "AND connamespace = current_schema()::regnamespace AND conparentid = 0"
    )
    for table, name in cursor.fetchall():
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}" CASCADE')


@pytest.fixture
def by_force(db: None) -> None:
    """Without triggers, references and checks, all of it rolled back with the test."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        drop_checks(cursor)
        cursor.execute("SET LOCAL session_replication_role = replica")


def as_always() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = origin")


def places(one: Table, columns: Iterable[str]) -> set[str]:
    meta = one.rows_model._meta
    return {f"{meta.db_table}.{meta.get_field(name).column}" for name in columns}


NAMED = [one for one in TABLES if one.named or one.dropped]


@pytest.mark.parametrize("in_json", [JSON_KEY, JSON_LINE], ids=["as a key", "behind a line break"])
def test_whatever_may_name_somebody_forgets_the_name(ada: User, by_force: None, in_json: Any) -> None:
    contact = Contact.objects.create(name=NAME, email="o.perrinvex@example.org")
    expected = set()
    for one in NAMED:
        says = {*one.named, *({one.dropped} - {""})}
        put(one, says, {}, in_json)
        expected |= places(one, says)
    as_always()
    assert expected - set(where_is(SAID)) == set()
    erase(people=[("contact", contact.pk)], by=ada, at=NOW)
    assert where_is(SAID) == []


# --- what belongs to the person says something of the person, also where it names nobody ------------------------------


class World:
    """A contact with an opportunity, and a rep with a user: what rows refer to. None is called by the marker."""

    def __init__(self, rep: Rep, make_opportunity: Callable[..., Opportunity]) -> None:
        self.contact = Contact.objects.create(name="Jo Doe")
        lead = make_opportunity(contact=self.contact)
        Rep.objects.filter(pk=rep.pk).update(left_at=NOW)
        self.rep = rep
        user = rep.user_id or 0
        change = Change.objects.create(
            event="opportunity.held", opportunity=lead, to_rep=rep, from_rep=rep, at=NOW
        )
        social = SocialAccount.objects.create(user_id=user, provider="oidc", uid="7")
        self.refers = {
            "opportunity": lead.pk, "original": lead.pk, "contact": self.contact.pk, "change": change.pk,
            "rep": rep.pk, "about_rep": rep.pk, "user": user, "accepted_by": user, "account": social.pk,
        }  # fmt: skip

    def fill(self) -> set[str]:
        """A row for each way in which rows belong to somebody; returns where the marker stands now."""
        filled = set()
        for one, link in links():
            first = link.path.split("__")[0]
            says = texts_of(one, link)
            put(one, says, {first: self.refers[first]})
            filled |= places(one, says)
        return filled

    def erase(self) -> None:
        erase(people=[("contact", self.contact.pk), ("rep", self.rep.pk)], by=None, at=NOW)


def links() -> list[tuple[Table, Linked | Gone]]:
    return [
        (one, link)
        for one in TABLES
        for found in one.of.values()
        for link in found
        if link.path != "pk" and (isinstance(link, Gone) or link.blank or link.reset)
    ]


def texts_of(one: Table, link: Linked | Gone) -> set[str]:
    columns = {
        column.name
        for column in one.rows_model._meta.concrete_fields
        if is_text(column) and column.get_internal_type() != "GenericIPAddressField"
    }
    if isinstance(link, Gone):
        return {name for name in columns if name not in ("idempotency_key",)}
    return columns & {*link.blank, *link.reset}


def value_of_link(one: Table, link: Linked | Gone) -> str:
    return f"{one.model}:{link.path}"


def test_what_belongs_to_the_person_goes_without_naming_anybody(
    ana: Rep, make_opportunity: Callable[..., Opportunity], by_force: None
) -> None:
    world = World(ana, make_opportunity)
    filled = world.fill()
    as_always()
    assert filled - set(where_is(SAID)) == set()
    world.erase()
    assert where_is(SAID) == []


def test_without_a_rule_it_would_be_noticed(
    ana: Rep, make_opportunity: Callable[..., Opportunity], by_force: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule of some tables taken away: then the marker stays in that table, and there only."""
    world = World(ana, make_opportunity)
    world.fill()
    as_always()
    unnoticed = []
    for one, link in links():
        if one.model not in SAMPLE:
            continue
        without = dataclasses.replace(
            one,
            of={kind: tuple(each for each in found if each is not link) for kind, found in one.of.items()},
        )
        saved = transaction.savepoint()
        monkeypatch.setattr(linked, "TABLES", tuple(without if each is one else each for each in TABLES))
        world.erase()
        left = {place.split(".")[0] for place in where_is(SAID)}
        if left != {one.rows_model._meta.db_table}:
            unnoticed.append((value_of_link(one, link), left))
        transaction.savepoint_rollback(saved)
    assert unnoticed == []


SAMPLE = {
    "crm.Activity", "crm.DuplicateLink", "routing.IntakeReceipt", "analytics.Report", "reps.CalendarFeed",
    "reps.ApiToken", "mfa.Authenticator", "reps.Absence",
}  # fmt: skip
