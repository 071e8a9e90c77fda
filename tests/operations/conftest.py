"""A database whose history may be moved about."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from benchmarks.realtime import stack
from operations.services.backups.restoring import looking_at
from tests.conftest import forget_what_is_cached


@pytest.fixture
def house(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database of its own: ids that are lifted stay lifted, whatever is rolled back."""
    with django_db_blocker.unblock():
        template = str(connection.settings_dict["NAME"])
        name = f"{template}_months"
        connection.close()
        with stack.scratch_database(name, template):
            with looking_at(name):
                forget_what_is_cached()
                yield name
            connection.close()
