"""Reads on a real streaming replica: its lag, what was just written, and its death."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass

import asyncpg
import pytest
from databases import urls
from postgres_server import PostgresServer
from waiting import eventually_async

from osnovci.database.database import Database
from osnovci.database.settings import DatabaseSettings

WHERE = "SELECT pg_is_in_recovery()"


@dataclass
class Pair:
    primary: PostgresServer
    replica: PostgresServer


@pytest.fixture(scope="module")
def pair() -> Generator[Pair]:
    servers = Pair(PostgresServer.started(), PostgresServer())
    servers.replica.copy(servers.primary)
    servers.replica.start()
    servers.primary.sql("CREATE TABLE note (n int)")
    yield servers
    servers.replica.remove()
    servers.primary.remove()


@pytest.fixture
async def replica(pair: Pair) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to the replica, which replays again when the test is over."""
    connection = await asyncpg.connect(pair.replica.url)
    yield connection
    await connection.execute("SELECT pg_wal_replay_resume()")
    await connection.close()


def opened(pair: Pair, max_lag: float = 60.0) -> Database:
    settings = DatabaseSettings(replica_max_lag_seconds=max_lag)
    return Database(urls(pair.primary, pair.replica), settings)


async def reads_from_replica(under: Database, after: str = "") -> bool:
    async with under.reading(after) as connection:
        return await connection.fetchval(WHERE)


async def reads_from_primary(under: Database, after: str = "") -> bool:
    return not await reads_from_replica(under, after)


async def write(under: Database) -> str:
    async with under.connection() as connection:
        await connection.execute("INSERT INTO note SELECT coalesce(max(n), 0) + 1 FROM note")
    return await under.write_token()


async def test_reads_go_to_a_replica_once_it_was_seen_to_be_fresh(pair: Pair) -> None:
    async with opened(pair) as under:
        await eventually_async(lambda: reads_from_replica(under))
        async with under.connection() as connection:
            assert not await connection.fetchval(WHERE)


async def test_a_read_after_a_write_waits_for_no_replica(
    pair: Pair, replica: asyncpg.Connection
) -> None:
    async with opened(pair) as under:
        await eventually_async(lambda: reads_from_replica(under))
        await replica.execute("SELECT pg_wal_replay_pause()")
        token = await write(under)
        async with under.reading(token) as mine, under.reading() as others:
            assert not await mine.fetchval(WHERE)
            assert await others.fetchval(WHERE)
            count = "SELECT count(*) FROM note"
            assert await mine.fetchval(count) == await others.fetchval(count) + 1
        await replica.execute("SELECT pg_wal_replay_resume()")
        await eventually_async(lambda: reads_from_replica(under, token))

    async with opened(pair) as another_process:
        await eventually_async(lambda: reads_from_replica(another_process, token))
        assert await reads_from_primary(another_process, "what a stranger put into the cookie")


async def test_a_read_with_a_token_always_sees_the_write(pair: Pair) -> None:
    from_replica = 0

    async def write_and_read(under: Database) -> bool:
        nonlocal from_replica
        token = await write(under)
        async with under.connection() as connection:
            written = await connection.fetchval("SELECT max(n) FROM note")
        assert under.replica
        await under.replica.look()
        async with under.reading(token) as connection:
            if await connection.fetchval("SELECT max(n) FROM note") < written:
                raise ValueError("the replica did not have it")
            from_replica += await connection.fetchval(WHERE)
        return from_replica >= 20

    async with opened(pair) as under:
        await eventually_async(lambda: write_and_read(under))


async def test_a_replica_that_lags_gets_no_reads_until_it_has_caught_up(
    pair: Pair, replica: asyncpg.Connection
) -> None:
    async with opened(pair, max_lag=3) as under:
        await eventually_async(lambda: reads_from_replica(under))
        await replica.execute("SELECT pg_wal_replay_pause()")
        await write(under)
        await eventually_async(lambda: reads_from_primary(under))
        await replica.execute("SELECT pg_wal_replay_resume()")
        await eventually_async(lambda: reads_from_replica(under))


async def test_an_idle_primary_does_not_make_its_replica_old(pair: Pair) -> None:
    async with opened(pair, max_lag=2) as under:
        await eventually_async(lambda: reads_from_replica(under))
        first = under.replica and under.replica.sight
        assert first
        await eventually_async(lambda: _looked_again(under, first.as_of_seconds + 3))
        assert await reads_from_replica(under)


async def _looked_again(under: Database, after: float) -> bool:
    sight = under.replica and under.replica.sight
    return bool(sight and sight.as_of_seconds > after)


async def test_a_replica_that_is_away_leaves_the_reads_to_the_primary(pair: Pair) -> None:
    async with opened(pair) as under:
        await eventually_async(lambda: reads_from_replica(under))
        await asyncio.to_thread(pair.replica.stop)
        try:
            await eventually_async(lambda: reads_from_primary(under))
        finally:
            await asyncio.to_thread(pair.replica.start)
        await eventually_async(lambda: reads_from_replica(under))


async def test_a_primary_in_place_of_a_replica_gets_no_reads_as_one(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(urls(pair.primary, pair.primary)) as under:
        await eventually_async(lambda: _said(caplog, "it is no replica"))
        assert await reads_from_primary(under)


async def _said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def test_without_a_replica_all_is_read_from_the_primary(pair: Pair) -> None:
    async with Database(urls(pair.primary)) as under:
        token = await under.write_token()
        assert await reads_from_primary(under, token)
        assert await reads_from_primary(under)
