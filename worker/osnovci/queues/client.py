"""Runs operations on Redis: one client for threads, one for asyncio, both as thin as this."""

from datetime import UTC, datetime
from typing import TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError

from osnovci.contract import key_prefix
from osnovci.queues.scripts import Call

T = TypeVar("T")


class Queues:
    """The queues of a namespace, for synchronous code."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self.redis = redis
        self.prefix = key_prefix(namespace)

    def run(self, call: Call[T]) -> T:
        """Run one operation in one round trip."""
        now = datetime.now(UTC)
        try:
            reply = self.redis.execute_command(*call.by_sha(self.prefix, now))
        except NoScriptError:
            reply = self.redis.execute_command(*call.by_text(self.prefix, now))
        return call.parse(reply)


class AsyncQueues:
    """The queues of a namespace, for asyncio."""

    def __init__(self, redis: AsyncRedis, namespace: str) -> None:
        self.redis = redis
        self.prefix = key_prefix(namespace)

    async def run(self, call: Call[T]) -> T:
        """Run one operation in one round trip."""
        now = datetime.now(UTC)
        try:
            reply = await self.redis.execute_command(*call.by_sha(self.prefix, now))
        except NoScriptError:
            reply = await self.redis.execute_command(*call.by_text(self.prefix, now))
        return call.parse(reply)
