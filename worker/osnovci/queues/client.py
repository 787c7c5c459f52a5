"""Runs operations on Redis: one client for threads, one for asyncio, both as thin as this."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, ResponseError

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


class Standing:
    """A connection on which an operation stands behind a command that waits.

    Redis runs it in the moment the wait is over: there is no round trip between the two.
    """

    def __init__(self, redis: AsyncRedis, namespace: str) -> None:
        # of its own: the client's methods would take as long as the operation itself
        self._connection = redis.connection_pool.make_connection()
        self._prefix = key_prefix(namespace)

    async def run(self, wait: Sequence[str | int], call: Call[T], seconds: float) -> T:
        """Run an operation, whose script Redis has to know, after a wait; both within some seconds."""
        both = self._connection.pack_commands([wait, call.by_sha(self._prefix, None)])
        try:
            async with asyncio.timeout(seconds):
                await self._connection.send_packed_command(both)
                await self._wait_is_over()
                reply = await self._connection.read_response()
        except BaseException:
            await self.aclose()
            raise
        return call.parse(reply)

    async def _wait_is_over(self) -> None:
        try:
            await self._connection.read_response()
        except ResponseError as error:
            # by CLIENT UNBLOCK: the operation behind it runs all the same
            if not str(error).startswith("UNBLOCKED"):
                raise

    async def aclose(self) -> None:
        """End the connection, and with it what stands on it; the next `run` opens it again."""
        await self._connection.disconnect(nowait=True)
