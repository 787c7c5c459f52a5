"""The pool on a real PostgreSQL: sizes that change under load, who waits, what comes back."""

import asyncio
import random
from dataclasses import replace

import pytest
from databases import Observer, clients_are, database, one, urls
from postgres_server import PostgresServer
from waiting import eventually_async

from osnovci.database.database import Database
from osnovci.database.errors import (
    PoolClosedError,
)
from osnovci.database.pool import Pool
from osnovci.database.settings import DatabaseSettings

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
    await eventually_async(lambda: clients_are(observer, 0))


async def _more(load: Load, done: int) -> bool:
    return load.done > done + 20


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
        waiting = asyncio.create_task(one(under))
        await eventually_async(lambda: _waits(under))
        await under.configure(replace(under.settings, connections_per_process=2))
        assert await waiting == 1


async def _waits(under: Database) -> bool:
    return under.statistics().waiting == 1


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


async def test_a_close_refuses_who_waits_and_lets_a_query_end(
    postgres_server: PostgresServer, observer: Observer
) -> None:
    under = database(postgres_server, connections_per_process=1)
    async with under:
        async with under.connection() as connection:
            pid = connection.driver.get_server_pid()
        running = asyncio.create_task(_sleep(under))
        await eventually_async(lambda: observer.sleeps(pid))
        waiting = asyncio.create_task(one(under))
        await eventually_async(lambda: _waits(under))
    assert await running == ""
    with pytest.raises(PoolClosedError, match="was closed"):
        await waiting
    with pytest.raises(PoolClosedError, match="is closed"):
        await one(under)


async def test_a_connection_that_has_just_ended_is_not_lent_again(
    postgres_server: PostgresServer,
) -> None:
    pool = Pool(urls(postgres_server).primary, DatabaseSettings())
    driver = await pool.acquire()
    await pool.release(driver)
    driver.terminate()
    again = await pool.acquire()
    assert not again.is_closed()
    await pool.release(again)
    await pool.close()


async def test_who_stopped_waiting_at_the_same_moment_is_in_nobodys_way(
    postgres_server: PostgresServer,
) -> None:
    pool = Pool(urls(postgres_server).primary, DatabaseSettings(connections_per_process=1))
    driver = await pool.acquire()
    waiting = [asyncio.create_task(pool.acquire()) for _ in range(2)]
    await eventually_async(lambda: _waiting(pool, 2))
    closing = asyncio.create_task(pool.close())
    waiting[0].cancel()
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
