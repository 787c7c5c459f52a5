"""The example's jobs that keep something, on a real PostgreSQL whose schema they make."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from homework import accounts, database
from homework.database import kept, with_database
from homework.jobs import check_conflicts, make_report, notify
from homework.report import report_pdf
from postgres_server import PostgresServer
from redis_server import RedisServer

from osnovci.database.connection import Connection
from osnovci.queues.running import enter


@pytest.fixture(autouse=True)
def services(
    postgres_server: PostgresServer, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", postgres_server.url)
    monkeypatch.setenv("OSNOVCI_REDIS_URL", redis_server.url)
    yield
    kept.close()


def test_jobs_that_come_first_together_make_the_schema_once(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Connection] = []

    async def add_demo(connection: Connection) -> None:
        made.append(connection)
        await accounts.add_demo(connection)

    monkeypatch.setattr(database, "add_demo", add_demo)
    postgres_server.sql("DROP TABLE IF EXISTS account")

    def notify_ana(message: str) -> None:
        enter(f"job-{message}", lambda _: None)
        notify("ana", message)
        kept.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(notify_ana, map(str, range(8))))
    assert len(made) == 1
    assert postgres_server.sql("SELECT count(*) FROM lesson") == "12"
    assert postgres_server.sql("SELECT count(*) FROM notification WHERE student = 'ana'") == "8"


def test_a_report_is_kept_once_however_often_it_is_made(postgres_server: PostgresServer) -> None:
    told: list[float] = []
    enter("report-1", told.append)
    with_database(_note_three)
    size = make_report("vera")
    assert make_report("vera") > 0
    kept = "SELECT count(*), max(length(pdf)) > 0 FROM report WHERE student = 'vera'"
    assert postgres_server.sql(kept) == "1|t"
    assert size > 500
    assert told == [0.25, 0.5, 0.75] * 2


def test_a_report_has_what_a_pdf_cannot_write() -> None:
    assert report_pdf("student-1", [("Vežba: čitanje → 中文", False)], lambda _: None)


def test_a_job_that_was_cut_off_leaves_nothing_to_the_next(
    postgres_server: PostgresServer,
) -> None:
    """As its timeout does: an exception from a signal, while a statement runs."""

    async def too_long(database: Connection) -> None:
        await database.execute("INSERT INTO report (student, pdf) VALUES ('late', '')")
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        await database.execute("SELECT pg_sleep(30)")

    def end(*_: object) -> None:
        raise TimeoutError("its time is over")

    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(TimeoutError, match="its time is over"):
            with_database(too_long)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert check_conflicts("5-1") == 1
    assert postgres_server.sql("SELECT count(*) FROM report WHERE student = 'late'") == "0"


def test_the_next_job_does_not_mind_that_the_database_was_restarted(
    own_postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", own_postgres_server.url)
    assert check_conflicts("5-1") == 1
    own_postgres_server.restart()
    assert check_conflicts("5-1") == 1


async def _note_three(database: Connection) -> None:
    insert = "INSERT INTO homework (student, title) VALUES ('vera', $1)"
    await database.executemany(insert, [("Reading",), ("Writing",), ("Counting",)])


def test_conflicts_are_counted_once() -> None:
    assert check_conflicts("5-1") == check_conflicts("5-1") == 1
