"""The example's jobs on a real PostgreSQL: run twice, as at least once allows, they did it once."""

from collections.abc import Iterator

import pytest
from homework.jobs import notify
from postgres_server import PostgresServer

from osnovci.queues.running import enter


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    server = PostgresServer.started()
    monkeypatch.setenv("DATABASE_URL", server.url)
    yield server
    server.remove()


def run(job_id: str, message: str = "Your homework was graded.") -> int:
    enter(job_id, lambda _: None)
    return notify("student-1", message)


def test_a_notification_is_kept_once_however_often_its_job_runs(database: PostgresServer) -> None:
    first = run("job-1")
    assert run("job-1") == first
    assert run("job-2") != first
    assert database.sql("SELECT count(*), count(DISTINCT message) FROM notification") == "2|1"


def test_a_database_that_was_made_before_learns_the_key(database: PostgresServer) -> None:
    run("job-1")
    database.sql("ALTER TABLE notification DROP COLUMN job")
    assert run("job-1") == run("job-1")
    assert database.sql("SELECT count(*) FROM notification") == "2"
