"""The end of a transaction on a real PostgreSQL: known, or said to be unknown, and never run again."""

import asyncio

import asyncpg
import pytest
from cutting_proxy import Cut, cutting_proxy
from databases import TABLES, Observer, Pay, database, total
from postgres_server import PostgresServer
from waiting import eventually_async

from osnovci.database.connection import Connection
from osnovci.database.database import Database
from osnovci.database.errors import (
    CommitOutcomeUnknownError,
    QueryTimeoutError,
)
from osnovci.database.settings import DatabaseUrl, DatabaseUrls
from osnovci.database.transaction import transaction


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
    for word in (b"BEGIN", b"UPDATE purse"):
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


async def test_a_backend_that_hangs_costs_its_connection_and_nothing_else(
    postgres_server: PostgresServer, accounts: Observer
) -> None:
    limits = {"query_timeout_seconds": 0.2, "connect_timeout_seconds": 5}
    async with database(postgres_server, connections_per_process=1, **limits) as under:
        async with under.connection() as connection:
            pid = connection.driver.get_server_pid()
        with postgres_server.frozen(pid):
            with pytest.raises(QueryTimeoutError):
                await under.execute_transaction(Pay(accounts))
            assert under.statistics().open == 0
            assert await under.execute_transaction(Pay(accounts)) == "paid"
    assert await total(accounts) == 201


async def test_a_refusal_at_commit_is_known_and_its_own_error(
    under: Database, accounts: Observer
) -> None:
    await accounts.connection.execute(
        "DROP TABLE IF EXISTS debt;"
        "CREATE TABLE debt (name text REFERENCES purse DEFERRABLE INITIALLY DEFERRED)"
    )

    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO debt VALUES ('nobody')")

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await under.execute_transaction(work)
    await accounts.connection.execute("DROP TABLE debt")
