"""What a worker pod does for its queues each second, beside running jobs.

It reports that it lives, hands scheduled jobs that fell due to the queues, and trims what is kept
of finished jobs. Any number of pods may do so at once.
"""

import time
from importlib.resources import files

from redis import Redis
from rq.scheduler import RQScheduler

from osnovci.contract import (
    HEARTBEAT_TTL_SECONDS,
    Heartbeat,
    PoolDocument,
    RqKeys,
    WorkerState,
    heartbeat_key,
)
from osnovci.settings import WorkerSettings

TRIM = files("osnovci.queues").joinpath("trim.lua").read_text()
TRIM_AT_MOST = 1000
SOCKET_SECONDS = 5.0


class Tending:
    """The pod's own connection to Redis, and what it writes there."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._pool: PoolDocument = settings.pool
        self._pod = settings.pod
        self._key = heartbeat_key(settings.namespace, settings.pod)
        self._redis = Redis.from_url(
            settings.redis_url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
        )
        self._trim = self._redis.register_script(TRIM)
        self._scheduler = RQScheduler(
            [queue.name for queue in settings.pool.queues],
            connection=self._redis,
            logging_level="WARNING",
        )

    def report(self, state: WorkerState, busy: int) -> None:
        """Write the heartbeat."""
        beat = Heartbeat(
            pod=self._pod,
            pool=self._pool.pool,
            state=state,
            busy=busy,
            concurrency=self._pool.concurrency,
            at_ms=int(time.time() * 1000),
        )
        expiry_ms = int(HEARTBEAT_TTL_SECONDS * 1000)
        self._redis.set(self._key, beat.model_dump_json(), px=expiry_ms)

    def tend(self) -> None:
        """Move due jobs to their queues, one pod at a time by rq's own lock; trim what is kept."""
        self._scheduler.acquire_locks()
        self._scheduler.enqueue_scheduled_jobs()
        for queue in self._pool.queues:
            keys = RqKeys(queue.name)
            self._trim(keys=[keys.completed], args=[queue.keep_completed, TRIM_AT_MOST])
            self._trim(keys=[keys.failed], args=[queue.keep_failed, TRIM_AT_MOST])

    def leave(self) -> None:
        """Take back the heartbeat and the lock, so that another pod need not wait for their end."""
        self._scheduler.release_locks()
        self._redis.delete(self._key)
