"""The example's PostgreSQL: one connection a job, and a schema that makes itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeVar

import asyncpg

Result = TypeVar("Result")
Connection = asyncpg.Connection

SCHEMA_LOCK = 7_214_001
CONNECT_SECONDS = 5
QUERY_SECONDS = 10.0


def with_database(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run some work on a connection of its own; the schema is there when it begins."""
    return asyncio.run(_with_database(work))


async def _with_database(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    connection = await asyncpg.connect(
        os.environ["DATABASE_URL"], timeout=CONNECT_SECONDS, command_timeout=QUERY_SECONDS
    )
    try:
        await _ensure_schema(connection)
        return await work(connection)
    finally:
        await connection.close()


async def _ensure_schema(connection: Connection) -> None:
    newest = "SELECT to_regclass('lesson') IS NOT NULL AND to_regclass('notification_job_key') IS NOT NULL"
    if await connection.fetchval(newest):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
        await connection.execute(files("homework").joinpath("schema.sql").read_text())
