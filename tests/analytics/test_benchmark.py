"""The one door to the benchmarks."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.slow
def test_last_line_is_one_json_object() -> None:
    out, err = StringIO(), StringIO()
    call_command("benchmark", "decision", "--json", "--short", stdout=out, stderr=err)
    result = json.loads(out.getvalue().splitlines()[-1])
    assert set(result) >= {"p50_ms", "p99_ms", "vs_matmul"}


def test_unknown_benchmark_names_those_there_are() -> None:
    with pytest.raises(CommandError, match=r"There are: .*decision"):
        call_command("benchmark", "nonsense")
