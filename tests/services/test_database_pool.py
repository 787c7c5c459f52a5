"""The pool on a real PostgreSQL: sizes that change under load, timeouts, deaths and restarts."""

import asyncio
import logging
import random
from dataclasses import replace

import asyncpg
import pytest
from databases import Observer, database, urls
from postgres_server import PostgresServer
from waiting import eventually_async
from workers import free_port

from osnovci.database.database import Database
from osnovci.database.errors import (
    AcquireTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    PoolClosedError,
    QueryTimeoutError,
    UnreachableError,
)
from osnovci.database.pool import Pool
from osnovci.database.settings import DatabaseSettings, DatabaseUrl, DatabaseUrls

TASKS = 50
RESIZES = 25


class Load:
    """Tasks that query without a pause; some are canceled in the middle of whatever they do."""

    def __init__(self, under: Database, draw: random.Random) -> None:
        self.done = 0
        self._database = under
        self._draw = draw
        self.over = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(self._query())

    def end(self) -> None:
        self.over = True

    async def _query(self) -> None:
        while not self.over:
            if self._draw.random() < 0.1:
                task = asyncio.create_task(self._once(0.05))
                await asyncio.wait([task], timeout=self._draw.random() * 0.02)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                await self._once(0.002)

    async def _once(self, seconds: float) -> None:
        async with self._database.connection() as connection:
            await connection.fetchval("SELECT pg_sleep($1)", seconds)
            self.done += 1


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_postgresql_never_counts_more_connections_than_the_size_in_force(
    postgres_server: PostgresServer, observer: Observer, seed: int
) -> None:
    draw = random.Random(seed)
    settings = DatabaseSettings(connections_per_process=5, acquire_timeout_seconds=30)
    allowed = [5]
    counts: list[tuple[int, int]] = []

    async def observe(load: Load) -> None:
        while not load.over:
            since = len(allowed) - 1
            count = await observer.clients()
            counts.append((count, max(allowed[since:])))

    async with Database(urls(postgres_server), settings) as under:
        load = Load(under, draw)
        running = asyncio.create_task(load.run())
        observing = asyncio.create_task(observe(load))
        for _ in range(RESIZES):
            size = draw.randint(1, 20)
            allowed.append(max(size, allowed[-1]))
            await under.configure(replace(settings, connections_per_process=size))
            allowed.append(size)
            done = load.done
            await eventually_async(lambda done=done: _more(load, done))
        load.end()
        await running
        await observing
        assert under.statistics().open <= allowed[-1]
        assert under.statistics().waiting == under.statistics().in_use == 0
    assert [(count, most) for count, most in counts if count > most] == []
    assert max(count for count, _ in counts) > 5
    await eventually_async(lambda: _is(observer, 0))


async def _more(load: Load, done: int) -> bool:
    return load.done > done + 20


async def _is(observer: Observer, count: int) -> bool:
    return await observer.clients() == count


