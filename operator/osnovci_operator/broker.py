"""Redis, as the operator sees it: one read a tick for all pools of a namespace.

Each namespace has one Redis, named by its Secret, and is read by one task of its own, so that a
slow one delays nobody else. A read that fails now and then is bridged by the last good one; after
`STALE_SECONDS` there is no reading, and the pools hold.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from osnovci import observation
from osnovci.contract import DrainRequest
from osnovci.decision_contract import DecisionDocument
from osnovci.observation import Observation, QueueReading
from osnovci.scripted import run_async
from osnovci_operator import metrics
from osnovci_operator.auditor import Auditor
from osnovci_operator.backend import Unreadable, UnreadableReason
from osnovci_operator.connection import Connection, explain, is_cancelled
from osnovci_operator.drains import Drains
from osnovci_operator.errors import BackendError
from osnovci_operator.events import Tell
from osnovci_operator.kube import Kube
from osnovci_operator.listing import pod_runs
from osnovci_operator.orphans import Orphans
from osnovci_operator.pauses import Pauses
from osnovci_operator.pod_life import horizon
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.seen import PoolReading, ScheduleReading
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.schedules import Clock
from osnovci_operator.settings import Settings
from osnovci_operator.store import Store
from osnovci_operator.upkeep import Upkeep

READ_SECONDS = 1.0
"""The time budget of one read, connecting included."""

STALE_SECONDS = 3.0
log = logging.getLogger(__name__)


class Broker:
    """The readings of all namespaces, and the tasks that renew them and keep jobs accounted for."""

    def __init__(
        self,
        settings: Settings,
        kube: Kube,
        store: Store,
        wake: Callable[[Key], None],
        tell: Tell,
    ) -> None:
        self._readers: dict[str, NamespaceReader] = {}
        self._upkeep: dict[str, Upkeep] = {}
        for name in settings.namespaces:
            connection = Connection(name, settings, kube)
            reader = NamespaceReader(name, settings.tick, connection, store, wake)
            self._readers[name] = reader
            orphans = Orphans(name, store, partial(pod_runs, kube, name), tell)
            auditor = Auditor(name, store, reader.last, wake, tell)
            clock = Clock(name, store, wake, tell)
            pauses = Pauses(name, store)
            self._upkeep[name] = Upkeep(name, connection, orphans, auditor, clock, pauses=pauses)

    async def run(self) -> None:
        """Read every namespace, each tick, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in (*self._readers.values(), *self._upkeep.values()):
                group.create_task(each.run())

    def reading(self, pool: Pool) -> PoolReading | Unreadable | None:
        """Give what Redis said of a pool last; None before its first tick, which wakes it."""
        return self._readers[pool.identity.namespace].reading(pool)

    def ask_to_drain(
        self, pool: Pool, requests: Mapping[str, DrainRequest], withdrawn: Iterable[str]
    ) -> None:
        """Have drain requests written at the next tick; readings show them at once."""
        self._readers[pool.identity.namespace].drains.ask(requests, withdrawn)

    def accounts(self, pool: Pool) -> Accounts | None:
        """Give what the last audit said of a pool's jobs; None before the first."""
        return self._upkeep[pool.identity.namespace].accounts(pool)

    def schedules(self, pool: Pool) -> tuple[ScheduleReading, ...] | None:
        """Give what is known of a pool's schedules; None while they cannot be looked at."""
        return self._upkeep[pool.identity.namespace].schedules(pool)

    def note(self, pool: Pool, decided: DecisionDocument) -> None:
        """Keep what was decided on a pool, to be explained."""
        self._upkeep[pool.identity.namespace].note(pool, decided)

    def forget(self, key: Key) -> None:
        """Let go of a pool that is no more."""
        self._upkeep[key.namespace].forget(key)

    def stuck_seconds(self) -> float:
        """Tell how long the slowest namespace has not been read: a watchdog's reading."""
        return max(reader.stuck_seconds() for reader in self._readers.values())


