"""Requests that nobody would write, thousands of them over every operation of the API: none of them is our error.

Half of them fit the schema and half break it, both drawn by Schemathesis. Each operation is asked in a transaction that is
rolled back, as an admin, so that nothing but its own reading stands between a request and the code.
"""

from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from schemathesis import GenerationMode

from reps.models import User
from reps.services.tokens import make_token
from tests.conftest import MakeOpportunity

REQUESTS = 10_400  # of all operations together
QUIETLY = {
    "deadline": None,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_no_request_is_an_error_of_ours(ada: User, make_opportunity: MakeOpportunity) -> None:
    make_opportunity("Northwind", external_id="a-1")
    token = make_token(user=ada, name="fuzz")[1]
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    schema.app = get_wsgi_application()
    operations = [found.ok() for found in schema.get_all_operations()]
    each = -(-REQUESTS // (2 * len(operations)))
    failures: list[str] = []
    sent = [0]
    for operation in operations:
        for mode in GenerationMode:
            _ask(operation, mode, each, token, failures, sent)
    assert failures == []
    assert sent[0] >= 10_000


def _ask(
    operation: Any, mode: GenerationMode, count: int, token: str, failures: list[str], sent: list[int]
) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=count, **QUIETLY)  # type: ignore[arg-type]  # a dictionary of different things
    @hypothesis.seed(11)
    def ask(case: Any) -> None:
        sent[0] += 1
        with transaction.atomic():
            answer = case.call(headers={"Authorization": f"Bearer {token}"})
            transaction.set_rollback(True)
        if answer.status_code >= 500:
            failures.append(f"{operation.label}: {answer.status_code} to {case.as_curl_command()[:600]}")

    try:
        ask()
    except hypothesis.errors.Unsatisfiable:
        pass  # an operation without anything that could be wrong
