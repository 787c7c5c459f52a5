"""What a pool has run is recorded, bounded, and replayed: worker, `osnovci trace`, `osnovci simulate`."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Ended, osnovci
from redis import Redis
from redis_server import RedisServer
from rq import Queue
from schedules import at, redis_now
from waiting import eventually
from workers import NAMESPACE, RunningWorker, end, pool_document

from osnovci.contract import RUNS_KEPT, RUNS_KEPT_SECONDS, runs_key
from osnovci.queues import runs

BIN = Path(sys.executable).parent
POOL = "homework-jobs"
KEY = runs_key(NAMESPACE, POOL)


def trace(server: RedisServer, *arguments: str) -> Ended:
    return osnovci("trace", "--redis", server.url, "-n", NAMESPACE, *arguments)


def test_what_a_worker_ran_can_be_replayed(
    redis: Redis, redis_server: RedisServer, tmp_path: Path
) -> None:
    worker = RunningWorker.start(
        redis, redis_server.url, pool_document(tasks=("queue_tasks",)), tmp_path / "log"
    )
    eventually(lambda: worker.ready)
    queue = Queue("email", connection=redis)
    queue.enqueue("queue_tasks.pause", 0.3)
    queue.enqueue("queue_tasks.add", 1, "two")  # fails, and counts as a run all the same
    eventually(lambda: redis.llen(KEY) == 2)
    queue.enqueue("queue_tasks.add", 1, 2)
    eventually(lambda: redis.zcard("rq:finished:email") == 2)
    worker.stop()
    worker.ends(within=25)
    end(worker)
    assert redis.llen(KEY) == 3, "the last run is recorded as the worker leaves"

    printed = trace(redis_server, f"qpool/{POOL}").stdout
    rows = list(csv.DictReader(printed.splitlines()))
    assert float(rows[0]["arrival_seconds"]) == 0
    assert sum(float(row["service_seconds"]) >= 0.3 for row in rows) == 1
    file = tmp_path / "trace.csv"
    file.write_text(printed)
    (tmp_path / "pool.yaml").write_text("scaling: {maxReplicas: 3}")
    command = [BIN / "osnovci", "simulate", "--trace", file, "--pool", tmp_path / "pool.yaml"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("3 jobs in ")


def test_only_the_last_runs_are_kept_and_not_for_ever(redis: Redis) -> None:
    began = redis_now(redis)
    noted = [(at(began - 10).isoformat(), began, began + 2.0)] * 10_000
    for _ in range(RUNS_KEPT // len(noted)):
        runs.write(redis, NAMESPACE, POOL, noted)
    runs.write(redis, NAMESPACE, POOL, [(at(began - 9).isoformat(), began, began + 0.25)])
    assert redis.llen(KEY) == RUNS_KEPT
    found = runs.read(redis, NAMESPACE, POOL)
    assert (found[0], found[-1]) == ((0.0, 2.0), (1.0, 0.25))
    assert 0 < int(redis.ttl(KEY)) <= RUNS_KEPT_SECONDS  # pyright: ignore[reportArgumentType]
    assert int(redis.memory_usage(KEY)) < 2**21  # pyright: ignore[reportArgumentType]


def test_of_a_pool_that_is_never_at_rest_the_last_days_are_given(redis: Redis) -> None:
    """Its list never expires, and may hold the runs of months."""
    now = redis_now(redis)
    days = (60, 8, 6, 0)
    noted = [
        (at(began).isoformat(), float(began), began + 2.0)
        for began in (now - each * 86_400 for each in days)
    ]
    runs.write(redis, NAMESPACE, POOL, noted)
    assert runs.read(redis, NAMESPACE, POOL) == [(0.0, 2.0), (6 * 86_400.0, 2.0)]


@pytest.mark.parametrize(
    ("waited_since", "line"),
    [
        pytest.param("2026-03-01T12:00:00Z", b"1772366400000 250", id="as rq writes it"),
        pytest.param("2026-03-01T12:00:00", b"1772366400000 250", id="without a zone it is UTC"),
        pytest.param("2026-03-01T13:00:00Z", b"1772366405000 250", id="later: when it started"),
        pytest.param("", b"1772366405000 250", id="unknown: when it started"),
        pytest.param("soon", b"1772366405000 250", id="no time: when it started"),
    ],
)
def test_when_a_job_arrived(redis: Redis, waited_since: str, line: bytes) -> None:
    runs.write(redis, NAMESPACE, POOL, [(waited_since, 1772366405.0, 1772366405.25)])
    assert redis.lrange(KEY, 0, -1) == [line]


def test_what_somebody_else_wrote_is_passed_over(redis: Redis) -> None:
    redis.rpush(KEY, "nonsense", "1 2 3", f"{redis_now(redis) * 1000} 2000")
    assert runs.read(redis, NAMESPACE, POOL) == [(0.0, 2.0)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["qpool/nobody"],
            "osnovci: no job of pool tests/nobody ended in the last 7 days, "
            "or there is no such pool\n",
            id="a pool without jobs",
        ),
        pytest.param(
            ["deployment/jobs"],
            "osnovci: 'deployment/jobs' is no QueuePool: write qpool/NAME\n",
            id="no pool",
        ),
    ],
)
def test_what_is_refused(
    redis: Redis, redis_server: RedisServer, arguments: list[str], said: str
) -> None:
    redis.flushall()
    done = trace(redis_server, *arguments)
    assert (done.returncode, done.stderr, done.stdout) == (2, said, "")


def test_a_key_of_another_type_is_one_sentence(redis: Redis, redis_server: RedisServer) -> None:
    redis.set(KEY, "a text")
    done = trace(redis_server, POOL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("osnovci: a key that this command reads is of another type")
    assert done.stderr.count("\n") == 1
