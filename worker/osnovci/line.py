"""One connection to Redis for all requests of a process; what is sent in one turn of the loop goes as one.

An answer is there within a time budget, or the connection is given up with all that waits on it: a
Redis that is slow for one is slow for all. It tries nothing twice.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from osnovci.scripted import Argument

BUDGET_SECONDS = 0.05

STALLED_SECONDS = 0.01
"""A timer that is so late tells that this process stood still; answers may be there unread."""

LOOK_SECONDS = 0.002

OPENING_SECONDS = 1.0
"""How long a connection may take to be there. Nobody waits for it beyond the budget."""

_NOTHING = object()


class Wire(asyncio.Protocol):
    """A connection that is there: answers come in the order of what was sent."""

    def __init__(self, budget_seconds: float) -> None:
        self.is_lost = False
        self._budget_seconds = budget_seconds
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hear that it is there."""
        # uvloop's is none by its class
        self._transport = cast("asyncio.Transport", transport)

    def send(self, packed: bytes, budget_seconds: float) -> asyncio.Future[Any]:
        """Send a command, of which the answer is awaited for so long."""
        loop = self._loop
        future: asyncio.Future[Any] = loop.create_future()
        deadline = loop.time() + budget_seconds
        self._waiting.append((future, deadline))
        if not self._unsent:
            loop.call_soon(self._flush)
        self._unsent.append(packed)
        if not self._timer:
            self._timer = loop.call_at(deadline, self._look_at_clock)
        return future

    def _flush(self) -> None:
        if self._transport and self._unsent:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Hear answers."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while (reply := reader.gets()) is not _NOTHING:
            future, _ = waiting.popleft()
            if future.done():
                continue  # nobody waits any more
            if not isinstance(reply, hiredis.ReplyError):
                future.set_result(reply)
                continue
            error = _error(str(reply))
            future.set_exception(error)
            if isinstance(error, ReadOnlyError):
                # After a failover, a new connection finds the primary.
                self.give_up(RedisConnectionError("this Redis is the primary no longer"))
                return

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that it is gone."""
        self.give_up(RedisConnectionError(f"the connection is lost: {exc or 'Redis closed it'}"))

    def give_up(self, error: Exception) -> None:
        """End the connection and all that waits on it."""
        self.is_lost = True
        if self._timer:
            self._timer.cancel()
        if self._transport:
            self._transport.abort()
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)

    def _look_at_clock(self, since: float | None = None) -> None:
        """See whether the oldest answer is overdue; it is one timer for all."""
        self._timer = None
        if not self._waiting:
            return
        now, deadline = self._loop.time(), self._waiting[0][1]
        if now < deadline:
            self._timer = self._loop.call_at(deadline, self._look_at_clock)
        elif now - deadline > STALLED_SECONDS and since is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look_at_clock, now)
        else:
            self.give_up(RedisTimeoutError(f"no answer within {self._budget_seconds * 1000:g} ms"))


class Line:
    """The connection, opened when it is needed and again when it was lost."""

    def __init__(self, url: str, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._target = Redis.from_url(url).connection_pool.make_connection()
        self._budget_seconds = budget_seconds
        self._wire: Wire | None = None
        self._opening: asyncio.Task[Wire] | None = None

    async def execute_command(self, *command: Argument) -> Any:
        """Run a command in one round trip.

        Raises what redis-py does: RedisError, or OSError where nobody listens.
        """
        return await self.put(packed(command))

    def put(self, command: bytes) -> Awaitable[Any]:
        """Do the same for a command as it is sent."""
        wire = self._wire
        if wire is None or wire.is_lost:
            return self._open_and_put(command)
        return wire.send(command, self._budget_seconds)

    async def _open_and_put(self, command: bytes) -> Any:
        async with asyncio.timeout(self._budget_seconds):
            wire = await self._opened()
        return await wire.send(command, self._budget_seconds / 2)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._opening:
            self._opening.cancel()
        if self._wire:
            self._wire.give_up(RedisConnectionError("the connection is closed"))

    async def _opened(self) -> Wire:
        """Open it once for all who wait for it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            # Whoever waited for it may have left.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Wire:
        wire: Wire | None = None
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                wire = await self._connect()
                await self._greet(wire)
        except BaseException as error:
            if wire:
                wire.give_up(RedisConnectionError(str(error)))
            if isinstance(error, TimeoutError):
                raise RedisTimeoutError(f"no connection within {OPENING_SECONDS:g} s") from error
            raise
        self._wire = wire
        return wire

    async def _connect(self) -> Wire:
        loop, target = asyncio.get_running_loop(), self._target
        wire = Wire(self._budget_seconds)
        if isinstance(target, UnixDomainSocketConnection):
            await loop.create_unix_connection(lambda: wire, target.path)
            return wire
        assert isinstance(target, Connection)
        tls = target.ssl_context.get() if isinstance(target, SSLConnection) else None
        await loop.create_connection(lambda: wire, target.host, int(target.port), ssl=tls)
        return wire

    async def _greet(self, wire: Wire) -> None:
        """Log in and choose the database, in one round trip."""
        target = self._target
        commands: list[Sequence[Argument]] = []
        if target.password:
            user = (target.username,) if target.username else ()
            commands.append(("AUTH", *user, target.password))
        if target.db:
            commands.append(("SELECT", target.db))
        commands.append(("CLIENT", "SETNAME", "osnovci-web"))
        # Each is waited for, so that no failure stays unheard.
        for found in await asyncio.gather(
            *(wire.send(packed(each), OPENING_SECONDS) for each in commands), return_exceptions=True
        ):
            if isinstance(found, BaseException):
                raise found


packed: Callable[[Sequence[Argument]], bytes] = cast("Any", hiredis.pack_command)
"""Writes a command as it is sent. Its own types know commands of one word only."""


def _error(text: str) -> ResponseError:
    kinds = {"NOSCRIPT": NoScriptError, "READONLY": ReadOnlyError}
    return kinds.get(text.partition(" ")[0], ResponseError)(text)
