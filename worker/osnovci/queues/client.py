"""Runs operations on Redis: one client for threads, one for asyncio, both as thin as this."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, ResponseError

from osnovci.contract import key_prefix
from osnovci.queues.scripts import Call
from osnovci.scripted import Argument, run, run_async

T = TypeVar("T")


class Queues:
    """The queues of a namespace, for synchronous code."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self.redis = redis
        self.prefix = key_prefix(namespace)

    def run(self, call: Call[T]) -> T:
        """Run one operation in one round trip."""
        return call.parse(run(self.redis, call.under(self.prefix)))


class AsyncQueues:
    """The queues of a namespace, for asyncio."""

    def __init__(self, redis: AsyncRedis, namespace: str) -> None:
        self.redis = redis
        self.prefix = key_prefix(namespace)

    async def run(self, call: Call[T]) -> T:
        """Run one operation in one round trip."""
        return call.parse(await run_async(self.redis, call.under(self.prefix)))


class Line:
    """A connection of an engine's own, without the client's methods around it.

    They would take as long as the operation itself.
    """

    def __init__(self, redis: AsyncRedis, namespace: str) -> None:
        self._connection = redis.connection_pool.make_connection()
        self._prefix = key_prefix(namespace)

    async def run(self, call: Call[T], told: Callable[[], None]) -> T:
        """Run one operation in one round trip; `told` is called when the system has it to send."""
        asked = call.under(self._prefix)
        try:
            reply = await self._send(asked.command, told=told)
        except NoScriptError:
            reply = await self._send(asked.in_full)
        return call.parse(reply)

    async def stand(self, wait: Sequence[str | int], call: Call[T], seconds: float) -> T:
        """Run an operation, whose script Redis has to know, after a wait; both within some seconds.

        It stands in Redis behind the wait: there is no round trip between the two.
        """
        async with asyncio.timeout(seconds):
            reply = await self._send(wait, call.under(self._prefix).command)
        return call.parse(reply)

    async def _send(
        self, *commands: Sequence[Argument], told: Callable[[], None] = lambda: None
    ) -> Any:
        """Give the last command's reply; whatever goes wrong ends what stands or runs here."""
        try:
            await self._connection.send_packed_command(self._connection.pack_commands(commands))
            told()
            for _ in commands[1:]:
                await self._wait_is_over()
            return await self._connection.read_response()
        except BaseException:
            await self.aclose()
            raise

    async def _wait_is_over(self) -> None:
        try:
            await self._connection.read_response()
        except ResponseError as error:
            # by CLIENT UNBLOCK: the operation behind it runs all the same
            if not str(error).startswith("UNBLOCKED"):
                raise

    async def aclose(self) -> None:
        """End the connection, and with it what stands on it; the next command opens it again."""
        await self._connection.disconnect(nowait=True)
