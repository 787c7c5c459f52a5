"""What a job, a program or a person may get wrong harms no other job."""

import os
from typing import Any

import pytest
import queue_tasks
from commands import osnovci
from redis import Redis
from rq import Queue
from waiting import eventually
from workers import StartWorker, free_port, pool_document

from osnovci.contract import Isolation
from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci.queues.errors import QueueError
from osnovci.queues.job import Job
from osnovci.queues.operations import Options

TASKS = ("queue_tasks",)


def ended(queues: Queues, job_id: str) -> Job:
    def look() -> Job | None:
        found = queues.run(operations.get(job_id))
        return found if found and found.status in {"finished", "failed"} else None

    found = eventually(look)
    assert found
    return found


@pytest.mark.parametrize("isolation", [Isolation.PROCESS, Isolation.THREAD])
def test_a_wrong_progress_fails_its_job_and_no_renewal(
    queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(tasks=TASKS, isolation=isolation))
    wrong: tuple[Any, ...] = (None, 7, "half")
    for bad in [queues.run(operations.enqueue(queue_tasks.report, each)) for each in wrong]:
        found = ended(queues, bad)
        assert (found.status, found.losses) == ("failed", 0)
    # longer than a lease, which is renewed meanwhile
    assert ended(queues, queues.run(operations.enqueue(queue_tasks.pause, 4))).losses == 0


def test_options_may_be_used_again(queues: Queues) -> None:
    high = Options(priority=1)
    ids = [queues.run(operations.enqueue(queue_tasks.add, n, 1, options=high)) for n in range(3)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("isolation", list(Isolation))
def test_a_payload_of_any_bytes_and_of_almost_the_greatest_size_runs(
    redis: Redis, queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(tasks=TASKS, isolation=isolation))
    queue = Queue("email", connection=redis)
    pickled = queue.enqueue("queue_tasks.size", os.urandom(120_000))
    plain = Queue("email", connection=redis, serializer="json")
    written = plain.enqueue("queue_tasks.size", "x" * 120_000)
    assert [ended(queues, job.id).result for job in (pickled, written)] == [120_000, 120_000]


@pytest.mark.parametrize("isolation", list(Isolation))
def test_a_payload_that_is_too_large_is_set_aside(
    redis: Redis, queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(tasks=TASKS, isolation=isolation))
    job = Queue("email", connection=redis).enqueue("queue_tasks.size", os.urandom(600_000))
    found = ended(queues, job.id)
    assert (found.status, found.losses) == ("failed", 0)
    assert "was set aside" in found.error


def test_a_job_outlives_its_ttl_while_it_runs(
    redis: Redis, queues: Queues, start_worker: StartWorker
) -> None:
    start_worker(pool_document(tasks=TASKS))
    job = Queue("email", connection=redis).enqueue("queue_tasks.pause", 3, ttl=2)
    assert ended(queues, job.id).status == "finished"


def test_a_job_that_is_retried_is_kept_whatever_its_failure_ttl(
    redis: Redis, queues: Queues, start_worker: StartWorker
) -> None:
    job = Queue("email", connection=redis).enqueue("queue_tasks.fail", failure_ttl=60)
    start_worker(pool_document(tasks=TASKS))
    ended(queues, job.id)
    assert redis.ttl(job.key) > 0
    queues.run(operations.pause("email"))
    assert queues.run(operations.retry(job.id))
    assert redis.ttl(job.key) == -1


def test_a_record_that_cannot_be_read_breaks_its_own_job_alone(
    redis: Redis, queues: Queues, start_worker: StartWorker
) -> None:
    queue = Queue("email", connection=redis)
    bad, good = (queue.enqueue("queue_tasks.add", 1, 2) for _ in range(2))
    redis.hset(bad.key, "timeout", "soon")
    start_worker(pool_document(tasks=TASKS))
    assert ended(queues, good.id).result == 3
    assert "its record cannot be read" in ended(queues, bad.id).error


@pytest.mark.parametrize("isolation", list(Isolation))
def test_data_that_cannot_be_read_break_their_own_job_alone(
    redis: Redis, queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(tasks=TASKS, isolation=isolation, concurrency=2))
    for data in (b"xyz", b'["queue_tasks.add",null,null,{}]', b"", b"\xff"):
        neighbour = queues.run(operations.enqueue(queue_tasks.pause, 1))
        redis.delete("rq:job:bad")
        redis.hset("rq:job:bad", mapping={"status": "queued", "origin": "email", "data": data})
        redis.rpush("rq:queue:email", "bad")
        found = ended(queues, "bad")
        assert (found.status, found.losses) == ("failed", 0), data
        assert "was set aside" in found.error
        assert ended(queues, neighbour).losses == 0


def test_a_look_at_a_job_with_odd_fields_shows_the_rest(redis: Redis, queues: Queues) -> None:
    job = Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2)
    redis.hset(job.key, mapping={"status": "created", "progress": "50%", "priority": "abc"})
    found = queues.run(operations.get(job.id))
    assert found
    assert (found.status, found.progress, found.priority) == ("created", None, 5)
    redis.hset(job.key, "status", "strange")
    with pytest.raises(QueueError, match="'strange', which is not one of created"):
        queues.run(operations.get(job.id))


def test_canceled_jobs_are_kept_within_bounds(redis: Redis, queues: Queues) -> None:
    many = [operations.request(queue_tasks.add, n, 1) for n in range(520)]
    for job in queues.run(operations.enqueue_many(many)):
        queues.run(operations.cancel(job))
    assert redis.zcard("rq:canceled:email") == 500


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(("--redis", "foo", "--namespace", "x"), "is no URL of a Redis", id="no URL"),
        pytest.param(("--redis", "redis://127.0.0.1"), "no namespace is named", id="no namespace"),
        pytest.param(
            ("--redis", f"redis://127.0.0.1:{free_port()}", "--namespace", "x"),
            "Connection refused",
            id="no Redis",
        ),
    ],
)
def test_a_command_that_cannot_run_says_so_in_a_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    done = osnovci("queue", *arguments, "stats")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
