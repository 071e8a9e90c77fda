"""Six hosts, one of each kind cut off and one killed under load: nothing lost, nothing twice."""

import os
import shutil

import pytest
from pytest_django.plugin import DjangoDbBlocker

from benchmarks import cluster


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="hosts take root and `ip netns`")
def test_nothing_is_lost_and_nothing_twice(django_db_blocker: DjangoDbBlocker) -> None:
    told: list[str] = []
    found = cluster.run(short=True, say=told.append)
    assert found["accepted"] > 50, told
    names = ("lost", "twice", "over_limit", "violations", "undecided_or_undelivered", "schedules_twice")
    assert {name: found[name] for name in names} == dict.fromkeys(names, 0)
    assert found["schedules_run"] > 0
    assert sorted(found["throughput_per_s"]) == ["1", "2", "3"]
