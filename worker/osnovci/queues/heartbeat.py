"""The process that tells Redis, every second, that its pod lives and what it does.

It also fires the pool's schedules while the operator does not. Apart from the others, so that a Redis that is slow or away holds up neither jobs nor probes.
"""

import logging
import signal
import time

from redis.exceptions import RedisError

from osnovci.contract import (
    HEARTBEAT_INTERVAL_SECONDS,
    HEARTBEAT_TTL_SECONDS,
    Heartbeat,
    WorkerState,
    heartbeat_key,
)
from osnovci.queues.board import Board
from osnovci.redis_clients import for_threads
from osnovci.schedules.fallback import Fallback
from osnovci.settings import WorkerSettings

NOW = signal.SIGUSR1
"""Tells the process to report at once."""

SOCKET_SECONDS = 2.0

log = logging.getLogger(__name__)


def report(settings: WorkerSettings, board: Board) -> None:
    """Write the heartbeat every second and on NOW; on SIGTERM take it back and return."""
    wakes = {signal.SIGTERM, NOW}
    signal.pthread_sigmask(signal.SIG_BLOCK, wakes)
    reporter = Reporter(settings, board)
    schedules = Fallback(settings)
    while True:
        reporter.write()
        # A pod that leaves may be the last of a pool that is no more.
        if board.state[0] is WorkerState.RUNNING:
            schedules.fire()
        woken = signal.sigtimedwait(wakes, HEARTBEAT_INTERVAL_SECONDS)
        if woken and woken.si_signo == signal.SIGTERM:
            reporter.take_back()
            return


class Reporter:
    """Writes heartbeats, and logs once when Redis goes and once when it is back."""

    def __init__(self, settings: WorkerSettings, board: Board) -> None:
        self._settings = settings
        self._board = board
        self._key = heartbeat_key(settings.namespace, settings.pod)
        self._away = False
        # The next heartbeat is the retry.
        self._redis = for_threads(
            settings.redis_url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
        )

    def write(self) -> None:
        """Write the heartbeat, or note that Redis is away."""
        expiry_ms = round(HEARTBEAT_TTL_SECONDS * 1000)
        try:
            self._redis.set(self._key, self._heartbeat().model_dump_json(), px=expiry_ms)
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("Redis cannot be reached, trying on: %s", error)
            self._away = True
            return
        self._board.reached()
        if self._away:
            log.info("Redis is reached again")
        self._away = False

    def take_back(self) -> None:
        """Delete the heartbeat, so that nobody waits for its end."""
        try:
            self._redis.delete(self._key)
        except (RedisError, OSError) as error:
            log.info("Redis was not told that this pod leaves: %s", error)

    def _heartbeat(self) -> Heartbeat:
        state, asked_ms = self._board.state
        return Heartbeat(
            pod=self._settings.pod,
            pool=self._settings.pool.pool,
            state=state,
            asked_ms=asked_ms,
            busy=self._board.busy,
            concurrency=self._settings.pool.concurrency,
            at_ms=round(time.time() * 1000),
        )
