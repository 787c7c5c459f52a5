"""Databases for tests, and what PostgreSQL itself says of them."""

from typing import Any

import asyncpg
from postgres_server import PostgresServer

from osnovci.database.database import Database
from osnovci.database.settings import DatabaseSettings, DatabaseUrl, DatabaseUrls


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
