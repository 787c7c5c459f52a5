"""One connection to Redis for all requests of a process; what is sent in one turn of the loop goes as one.

An answer is there within a time budget, or the connection is given up with all that waits on it: a
Redis that is slow for one is slow for all. It tries nothing twice. The budget is Redis's: while this
process itself stands still, and reads no answer that may be there, the clock stands too.
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

LOOK_SECONDS = 0.01
"""From one look at the clock to the next, while somebody waits."""

OPENING_SECONDS = 1.0
"""How long a connection may take to be there. Nobody waits for it beyond the budget."""

_NOTHING = object()


class Clock:
    """Redis's time since somebody waits for it: it stands still while this process does.

    One timer looks for all; `look` is told the time, and says how long the next to wait may do so, or
    None where nobody waits.
    """

    def __init__(self, look: Callable[[float], float | None]) -> None:
        self._look = look
        self._seconds = 0.0
        self._looked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Give the time to who begins to wait."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._timer:
            self._looked_at = now
            self._timer = loop.call_later(LOOK_SECONDS, self._tick, loop)
        return self._seconds + min(now - self._looked_at, LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        passed = now - self._looked_at
        # This look is late, and what has come since the last was not read: it counts as if it were not.
        self._seconds += passed if passed < 2 * LOOK_SECONDS else LOOK_SECONDS
        self._looked_at = now
        left = self._look(self._seconds)
        if left is not None:
            self._timer = loop.call_later(min(left, LOOK_SECONDS), self._tick, loop)


class Wire(asyncio.Protocol):
    """A connection that is there: answers come in the order of what was sent."""

    def __init__(self, budget_seconds: float) -> None:
        self.lost_by: Exception | None = None
        """Why nothing can be sent any more."""
        self._budget_seconds = budget_seconds
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        """Each with its deadline by the clock."""
        self._clock = Clock(self._next_seconds)
        self._unsent: list[bytes] = []
        self._began = 0.0
        """When, by the clock, the first of them was sent."""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hear that it is there."""
        # uvloop's is none by its class
        self._transport = cast("asyncio.Transport", transport)

    def send(self, packed: bytes, budget_seconds: float) -> asyncio.Future[Any]:
        """Send a command, of which the answer is awaited for so long."""
        loop = self._loop
        future: asyncio.Future[Any] = loop.create_future()
        if self.lost_by:
            # since it was given to who sends
            future.set_exception(self.lost_by)
            return future
        if not self._unsent:
            # The clock is asked once for all that goes together.
            self._began = self._clock.now()
            loop.call_soon(self._flush)
        self._waiting.append((future, self._began + budget_seconds))
        self._unsent.append(packed)
        return future

    def _flush(self) -> None:
        if self._transport and self._unsent and not self.lost_by:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Hear answers."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while (reply := reader.gets()) is not _NOTHING:
            if not waiting:
                # Unasked it says only that it has too many clients, before it closes the connection.
                self.give_up(_error(str(reply)))
                return
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
        self.lost_by = self.lost_by or error
        self._clock.stop()
        if self._transport:
            self._transport.abort()
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)

    def _next_seconds(self, now: float) -> float | None:
        """See whether the oldest answer is overdue."""
        if not self._waiting:
            return None
        left = self._waiting[0][1] - now
        if left > 0:
            return left
        self.give_up(RedisTimeoutError(f"no answer within {self._budget_seconds * 1000:g} ms"))
        return None


class Line:
    """The connection, opened when it is needed and again when it was lost."""

    def __init__(self, url: str, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._target = Redis.from_url(url).connection_pool.make_connection()
        self._budget_seconds = budget_seconds
        self._wire: Wire | None = None
        self._opening: asyncio.Task[Wire] | None = None
        self._waiting: deque[tuple[asyncio.Future[Wire], float]] = deque()
        """For it to open, each with its deadline by the clock."""
        self._clock = Clock(self._next_seconds)

    async def execute_command(self, *command: Argument) -> Any:
        """Run a command in one round trip.

        Raises what redis-py does: RedisError, or OSError where nobody listens.
        """
        return await self.put(packed(command))

    def put(self, command: bytes) -> Awaitable[Any]:
        """Do the same for a command as it is sent."""
        wire = self._wire
        if wire is None or wire.lost_by:
            return self._open_and_put(command)
        return wire.send(command, self._budget_seconds)

    async def _open_and_put(self, command: bytes) -> Any:
        wire = await self._opened()
        return await wire.send(command, self._budget_seconds / 2)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._opening:
            self._opening.cancel()
        if self._wire:
            self._wire.give_up(RedisConnectionError("the connection is closed"))

    def _opened(self) -> asyncio.Future[Wire]:
        """Open it once for all who wait for it, none of whom does so beyond the budget."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._tell)
        future: asyncio.Future[Wire] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, self._clock.now() + self._budget_seconds))
        return future

    def _tell(self, opening: asyncio.Task[Wire]) -> None:
        """Tell those who wait still what has become of it."""
        error: BaseException | None = None
        if opening.cancelled():
            error = RedisConnectionError("the connection is closed")
        elif told := opening.exception():
            error = told
        while self._waiting:
            future, _ = self._waiting.popleft()
            if future.done():
                continue
            if error:
                future.set_exception(error)
            else:
                future.set_result(opening.result())

    def _next_seconds(self, now: float) -> float | None:
        while self._waiting:
            future, deadline = self._waiting[0]
            if now < deadline:
                return deadline - now
            self._waiting.popleft()
            if not future.done():
                future.set_exception(
                    RedisTimeoutError(f"no connection within {self._budget_seconds * 1000:g} ms")
                )
        return None

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
