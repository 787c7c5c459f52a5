"""The database of an application: what it borrows, runs and asks."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import asyncpg

from osnovci.database.connection import Connection, Loan
from osnovci.database.errors import BatchError, ConnectError, DatabaseError
from osnovci.database.pool import Pool
from osnovci.database.replica import INSERTED, UNREACHED, Replica, read_token, write_token
from osnovci.database.retries import may_retry, wait_seconds
from osnovci.database.settings import DatabaseSettings, DatabaseUrls
from osnovci.database.statistics import PoolStatistics
from osnovci.database.transaction import Isolation, transaction

log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]
"""What is done with a connection; in a transaction it may be done more than once."""

HEALTH_SECONDS = 2.0


@dataclass(frozen=True)
class DatabaseHealth:
    """The `database` check of /api/health."""

    ok: bool
    message: str
    latency_seconds: float
    pool: PoolStatistics


class Database:
    """A primary, a replica where there is one, and their pools; `async with` opens and closes it.

    Nothing is connected before it is needed: a database that is away does not keep a pod from
    starting.
    """

    def __init__(
        self,
        urls: DatabaseUrls,
        settings: DatabaseSettings | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings or DatabaseSettings()
        self._draw = draw
        self._primary = Pool(urls.primary, self.settings)
        self.replica = urls.replica and Replica(Pool(urls.replica, self.settings), self._primary)
        self._pinging: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._pinging = asyncio.create_task(self._ping())
        if self.replica:
            self._watching = asyncio.create_task(self.replica.watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._pinging, self._watching) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in self._pools))

    @property
    def _pools(self) -> list[Pool]:
        return [self._primary, *([self.replica.pool] if self.replica else [])]

    async def configure(self, settings: DatabaseSettings) -> None:
        """Apply other settings at once; return when no more connections are open than they allow."""
        before, self.settings = self.settings, settings
        if self._pinging and before.ping_interval_seconds != settings.ping_interval_seconds:
            self._pinging.cancel()
            self._pinging = asyncio.create_task(self._ping())
        await asyncio.gather(*(pool.configure(settings) for pool in self._pools))

    def connection(self) -> Loan:
        """Borrow a connection to the primary: `async with database.connection() as connection`."""
        return Loan(self._primary)

    def reading(self, after: str = "") -> "Reading":
        """Borrow one to read from: to the replica where it is fresh and has what `after` names."""
        return Reading(self._primary, self.replica, read_token(after) if after else 0)

    async def write_token(self) -> str:
        """Name everything committed so far, for `reading(after=...)` here or in another process.

        Without a replica, or where it cannot be found out, it is still right; it never raises,
        since what was written is committed.
        """
        if not self.replica:
            return write_token(UNREACHED)
        try:
            async with self.connection() as connection:
                return write_token(await connection.fetchval(INSERTED))
        except (DatabaseError, asyncpg.PostgresError) as error:
            log.warning("reads after this write go to the primary: %s", error)
            return write_token(UNREACHED)

    async def execute_transaction(
        self, work: Work[T], isolation: Isolation | None = None, retries: int = 3
    ) -> T:
        """Run some work in a transaction, again where PostgreSQL asks for it or nothing was done yet.

        It may run up to `retries + 1` times: what it does besides the database, it does each time.
        Raises CommitOutcomeUnknownError, and what the last attempt raised.
        """
        for attempt in range(retries + 1):
            try:
                async with self.connection() as connection, transaction(connection, isolation):
                    return await work(connection)
            except (DatabaseError, asyncpg.PostgresError) as error:
                if attempt == retries or not may_retry(error):
                    raise
                log.info("transaction runs again (%d of %d): %s", attempt + 1, retries, error)
            await asyncio.sleep(wait_seconds(attempt, self._draw()))
        raise AssertionError("the last attempt returns or raises")

    async def execute_batch(self, operations: Sequence[Work[T]], size: int = 10) -> list[T]:
        """Run many operations, so many in one transaction; give their results in order.

        Raises BatchError, which has the results of those that are committed.
        """
        results: list[T] = []
        for start in range(0, len(operations), size):
            batch = operations[start : start + size]

            async def run(connection: Connection, batch: Sequence[Work[T]] = batch) -> list[T]:
                return [await operation(connection) for operation in batch]

            try:
                results += await self.execute_transaction(run)
            except Exception as error:
                # PostgreSQL's text may quote values; whoever wants it has the cause.
                raise BatchError(
                    f"operations {start + 1} to {start + len(batch)} of {len(operations)} failed "
                    f"({type(error).__name__}), and the {start} before them are committed",
                    results,
                ) from error
        return results

    def statistics(self) -> PoolStatistics:
        """Say how the pool of the primary is, for the heartbeat."""
        return self._primary.statistics()

    async def health(self) -> DatabaseHealth:
        """Ask the primary for a sign of life; never raises for a database that is away."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        ok, message = True, "answers"
        try:
            async with asyncio.timeout(HEALTH_SECONDS), self.connection() as connection:
                await connection.fetchval("SELECT 1")
        except TimeoutError:
            ok, message = False, f"no answer within {HEALTH_SECONDS:g} s: {self.statistics()}"
        except (DatabaseError, asyncpg.PostgresError) as error:
            ok, message = False, str(error)
        return DatabaseHealth(ok, message, loop.time() - began, self.statistics())

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(self.settings.ping_interval_seconds)
            for pool in self._pools:
                await pool.ping()


class Reading:
    """`async with` a connection to read from: the replica's if it serves, else the primary's."""

    def __init__(self, primary: Pool, replica: Replica | None, after_lsn: int) -> None:
        self._primary = primary
        self._replica = replica
        self._after_lsn = after_lsn

    async def __aenter__(self) -> Connection:
        if self._replica and self._replica.serves(self._after_lsn):
            self._loan = Loan(self._replica.pool)
            try:
                return await self._loan.__aenter__()
            except ConnectError as error:
                log.warning("a read goes to the primary: %s", error)
        self._loan = Loan(self._primary)
        return await self._loan.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._loan.__aexit__(kind, error, trace)
