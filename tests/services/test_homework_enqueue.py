"""The example's script enqueues what its workers can run."""

import subprocess
import sys

import pytest
from redis import Redis
from redis_server import RedisServer
from rq import Queue
from workers import EXAMPLE

QUEUES = ("email", "notification", "schedule", "report")


def run(server: RedisServer, *arguments: str) -> str:
    script = [sys.executable, str(EXAMPLE / "enqueue.py"), f"--redis={server.url}", *arguments]
    return subprocess.run(script, check=True, capture_output=True, text=True).stdout


def counts(redis: Redis) -> dict[str, int]:
    return {name: Queue(name, connection=redis).count for name in QUEUES}


def test_a_mix_goes_to_all_queues(redis: Redis, redis_server: RedisServer) -> None:
    assert run(redis_server, "--count=250") == "250 jobs enqueued\n"
    found = counts(redis)
    assert sum(found.values()) == 250
    assert min(found.values()) > 0


@pytest.mark.parametrize("name", QUEUES)
def test_one_queue_gets_its_own_jobs(redis: Redis, redis_server: RedisServer, name: str) -> None:
    run(redis_server, "--count=3", f"--queue={name}")
    assert counts(redis) == dict.fromkeys(QUEUES, 0) | {name: 3}
    jobs = Queue(name, connection=redis, serializer="json").jobs
    assert {str(job.func_name).rpartition(".")[0] for job in jobs} == {"homework.jobs"}
