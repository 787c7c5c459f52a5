"""Run operations on Redis: one store for threads, one for asyncio, both as thin as this."""

from typing import TypeVar

from redis import Redis

from osnovci.scripted import AsyncRedis, run, run_async
from osnovci.sessions.operations import Operation

T = TypeVar("T")


class Store:
    """The sessions of an app, for synchronous code."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def run(self, operation: Operation[T]) -> T:
        """Run one operation in one round trip."""
        return operation.parse(run(self._redis, operation))


class AsyncStore:
    """The sessions of an app, for asyncio."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def run(self, operation: Operation[T]) -> T:
        """Run one operation in one round trip."""
        return operation.parse(await run_async(self._redis, operation))
