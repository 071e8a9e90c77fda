"""`worker`: the jobs (a django-q2 cluster), the courier of messages and a heartbeat, which stop together."""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from operations.services.beats import Heart
from routing.courier import carry

STOP_SECONDS = 20
NICE = 5  # on a machine that it shares with the web process, whoever waits for an answer goes first


class Command(BaseCommand):
    help = "Runs the jobs and delivers messages, until it is stopped (SIGTERM or Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:
        os.nice(NICE)
        # A process of its own: the cluster forks, which threads and connections of ours must not see.
        cluster = subprocess.Popen([sys.executable, sys.argv[0], "qcluster"])
        stop = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        courier = threading.Thread(target=carry, args=(stop,), name="courier", daemon=True)
        courier.start()
        heart = Heart("worker")
        heart.start()
        while not stop.wait(0.2):
            if cluster.poll() is not None:  # whoever started us starts both again
                self.stderr.write("The cluster of jobs has ended.")
                stop.set()
        code = self._stopped(cluster)
        courier.join(STOP_SECONDS)
        heart.stop()
        sys.exit(code)

    def _stopped(self, cluster: "subprocess.Popen[bytes]") -> int:
        if cluster.poll() is not None:
            return 1
        cluster.send_signal(signal.SIGTERM)
        try:
            cluster.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            cluster.kill()
        return os.EX_OK
