"""Renews a worker's lease once a second, from a thread of its own: a busy loop cannot delay it."""

import asyncio
import logging
import os
import platform
import socket
import threading
import time
from datetime import UTC, datetime

from osnovci.queues import runs
from osnovci.queues.client import Queues
from osnovci.queues.engine.loop import Engine
from osnovci.queues.engine.turns import RENEW_SECONDS, renew
from osnovci.queues.scripts import stamp
from osnovci.settings import WorkerSettings

log = logging.getLogger(__name__)
AGAIN_SECONDS = 0.2


class Keeper(threading.Thread):
    """Renews a lease, tells progress, and takes the jobs of workers whose lease has ended."""

    def __init__(self, settings: WorkerSettings, queues: Queues, engine: Engine) -> None:
        super().__init__(name="keeper", daemon=True)
        names = [queue.name for queue in settings.pool.queues]
        self._settings, self._worker, self._names = settings, settings.pod, names
        self._queues, self._engine = queues, engine
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._about = {
            "birth": stamp(datetime.now(UTC)),
            "queues": ",".join(names),
            "pid": str(os.getpid()),
            "hostname": socket.gethostname(),
            "ip_address": "",
            "version": "osnovci",
            "python_version": platform.python_version(),
        }

    def run(self) -> None:
        """Renew until `stop`; sooner again after a failure, to be there before the lease ends."""
        wait = RENEW_SECONDS
        while not self._stopped.wait(wait):
            try:
                self.renew()
                self.record()
                wait = RENEW_SECONDS
            except Exception as error:  # noqa: BLE001  # without this thread the lease ends
                if wait != AGAIN_SECONDS:
                    log.warning("the lease of %s was not renewed: %s", self._worker, error)
                wait = AGAIN_SECONDS

    def renew(self) -> None:
        """Renew once."""
        asked_at = time.monotonic()
        about = self._about | {"state": "busy" if self._engine.held else "idle"}
        noted: list[tuple[str, float]] = []
        while self._engine.progress:
            noted.append(self._engine.progress.popleft())
        renewal = self._queues.run(renew(self._worker, self._names, about, noted))
        answered_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._engine.ask_to_drain, renewal.asked_ms)
        self._loop.call_soon_threadsafe(self._engine.renewed, renewal.listed, asked_at, answered_at)

    def record(self) -> None:
        """Write what ran since the last time."""
        noted = [self._engine.runs.popleft() for _ in range(len(self._engine.runs))]
        runs.write(self._queues.redis, self._settings.namespace, self._settings.pool.pool, noted)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self.join()
        self.record()
