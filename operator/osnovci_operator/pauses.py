"""Tells Redis which queues the specs of a namespace's pools pause, for whoever looks at queues there.

Workers know it from their pool's document; but where all queues of a pool are paused there are none.
"""

import time

import redis.asyncio as redis

from osnovci.contract import paused_by_spec_key
from osnovci_operator.store import Store

EVERY_SECONDS = 1.0
AGAIN_SECONDS = 60.0
"""What was told is told again this often: Redis may have lost it."""


class Pauses:
    """What of one namespace was told, and when."""

    def __init__(self, namespace: str, store: Store) -> None:
        self._namespace = namespace
        self._store = store
        self._told: list[str] | None = None
        self._told_at = self._looked_at = float("-inf")

    async def step(self, client: redis.Redis) -> None:
        """Tell what has changed; once a second it is looked at."""
        now = time.monotonic()
        if now - self._looked_at < EVERY_SECONDS:
            return
        self._looked_at = now
        paused = sorted(
            {name for pool in self._store.pools(self._namespace) for name in pool.spec.paused}
        )
        if paused == self._told and now - self._told_at < AGAIN_SECONDS:
            return
        key = paused_by_spec_key(self._namespace)
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.delete(key)
            if paused:
                pipeline.sadd(key, *paused)
            await pipeline.execute()
        self._told, self._told_at = paused, now
