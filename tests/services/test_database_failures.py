"""A real PostgreSQL that is slow, away, restarted or refuses: one clear error, and it heals."""

import asyncio
import logging
import traceback
from dataclasses import replace

import asyncpg
import pytest
from databases import Observer, are_open, clients_are, database, one
from postgres_server import PostgresServer
from waiting import eventually_async
from workers import free_port

from osnovci.database.database import Database
from osnovci.database.errors import (
    AcquireTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    QueryTimeoutError,
    UnreachableError,
)
from osnovci.database.settings import DatabaseSettings, DatabaseUrl, DatabaseUrls


async def test_who_waits_too_long_is_told_for_what_and_how_the_pool_is(
    postgres_server: PostgresServer,
) -> None:
    settings = {"connections_per_process": 1, "acquire_timeout_seconds": 1}
    async with database(postgres_server, **settings) as under, under.connection():
        told = (
            rf"no connection to PostgreSQL at 127.0.0.1:{postgres_server.port}/postgres was free "
            r"within 1 s: the pool of 1 has 1 open, 1 in use, 1 waiting"
        )
        with pytest.raises(AcquireTimeoutError, match=told):
            await one(under)
        assert under.statistics().waiting == 0
        assert under.statistics().acquire_p95_seconds >= 1


async def test_a_slow_query_is_canceled_told_and_leaves_a_good_connection(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    limits = {"query_timeout_seconds": 0.1, "slow_query_seconds": 0.01}
    async with database(postgres_server, **limits) as under:
        async with under.connection() as connection:
            pid = connection.driver.get_server_pid()
            told = r"no answer within 0.1 s, canceled: select pg_sleep \(\?\), \? \(the pool of 10"
            with pytest.raises(QueryTimeoutError, match=told), caplog.at_level(logging.WARNING):
                await connection.execute("SELECT pg_sleep(30), 'Ana'")
            assert await connection.fetchval("SELECT pg_sleep(0.2)::text", timeout_seconds=9) == ""
        async with under.connection() as connection:
            assert connection.driver.get_server_pid() == pid
            await under.configure(replace(under.settings, query_timeout_seconds=9))
            assert await connection.fetchval("SELECT pg_sleep(0.2)::text") == ""
    said = [record.getMessage() for record in caplog.records if "slow statement" in record.message]
    assert said[0].endswith("s: select pg_sleep (?), ?")
    assert "Ana" not in caplog.text


async def test_a_fast_query_is_not_called_slow(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with database(postgres_server) as under:
        assert await one(under) == 1
    assert "slow statement" not in caplog.text


async def test_a_server_that_takes_no_connection_is_told_with_its_place() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait([asyncio.create_task(closed.wait())])
        writer.close()

    closed = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    where = DatabaseUrls(DatabaseUrl.parse(f"postgresql://ana:hush@127.0.0.1:{port}/homework"))
    async with Database(where, DatabaseSettings(connect_timeout_seconds=0.05)) as under:
        told = rf"PostgreSQL at 127.0.0.1:{port}/homework took no connection within 0.05 s \(the pool of 10 has"
        with pytest.raises(ConnectTimeoutError, match=told):
            await one(under)
    closed.set()
    server.close()


async def test_a_server_that_is_away_is_told_at_once_to_each_who_waits() -> None:
    where = DatabaseUrls(DatabaseUrl.parse(f"postgresql://ana:hush@127.0.0.1:{free_port()}/x"))
    async with Database(where, DatabaseSettings(connections_per_process=2)) as under:
        found = await asyncio.gather(*(one(under) for _ in range(20)), return_exceptions=True)
        assert {type(each) for each in found} == {UnreachableError}
        assert "hush" not in str(found)
        health = await under.health()
        assert not health.ok
        assert "takes no connection now" in health.message
        assert under.statistics().open == 0


async def test_a_refused_login_is_told_without_the_password(
    postgres_server: PostgresServer,
) -> None:
    url = f"postgresql://nobody:hush@127.0.0.1:{postgres_server.port}/postgres"
    async with Database(DatabaseUrls(DatabaseUrl.parse(url))) as under:
        with pytest.raises(ConnectError, match='role "nobody" does not exist') as refused:
            await one(under)
        assert "hush" not in str(refused.value)


async def test_a_url_that_asyncpg_does_not_read_is_told_without_it() -> None:
    url = "postgresql://ana:hush@127.0.0.1:5432/x?sslmode=hush"
    async with Database(DatabaseUrls(DatabaseUrl.parse(url))) as under:
        with pytest.raises(
            ConnectError, match="see that the URL is one that asyncpg reads"
        ) as told:
            await one(under)
    assert "hush" not in "".join(traceback.format_exception(told.value))
    assert under.statistics().open == 0


async def test_a_connection_that_was_ended_while_idle_is_replaced_unseen(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    async with database(postgres_server, connections_per_process=2) as under:
        assert await one(under) == 1
        await observer.end_all()
        await eventually_async(lambda: are_open(under, 0))
        assert await one(under) == 1


async def test_a_query_that_is_cut_gets_one_clear_error(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    async with database(postgres_server) as under, under.connection() as connection:
        pid = connection.driver.get_server_pid()
        running = asyncio.create_task(connection.fetchval("SELECT pg_sleep(30), 'Ana'"))
        await eventually_async(lambda: observer.sleeps(pid))
        await observer.end(pid)
        with pytest.raises(
            ConnectionLostError, match=r"broke at: select pg_sleep \(\?\), \? "
        ) as cut:
            await running
        assert "Ana" not in str(cut.value)


async def test_a_ping_drops_a_connection_that_no_longer_answers(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    """The server stops that backend, so that nothing tells the client; only a ping finds it."""
    async with database(postgres_server, connect_timeout_seconds=1) as under:
        async with under.connection() as connection:
            pid = connection.driver.get_server_pid()
        with postgres_server.frozen(pid):
            await under.configure(replace(under.settings, ping_interval_seconds=0.05))
            await eventually_async(lambda: are_open(under, 0))
        assert await one(under) == 1
    await eventually_async(lambda: clients_are(observer, 0))


async def test_a_connection_that_comes_back_in_a_transaction_is_closed(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    async with database(postgres_server) as under:
        async with under.connection() as connection:
            await connection.execute("BEGIN")
        await eventually_async(lambda: clients_are(observer, 0))
        assert await one(under) == 1


async def test_what_postgresql_refuses_stays_its_own_error(postgres_server: PostgresServer) -> None:
    async with database(postgres_server) as under, under.connection() as connection:
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM nowhere")
        assert await connection.fetchval("SELECT 1") == 1


async def test_after_a_restart_of_postgresql_the_pool_heals(
    own_postgres_server: PostgresServer,
) -> None:
    async with database(own_postgres_server) as under:
        assert await asyncio.gather(*(one(under) for _ in range(5))) == [1] * 5
        running = asyncio.create_task(_sleep_long(under))
        await eventually_async(lambda: _in_use(under))
        await asyncio.to_thread(own_postgres_server.stop)
        with pytest.raises(ConnectionLostError):
            await running
        with pytest.raises(UnreachableError):
            await one(under)
        await asyncio.to_thread(own_postgres_server.start)
        assert await asyncio.gather(*(one(under) for _ in range(20))) == [1] * 20
        health = await under.health()
        assert (health.ok, health.message) == (True, "answers")


async def _sleep_long(under: Database) -> None:
    async with under.connection() as connection:
        await connection.execute("SELECT pg_sleep(30)")


async def _in_use(under: Database) -> bool:
    return under.statistics().in_use == 1


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_ends_is_lost_at_whatever_moment_that_is_noticed(
    own_postgres_server: PostgresServer, turns: int
) -> None:
    async with database(own_postgres_server) as under, under.connection() as connection:
        await connection.execute("SELECT 1")
        own_postgres_server.restart()
        # The last words of the server and the end of the stream come with different turns.
        for _ in range(turns):
            await asyncio.sleep(0)
        with pytest.raises(ConnectionLostError):
            await connection.execute("SELECT 1")
