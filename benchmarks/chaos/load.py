"""Clients that send leads and repeat what was not acknowledged."""

import itertools
import json
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any

import numpy as np

from benchmarks.realtime import stack, world

CLIENTS = 4
GIVES_UP_SECONDS = 120.0


class Load:
    """`acknowledged`: our id by the client's own, of everything that was answered with success. `targets` are asked in
    turn, the next one after `patience` seconds without an answer."""

    def __init__(
        self,
        targets: Sequence[tuple[str, int]],
        token: str,
        *,
        clients: int = CLIENTS,
        patience: float = 30.0,
        first: int = 0,
    ) -> None:
        self.token, self.patience, self.first = token, patience, first
        self._targets = itertools.cycle(targets)
        self.acknowledged: dict[str, int] = {}
        self.sent = self.begun = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._clients = [
            threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(clients)
        ]

    def start(self) -> None:
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """What is under way is finished."""
        self._over.set()
        for client in self._clients:
            client.join(GIVES_UP_SECONDS)

    def _client(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        while not self._over.is_set():
            with self._lock:
                number = self.first + self.begun
                self.begun += 1
            body = world.lead(number, rng, world.SMALL.accounts)
            key = f"key-{number}" if number % 2 else ""  # half have nothing but their external id
            answer = self._until_acknowledged(body, key)
            if answer is not None:
                with self._lock:
                    self.acknowledged[body["external_id"]] = answer["id"]

    def _until_acknowledged(self, body: dict[str, Any], key: str) -> dict[str, Any] | None:
        until = time.monotonic() + GIVES_UP_SECONDS
        while time.monotonic() < until:
            answer = self._posted(body, key)
            if answer is not None:
                return answer
            time.sleep(0.2)
        return None

    def _posted(self, body: dict[str, Any], key: str) -> dict[str, Any] | None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with self._lock:
            self.sent += 1
            host, port = next(self._targets)
        try:
            asked = HTTPConnection(host, port, timeout=self.patience)
            asked.request(
                "POST", stack.ROUTED, json.dumps(body), headers | ({"Idempotency-Key": key} if key else {})
            )
            answered = asked.getresponse()
            content = answered.read()
            asked.close()
        except (OSError, HTTPException):
            return None
        if answered.status not in (200, 201):
            return None
        answer: dict[str, Any] = json.loads(content)
        return answer