async def test_a_shrink_waits_for_a_running_query_and_says_when_it_is_in_force(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    async with database(postgres_server, connections_per_process=3) as under:
        async with under.connection() as kept:
            async with under.connection(), under.connection():
                pass
            assert await observer.clients() == 3
            async with asyncio.timeout(15):
                await under.configure(replace(under.settings, connections_per_process=1))
            assert await observer.clients() == 1
            assert under.statistics().open == 1
            assert await kept.fetchval("SELECT 7") == 7

        async with under.connection() as first:
            await under.configure(replace(under.settings, connections_per_process=2))
            async with under.connection():
                shrinking = asyncio.create_task(
                    under.configure(replace(under.settings, connections_per_process=1))
                )
                assert await first.fetchval("SELECT 7") == 7
                assert not shrinking.done()
                assert (under.statistics().size, under.statistics().open) == (1, 2)
            await shrinking
            assert await observer.clients() == 1


async def test_a_growth_serves_those_who_wait_at_once(postgres_server: PostgresServer) -> None:
    async with (
        database(postgres_server, connections_per_process=1) as under,
        under.connection(),
    ):
        waiting = asyncio.create_task(_one(under))
        await eventually_async(lambda: _waits(under))
        await under.configure(replace(under.settings, connections_per_process=2))
        assert await waiting == 1


async def _one(under: Database) -> int:
    async with under.connection() as connection:
        return await connection.fetchval("SELECT 1")


async def _waits(under: Database) -> bool:
    return under.statistics().waiting == 1


async def test_who_waits_too_long_is_told_for_what_and_how_the_pool_is(
    postgres_server: PostgresServer,
) -> None:
    settings = {"connections_per_process": 1, "acquire_timeout_seconds": 0.05}
    async with database(postgres_server, **settings) as under, under.connection():
        told = (
            rf"no connection to PostgreSQL at 127.0.0.1:{postgres_server.port}/postgres was free "
            r"within 0.05 s: the pool of 1 has 1 open, 1 in use, 1 waiting"
        )
        with pytest.raises(AcquireTimeoutError, match=told):
            await _one(under)
        assert under.statistics().waiting == 0
        assert under.statistics().acquire_p95_seconds >= 0.05


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
        assert await _one(under) == 1
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
            await _one(under)
    closed.set()
    server.close()


async def test_a_server_that_is_away_is_told_at_once_to_each_who_waits() -> None:
    where = DatabaseUrls(DatabaseUrl.parse(f"postgresql://ana:hush@127.0.0.1:{free_port()}/x"))
    async with Database(where, DatabaseSettings(connections_per_process=2)) as under:
        found = await asyncio.gather(*(_one(under) for _ in range(20)), return_exceptions=True)
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
            await _one(under)
        assert "hush" not in str(refused.value)


async def test_a_connection_that_was_ended_while_idle_is_replaced_unseen(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    async with database(postgres_server, connections_per_process=2) as under:
        assert await _one(under) == 1
        await observer.end_all()
        await eventually_async(lambda: _open(under, 0))
        assert await _one(under) == 1


async def _open(under: Database, count: int) -> bool:
    return under.statistics().open == count


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
    async with database(
        postgres_server, connect_timeout_seconds=0.2
    ) as under:
        async with under.connection() as connection:
            pid = connection.driver.get_server_pid()
        with postgres_server.frozen(pid):
            await under.configure(replace(under.settings, ping_interval_seconds=0.05))
            await eventually_async(lambda: _open(under, 0))
        assert await _one(under) == 1
    await eventually_async(lambda: _is(observer, 0))


async def test_a_connection_comes_back_as_new(postgres_server: PostgresServer) -> None:
    async with database(postgres_server, connections_per_process=1) as under:
        async with under.connection() as connection:
            await connection.execute("SET work_mem = '7MB'")
            await connection.fetchval("SELECT pg_advisory_lock(1)")
        async with under.connection() as again:
            assert await again.fetchval("SHOW work_mem") != "7MB"
            assert not await again.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            )
        with pytest.raises(PoolClosedError, match="was given back"):
            await connection.execute("SELECT 1")


async def test_a_connection_that_comes_back_in_a_transaction_is_closed(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    async with database(postgres_server) as under:
        async with under.connection() as connection:
            await connection.execute("BEGIN")
        await eventually_async(lambda: _is(observer, 0))
        assert await _one(under) == 1


async def test_what_postgresql_refuses_stays_its_own_error(postgres_server: PostgresServer) -> None:
    async with database(postgres_server) as under, under.connection() as connection:
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM nowhere")
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_close_refuses_who_waits_and_lets_a_query_end(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    under = database(postgres_server, connections_per_process=1)
    async with under:
        async with under.connection() as connection:
            pid = connection.driver.get_server_pid()
        running = asyncio.create_task(_sleep(under))
        await eventually_async(lambda: observer.sleeps(pid))
        waiting = asyncio.create_task(_one(under))
        await eventually_async(lambda: _waits(under))
    assert await running == ""
    with pytest.raises(PoolClosedError, match="was closed"):
        await waiting
    with pytest.raises(PoolClosedError, match="is closed"):
        await _one(under)


async def test_who_stopped_waiting_at_the_same_moment_is_in_nobodys_way(
    postgres_server: PostgresServer,
) -> None:
    pool = Pool(urls(postgres_server).primary, DatabaseSettings(connections_per_process=1))
    driver = await pool.acquire()
    waiting = [asyncio.create_task(pool.acquire()) for _ in range(2)]
    await eventually_async(lambda: _waiting(pool, 2))
    waiting[0].cancel()
    closing = asyncio.create_task(pool.close())
    with pytest.raises(PoolClosedError):
        await waiting[1]
    await pool.release(driver)
    await closing
    assert waiting[0].cancelled()
    assert pool.open == 0


async def _waiting(pool: Pool, count: int) -> bool:
    return pool.statistics().waiting == count


async def _sleep(under: Database) -> str:
    async with under.connection() as connection:
        return await connection.fetchval("SELECT pg_sleep(0.3)::text")


async def test_after_a_restart_of_postgresql_the_pool_heals(
    own_postgres_server: PostgresServer,
) -> None:
    async with database(own_postgres_server) as under:
        assert await asyncio.gather(*(_one(under) for _ in range(5))) == [1] * 5
        running = asyncio.create_task(_sleep_long(under))
        await eventually_async(lambda: _in_use(under))
        await asyncio.to_thread(own_postgres_server.stop)
        with pytest.raises(ConnectionLostError):
            await running
        with pytest.raises(UnreachableError):
            await _one(under)
        await asyncio.to_thread(own_postgres_server.start)
        assert await asyncio.gather(*(_one(under) for _ in range(20))) == [1] * 20
        health = await under.health()
        assert (health.ok, health.message) == (True, "answers")


async def _sleep_long(under: Database) -> None:
    async with under.connection() as connection:
        await connection.execute("SELECT pg_sleep(30)")


async def _in_use(under: Database) -> bool:
    return under.statistics().in_use == 1
