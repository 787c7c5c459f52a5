"""The clock of a namespace: fires its pools' schedules, and keeps what came of it.

Only the leader has one that runs; but whoever fires, Redis lets a moment through once.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import redis.asyncio as redis
from redis.exceptions import RedisError, ResponseError

from osnovci.contract import SCHEDULES_EVERY_SECONDS, SCHEDULES_KEPT_SECONDS, ScheduleOutcome
from osnovci.schedules.firing import fire_async
from osnovci.schedules.timetable import Happening, Timetable
from osnovci_operator import metrics
from osnovci_operator.events import Tell
from osnovci_operator.queuepool.seen import ScheduleReading
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

FIRE_SECONDS = 1.0
"""The time budget of one pool."""

KEEP_MS = round(SCHEDULES_KEPT_SECONDS * 1000)

EVENTS = {
    ScheduleOutcome.SKIPPED: "ScheduleSkipped",
    ScheduleOutcome.MISSED: "ScheduleMissed",
}
"""Times that brought no job; those that did are in the status."""

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
        tell: Tell,
        every_seconds: float = SCHEDULES_EVERY_SECONDS,
    ) -> None:
        self._namespace = namespace
        self._store = store
        self._wake = wake
        self._tell = tell
        self._known: dict[Key, _Known] = {}
        self._every_seconds = every_seconds
        self._next_at = 0.0

    async def step(self, client: redis.Redis) -> None:
        """Fire what is due, if a second has passed; a Redis that is away is asked once a turn."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._every_seconds
        pools = self._store.pools(self._namespace)
        mine = {pool.key: pool for pool in pools if self._may_fire(pool)}
        for gone in self._known.keys() - mine.keys():
            del self._known[gone]
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

    def _may_fire(self, pool: Pool) -> bool:
        """Tell whether the pool's queues are its own; one that is blocked fires nothing."""
        owners = (self._store.owner(self._namespace, queue.name) for queue in pool.spec.queues)
        return all(owner and owner.key == pool.key for owner in owners)

    def _know(self, pool: Pool) -> _Known:
        """Give the pool's timetable, made anew when its schedules have changed."""
        documents = tuple(each.document() for each in pool.spec.schedules)
        known = self._known.get(pool.key)
        uid = pool.identity.uid
        if not known or known.timetable.documents != documents or known.timetable.uid != uid:
            known = _Known(Timetable(pool.identity.name, documents, keep_ms=KEEP_MS, uid=uid))
            self._known[pool.key] = known
        return known

    async def _fire(self, client: redis.Redis, key: Key, known: _Known) -> bool:
        """Fire a pool's schedules; give whether Redis answered."""
        before = known.readings, known.trouble
        answered, happened = True, list[Happening]()
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
        if (known.readings, known.trouble) != before:
            self._wake(key)
        for each in happened:
            await self._note(key, each)
        return answered

    async def _note(self, key: Key, happened: Happening) -> None:
        place = (key.namespace, key.name, happened.schedule, happened.outcome)
        metrics.SCHEDULES.labels(*place).inc()
        if reason := EVENTS.get(happened.outcome):
            await self._tell(key, reason, str(happened))
        else:
            log.info("%s: %s", key, happened)


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
        left_out=state is not None and state.outcome is ScheduleOutcome.SKIPPED,
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
