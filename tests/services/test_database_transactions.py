"""Transactions on a real PostgreSQL: what is run again, and what the table says after."""

import asyncio

import asyncpg
import pytest
from databases import ADD, SUM, Observer, Pay, database, total
from postgres_server import PostgresServer
from waiting import eventually_async

from osnovci.database.connection import Connection
from osnovci.database.database import Database
from osnovci.database.errors import (
    BatchError,
    ConnectionLostError,
    NotCommittedError,
    UnreachableError,
)
from osnovci.database.settings import DatabaseUrl, DatabaseUrls
from osnovci.database.transaction import transaction


class EndedAtItsBegin(Pay):
    async def before(self, connection: Connection) -> None:
        await self.end(connection)


class EndedBeforeCommit(Pay):
    async def after(self, connection: Connection) -> None:
        await self.end(connection)


class EndedInAStatement(Pay):
    async def before(self, connection: Connection) -> None:
        pid = connection.driver.get_server_pid()
        running = asyncio.create_task(connection.execute("SELECT pg_sleep(30)"))
        await eventually_async(lambda: self._observer.sleeps(pid))
        await self._observer.end(pid)
        await running


@pytest.mark.parametrize("pay", [EndedAtItsBegin, EndedInAStatement, EndedBeforeCommit])
async def test_a_connection_lost_before_commit_runs_the_work_again_and_it_counts_once(
    under: Database, accounts: Observer, pay: type[Pay]
) -> None:
    work = pay(accounts)
    assert await under.execute_transaction(work) == "paid"
    assert (work.attempts, await total(accounts)) == (2, 201)


async def test_a_connection_lost_each_time_ends_after_the_retries(
    under: Database, accounts: Observer
) -> None:
    work = EndedBeforeCommit(accounts, trouble=9)
    with pytest.raises(ConnectionLostError, match="before COMMIT: nothing is committed"):
        await under.execute_transaction(work, retries=2)
    assert (work.attempts, await total(accounts)) == (3, 200)


async def test_a_connection_that_was_lost_before_it_was_borrowed_costs_no_attempt(
    under: Database, accounts: Observer
) -> None:
    work = Pay(accounts)
    await under.execute_transaction(work)
    await accounts.end_all()
    await under.execute_transaction(work)
    assert await total(accounts) == 202


async def test_a_serialization_failure_is_run_again(under: Database, accounts: Observer) -> None:
    attempts = 0
    both = asyncio.Barrier(2)

    async def double(connection: Connection) -> None:
        nonlocal attempts
        attempts += 1
        money = await connection.fetchval(SUM)
        if attempts <= 2:
            await both.wait()
        await connection.execute(ADD, "ana", money)

    await asyncio.gather(
        under.execute_transaction(double, isolation="serializable"),
        under.execute_transaction(double, isolation="serializable"),
    )
    assert attempts == 3
    assert await total(accounts) == 800


async def test_a_deadlock_is_run_again(under: Database, accounts: Observer) -> None:
    attempts: list[str] = []
    both = asyncio.Barrier(2)

    async def pay(connection: Connection, first: str, second: str) -> None:
        attempts.append(first)
        await connection.execute(ADD, first, 1)
        if len(attempts) <= 2:
            await both.wait()
        await connection.execute(ADD, second, 1)

    await asyncio.gather(
        under.execute_transaction(lambda each: pay(each, "ana", "boris")),
        under.execute_transaction(lambda each: pay(each, "boris", "ana")),
    )
    assert len(attempts) == 3
    assert await total(accounts) == 204


async def test_an_error_of_the_work_rolls_back_and_is_not_run_again(
    under: Database, accounts: Observer
) -> None:
    class Broken(Pay):
        async def after(self, connection: Connection) -> None:
            await connection.execute("SELECT 1 / 0")

    work = Broken(accounts)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await under.execute_transaction(work)
    assert (work.attempts, await total(accounts)) == (1, 200)


async def test_a_canceled_transaction_rolls_back_and_gives_its_connection_back(
    postgres_server: PostgresServer, accounts: Observer
) -> None:
    class Sleeps(Pay):
        async def after(self, connection: Connection) -> None:
            await connection.execute("SELECT pg_sleep(30)")

    async with database(postgres_server, connections_per_process=1) as under:
        work = Sleeps(accounts)
        running = asyncio.create_task(under.execute_transaction(work))
        await eventually_async(lambda: _any_sleeps(accounts))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert running.cancelled()
        assert await under.execute_transaction(work) == "paid"
    assert await total(accounts) == 201


async def _any_sleeps(observer: Observer) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    return await observer.connection.fetchval(query) == 1


async def test_an_error_that_was_caught_does_not_lose_the_rest_without_a_word(
    under: Database, accounts: Observer
) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(ADD, "ana", 1)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO purse VALUES ('ana', 1)")

    with pytest.raises(NotCommittedError, match="its error was caught"):
        await under.execute_transaction(work)
    assert await total(accounts) == 200


async def test_a_transaction_inside_another_is_a_savepoint(
    under: Database, accounts: Observer
) -> None:
    async def inner(connection: Connection) -> None:
        async with transaction(connection):
            await connection.execute(ADD, "ana", 10)
            await connection.execute("INSERT INTO purse VALUES ('ana', 1)")

    async def work(connection: Connection) -> None:
        await connection.execute(ADD, "ana", 1)
        with pytest.raises(asyncpg.UniqueViolationError):
            await inner(connection)
        async with transaction(connection):
            await connection.execute(ADD, "boris", 100)
        with pytest.raises(ValueError, match="has the isolation of the outer one"):
            async with transaction(connection, "serializable"):
                pass

    await under.execute_transaction(work)
    assert await total(accounts) == 301


async def test_a_server_that_is_away_is_tried_again_for_a_transaction(
    own_postgres_server: PostgresServer,
) -> None:
    own_postgres_server.stop()
    attempts = 0

    def draw() -> float:
        nonlocal attempts
        attempts += 1
        return 0.0

    url = DatabaseUrls(DatabaseUrl.parse(own_postgres_server.url))

    async def work(connection: Connection) -> int:
        return await connection.fetchval("SELECT 1")

    async with Database(url, draw=draw) as under:
        with pytest.raises(UnreachableError):
            await under.execute_transaction(work, retries=1)
        assert attempts == 1
        own_postgres_server.start()
        assert await under.execute_transaction(work) == 1


async def test_a_batch_commits_ten_at_a_time(under: Database, accounts: Observer) -> None:
    transactions: set[int] = set()

    async def pay(connection: Connection) -> int:
        await connection.execute(ADD, "ana", 1)
        transactions.add(await connection.fetchval("SELECT txid_current()"))
        return len(transactions)

    assert await under.execute_batch([pay] * 25) == [1] * 10 + [2] * 10 + [3] * 5
    assert await total(accounts) == 225


async def test_a_batch_that_fails_says_what_is_committed(
    under: Database, accounts: Observer
) -> None:
    async def pay(connection: Connection) -> str:
        return await connection.execute(ADD, "ana", 1)

    async def fail(connection: Connection) -> str:
        return await connection.execute("INSERT INTO purse VALUES ('ana', 1)")

    told = r"operations 3 to 4 of 5 failed \(UniqueViolationError\), and the 2 before them are committed"
    with pytest.raises(BatchError, match=told) as failed:
        await under.execute_batch([pay, pay, pay, fail, pay], size=2)
    assert failed.value.results == ["UPDATE 1", "UPDATE 1"]
    assert isinstance(failed.value.__cause__, asyncpg.UniqueViolationError)
    assert await total(accounts) == 202
