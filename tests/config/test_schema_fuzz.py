"""Requests that nobody would write, thousands of them over every operation of the API: none of them is our error.

Half of them fit the schema and half break it, both drawn by Schemathesis. Each is asked as an admin, in a transaction
that is rolled back.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from schemathesis import GenerationMode

from crm.models import Opportunity
from reps.models import User
from reps.services.tokens import make_token

REQUESTS = 10_400  # of all operations together
QUIETLY = {
    "deadline": None,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def one_connection() -> Iterator[None]:
    """The end of a request leaves the connection of the test's transaction open, as with Django's own test client."""
    ends = (request_started, request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.mark.usefixtures("one_connection")
def test_no_request_is_an_error_of_ours(ada: User, make_opportunity: Callable[..., Opportunity]) -> None:
    make_opportunity("Northwind", external_id="a-1")
    token = make_token(user=ada, name="fuzz")[1]
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    schema.app = get_wsgi_application()
    operations = [found.ok() for found in schema.get_all_operations()]
    each = -(-REQUESTS // (2 * len(operations)))
    failures: list[str] = []
    answers: Counter[int] = Counter()
    for operation in operations:
        for mode in GenerationMode:
            _ask(operation, mode, each, token, failures, answers)
    assert failures == []
    assert answers.total() >= 10_000
    assert answers[401] < answers.total() / 4, answers  # some break the header; else nothing would be read
    assert answers[200] + answers[201] > answers.total() / 50, answers


def _ask(
    operation: Any, mode: GenerationMode, count: int, token: str, failures: list[str], answers: Counter[int]
) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=count, **QUIETLY)  # type: ignore[arg-type]  # a dictionary of different things
    @hypothesis.seed(11)
    def ask(case: Any) -> None:
        with transaction.atomic():
            answer = case.call(headers={"Authorization": f"Bearer {token}"})
            transaction.set_rollback(True)
        answers[answer.status_code] += 1
        if answer.status_code >= 500:
            failures.append(f"{operation.label}: {answer.status_code} to {case.as_curl_command()[:600]}")

    with contextlib.suppress(
        hypothesis.errors.Unsatisfiable
    ):  # an operation without anything that could be wrong
        ask()
