"""The operator's process: settings in, watches, leader and loop together, an orderly end."""

import asyncio
import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from osnovci import logs
from osnovci_operator import kube, metrics, probes, watches
from osnovci_operator.broker import Broker
from osnovci_operator.errors import KubeError, NotFoundError, RefusedError, SettingsError
from osnovci_operator.events import Events
from osnovci_operator.kube import Kube
from osnovci_operator.labels import POOL
from osnovci_operator.leader import Leader
from osnovci_operator.loop import Loop
from osnovci_operator.queuepool.reconcile import QueuePools
from osnovci_operator.queuepool.spec import KIND
from osnovci_operator.resource import Key
from osnovci_operator.settings import Settings
from osnovci_operator.store import DEPLOYMENT, POD, Store

PRIME_RETRY_SECONDS = 2.0
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
        self._broker = Broker(settings, kube, self._store, self._loop.wake)
        events = Events(kube, settings.identity)
        self._pools = QueuePools(
            self._store, kube, self._broker, events, now=lambda: datetime.now(UTC)
        )
        self._leader = Leader(kube, settings.own_namespace, settings.identity)
        self._primed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> int:
        """Watch always, reconcile while leading; give the exit status."""
        metrics.publish_pools(self._store)
        server = await probes.serve(
            self._settings.port, self._loop.stuck_seconds, self._primed.is_set
        )
        tasks = [asyncio.create_task(self._watch(stop)), asyncio.create_task(self._lead(stop))]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await self._leader.release()
        for task in [*tasks, stopping]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.cleanup()
        return max((task.result() for task in tasks if task in done), default=0)

    async def _watch(self, stop: asyncio.Event) -> int:
        """Watch until told to stop; begin anew, from a fresh list, when the watches end."""
        settings = self._settings
        while not stop.is_set():
            await self._prime()
            for key in self._store.pool_keys():
                self._loop.wake(key)
            try:
                await watches.watch(
                    self._store, self._loop.wake, settings.namespaces, settings.identity, stop
                )
            except Exception as error:  # noqa: BLE001  # Kopf passes on whatever ended a watch
                log.warning("the watches ended and begin anew: %r", error)
                await asyncio.sleep(PRIME_RETRY_SECONDS)
        return 0

    async def _prime(self) -> None:
        """List everything, so that nothing is decided on half of it; wait for the CRD."""
        while True:
            try:
                self._store.clear()
                for namespace in self._settings.namespaces:
                    await self._list(namespace)
            except NotFoundError:
                log.warning("there is no CRD queuepools.osnovci.app: apply crds/; waiting")
            except KubeError as error:
                log.warning("objects cannot be listed: %s; trying again", error)
            else:
                self._primed.set()
                return
            await asyncio.sleep(PRIME_RETRY_SECONDS)

    async def _list(self, namespace: str) -> None:
        try:
            for kind, selector in ((POD, POOL), (DEPLOYMENT, POOL), (KIND, "")):
                for body in await self._kube.list(kind, namespace, selector):
                    self._store.put(body)
        except RefusedError as error:
            log.warning(
                "namespace %s is not served: %s; apply manifests/namespace there, "
                "or take it out of OSNOVCI_NAMESPACES",
                namespace,
                error,
            )

    async def _lead(self, stop: asyncio.Event) -> int:
        await self._leader.acquire()
        await self._primed.wait()
        for key in self._store.pool_keys():
            self._loop.wake(key)
        work = [asyncio.create_task(self._loop.run()), asyncio.create_task(self._broker.run())]
        holding = asyncio.create_task(self._leader.hold())
        try:
            await asyncio.wait([*work, holding], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in [*work, holding]:
                task.cancel()
            ends = await asyncio.gather(*work, holding, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                log.error("a part of the operator ended: stopping", exc_info=end)
                return BROKEN
        if not stop.is_set():
            log.warning("the Lease is lost: stopping, so that only one replica reconciles")
            return LOST_LEASE
        return 0

    async def _reconcile(self, key: Key) -> timedelta | None:
        return await self._pools.reconcile(key)


if __name__ == "__main__":
    main()
