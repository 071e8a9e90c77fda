"""The tests' own `flush` leaves what Django's leaves, whatever the test has written; and what belongs to the code."""

import threading
import time

import pytest
from django.core.management import call_command
from django.core.management.commands import flush
from django.db import DatabaseError, connection, transaction

from crm.models import Account, AccountOwnerChange
from reps.models import Rep, User
from tests.management.commands.flush import OF_THE_CODE, set_triggers


def rows() -> dict[str, int]:
    counted = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f"SELECT count(*) FROM {table}")
            counted[table] = cursor.fetchone()[0]
    return counted


@pytest.mark.django_db(transaction=True)
def test_leaves_what_djangos_leaves(ana: Rep, omar: User) -> None:
    before = rows()
    Account.objects.create(name="Acme", owner=ana)
    assert AccountOwnerChange.objects.count() == 1  # a row that may never be deleted
    call_command("flush", interactive=False, reset_sequences=False, verbosity=0)
    ours = rows()
    assert {table: ours[table] for table in OF_THE_CODE} == {table: before[table] for table in OF_THE_CODE}
    set_triggers(connection, "DISABLE")  # the audit log refuses to be emptied
    call_command(flush.Command(), interactive=False, reset_sequences=False, verbosity=0)
    set_triggers(connection, "ENABLE")
    # Django makes those of the code anew, without what belonged to models that are gone.
    assert ours == rows() | {table: ours[table] for table in OF_THE_CODE}
    assert (ours["crm_account"], ours["crm_accountownerchange"]) == (0, 0)
    assert (ours["reps_organisation"], ours["routing_configurationversion"]) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_whoever_locks_in_another_order_does_not_stop_it(ana: Rep) -> None:
    """As a request of a page that a test has left: it has the later table and then wants the earlier one."""
    has_it, errors = threading.Event(), []

    def request() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # the other one finds out
                cursor.execute("LOCK TABLE reps_rep IN ACCESS SHARE MODE")
                has_it.set()
                time.sleep(0.3)
                cursor.execute("LOCK TABLE crm_account IN ACCESS SHARE MODE")
        except DatabaseError as failed:
            errors.append(failed)
        finally:
            connection.close()

    thread = threading.Thread(target=request)
    thread.start()
    has_it.wait()
    call_command("flush", interactive=False, reset_sequences=False, verbosity=0)
    thread.join()
    assert errors == []
    assert not Rep.objects.exists()
