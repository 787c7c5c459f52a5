"""Jobs that open all connections that their process may have, and note what goes wrong."""

import asyncio
import os

import asyncpg
from redis.asyncio import Redis

from osnovci.database.database import Database
from osnovci.database.errors import DatabaseError
from osnovci.database.settings import DatabaseSettings, DatabaseUrls
from osnovci.queues.tasks import task


@task
def eat() -> None:
    """Take as many connections as may be, for a second each, and more turns than there are."""
    asyncio.run(_eat())


async def _eat() -> None:
    settings = DatabaseSettings.parse(os.environ)
    async with (
        Database(DatabaseUrls.parse(os.environ), settings) as database,
        Redis.from_url(os.environ["OSNOVCI_REDIS_URL"]) as redis,
    ):

        async def turn() -> None:
            try:
                async with database.connection() as connection:
                    await connection.execute("SELECT pg_sleep(1)")
            except (DatabaseError, asyncpg.PostgresError) as error:
                await redis.rpush(os.environ["ERRORS"], f"{os.environ['OSNOVCI_POD']}: {error}")

        await asyncio.gather(*(turn() for _ in range(settings.connections_per_process + 1)))
