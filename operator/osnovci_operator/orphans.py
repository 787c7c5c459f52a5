"""Jobs of pods that are gone: freed at once, not when the lease ends, so that they run again.

No lease is freed on the word of the cache, which may lag behind a new pod or miss one whose label
was taken off: a pod that holds jobs and seems gone is asked for by its name. Names of pods are
never used again, so one that held a lease and does not exist has ended.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import redis.asyncio as redis

from osnovci.contract import key_prefix
from osnovci.queues.client import AsyncQueues
from osnovci.queues.operations import release
from osnovci.words import counted
from osnovci_operator import metrics
from osnovci_operator.events import Tell
from osnovci_operator.pods import is_pod_of
from osnovci_operator.resource import Key
from osnovci_operator.store import Store

HOLDERS_EVERY_SECONDS = 60.0
"""How often all holders of leases are compared with the pods: after a start, and for what was missed."""

Exists = Callable[[str], Awaitable[bool]]
"""Whether a pod of this name exists and has not ended, as the API server says now."""


class Orphans:
    """Watches which pods of a namespace go, and frees what they held."""

    def __init__(self, namespace: str, store: Store, exists: Exists, tell: Tell) -> None:
        self._namespace = namespace
        self._prefix = key_prefix(namespace)
        self._store = store
        self._exists = exists
        self._tell = tell
        self._watched: dict[str, Key] = {}
        """Pods that were seen, or hold a lease, each with its pool; until they are gone and freed."""
        self._holders_at = 0.0

    async def step(self, client: redis.Redis) -> None:
        """Free the jobs of pods that went since the last step.

        What raises leaves them watched: the next step tries again.
        """
        if time.monotonic() >= self._holders_at:
            await self._watch_holders(client)
            self._holders_at = time.monotonic() + HOLDERS_EVERY_SECONDS
        present = self._store.pods_in(self._namespace)
        gone = [pod for pod in self._watched if pod not in present]
        self._watched |= present
        if not gone:
            return
        freed = await self._free(client, await self._ended(await self._holding(client, gone)))
        owners = {pod: self._watched.pop(pod) for pod in gone}
        for pod, jobs in freed.items():
            await self._announce(owners[pod], pod, jobs)

    async def _watch_holders(self, client: redis.Redis) -> None:
        """Watch every holder that by its name is a pod of one of the pools, and no other."""
        pools = list(self._store.pools(self._namespace))
        present = self._store.pods_in(self._namespace)
        for holder in map(str, await client.zrange(f"{self._prefix}leases", 0, -1)):
            if holder in present:
                continue
            for pool in pools:
                if is_pod_of(pool.identity.name, holder):
                    self._watched.setdefault(holder, pool.key)

    async def _holding(self, client: redis.Redis, pods: list[str]) -> list[str]:
        """Give those that hold jobs or a lease; a worker that ended in order left neither."""
        async with client.pipeline(transaction=False) as pipeline:
            for pod in pods:
                pipeline.exists(f"{self._prefix}held:{pod}")
                pipeline.zscore(f"{self._prefix}leases", pod)
            found = await pipeline.execute()
        pairs = zip(found[::2], found[1::2], strict=True)
        return [
            pod for pod, (held, lease) in zip(pods, pairs, strict=True) if held or lease is not None
        ]

    async def _ended(self, pods: list[str]) -> list[str]:
        exist = await asyncio.gather(*(self._exists(pod) for pod in pods))
        return [pod for pod, there in zip(pods, exist, strict=True) if not there]

    async def _free(self, client: redis.Redis, pods: Iterable[str]) -> dict[str, int]:
        queues = AsyncQueues(client, self._namespace)
        return {
            pod: await queues.run(release(pod, f"Its pod {pod} is gone.", on_purpose=True))
            for pod in pods
        }

    async def _announce(self, pool: Key, pod: str, jobs: int) -> None:
        if not jobs:
            return
        metrics.FREED.labels(pool.namespace, pool.name).inc(jobs)
        verb = "waits" if jobs == 1 else "wait"
        note = f"pod {pod} is gone: {counted(jobs, 'job')} that it held {verb} again"
        await self._tell(pool, "JobsFreed", note)
