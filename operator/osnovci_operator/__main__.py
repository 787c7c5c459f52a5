"""The operator's process: settings in, watches, leader and loop together, an orderly end."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from osnovci import logs
from osnovci_operator import kube, metrics, probes, watches
from osnovci_operator.app.reconcile import Apps
from osnovci_operator.app_channel import Channels
from osnovci_operator.broker import Broker
from osnovci_operator.errors import KubeError, NotFoundError, SettingsError
from osnovci_operator.events import Events
from osnovci_operator.kinds import OSNOVCI_APP, QUEUE_POOL, RATE_LIMIT_POLICY
from osnovci_operator.kube import Kube
from osnovci_operator.leader import Leader
from osnovci_operator.listing import refresh
from osnovci_operator.loop import RESYNC, Loop
from osnovci_operator.queuepool.reconcile import QueuePools
from osnovci_operator.ratelimit.reconcile import Policies
from osnovci_operator.report import Reporter
from osnovci_operator.resource import Key
from osnovci_operator.settings import Settings
from osnovci_operator.sharers import Sharers
from osnovci_operator.store import Store

LIST_RETRY_SECONDS = 2.0
LOST_LEASE = 3
"""Exit status of a leader that lost its Lease: what it began, another must not meet."""

BROKEN = 4
"""Exit status when a part ended by an exception that it should have handled."""

log = logging.getLogger(__name__)


def main() -> None:
    """Run the operator until SIGTERM or SIGINT."""
    try:
        settings = Settings.parse(os.environ)
    except SettingsError as error:
        sys.exit(f"osnovci-operator: {error}")
    logs.configure(settings.log_level, quiet=("kopf",))
    for handler in logging.getLogger().handlers:
        handler.addFilter(watches.RetriesAreWarnings())
    sys.exit(asyncio.run(run(settings)))


async def run(settings: Settings) -> int:
    """Run the operator; give its exit status."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with await kube.connect() as api:
        operator = Operator(settings, Kube(api))
        return await operator.run(stop)


class Operator:
    """The parts of one replica."""

    def __init__(self, settings: Settings, kube: Kube) -> None:
        self._settings = settings
        self._kube = kube
        self._store = Store()
        self._loop = Loop(self._reconcile)
        self._events = Events(kube, settings.identity)
        self._broker = Broker(settings, kube, self._store, self._loop.wake, self._tell)
        self._channels = Channels(settings, kube, self._store, self._loop.wake)
        sharers = Sharers(self._store, self._channels.reports, self._loop.wake)
        pools = QueuePools(self._store, kube, self._broker, self._events, _now, sharers=sharers)
        apps = Apps(
            self._store,
            kube,
            self._channels,
            self._events,
            _now,
            sharers=sharers,
            nginx_image=settings.nginx_image,
        )
        policies = Policies(
            self._store, self._channels, Reporter(kube, self._events, "Accepted"), _now
        )
        self._reconcilers = {
            QUEUE_POOL.name: pools.reconcile,
            OSNOVCI_APP.name: apps.reconcile,
            RATE_LIMIT_POLICY.name: policies.reconcile,
        }
        self._leader = Leader(kube, settings.own_namespace, settings.identity)
        self._primed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> int:
        """Watch always, reconcile while leading; give the exit status."""
        metrics.publish_statuses(self._store)
        server = await probes.serve(self._settings.port, self._stuck_seconds, self._primed.is_set)
        parts = [asyncio.create_task(self._watch()), asyncio.create_task(self._lead())]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([*parts, stopping], return_when=asyncio.FIRST_COMPLETED)
        ended = [part for part in parts if part.done()]
        await _end([*parts, stopping])
        await server.cleanup()
        return max((part.result() for part in ended), default=0)

    def _stuck_seconds(self) -> float:
        return max(self._loop.stuck_seconds(), self._broker.stuck_seconds())

    async def _watch(self) -> int:
        """Watch, and begin anew from a fresh list when the watches end, until cancelled."""
        settings = self._settings
        while True:
            await self._refresh()
            self._primed.set()
            try:
                await watches.watch(
                    self._store, self._loop.wake, settings.namespaces, settings.identity
                )
            except Exception as error:  # noqa: BLE001  # Kopf passes on whatever ended a watch
                log.warning("the watches ended and begin anew: %r", error)
            await asyncio.sleep(LIST_RETRY_SECONDS)

    async def _refresh(self) -> None:
        """Make the store what the API server has, however long that takes; wait for the CRD."""
        while True:
            try:
                keys = await refresh(self._kube, self._store, self._settings.namespaces)
            except NotFoundError as error:
                log.warning("%s: apply crds/; waiting", error)
            except KubeError as error:
                log.warning("objects cannot be listed: %s; trying again", error)
            else:
                for key in keys:
                    self._loop.wake(key)
                return
            await asyncio.sleep(LIST_RETRY_SECONDS)

    async def _refresh_again(self) -> None:
        while True:
            await asyncio.sleep(RESYNC.total_seconds())
            await self._refresh()

    async def _lead(self) -> int:
        """Reconcile from when this replica leads until it no longer does."""
        await self._primed.wait()
        await self._leader.acquire()
        parts = (
            self._leader.hold(),
            self._broker.run(),
            self._channels.run(),
            self._reconcile_all(),
            self._refresh_again(),
        )
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ends = await _end(tasks)
            await self._leader.release()
        for end in ends:
            if isinstance(end, Exception):
                log.error("a part of the operator ended: stopping", exc_info=end)
                return BROKEN
        log.warning("the Lease is lost: stopping, so that only one replica reconciles")
        return LOST_LEASE

    async def _reconcile_all(self) -> None:
        """Begin from what is, not from what was seen as a follower; then follow the events."""
        await self._refresh()
        for key in self._store.all_keys():
            self._loop.wake(key)
        await self._loop.run()

    async def _tell(self, key: Key, reason: str, note: str) -> None:
        if about := self._store.get(key):
            await self._events.record(key.kind, about.identity, reason, note, warning=True)

    async def _reconcile(self, key: Key) -> timedelta | None:
        return await self._reconcilers[key.kind](key)


def _now() -> datetime:
    return datetime.now(UTC)


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> list[Any]:
    """Cancel tasks and wait for them; give how each ended."""
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    main()
