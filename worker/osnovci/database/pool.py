"""Who has which connection: at most so many, and that may change at any moment.

Whoever acquires waits for a connection, never for a connect of its own: the pool connects while
there are more who wait than connects under way, and gives what becomes free to the first in line.
A connection counts as open until the server has closed its side, so that PostgreSQL counts no more
than the pool does.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Coroutine
from typing import Any

from osnovci.database.driver import Driver, connect
from osnovci.database.errors import AcquireTimeoutError, DatabaseError, PoolClosedError
from osnovci.database.settings import DatabaseSettings, DatabaseUrl
from osnovci.database.statistics import AcquireTimes, PoolStatistics

log = logging.getLogger(__name__)


class Pool:
    """Connections to one server; used by one event loop."""

    def __init__(self, url: DatabaseUrl, settings: DatabaseSettings) -> None:
        self.url = url
        self.settings = settings
        self._idle: deque[Driver] = deque()
        self._in_use: set[Driver] = set()
        self._connecting = 0
        self._closing = 0
        self._waiters: deque[asyncio.Future[Driver]] = deque()
        self._within_size = asyncio.Event()
        self._within_size.set()
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._times = AcquireTimes()

    @property
    def size(self) -> int:
        """The most connections that may be open."""
        return 0 if self._closed else self.settings.connections_per_process

    @property
    def open(self) -> int:
        """The connections that the server has, or is about to have, or is about to lose."""
        return len(self._idle) + len(self._in_use) + self._connecting + self._closing

    def statistics(self) -> PoolStatistics:
        """Say how the pool is."""
        return PoolStatistics(
            size=self.size,
            open=self.open,
            in_use=len(self._in_use),
            waiting=len(self._waiters),
            acquire_p95_seconds=self._times.p95_seconds(asyncio.get_running_loop().time()),
        )

    async def configure(self, settings: DatabaseSettings) -> None:
        """Apply other settings at once; return when no more connections are open than they allow.

        Idle connections above the size close now, and those in use when they are released.
        """
        self.settings = settings
        while self._idle and self.open - self._closing > self.size:
            self._retire(self._idle.popleft())
        self._counted()
        await self._within_size.wait()

    async def acquire(self) -> Driver:
        """Take a connection; whoever waits longest is first.

        Raises AcquireTimeoutError, ConnectError or PoolClosedError.
        """
        if self._closed:
            raise PoolClosedError(f"the pool of PostgreSQL at {self.url} is closed")
        began = asyncio.get_running_loop().time()
        while self._idle:
            driver = self._idle.pop()
            if not driver.is_closed():
                self._in_use.add(driver)
                self._times.note(began, 0.0)
                return driver
        try:
            return await self._wait()
        finally:
            now = asyncio.get_running_loop().time()
            self._times.note(now, now - began)

    async def release(self, driver: Driver) -> None:
        """Give a connection back, as it was when it was new; one that cannot be reset is closed."""
        clean = False
        try:
            if driver.is_closed():
                log.info("a connection to PostgreSQL at %s came back broken", self.url)
            elif driver.is_in_transaction():
                log.warning("a connection came back inside a transaction and is closed")
            else:
                seconds = self.settings.connect_timeout_seconds
                clean = await self._answers(driver, driver.reset(timeout=seconds))
        finally:
            self._in_use.discard(driver)
            self._offer(driver, clean=clean)

    async def ping(self) -> None:
        """Ask each idle connection for a sign of life; close those that give none."""
        for _ in range(len(self._idle)):
            if not self._idle:
                return
            driver = self._idle.popleft()
            self._in_use.add(driver)
            alive = False
            try:
                seconds = self.settings.connect_timeout_seconds
                alive = await self._answers(driver, driver.execute("SELECT 1", timeout=seconds))
            finally:
                self._in_use.discard(driver)
                self._offer(driver, clean=alive)

    async def close(self) -> None:
        """Take no more; wait for those in use as long as a statement may take, then cut them."""
        self._closed = True
        while waiter := self._first_waiter():
            waiter.set_exception(
                PoolClosedError(f"the pool of PostgreSQL at {self.url} was closed")
            )
        while self._idle:
            self._retire(self._idle.pop())
        self._counted()
        try:
            async with asyncio.timeout(self.settings.query_timeout_seconds):
                await self._within_size.wait()
        except TimeoutError:
            log.warning("closing PostgreSQL's pool cuts %d connections in use", len(self._in_use))
            for driver in list(self._in_use):
                driver.terminate()
        await asyncio.gather(*self._tasks)

    async def _wait(self) -> Driver:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Driver] = loop.create_future()
        self._waiters.append(waiter)
        self._grow()
        seconds = self.settings.acquire_timeout_seconds
        timer = loop.call_later(seconds, self._give_up, waiter, seconds)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter.cancelled() and not waiter.exception():
                # It was handed over at the same moment.
                self._in_use.discard(waiter.result())
                self._offer(waiter.result(), clean=True)
            raise
        finally:
            timer.cancel()

    async def _answers(self, driver: Driver, asked: Awaitable[object]) -> bool:
        """Tell whether a connection does what it was asked; whatever is wrong, it is not used again."""
        try:
            await asked
        except TimeoutError:
            log.warning("a connection to PostgreSQL at %s does not answer and is cut", self.url)
            driver.terminate()
        except Exception as error:  # noqa: BLE001  # a wrong answer of any kind
            log.info("a connection to PostgreSQL at %s is closed: %s", self.url, error)
        else:
            return True
        return False

    def _first_waiter(self) -> asyncio.Future[Driver] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _give_up(self, waiter: asyncio.Future[Driver], seconds: float) -> None:
        if not waiter.done():
            message = f"no connection to PostgreSQL at {self.url} was free within {seconds:g} s"
            waiter.set_exception(AcquireTimeoutError(f"{message}: {self.statistics()}"))
            self._waiters.remove(waiter)

    def _grow(self) -> None:
        """Connect for those who wait, as far as the size allows."""
        while self._connecting < len(self._waiters) and self.open < self.size:
            self._connecting += 1
            self._start(self._connect())

    async def _connect(self) -> None:
        try:
            driver = await connect(self.url, self.settings)
        except DatabaseError as error:
            self._connecting -= 1
            if waiter := self._first_waiter():
                told = type(error)(f"{error} ({self.statistics()})")
                told.__cause__ = error.__cause__
                waiter.set_exception(told)
            self._counted()
            return
        driver.add_termination_listener(self._forget)
        self._connecting -= 1
        self._offer(driver, clean=True)

    def _offer(self, driver: Driver, *, clean: bool) -> None:
        """Hand a connection to the first who waits, or keep it, or close it."""
        if not clean or driver.is_closed() or self.open - self._closing >= self.size:
            self._retire(driver)
        elif waiter := self._first_waiter():
            self._in_use.add(driver)
            waiter.set_result(driver)
        else:
            self._idle.append(driver)
        self._counted()

    def _forget(self, driver: Driver) -> None:
        """Drop an idle connection that the server has ended."""
        if driver in self._idle:
            self._idle.remove(driver)
            self._counted()

    def _retire(self, driver: Driver) -> None:
        if not driver.is_closed():
            self._closing += 1
            self._start(self._close(driver))

    async def _close(self, driver: Driver) -> None:
        """Close and wait for the server to do so, which is when it counts one less."""
        try:
            await driver.close(timeout=self.settings.connect_timeout_seconds)
        except Exception as error:  # noqa: BLE001  # asyncpg has cut the connection then
            log.info("a connection to PostgreSQL at %s was cut: %s", self.url, error)
        finally:
            self._closing -= 1
            self._counted()

    def _counted(self) -> None:
        """Follow a change of the counts: who waits for room, and who waits for the shrink."""
        if self.open <= self.size:
            self._within_size.set()
        else:
            self._within_size.clear()
        self._grow()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
