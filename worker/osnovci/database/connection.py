"""What is lent: a connection whose statements have timeouts, clear errors, and are watched."""

import logging
from collections.abc import Awaitable, Iterable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, TypeVar

import asyncpg

from osnovci.database.driver import Driver
from osnovci.database.errors import ConnectionLostError, PoolClosedError, QueryTimeoutError
from osnovci.database.fingerprint import fingerprint
from osnovci.database.pool import Pool
from osnovci.database.retries import broke

log = logging.getLogger(__name__)
T = TypeVar("T")
Row = asyncpg.Record
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
SHOWN_CHARACTERS = 300


class Connection:
    """A connection while it is lent; afterwards it refuses.

    The methods are asyncpg's; `timeout_seconds` replaces `query_timeout_seconds`.
    """

    __slots__ = ("_driver", "_pool")

    def __init__(self, driver: Driver, pool: Pool) -> None:
        self._driver: Driver | None = driver
        self._pool = pool

    @property
    def driver(self) -> Driver:
        """Asyncpg's own connection, for what is not here: COPY, LISTEN, codecs. It has no timeouts."""
        if self._driver is None:
            raise PoolClosedError("this connection was given back: use it inside its `async with`")
        return self._driver

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; a connection that broke has none."""
        return not self.driver.is_closed() and self.driver.is_in_transaction()

    async def execute(
        self, statement: str, *values: object, timeout_seconds: float | None = None
    ) -> str:
        """Run a statement; give its status, such as `UPDATE 3`."""
        within = self._within(timeout_seconds)
        return await self._watch(
            statement, within, self.driver.execute(statement, *values, timeout=within)
        )

    async def executemany(
        self,
        statement: str,
        rows: Iterable[Sequence[object]],
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        """Run a statement once for each row of values, all or none."""
        within = self._within(timeout_seconds)
        await self._watch(
            statement, within, self.driver.executemany(statement, rows, timeout=within)
        )

    async def fetch(
        self, statement: str, *values: object, timeout_seconds: float | None = None
    ) -> list[Row]:
        """Give all rows."""
        within = self._within(timeout_seconds)
        return await self._watch(
            statement, within, self.driver.fetch(statement, *values, timeout=within)
        )

    async def fetchrow(
        self, statement: str, *values: object, timeout_seconds: float | None = None
    ) -> Row | None:
        """Give the first row."""
        within = self._within(timeout_seconds)
        return await self._watch(
            statement, within, self.driver.fetchrow(statement, *values, timeout=within)
        )

    async def fetchval(
        self, statement: str, *values: object, timeout_seconds: float | None = None
    ) -> Any:
        """Give the first column of the first row."""
        within = self._within(timeout_seconds)
        return await self._watch(
            statement, within, self.driver.fetchval(statement, *values, timeout=within)
        )

    def detach(self) -> Driver:
        """End the loan."""
        driver, self._driver = self.driver, None
        return driver

    def _within(self, seconds: float | None) -> float:
        return self._pool.settings.query_timeout_seconds if seconds is None else seconds

    async def _watch(self, statement: str, seconds: float, running: Awaitable[T]) -> T:
        """Await a statement; say clearly how it failed, and that it was slow."""
        began = perf_counter()
        try:
            return await running
        except TimeoutError:
            raise QueryTimeoutError(
                f"no answer within {seconds:g} s, canceled: {shown(statement)} "
                f"({self._pool.statistics()})"
            ) from None
        except ERRORS as error:
            if broke(error) or self.driver.is_closed():
                raise self._lost(statement, error) from error
            raise
        finally:
            took = perf_counter() - began
            if took > self._pool.settings.slow_query_seconds:
                log.warning("slow statement, %.3f s: %s", took, shown(statement))

    def _lost(self, statement: str, error: Exception) -> ConnectionLostError:
        return ConnectionLostError(
            f"the connection to PostgreSQL at {self._pool.url} broke at: {shown(statement)} ({error})"
        )


class Loan:
    """`async with Loan(pool) as connection`: acquires, and releases at the end."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        self._connection = Connection(await self._pool.acquire(), self._pool)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._pool.release(self._connection.detach())


def shown(statement: str) -> str:
    """Give a statement as messages show it: without values, and not too long."""
    text = fingerprint(statement)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} ..."
