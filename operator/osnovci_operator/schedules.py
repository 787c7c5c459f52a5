"""The clock of a namespace: fires its pools' schedules, and keeps what came of it.

Only the leader has one that runs; but whoever fires, Redis lets a moment through once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import redis.asyncio as redis
from redis.exceptions import RedisError, ResponseError

from osnovci.contract import SCHEDULES_EVERY_SECONDS, SCHEDULES_KEPT_SECONDS
from osnovci.schedules.firing import fire_async
from osnovci.schedules.timetable import Happening, Timetable
from osnovci_operator import metrics
from osnovci_operator.queuepool.seen import ScheduleReading
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

FIRE_SECONDS = 1.0
"""The time budget of one pool."""

NEWS_MAX = 100
KEEP_MS = round(SCHEDULES_KEPT_SECONDS * 1000)

log = logging.getLogger(__name__)


@dataclass
class _Known:
    """One pool's schedules."""

    timetable: Timetable
    readings: tuple[ScheduleReading, ...] | None = None
    trouble: str = ""


class Clock:
    """Fires the schedules of one namespace, once a second."""

    def __init__(
        self,
        namespace: str,
        store: Store,
        wake: Callable[[Key], None],
        every_seconds: float = SCHEDULES_EVERY_SECONDS,
    ) -> None:
        self._namespace = namespace
        self._store = store
        self._wake = wake
        self._known: dict[Key, _Known] = {}
        self._news: dict[Key, list[Happening]] = {}
        self._every_seconds = every_seconds
        self._next_at = 0.0

    async def turn(self, client: redis.Redis, pools: Iterable[Pool]) -> None:
        """Fire what is due, if a second has passed; a Redis that is away is asked once a turn."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._every_seconds
        mine = {pool.key: pool for pool in pools if self._may_fire(pool)}
        for gone in self._known.keys() - mine.keys():
            del self._known[gone]
            self._news.pop(gone, None)
        for pool in mine.values():
            known = self._know(pool)
            # A pool without schedules is seen to once, so that those it had are forgotten.
            wanted = known.timetable.documents or known.readings is None
            if wanted and not await self._fire(client, pool.key, known):
                return

    def reading(self, key: Key) -> tuple[ScheduleReading, ...] | None:
        """Give what is known of a pool's schedules; None while they cannot be looked at."""
        known = self._known.get(key)
        return known.readings if known and not known.trouble else None

    def take_news(self, key: Key) -> list[Happening]:
        """Give what people should be told of, once."""
        return self._news.pop(key, [])

    def _may_fire(self, pool: Pool) -> bool:
        """Tell whether the pool's queues are its own; one that is blocked fires nothing."""
        owners = (self._store.owner(self._namespace, queue.name) for queue in pool.spec.queues)
        return all(owner and owner.key == pool.key for owner in owners)

    def _know(self, pool: Pool) -> _Known:
        """Give the pool's timetable, made anew when its schedules have changed."""
        documents = tuple(each.document() for each in pool.spec.schedules)
        known = self._known.get(pool.key)
        if not known or known.timetable.documents != documents:
            known = _Known(Timetable(pool.identity.name, documents, keep_ms=KEEP_MS))
            self._known[pool.key] = known
        return known

    async def _fire(self, client: redis.Redis, key: Key, known: _Known) -> bool:
        """Fire a pool's schedules; give whether Redis answered."""
        before = known.readings, known.trouble
        answered = True
        try:
            async with asyncio.timeout(FIRE_SECONDS):
                happened = await fire_async(client, self._namespace, known.timetable)
        except (RedisError, OSError, ValueError, TypeError) as error:
            answered = isinstance(error, ResponseError | ValueError | TypeError)
            if not known.trouble:
                log.warning("%s: its schedules cannot be looked at, trying on: %r", key, error)
            known.trouble = repr(error)
        else:
            known.trouble = ""
            known.readings = _readings(known.timetable)
            self._note(key, happened)
        if (known.readings, known.trouble) != before:
            self._wake(key)
        return answered

    def _note(self, key: Key, happened: list[Happening]) -> None:
        for each in happened:
            log.info("%s: %s", key, each)
            place = (key.namespace, key.name, each.schedule, each.outcome)
            metrics.SCHEDULES.labels(*place).inc()
        if happened:
            self._news[key] = [*self._news.get(key, ()), *happened][-NEWS_MAX:]


def _readings(timetable: Timetable) -> tuple[ScheduleReading, ...]:
    return tuple(_reading(timetable, each.name) for each in timetable.documents)


def _reading(timetable: Timetable, name: str) -> ScheduleReading:
    state = timetable.state(name)
    return ScheduleReading(
        name=name,
        upcoming=_moment(timetable.upcoming(name)),
        fired=_moment(state.fired if state else None),
        job=state.job if state else None,
        broken=timetable.broken.get(name, ""),
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
