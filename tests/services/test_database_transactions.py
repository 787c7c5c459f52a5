"""Transactions on a real PostgreSQL: what is retried, what never is, and what the table says after."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest
from cutting_proxy import Cut, cutting_proxy
from databases import Observer, database
from postgres_server import PostgresServer
from waiting import eventually_async

from osnovci.database.connection import Connection
from osnovci.database.database import Database
from osnovci.database.errors import (
    BatchError,
    CommitOutcomeUnknownError,
    ConnectionLostError,
    NotCommittedError,
    UnreachableError,
)
from osnovci.database.settings import DatabaseUrl, DatabaseUrls
from osnovci.database.transaction import transaction

TABLES = """
    CREATE TABLE IF NOT EXISTS account (name text PRIMARY KEY, money int NOT NULL);
    TRUNCATE account;
    INSERT INTO account VALUES ('ana', 100), ('boris', 100);
"""
ADD = "UPDATE account SET money = money + $2 WHERE name = $1"
SUM = "SELECT sum(money) FROM account"


@pytest.fixture
async def accounts(observer: Observer) -> Observer:
    await observer.connection.execute(TABLES)
    return observer


@pytest.fixture
async def under(postgres_server: PostgresServer, accounts: Observer) -> AsyncGenerator[Database]:
    assert accounts
    async with database(postgres_server) as opened:
        yield opened


async def total(observer: Observer) -> int:
    return int(await observer.connection.fetchval(SUM) or 0)


class Pay:
    """Adds 1 to an account, and does something more at one of its first attempts."""

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


async def test_a_server_that_dies_after_the_commit_loses_nothing_and_repeats_nothing(
    postgres_server: PostgresServer, under: Database, accounts: Observer
) -> None:
    work = Pay(accounts)
    async with under.connection() as connection:
        async with transaction(connection):
            await work(connection)
        postgres_server.sql(
            f"SELECT pg_terminate_backend({connection.driver.get_server_pid()}, 5000)"
        )
    assert (work.attempts, await total(accounts)) == (1, 201)


async def test_a_death_that_is_noticed_only_at_commit_is_unknown_and_not_run_again(
    postgres_server: PostgresServer, under: Database, accounts: Observer
) -> None:
    class EndedUnseen(Pay):
        async def after(self, connection: Connection) -> None:
            pid = connection.driver.get_server_pid()
            postgres_server.sql(f"SELECT pg_terminate_backend({pid}, 5000)")

    work = EndedUnseen(accounts)
    with pytest.raises(CommitOutcomeUnknownError, match="COMMIT was sent and not answered"):
        await under.execute_transaction(work)
    assert (work.attempts, await total(accounts)) == (1, 200)


@pytest.mark.parametrize(("cut", "money"), [(Cut.BEFORE, 200), (Cut.AFTER, 201)], ids=str)
async def test_a_cut_at_commit_is_unknown_and_not_run_again(
    postgres_server: PostgresServer, accounts: Observer, cut: Cut, money: int
) -> None:
    async with cutting_proxy(postgres_server.port, b"COMMIT", cut) as proxy:
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
        async with Database(DatabaseUrls(DatabaseUrl.parse(url))) as under:
            work = Pay(accounts)
            with pytest.raises(CommitOutcomeUnknownError, match="read what it wrote before"):
                await under.execute_transaction(work)
            assert (work.attempts, proxy.cuts, await total(accounts)) == (1, 1, money)
            await under.execute_transaction(work)
            assert await total(accounts) == money + 1


async def test_a_cut_at_any_statement_before_commit_is_run_again(
    postgres_server: PostgresServer, accounts: Observer
) -> None:
    for word in (b"BEGIN", b"UPDATE account"):
        for cut in Cut:
            await accounts.connection.execute(TABLES)
            async with cutting_proxy(postgres_server.port, word, cut) as proxy:
                url = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
                async with Database(
                    DatabaseUrls(DatabaseUrl.parse(url)), draw=lambda: 0.0
                ) as under:
                    assert await under.execute_transaction(Pay(accounts)) == "paid"
                    assert (proxy.cuts, await total(accounts)) == (1, 201)


SLOW_COMMIT = """
    CREATE OR REPLACE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
    DROP TABLE IF EXISTS slow;
    CREATE TABLE slow (n int);
    CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION doze();
"""


async def test_a_backend_that_is_ended_in_its_commit_is_unknown(
    under: Database, accounts: Observer
) -> None:
    await accounts.connection.execute(SLOW_COMMIT)
    pids: list[int] = []

    async def work(connection: Connection) -> None:
        pids.append(connection.driver.get_server_pid())
        await connection.execute("INSERT INTO slow VALUES (1)")

    running = asyncio.create_task(under.execute_transaction(work))
    await eventually_async(lambda: _sleeps(accounts, pids))
    await accounts.end(pids[0])
    with pytest.raises(CommitOutcomeUnknownError):
        await running
    assert len(pids) == 1


async def _sleeps(observer: Observer, pids: list[int]) -> bool:
    return bool(pids) and await observer.sleeps(pids[0])


async def test_a_commit_that_takes_longer_than_a_query_may_is_unknown(
    postgres_server: PostgresServer, accounts: Observer
) -> None:
    await accounts.connection.execute(SLOW_COMMIT)

    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO slow VALUES (1)")

    async with database(postgres_server, query_timeout_seconds=0.2) as under:
        with pytest.raises(CommitOutcomeUnknownError, match=r"no answer within 0\.2 s"):
            await under.execute_transaction(work)


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
            await connection.execute("INSERT INTO account VALUES ('ana', 1)")

    with pytest.raises(NotCommittedError, match="its error was caught"):
        await under.execute_transaction(work)
    assert await total(accounts) == 200


async def test_a_transaction_inside_another_is_a_savepoint(
    under: Database, accounts: Observer
) -> None:
    async def inner(connection: Connection) -> None:
        async with transaction(connection):
            await connection.execute(ADD, "ana", 10)
            await connection.execute("INSERT INTO account VALUES ('ana', 1)")

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


async def test_a_refusal_at_commit_is_known_and_its_own_error(
    under: Database, accounts: Observer
) -> None:
    await accounts.connection.execute(
        "DROP TABLE IF EXISTS debt;"
        "CREATE TABLE debt (name text REFERENCES account DEFERRABLE INITIALLY DEFERRED)"
    )

    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO debt VALUES ('nobody')")

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await under.execute_transaction(work)
    await accounts.connection.execute("DROP TABLE debt")


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
        return await connection.execute("INSERT INTO account VALUES ('ana', 1)")

    told = "operations 3 to 4 of 5 failed, and the 2 before them are committed: duplicate key"
    with pytest.raises(BatchError, match=told) as failed:
        await under.execute_batch([pay, pay, pay, fail, pay], size=2)
    assert failed.value.results == ["UPDATE 1", "UPDATE 1"]
    assert isinstance(failed.value.__cause__, asyncpg.UniqueViolationError)
    assert await total(accounts) == 202
