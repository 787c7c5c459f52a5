"""One connection to Redis for all requests of a process; what is sent in one turn of the loop goes as one.

An answer is there within a time budget, or nobody waits for it any longer; who has a longer one waits on.
A connection that is silent for the longest is given up with all that waits on it. It tries nothing twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from osnovci.scripted import Argument
from osnovci.wire import Clock, Waiting, Wire, expire

BUDGET_SECONDS = 0.05
"""For what is decided without Redis where it gives no answer: limits."""

SESSION_SECONDS = 0.25
"""For what is an error without an answer: sessions. So a Redis that waits for a core is waited for."""

OPENING_SECONDS = 1.0
"""How long a connection may take to be there. Nobody waits for it beyond the budget."""


class Opener:
    """The connection, opened when it is needed and again when it was lost."""

    def __init__(
        self, url: str, budget_seconds: float, heard_late: Callable[[], None] | None
    ) -> None:
        self.wire: Wire | None = None
        """The last one; it may be lost."""
        self._target = Redis.from_url(url).connection_pool.make_connection()
        self._budget_seconds = budget_seconds
        self._heard_late = heard_late
        self._opening: asyncio.Task[Wire] | None = None
        self._waiting: list[Waiting[Wire]] = []
        """For it to open."""
        self._clock = Clock(self._next_seconds)

    async def open_and_put(self, command: bytes, budget_seconds: float) -> Any:
        """Send a command as soon as the connection is there."""
        wire = await self._opened(budget_seconds)
        return await wire.send(command, budget_seconds / 2)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._opening:
            self._opening.cancel()
        if self.wire:
            self.wire.give_up(RedisConnectionError("the connection is closed"))

    def _opened(self, budget_seconds: float) -> asyncio.Future[Wire]:
        """Open it once for all who wait for it, none of whom does so beyond the budget."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._tell)
        future: asyncio.Future[Wire] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, self._clock.now(), budget_seconds))
        return future

    def _tell(self, opening: asyncio.Task[Wire]) -> None:
        """Tell those who wait still what has become of it."""
        error: BaseException | None = None
        if opening.cancelled():
            error = RedisConnectionError("the connection is closed")
        elif told := opening.exception():
            error = told
        waiting, self._waiting = self._waiting, []
        for future, *_ in waiting:
            if future.done():
                continue
            if error:
                future.set_exception(error)
            else:
                future.set_result(opening.result())

    def _next_seconds(self, now: float) -> float | None:
        left = expire(self._waiting, now, "connection")
        self._waiting = [each for each in self._waiting if not each[0].done()]
        return left if self._waiting else None

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
        self.wire = wire
        return wire

    async def _connect(self) -> Wire:
        loop, target = asyncio.get_running_loop(), self._target
        wire = Wire(self._budget_seconds, self._heard_late)
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


class Line:
    """What a process asks Redis by: the connection, and how long an answer is waited for."""

    def __init__(
        self,
        to: str | Opener,
        budget_seconds: float = BUDGET_SECONDS,
        heard_late: Callable[[], None] | None = None,
    ) -> None:
        """Take a URL, or what opens the connection of another.

        `heard_late` is told of each answer that comes when nobody waits for it any more.
        """
        self._opener = Opener(to, budget_seconds, heard_late) if isinstance(to, str) else to
        self._budget_seconds = budget_seconds

    def within(self, budget_seconds: float) -> "Line":
        """Give the same connection for who does not wait as long."""
        return Line(self._opener, budget_seconds)

    async def execute_command(self, *command: Argument) -> Any:
        """Run a command in one round trip.

        Raises what redis-py does: RedisError, or OSError where nobody listens.
        """
        return await self.put(packed(command))

    def put(self, command: bytes) -> Awaitable[Any]:
        """Do the same for a command as it is sent."""
        wire = self._opener.wire
        if wire is None or wire.lost_by:
            return self._opener.open_and_put(command, self._budget_seconds)
        return wire.send(command, self._budget_seconds)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._opener.aclose()


packed: Callable[[Sequence[Argument]], bytes] = cast("Any", hiredis.pack_command)
"""Writes a command as it is sent. Its own types know commands of one word only."""
