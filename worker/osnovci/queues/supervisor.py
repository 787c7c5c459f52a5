"""The first process of a worker pod: keeps the processes that take jobs, reports, stops in order.

SIGTERM means: take no new job, let those that run end within the pool's grace, leave. A second
one hurries.
"""

import logging
import multiprocessing
import os
import signal
import time
from multiprocessing.context import SpawnProcess
from threading import Event
from types import FrameType
from typing import Any

from redis.exceptions import RedisError

from osnovci import logs
from osnovci.contract import HEARTBEAT_INTERVAL_SECONDS, PROBE_PORT, WorkerState
from osnovci.queues import probes
from osnovci.queues.rq_worker import work
from osnovci.queues.tending import Tending
from osnovci.settings import WorkerSettings

STUCK_SECONDS = 30.0
RESTART_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0)
"""Waits before a process that ended is started anew; one that lived for a minute begins again."""

LIVED_SECONDS = 60.0
FORCED_SECONDS = 5.0
_context = multiprocessing.get_context("spawn")

log = logging.getLogger(__name__)


class Slot:
    """The place of one job at a time: a process that takes jobs, started anew when it ends."""

    def __init__(self, settings: WorkerSettings, number: int, busy: Any) -> None:
        self._arguments = (settings, number, busy)
        self._busy = busy
        self._number = number
        self._process: SpawnProcess | None = None
        self._started_at = 0.0
        self._ends = 0

    def keep(self) -> None:
        """Start the process if there is none, after a wait that grows with each early end."""
        now = time.monotonic()
        if self.alive:
            return
        if self._process:
            self._note_end(self._process, now)
        wait = RESTART_SECONDS[min(self._ends, len(RESTART_SECONDS) - 1)]
        if now - self._started_at >= wait:
            self._started_at = now
            self._process = _context.Process(target=work, args=self._arguments)
            self._process.start()

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        if self._process and self._process.pid and self.alive:
            os.kill(self._process.pid, number)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return bool(self._process) and self._process.is_alive()

    def _note_end(self, process: SpawnProcess, now: float) -> None:
        self._busy[self._number] = 0
        self._process = None
        self._ends = 1 if now - self._started_at > LIVED_SECONDS else self._ends + 1
        log.warning("a worker process ended with %s and is started anew", process.exitcode)


class Supervisor:
    """One worker pod."""

    def __init__(self, settings: WorkerSettings) -> None:
        count = settings.pool.concurrency
        self._settings = settings
        self._busy: Any = _context.RawArray("b", count)
        self._slots = [Slot(settings, number, self._busy) for number in range(count)]
        self._tending = Tending(settings)
        self._wake = Event()
        self._draining_since: float | None = None
        self._hurried = False
        self._progress_at = time.monotonic()
        self._redis_error = "Redis was not reached yet"

    def run(self) -> int:
        """Run until told to stop; give the exit status."""
        logs.configure("INFO", quiet=("rq",))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        server = probes.serve(PROBE_PORT, {"/alive": self.not_alive, "/ready": self.not_ready})
        while not self._finished():
            if not self._draining_since:
                for slot in self._slots:
                    slot.keep()
            self._tend()
            self._progress_at = time.monotonic()
            self._wake.wait(HEARTBEAT_INTERVAL_SECONDS)
            self._wake.clear()
        self._leave()
        server.shutdown()
        return 0

    def not_alive(self) -> str:
        """Say why the pod should be started anew, if it should."""
        stuck = time.monotonic() - self._progress_at
        return f"no progress for {stuck:.0f}s" if stuck > STUCK_SECONDS else ""

    def not_ready(self) -> str:
        """Say why the pod takes no jobs, if it does not."""
        if self._draining_since:
            return "draining"
        ended = sum(not slot.alive for slot in self._slots)
        return self._redis_error or (f"{ended} worker processes are not running" if ended else "")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._hurried = self._draining_since is not None
        self._draining_since = self._draining_since or time.monotonic()
        for slot in self._slots:
            slot.signal(signal.SIGTERM)
        self._wake.set()
        log.info("%s: taking no new job", signal.Signals(number).name)

    def _finished(self) -> bool:
        """Tell whether a stop is complete; ends by force what outlives the grace."""
        if not self._draining_since:
            return False
        waited = time.monotonic() - self._draining_since
        grace = self._settings.pool.grace_seconds
        if waited > grace and not self._hurried:
            self._hurried = True
            log.warning("jobs still run after %.0fs of grace and are ended", grace)
            for slot in self._slots:
                slot.signal(signal.SIGTERM)
        if waited > grace + FORCED_SECONDS:
            for slot in self._slots:
                slot.signal(signal.SIGKILL)
        return not any(slot.alive for slot in self._slots)

    def _tend(self) -> None:
        state = WorkerState.DRAINING if self._draining_since else WorkerState.RUNNING
        try:
            self._tending.report(state, sum(self._busy))
            self._tending.tend()
        except RedisError as error:
            if not self._redis_error:
                log.warning("Redis cannot be reached, trying on: %s", error)
            self._redis_error = f"Redis cannot be reached: {error}"
        else:
            if self._redis_error:
                log.info("Redis is reached")
            self._redis_error = ""

    def _leave(self) -> None:
        try:
            self._tending.leave()
        except RedisError as error:
            log.info("Redis cannot be told that this pod leaves: %s", error)
        log.info("left")
