"""The example's jobs on a real PostgreSQL: run twice, as at least once allows, they did it once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from homework.database import kept
from homework.jobs import notify, notify_class
from homework.notifications import CHANNEL
from postgres_server import PostgresServer
from redis import Redis
from redis_server import RedisServer
from waiting import eventually

from osnovci.queues.running import enter


@pytest.fixture
def database(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresServer]:
    server = PostgresServer.started()
    monkeypatch.setenv("DATABASE_URL", server.url)
    monkeypatch.setenv("OSNOVCI_REDIS_URL", redis_server.url)
    yield server
    kept.close()
    server.remove()


def run(job_id: str, message: str = "Your homework was graded.") -> None:
    enter(job_id, lambda _: None)
    notify("student-1", message)


def test_a_notification_is_kept_once_however_often_its_job_runs(database: PostgresServer) -> None:
    for job in ("job-1", "job-1", "job-2"):
        run(job)
    assert database.sql("SELECT count(*), count(DISTINCT message) FROM notification") == "2|1"


def test_a_class_is_told_once_each_and_the_bell_rings(
    database: PostgresServer, redis: Redis
) -> None:
    enter("job-1", lambda _: None)
    with redis.pubsub(ignore_subscribe_messages=True) as bell:
        bell.subscribe(CHANNEL)
        eventually(lambda: redis.pubsub_numsub(CHANNEL)[0][1])
        for _ in range(2):
            notify_class("5-2", "Test on Friday")
        rung: Any = eventually(lambda: _heard(bell))
    pupils = ["student-2", "student-6", "student-10", "student-14", "student-18"]
    assert json.loads(rung["data"]) == pupils
    told = database.sql("SELECT student FROM notification ORDER BY id").split()
    assert told == pupils


def _heard(bell: Any) -> Any:
    return bell.get_message(timeout=1)


def test_a_database_that_was_made_before_learns_the_key(database: PostgresServer) -> None:
    run("job-1")
    kept.close()
    database.sql("ALTER TABLE notification DROP COLUMN job")
    database.sql("ALTER TABLE notification ADD COLUMN job text UNIQUE")
    run("job-2")
    run("job-2")
    assert database.sql("SELECT count(*) FROM notification") == "2"
