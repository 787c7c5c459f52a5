"""The audit of a namespace's queues, at a calm pace beside the reading of Redis.

One audit at a time, a piece at a time, with a rest after each piece, so that neither Redis nor this
process is kept from its other work. A namespace in which nothing happens is audited rarely.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from osnovci.observation import Observation, QueueReading
from osnovci.queues.audit import Report, steps
from osnovci.queues.client import AsyncQueues
from osnovci.queues.scripts import stamp
from osnovci.words import first_of
from osnovci_operator import metrics
from osnovci_operator.connection import explain
from osnovci_operator.events import Tell
from osnovci_operator.queuepool import accounts
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

LONGEST_SECONDS = 900.0
"""Several million jobs."""

REST = 9.0
"""The rest after each piece, in lengths of the piece: Redis gives a tenth of its time at most."""

BRIDGED = 3
"""So many audits in a row have to fail before what the last good one found no longer counts."""

SETTLED = timedelta(seconds=10)
"""Jobs that wait shorter than this are left for the next audit; clocks may differ by as much."""

log = logging.getLogger(__name__)


class Auditor:
    """Runs the audits of a namespace, and knows what the last one found."""

    def __init__(
        self,
        namespace: str,
        store: Store,
        last: Callable[[], Observation | None],
        wake: Callable[[Key], None],
        tell: Tell,
    ) -> None:
        self._namespace = namespace
        self._store = store
        self._last = last
        self._wake = wake
        self._tell = tell
        self._audited: frozenset[str] = frozenset()
        self._outcome: Report | str | None = None
        self.ended_at = 0.0
        self._rows: Any = None
        self._busy = True
        self._failures = 0

    def accounts(self, queues: frozenset[str]) -> Accounts | None:
        """Give what the last audit says of these queues; None where it did not look at all of them."""
        if self._outcome is None or not queues <= self._audited:
            return None
        return accounts.of(self._outcome, queues)

    async def step(self, client: redis.Redis) -> None:
        """Audit if it is time to."""
        self._note_whether_busy()
        if not self._is_due():
            return
        pools = list(self._store.pools(self._namespace))
        queues = frozenset(queue.name for pool in pools for queue in pool.spec.queues)
        if not queues:
            return
        before = {pool.key: self.accounts(pool.spec.names) for pool in pools}
        self._busy = False
        outcome = await self._try(client, queues)
        self.ended_at = time.monotonic()
        self._take(outcome, queues)
        for pool in pools:
            if self.accounts(pool.spec.names) != before[pool.key]:
                self._wake(pool.key)
        if isinstance(outcome, Report):
            await self._announce(outcome)

    def _take(self, outcome: Report | str, queues: frozenset[str]) -> None:
        """Keep what an audit found; one that failed now and then is bridged by the last good one."""
        failed = isinstance(outcome, str)
        self._failures = self._failures + 1 if failed else 0
        if not failed or self._outcome is None or self._failures >= BRIDGED:
            self._outcome, self._audited = outcome, queues

    def _note_whether_busy(self) -> None:
        if not (seen := self._last()):
            return
        rows = seen.texts[0]
        if rows != self._rows or any(_has_jobs(row) for row in seen.queues.values()):
            self._busy = True
        self._rows = rows

    def _is_due(self) -> bool:
        """Tell whether it is time to; asked with each tick, so of the last reading, which has the queues."""
        if self._outcome is None:
            return True
        seen = self._last()
        wait = accounts.wait(
            self._outcome,
            busy=self._busy,
            new=seen is not None and not self._audited.issuperset(seen.queues),
            failing=self._failures > 0,
        )
        return time.monotonic() - self.ended_at >= wait.total_seconds()

    async def _try(self, client: redis.Redis, queues: frozenset[str]) -> Report | str:
        """Audit; where that fails, say why."""
        limit = asyncio.timeout(LONGEST_SECONDS)
        try:
            async with limit:
                with metrics.AUDIT_SECONDS.time():
                    return await self._audit(client, queues)
        except (RedisError, OSError, TimeoutError) as error:
            why = (
                f"it did not end within {LONGEST_SECONDS:g}s"
                if limit.expired()
                else str(explain(error))
            )
            log.warning("the jobs of namespace %s could not be audited: %s", self._namespace, why)
            return why

    async def _audit(self, client: redis.Redis, queues: frozenset[str]) -> Report:
        runner = AsyncQueues(client, self._namespace)
        run = steps(sorted(queues), before=stamp(datetime.now(UTC) - SETTLED))
        reply: Any = None
        while True:
            began = time.monotonic()
            try:
                call = run.send(reply)
            except StopIteration as end:
                return end.value
            reply = await runner.run(call)
            await asyncio.sleep((time.monotonic() - began) * REST)

    async def _announce(self, report: Report) -> None:
        """Tell each pool what was mended of its jobs."""
        notes: defaultdict[Key, list[str]] = defaultdict(list)
        for queue, note in accounts.mended(report):
            if owner := self._store.owner(self._namespace, queue):
                metrics.MENDED.labels(self._namespace, owner.identity.name).inc()
                notes[owner.key].append(note)
        for key, each in notes.items():
            await self._tell(key, "JobsMended", first_of(each))


def _has_jobs(row: QueueReading | str) -> bool:
    return isinstance(row, QueueReading) and bool(row.waiting or row.active or row.scheduled)
