"""The example's PostgreSQL: a transaction a job, and a schema that makes itself."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeVar

from homework.accounts import add_demo
from osnovci.database.connection import Connection
from osnovci.database.database import Database
from osnovci.database.settings import DatabaseSettings, DatabaseUrls

Result = TypeVar("Result")

SCHEMA_LOCK = 7_214_001
SCHEMA_SECONDS = 60.0
"""How long others may take that were here first."""
IS_NEWEST = """
    SELECT count(*) = 2 FROM pg_class
    WHERE relname IN ('account', 'notification_of_job') AND pg_table_is_visible(oid)
"""
"""By a table: to_regclass would say again what it said before the lock, however long that was waited for."""
GREATEST_ID = 2**63 - 1
"""Of PostgreSQL's bigint."""

ONE = DatabaseSettings(connections_per_process=1)


def with_database(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run some work in a transaction of its own; the schema is there when it begins."""
    return kept.run(work)


async def ensure_schema(database: Database) -> None:
    """Make the schema where it is not as new as this program."""
    await database.execute_transaction(_ensure_schema)


async def _ensure_schema(connection: Connection) -> None:
    if await connection.fetchval(IS_NEWEST):
        return
    await connection.execute(
        "SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK, timeout_seconds=SCHEMA_SECONDS
    )
    # Who waited for the lock finds all there.
    if not await connection.fetchval(IS_NEWEST):
        await connection.execute(files("homework").joinpath("schema.sql").read_text())
        await add_demo(connection)


class Kept(threading.local):
    """The connection that a thread keeps from job to job: to make one takes longer than most work."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._database: Database | None = None

    def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run some work; after an error, such as the job's timeout amid it, begin anew."""
        self._runner = self._runner or asyncio.Runner()
        try:
            return self._runner.run(self._run(work))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give up the connection, and what still uses it."""
        runner, self._runner = self._runner, None
        if runner:
            with runner:
                runner.run(self._end())

    async def _run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        if not self._database:
            self._database = Database(DatabaseUrls.parse(os.environ), ONE)
            await ensure_schema(self._database)
        return await self._database.execute_transaction(work)

    async def _end(self) -> None:
        unfinished = asyncio.all_tasks() - {asyncio.current_task()}
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        database, self._database = self._database, None
        if database:
            await database.__aexit__(None, None, None)


kept = Kept()
