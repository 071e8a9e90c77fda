"""The queue of the workers' tasks in Redis, for installations of several machines (`BROKER_URL`).

django-q's own Redis broker forgets a task the moment a worker takes it, so a worker that is killed takes it along. Here
a task stays until it is acknowledged, as with the table that is the broker otherwise: taken, it is due again after
`retry` seconds. What Redis does not take goes to that table, and from there to Redis as soon as it answers; so does
what waited in the table when `BROKER_URL` was set. A task is handed over after the commit of what asked for it.

Three keys for each queue: a sorted set of ids by when they are due, a hash of payloads, and a list to wait at.
"""

import logging
import time
import uuid
from functools import partial

import redis
from django.conf import settings
from django.db import close_old_connections, transaction
from django.utils import timezone
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.models import OrmQ

log = logging.getLogger("jobs")
ANSWER_SECONDS = 3.0
WAIT_SECONDS = 1  # for a task, before a look at the table
LOOK_EVERY_SECONDS = 10.0
BELLS = 100  # more workers than that need not be woken at once

# Redis' own clock, so that the machines' may differ.
NOW = "local t = redis.call('TIME') local now = tonumber(t[1]) + tonumber(t[2]) / 1e6 "
PUT = NOW + (
    "redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) redis.call('ZADD', KEYS[1], now, ARGV[1]) "
    "redis.call('LPUSH', KEYS[3], '1') redis.call('LTRIM', KEYS[3], 0, ARGV[3] - 1)"
)
TAKE = NOW + (
    "local taken = {} "
    "for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do "
    "  local payload = redis.call('HGET', KEYS[2], id) "
    "  if payload then redis.call('ZADD', KEYS[1], now + ARGV[2], id) table.insert(taken, {id, payload}) "
    "  else redis.call('ZREM', KEYS[1], id) end "
    "end return taken"
)
COUNT = NOW + (
    "local first = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1) "
    "return {redis.call('ZCOUNT', KEYS[1], '-inf', now), redis.call('ZCARD', KEYS[1]), "
    "tostring(first[2] and now - first[2] or 0)}"
)


class RedisBroker(Broker):
    """A queue whose tasks are kept until they are acknowledged."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key=list_key or Conf.CLUSTER_NAME)
        self.looked = 0.0

    def __setstate__(self, state: tuple[str, str | None]) -> None:
        super().__setstate__(state)
        self.looked = 0.0

    @property
    def keys(self) -> list[str]:
        return [f"routing:{{{self.list_key}}}:{part}" for part in ("due", "payload", "bell")]

    def enqueue(self, task: str) -> str:
        """After the commit, be it under way; the caller's work stands whatever becomes of Redis."""
        name = str(uuid.uuid4())
        transaction.on_commit(partial(self._put_or_keep, name, task))
        return name

    def _put_or_keep(self, name: str, task: str) -> None:
        try:
            self._put(name, task)
        except redis.RedisError as error:
            log.warning(
                "the broker does not answer (%s); the task waits in the database", type(error).__name__
            )
            OrmQ.objects.create(key=self.list_key, payload=task, lock=timezone.now())

    def _put(self, name: str, task: str) -> None:
        self.connection.eval(PUT, 3, *self.keys, name, task, BELLS)

    def dequeue(self) -> list[tuple[str, str]]:
        """What is due, made due again in `retry` seconds should nobody acknowledge it."""
        self._move_from_table()
        taken = self.connection.eval(TAKE, 2, *self.keys[:2], Conf.BULK, Conf.RETRY)
        if not taken:
            self.connection.blpop([self.keys[2]], WAIT_SECONDS)
        return [(name.decode(), payload.decode()) for name, payload in taken]

    def _move_from_table(self) -> None:
        """A row goes when Redis has its task. Its id there is the row's, so that a second time changes nothing."""
        if time.monotonic() - self.looked < LOOK_EVERY_SECONDS:
            return
        self.looked = time.monotonic()
        close_old_connections()
        with transaction.atomic():
            waiting = OrmQ.objects.filter(key=self.list_key, lock__lte=timezone.now()).order_by("pk")
            for row in waiting.select_for_update(skip_locked=True)[:1000]:
                self._put(f"row-{row.pk}", row.payload)
                row.delete()

    def acknowledge(self, task_id: str) -> None:
        """A task whose end Redis does not hear of comes again; every task can be done twice."""
        try:
            self.delete(task_id)
        except redis.RedisError:
            log.warning("the broker does not answer; task %s will come again", task_id)

    def delete(self, task_id: str) -> None:
        due, payloads, _ = self.keys
        self.connection.pipeline().zrem(due, task_id).hdel(payloads, task_id).execute()

    def fail(self, task_id: str) -> None:
        self.acknowledge(task_id)

    def counts(self) -> tuple[int, int, float]:
        """How many wait, how many are under way, and for how many seconds the first of those that wait."""
        waiting, every, oldest = self.connection.eval(COUNT, 1, self.keys[0])
        return int(waiting), int(every) - int(waiting), float(oldest)

    def queue_size(self) -> int:
        return self.counts()[0]

    def lock_size(self) -> int:
        return self.counts()[1]

    def purge_queue(self) -> int:
        return int(self.connection.delete(*self.keys))

    def delete_queue(self) -> int:
        return self.purge_queue()

    def ping(self) -> bool:
        return bool(self.connection.ping())

    def info(self) -> str:
        return "Redis"

    @staticmethod
    def get_connection(list_key: str | None = None) -> "redis.Redis":
        """A machine that has vanished is noticed within seconds."""
        return redis.Redis.from_url(
            settings.BROKER_URL,
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_keepalive=True,
            health_check_interval=15,
        )


def counts_of_broker() -> tuple[int, int, float] | None:
    """As `RedisBroker.counts`; None without a broker beside the table, or where it does not answer."""
    if not settings.BROKER_URL:
        return None
    try:
        return RedisBroker().counts()
    except redis.RedisError:
        return None
