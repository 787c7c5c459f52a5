"""The worker runs a pool's jobs by the pool's rules, on a real Redis."""

from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job, JobStatus
from waiting import eventually
from workers import StartWorker, pool_document, queue_document

from osnovci.contract import RetryDocument

RECORD = "homework.jobs.record"
PAUSE = "homework.jobs.pause"


def values(redis: Redis, key: str) -> list[bytes]:
    found: Any = redis.lrange(key, 0, -1)
    return found


def failure(job: Job) -> str:
    """Wait until a job has failed; give the reason that was kept."""
    eventually(lambda: job.get_status() == JobStatus.FAILED)
    result = job.latest_result()
    assert result
    return str(result.exc_string)


def test_queues_are_taken_in_their_order(redis: Redis, start_worker: StartWorker) -> None:
    for name in ("report", "email", "notification"):
        Queue(name, connection=redis).enqueue(RECORD, "order", name)
    queues = [queue_document(name) for name in ("notification", "email", "report")]
    start_worker(pool_document(*queues))
    eventually(lambda: len(values(redis, "order")) == 3)
    assert values(redis, "order") == [b"notification", b"email", b"report"]


def test_a_paused_queue_waits(redis: Redis, start_worker: StartWorker) -> None:
    waiting = Queue("email", connection=redis)
    waiting.enqueue(RECORD, "ran", "email")
    start_worker(pool_document(queue_document("email", paused=True), queue_document("report")))
    Queue("report", connection=redis).enqueue(RECORD, "ran", "report")
    eventually(lambda: values(redis, "ran") == [b"report"])
    assert waiting.count == 1


def test_a_pool_of_paused_queues_is_ready_and_runs_nothing(
    redis: Redis, start_worker: StartWorker
) -> None:
    Queue("email", connection=redis).enqueue(RECORD, "ran", "email")
    worker = start_worker(pool_document(queue_document("email", paused=True)))
    eventually(lambda: worker.heartbeat)
    assert worker.ready
    assert Queue("email", connection=redis).count == 1


def test_a_failed_job_is_retried_after_its_wait(redis: Redis, start_worker: StartWorker) -> None:
    redis.set("list", "not a list, so that record fails")
    retries = RetryDocument(limit=2, initial_seconds=1, factor=2, max_seconds=60)
    job = Queue("email", connection=redis).enqueue(RECORD, "list", "once")
    start_worker(pool_document(queue_document(retries=retries)))
    eventually(lambda: job.get_status() == JobStatus.SCHEDULED)
    redis.delete("list")
    eventually(lambda: job.get_status() == JobStatus.FINISHED)
    job.refresh()
    assert (job.retries_left, job.retry_intervals) == (1, [1, 2])
    assert values(redis, "list") == [b"once"]


def test_a_job_out_of_retries_has_failed(redis: Redis, start_worker: StartWorker) -> None:
    redis.set("list", "not a list, so that record fails")
    retries = RetryDocument(limit=1, initial_seconds=0.5, factor=2, max_seconds=60)
    job = Queue("email", connection=redis).enqueue(RECORD, "list", "never")
    start_worker(pool_document(queue_document(retries=retries)))
    assert "WRONGTYPE" in failure(job)
    job.refresh()
    assert job.retries_left == 0


def test_the_queues_timeout_ends_a_job_without_its_own(
    redis: Redis, start_worker: StartWorker
) -> None:
    job = Queue("email", connection=redis).enqueue(PAUSE, 60)
    start_worker(pool_document(queue_document(timeout=1)))
    assert "JobTimeoutError: it ran longer than its timeout" in failure(job)


def test_a_json_job_runs_and_answers_in_json(redis: Redis, start_worker: StartWorker) -> None:
    job = Queue("email", connection=redis, serializer="json").enqueue(RECORD, "list", "json")
    start_worker(pool_document())
    eventually(lambda: job.get_status() == JobStatus.FINISHED)
    assert values(redis, "list") == [b"json"]
    assert job.return_value() is None


@pytest.mark.parametrize("serializer", ["pickle", "json"])
@pytest.mark.parametrize(
    "function",
    [
        pytest.param("os.system", id="another module"),
        pytest.param("homework.jobs.os.system", id="what the module imported"),
        pytest.param("homework.jobsystem.run", id="a name that only begins alike"),
    ],
)
def test_a_function_outside_the_tasks_is_not_run(
    redis: Redis, start_worker: StartWorker, function: str, serializer: str
) -> None:
    queue = Queue("email", connection=redis, serializer=serializer)
    job = queue.enqueue(function, "redis-cli -u $OSNOVCI_REDIS_URL rpush ran it")
    retries = RetryDocument(limit=3, initial_seconds=1, factor=2, max_seconds=60)
    start_worker(pool_document(queue_document(retries=retries)))
    assert failure(job) == (
        f"Job {job.id} was set aside: it names {function}, which is no task of this pool: declare it"
        " with @task in a module that spec.tasks names, or enqueue another function"
    )
    assert not redis.exists("ran")


def test_a_callback_outside_the_tasks_refuses_the_job(
    redis: Redis, start_worker: StartWorker
) -> None:
    queue = Queue("email", connection=redis)
    job = queue.enqueue(RECORD, "list", "never", on_success=Callback("os.system"))
    start_worker(pool_document())
    assert "it names os.system, which is no task of this pool" in failure(job)
    assert not redis.exists("list")


def test_only_the_newest_ended_jobs_are_kept(redis: Redis, start_worker: StartWorker) -> None:
    queue = Queue("email", connection=redis)
    good = [queue.enqueue(RECORD, "list", str(number)) for number in range(8)]
    bad = [queue.enqueue("os.system", "never") for _ in range(5)]
    start_worker(pool_document(queue_document(keep_completed=3, keep_failed=2)))
    eventually(lambda: len(values(redis, "list")) == 8 and queue.count == 0)
    eventually(lambda: queue.finished_job_registry.count == 3)
    eventually(lambda: queue.failed_job_registry.count == 2)
    left = {job.id for job in (*good, *bad) if redis.exists(job.key)}
    kept = (*queue.finished_job_registry.get_job_ids(), *queue.failed_job_registry.get_job_ids())
    assert left == set(kept)
    results = {key.decode().removeprefix("rq:results:") for key in redis.scan_iter("rq:results:*")}
    assert results == left
