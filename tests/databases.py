"""Databases for tests, and what PostgreSQL itself says of them."""

from typing import Any

import asyncpg
from postgres_server import PostgresServer
from waiting import eventually_async

from osnovci.database.connection import Connection
from osnovci.database.database import Database
from osnovci.database.settings import DatabaseSettings, DatabaseUrl, DatabaseUrls

TABLES = """
    CREATE TABLE IF NOT EXISTS purse (name text PRIMARY KEY, money int NOT NULL);
    TRUNCATE purse;
    INSERT INTO purse VALUES ('ana', 100), ('boris', 100);
"""
ADD = "UPDATE purse SET money = money + $2 WHERE name = $1"
SUM = "SELECT sum(money) FROM purse"


def urls(server: PostgresServer, replica: PostgresServer | None = None) -> DatabaseUrls:
    return DatabaseUrls(
        DatabaseUrl.parse(server.url), DatabaseUrl.parse(replica.url) if replica else None
    )


def database(server: PostgresServer, **settings: Any) -> Database:
    return Database(urls(server), DatabaseSettings(**settings), draw=lambda: 0.0)


class Observer:
    """A connection of its own that counts and ends those of others."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def clients(self) -> int:
        """Give how many connections of others PostgreSQL has, in whatever state."""
        count = await self.connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert isinstance(count, int)
        return count

    async def sleeps(self, pid: int) -> bool:
        """Tell whether a backend runs pg_sleep."""
        query = "SELECT wait_event FROM pg_stat_activity WHERE pid = $1"
        return await self.connection.fetchval(query, pid) == "PgSleep"

    async def end(self, pid: int) -> None:
        assert await self.connection.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)

    async def end_all(self) -> None:
        await self.connection.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


async def one(under: Database) -> int:
    async with under.connection() as connection:
        return await connection.fetchval("SELECT 1")


async def are_open(under: Database, count: int) -> bool:
    return under.statistics().open == count


async def clients_are(observer: Observer, count: int) -> bool:
    return await observer.clients() == count


async def total(observer: Observer) -> int:
    return int(await observer.connection.fetchval(SUM) or 0)


class Pay:
    """Adds 1 to an purse, and does something more at one of its first attempts."""

    def __init__(self, observer: Observer, *, trouble: int = 1) -> None:
        self.attempts = 0
        self._observer = observer
        self._trouble = trouble

    async def __call__(self, connection: Connection) -> str:
        self.attempts += 1
        if self.attempts <= self._trouble:
            await self.before(connection)
        await connection.execute(ADD, "ana", 1)
        if self.attempts <= self._trouble:
            await self.after(connection)
        return "paid"

    async def before(self, connection: Connection) -> None: ...

    async def after(self, connection: Connection) -> None: ...

    async def end(self, connection: Connection) -> None:
        """End the connection, and wait until the client knows."""
        await self._observer.end(connection.driver.get_server_pid())
        await eventually_async(lambda: self._closed(connection))

    async def _closed(self, connection: Connection) -> bool:
        return connection.driver.is_closed()
