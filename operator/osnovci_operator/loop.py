"""The work queue: one reconcile at a time for a key, wakes coalesced, backoff, resync.

A reconcile is a coroutine of one key that returns when to look again; None when the object is no
more. Failures are tried again after a growing wait, each key for itself.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from osnovci_operator import metrics
from osnovci_operator.errors import KubeError
from osnovci_operator.resource import Key

WORKERS = 8
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_MAX_SECONDS = 60.0
RESYNC = timedelta(minutes=10)
"""What a reconcile returns when nothing is to come: it is looked at anyway, up to a fifth sooner."""

REFUSED_EVERY = timedelta(seconds=30)
"""What the API server refused is tried again, since rights and quotas change unseen."""

log = logging.getLogger(__name__)


class Loop:
    """Reconciles the keys that are woken."""

    def __init__(self, reconcile: Callable[[Key], Awaitable[timedelta | None]]) -> None:
        self._reconcile = reconcile
        self._waiting: dict[Key, None] = {}
        self._running: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._work = asyncio.Event()

    def wake(self, key: Key) -> None:
        """Have a key reconciled soon; many wakes before that are one."""
        self._cancel_timer(key)
        if key in self._running:
            self._again.add(key)
        else:
            self._waiting[key] = None
            self._work.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._worker())

    def stuck_seconds(self) -> float:
        """Tell how long the longest reconcile of this moment has run: a watchdog's reading."""
        return max((time.monotonic() - since for since in self._running.values()), default=0.0)

    async def _worker(self) -> None:
        while True:
            while not self._waiting:
                self._work.clear()
                await self._work.wait()
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._running[key] = time.monotonic()
            try:
                await self._once(key)
            finally:
                del self._running[key]
                if key in self._again:
                    self._again.discard(key)
                    self.wake(key)

    async def _once(self, key: Key) -> None:
        try:
            with metrics.RECONCILE_SECONDS.time():
                recheck = await self._reconcile(key)
        except KubeError as error:
            log.warning("%s: %s; trying again", key, error)
            self._retry(key)
        except Exception:
            log.exception("%s: reconcile failed; trying again", key)
            self._retry(key)
        else:
            self._failures.pop(key, None)
            if recheck:
                # Spread, so that what began together does not come again together.
                spread = random.uniform(0.8, 1.0) if recheck >= RESYNC else 1.0  # noqa: S311
                self._later(key, recheck.total_seconds() * spread)

    def _retry(self, key: Key) -> None:
        metrics.RECONCILE_ERRORS.inc()
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(BACKOFF_FIRST_SECONDS * 2 ** min(failures, 16), BACKOFF_MAX_SECONDS)
        self._later(key, wait * random.uniform(0.5, 1))  # noqa: S311

    def _later(self, key: Key, seconds: float) -> None:
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.wake, key)

    def _cancel_timer(self, key: Key) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
