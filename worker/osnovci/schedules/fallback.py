"""The worker's part in schedules: to fire them while the operator does not."""

import logging

from redis.exceptions import RedisError

from osnovci.queues.client import Queues
from osnovci.redis_clients import for_threads
from osnovci.schedules.firing import fire
from osnovci.schedules.timetable import Timetable
from osnovci.settings import WorkerSettings

SOCKET_SECONDS = 2.0

log = logging.getLogger(__name__)


class Fallback:
    """A pool's schedules, as one of its pods fires them."""

    def __init__(self, settings: WorkerSettings) -> None:
        pool = settings.pool
        self._timetable = Timetable(pool.pool, pool.schedules)
        for name, why in self._timetable.broken.items():
            log.warning("schedule %s never fires: %s", name, why)
        self._away = False
        # The next second is the retry.
        redis = for_threads(
            settings.redis_url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
        )
        self._queues = Queues(redis, settings.namespace)

    def fire(self) -> None:
        """Fire what is due, unless the operator sees to it; no fault here ends the heartbeat."""
        if not self._timetable.documents:
            return
        try:
            happened = fire(self._queues, self._timetable)
        except (RedisError, OSError, ValueError, TypeError) as error:
            if not self._away:
                log.warning("the schedules cannot be looked at, trying on: %s", error)
            self._away = True
            return
        self._away = False
        for each in happened:
            log.warning("the operator is not there; %s", each)
