"""The example's PostgreSQL: a transaction a job, and a schema that makes itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeVar

from osnovci.database.connection import Connection
from osnovci.database.database import Database
from osnovci.database.settings import DatabaseSettings, DatabaseUrls

Result = TypeVar("Result")

SCHEMA_LOCK = 7_214_001
GREATEST_ID = 2**63 - 1
"""Of PostgreSQL's bigint."""

ONE = DatabaseSettings(connections_per_process=1)


def with_database(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run some work in a transaction of its own; the schema is there when it begins."""
    return asyncio.run(_with_database(work))


async def _with_database(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    async with Database(DatabaseUrls.parse(os.environ), ONE) as database:
        await ensure_schema(database)
        return await database.execute_transaction(work)


async def ensure_schema(database: Database) -> None:
    """Make the schema where it is not as new as this program."""
    await database.execute_transaction(_ensure_schema)


async def _ensure_schema(connection: Connection) -> None:
    newest = "SELECT to_regclass('notification_of_job') IS NOT NULL"
    if not await connection.fetchval(newest):
        await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
        await connection.execute(files("homework").joinpath("schema.sql").read_text())