class NamespaceReader:
    """The one Redis of a namespace and its last reading."""

    def __init__(
        self,
        namespace: str,
        tick: timedelta,
        connection: Connection,
        store: Store,
        wake: Callable[[Key], None],
    ) -> None:
        self._namespace = namespace
        self._tick_seconds = tick.total_seconds()
        self._connection = connection
        self._store = store
        self._wake = wake
        self.drains = Drains(namespace)
        self._last: Observation | None = None
        self._last_at = 0.0
        self._failure: BackendError | None = None
        self._told: dict[Key, Any] = {}
        self._told_texts: tuple[str, ...] | None = None
        self._tick_began = 0.0

    async def run(self) -> None:
        """Read once a tick; wake the pools that something happened to."""
        try:
            while not is_cancelled():
                started = self._tick_began = time.monotonic()
                if pools := list(self._store.pools(self._namespace)):
                    await self._read(pools)
                    self._tell(pools)
                else:
                    self._forget()
                spent = time.monotonic() - started
                await asyncio.sleep(max(self._tick_seconds - spent, 0.05))
        finally:
            self._tick_began = 0.0
            await self._connection.close()

    def last(self) -> Observation | None:
        """Give the last good reading, as long as it counts."""
        return None if self._failure else self._last

    def reading(self, pool: Pool) -> PoolReading | Unreadable | None:
        """Give what Redis said of a pool last; None before its first tick."""
        return self._slice(pool) if self._covers(pool) else None

    def stuck_seconds(self) -> float:
        """Tell how long the current tick has lasted."""
        return time.monotonic() - self._tick_began if self._tick_began else 0.0

    def _covers(self, pool: Pool) -> bool:
        if self._failure:
            return True
        return bool(self._last) and all(q.name in self._last.queues for q in pool.spec.queues)

    def _slice(self, pool: Pool) -> PoolReading | Unreadable:
        if self._failure or not self._last:
            assert self._failure
            return Unreadable(self._failure.reason, str(self._failure))
        rows: list[QueueReading] = []
        for queue in pool.spec.queues:
            row = self._last.queues[queue.name]
            if isinstance(row, str):
                message = f"queue {queue.name} cannot be read: {row}"
                return Unreadable(UnreadableReason.NONSENSE, message)
            rows.append(row)
        pods = self._store.pods(pool.key)
        requests = self.drains.over(self._last.requests, pods)
        return PoolReading(
            tuple(rows),
            busy=self._busy(pods),
            draining=self._busy(self._store.leaving(pool.key) | requests.keys()),
            beats={pod: beat for pod, beat in self._last.heartbeats.items() if pod in pods},
            requests=requests,
            at_ms=round(self._last.at.timestamp() * 1000),
        )

    def _busy(self, pods: Iterable[str]) -> int:
        assert self._last
        beats = (self._last.heartbeats.get(pod) for pod in pods)
        return sum(beat.busy for beat in beats if beat)

    async def _read(self, pools: list[Pool]) -> None:
        queues = self._horizons(pools)
        pods = sorted({pod for pool in pools for pod in self._store.pods(pool.key)})
        try:
            client = await self._connection.open()
            async with asyncio.timeout(READ_SECONDS):
                sent = await self.drains.write(client)
                with metrics.REDIS_READ_SECONDS.time():
                    self._last = await self._observe(client, queues, pods)
                self.drains.written(sent)
        except BackendError as error:
            await self._fail(error)
        except (RedisError, observation.UnexpectedReplyError, OSError, TimeoutError) as error:
            await self._fail(explain(error))
        except Exception as error:
            # One namespace's Redis, whatever it says, never ends the reading of the others.
            log.exception("Redis of namespace %s cannot be read", self._namespace)
            message = f"reading Redis failed with {type(error).__name__}; see the operator's log"
            await self._fail(BackendError(UnreadableReason.NONSENSE, message))
        else:
            self._last_at = time.monotonic()
            if self._failure:
                log.info("Redis of namespace %s answers again", self._namespace)
            self._failure = None
            metrics.REDIS_READABLE.labels(self._namespace).set(1)

    def _horizons(self, pools: list[Pool]) -> dict[str, timedelta]:
        """Give how soon jobs of each queue count as due: in the time that a worker takes to start."""
        found = {
            queue.name: horizon(self._store.startup(pool.key))
            for pool in pools
            for queue in pool.spec.queues
        }
        return dict(sorted(found.items()))

    async def _observe(
        self, client: redis.Redis, queues: dict[str, timedelta], pods: list[str]
    ) -> Observation:
        arguments = observation.arguments(self._namespace, queues, pods)
        reply = await run_async(client, observation.SCRIPT.call([0, *arguments]))
        return observation.parse(reply, list(queues), pods, self._last)

    async def _fail(self, error: BackendError) -> None:
        """Drop the connection; the next tick reads the Secret and connects anew."""
        await self._connection.close()
        self.drains.forget()
        if time.monotonic() - self._last_at < STALE_SECONDS:
            return
        if not self._failure:
            log.warning("Redis of namespace %s cannot be read: %s", self._namespace, error)
        self._failure = error
        metrics.REDIS_READABLE.labels(self._namespace).set(0)

    def _forget(self) -> None:
        """Begin anew with the next pool: what is not read is not known."""
        self._last = self._told_texts = self._failure = None
        self._told = {}
        metrics.REDIS_READABLE.labels(self._namespace).set(1)

    def _tell(self, pools: list[Pool]) -> None:
        if self._last and self._last.texts is self._told_texts and not self._failure:
            return
        told = {pool.key: self._figures(pool) for pool in pools if self._covers(pool)}
        for key, figures in told.items():
            if figures != self._told.get(key):
                self._wake(key)
        self._told = told
        self._told_texts = self._last.texts if self._last and not self._failure else None

    def _figures(self, pool: Pool) -> Any:
        """Give what makes a pool worth a reconcile when it changes: all but ages."""
        if self._failure or not self._last:
            return self._failure and self._failure.reason
        rows = (self._last.queues[queue.name] for queue in pool.spec.queues)
        figures = (row if isinstance(row, str) else row.figures() for row in rows)
        pods = self._store.pods(pool.key)
        beats = ((pod, self._last.heartbeats.get(pod)) for pod in sorted(pods))
        answers = [(pod, beat.state, beat.asked_ms) for pod, beat in beats if beat]
        return self._busy(pods), answers, *figures
