"""Run operations on Redis: one store for threads, one for asyncio, both as thin as this."""

from typing import TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from osnovci.sessions.operations import Operation

T = TypeVar("T")


class Store:
    """The sessions of an app, for synchronous code."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def run(self, operation: Operation[T]) -> T:
        """Run one operation in one round trip."""
        try:
            reply = self._redis.execute_command(*operation.command)
        except NoScriptError:
            reply = self._redis.execute_command(*operation.in_full)
        return operation.parse(reply)


class AsyncStore:
    """The sessions of an app, for asyncio."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def run(self, operation: Operation[T]) -> T:
        """Run one operation in one round trip."""
        try:
            reply = await self._redis.execute_command(*operation.command)
        except NoScriptError:
            reply = await self._redis.execute_command(*operation.in_full)
        return operation.parse(reply)
