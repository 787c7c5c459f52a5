"""A connection to Redis for all requests of a process, and how long who asks waits for it.

A time budget is Redis's: while this process itself stands still, and reads no answer that may be there,
the clock stands too.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar, cast

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

LOOK_SECONDS = 0.01
"""From one look at the clock to the next, while somebody waits."""

T = TypeVar("T")
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


Waiting: TypeAlias = tuple[asyncio.Future[T], float, float]
"""Somebody waits: since when by the clock, and for how many seconds. One for each request, so a bare tuple."""


def expire(waiting: Iterable[Waiting[Any]], now: float, what: str) -> float:
    """Let those wait no longer whose time is over; give the seconds that the next has left."""
    soonest = float("inf")
    for future, since, budget_seconds in waiting:
        if future.done():
            continue
        left = since + budget_seconds - now
        if left > 0:
            soonest = min(soonest, left)
        else:
            told = f"no {what} within {budget_seconds * 1000:g} ms"
            future.set_exception(RedisTimeoutError(told))
    return soonest


class Wire(asyncio.Protocol):
    """A connection that is there: answers come in the order of what was sent.

    It is given up as soon as one has been outstanding for `budget_seconds`, and for what was allowed it.
    """

    def __init__(self, budget_seconds: float, heard_late: Callable[[], None] | None = None) -> None:
        self.lost_by: Exception | None = None
        """Why nothing can be sent any more."""
        self._budget_seconds = budget_seconds
        self._heard_late = heard_late
        """Is told of an answer for which nobody waits any more."""
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[Waiting[Any]] = deque()
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
        self._waiting.append((future, self._began, budget_seconds))
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
            future = waiting.popleft()[0]
            if future.done():
                if self._heard_late:
                    self._heard_late()
                continue
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
            future = self._waiting.popleft()[0]
            if not future.done():
                future.set_exception(error)

    def _next_seconds(self, now: float) -> float | None:
        """See which answers are overdue, and whether the oldest is so for good."""
        if not self._waiting:
            return None
        _, since, budget_seconds = self._waiting[0]
        most = max(budget_seconds, self._budget_seconds)
        left = since + most - now
        if left <= 0:
            self.give_up(RedisTimeoutError(f"no answer within {most * 1000:g} ms"))
            return None
        # Its answer may come yet, and those after it: others have longer to wait for theirs.
        return min(left, expire(self._waiting, now, "answer"))


def _error(text: str) -> ResponseError:
    kinds = {"NOSCRIPT": NoScriptError, "READONLY": ReadOnlyError}
    return kinds.get(text.partition(" ")[0], ResponseError)(text)
