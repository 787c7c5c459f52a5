"""A web application that keeps all connections busy that it may have, and notes what goes wrong."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from redis.asyncio import Redis
from starlette.applications import Starlette

from osnovci.database.database import Database
from osnovci.database.errors import DatabaseError
from osnovci.database.settings import DatabaseUrls
from osnovci.web.runtime import WebRuntime

EATERS = 16
"""More than connectionsPerProcess, so that some always wait."""

database = Database(DatabaseUrls.parse(os.environ))


async def eat(redis: Redis) -> None:
    """Take a connection, use it, give it back, again and again."""
    while True:
        try:
            async with database.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.05)")
        except (DatabaseError, asyncpg.PostgresError) as error:
            await redis.rpush(os.environ["ERRORS"], f"{os.environ['SERVER_ID']}: {error}")


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    """Eat from start to end."""
    async with database, Redis.from_url(os.environ["OSNOVCI_REDIS_URL"]) as redis:
        eaters = [asyncio.create_task(eat(redis)) for _ in range(EATERS)]
        yield
        for each in eaters:
            each.cancel()
        await asyncio.gather(*eaters, return_exceptions=True)


app = WebRuntime(Starlette(lifespan=lifespan), database=database)
