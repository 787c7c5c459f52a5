"""The example's jobs that keep something, on a real PostgreSQL whose schema they make."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from homework.jobs import check_conflicts, make_report, notify
from postgres_server import PostgresServer

from osnovci.queues.running import enter


@pytest.fixture(autouse=True)
def homework_database(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_server.url)


def test_jobs_that_come_first_together_make_the_schema_once(
    postgres_server: PostgresServer,
) -> None:
    def notify_ana(message: str) -> int:
        enter(f"job-{message}", lambda _: None)
        return notify("ana", message)

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(notify_ana, map(str, range(8))))
    assert len(set(ids)) == 8
    assert postgres_server.sql("SELECT count(*) FROM lesson") == "12"
    assert postgres_server.sql("SELECT count(*) FROM notification WHERE student = 'ana'") == "8"


def test_a_report_is_kept_once_however_often_it_is_made(postgres_server: PostgresServer) -> None:
    size = make_report("student-1")
    assert make_report("student-1") > 0
    kept = "SELECT count(*), max(length(pdf)) > 0 FROM report WHERE student = 'student-1'"
    assert postgres_server.sql(kept) == "1|t"
    assert size > 500


def test_conflicts_are_counted_once() -> None:
    assert check_conflicts("5-1") == check_conflicts("5-1") == 1
