"""An erasure while leads of the same person come in, with real connections."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from crm.models import Contact, Opportunity
from privacy.models import Erasure
from privacy.services.erasing import EraseRefused, erase
from reps.models import Rep, User
from routing.queries.invariants import check_invariants
from routing.services.intake import take_in
from tests.conftest import NOW
from tests.privacy.searching import where_is

PERSON = {"name": "Quilla Zorvexa", "email": "q@zorvexa.example", "phone": "+49 30 8675309"}
LEAD = {"name": "A demo", "person": PERSON, "company": {"name": "Kestrel"}}
PATIENCE_SECONDS = 60.0
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def ready(transactional_db: None, ana: Rep, publish: Callable[[], int], omar: User, ada: User) -> Contact:
    publish()
    take_in(values=dict(LEAD), body={}, by=omar, at=NOW)
    return Contact.objects.get()


def beside(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """The work on a connection of its own, and what it said at the end."""
    said: list[object] = []

    def run() -> None:
        try:
            said.append(work())
        except Exception as error:
            said.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


def waits(thread: threading.Thread) -> bool:
    """Whether somebody waits for a lock by now."""
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the same all along
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return True
        if not thread.is_alive():
            return False
        thread.join(0.05)
    return False


def test_a_lead_that_comes_in_meanwhile_is_somebody_new(ready: Contact, omar: User, ada: User) -> None:
    with transaction.atomic():
        erase(people=[("contact", ready.pk)], by=ada, at=NOW)
        thread, said = beside(lambda: take_in(values=dict(LEAD), body={}, by=omar, at=NOW))
        assert waits(thread), said
    thread.join(PATIENCE_SECONDS)
    assert not isinstance(said[0], Exception), said
    ready.refresh_from_db()
    assert ready.name == f"Erased contact {ready.pk}"
    new = Contact.objects.exclude(pk=ready.pk).get()
    assert (new.name, Opportunity.objects.get(contact=new).name) == ("Quilla Zorvexa", "A demo")
    assert check_invariants().violations == []


def test_a_lead_that_came_in_first_is_erased_along(ready: Contact, omar: User, ada: User) -> None:
    with transaction.atomic():
        take_in(values=dict(LEAD), body={}, by=omar, at=NOW)
        thread, said = beside(lambda: erase(people=[("contact", ready.pk)], by=ada, at=NOW))
        assert waits(thread), said
    thread.join(PATIENCE_SECONDS)
    assert not isinstance(said[0], Exception), said
    assert Contact.objects.count() == 1
    assert Opportunity.objects.filter(contact=ready).count() == 2
    assert where_is("zorvexa", "8675309") == []
    assert check_invariants().violations == []


def test_two_admins_erase_the_same_person_once(ready: Contact, ada: User) -> None:
    with transaction.atomic():
        erase(people=[("contact", ready.pk)], by=ada, at=NOW)
        thread, said = beside(lambda: erase(people=[("contact", ready.pk)], by=ada, at=NOW))
        assert waits(thread), said
    thread.join(PATIENCE_SECONDS)
    assert isinstance(said[0], EraseRefused)
    assert Erasure.objects.count() == 1
