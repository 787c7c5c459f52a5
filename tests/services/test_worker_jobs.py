"""The worker runs jobs by the rules of their queues, on a real Redis: one worker for all tests."""

from collections.abc import Iterator

import pytest
from redis import Redis
from redis_server import RedisServer
from rq import Callback, Queue
from rq.job import Job, JobStatus
from waiting import eventually
from workers import RunningWorker, end, entries, pool_document, queue_document

from osnovci.contract import RetryDocument

RECORD = "homework.jobs.record"
PAUSE = "homework.jobs.pause"
POOL = pool_document(
    queue_document("plain"),
    queue_document(
        "twice", retries=RetryDocument(limit=2, initial_seconds=1, factor=2, max_seconds=9)
    ),
    queue_document(
        "once", retries=RetryDocument(limit=1, initial_seconds=0.5, factor=2, max_seconds=9)
    ),
    queue_document("quick", timeout=1),
    queue_document("kept", keep_completed=3, keep_failed=2),
    concurrency=2,
)


@pytest.fixture(scope="module")
def redis(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """The session's Redis, with a worker of POOL on it; each test has its own queue or keys."""
    client = redis_server.client
    client.flushall()
    log = tmp_path_factory.mktemp("worker") / "log"
    worker = RunningWorker.start(client, redis_server.url, POOL, log)
    eventually(lambda: worker.ready)
    yield client
    end(worker)


def failure(job: Job) -> str:
    """Wait until a job has failed; give the reason that was kept."""
    eventually(lambda: job.get_status() == JobStatus.FAILED)
    result = job.latest_result()
    assert result
    return str(result.exc_string)


def test_a_failed_job_is_retried_after_its_wait(redis: Redis) -> None:
    redis.set("retried", "not a list, so that record fails")
    job = Queue("twice", connection=redis).enqueue(RECORD, "retried", "once")
    eventually(lambda: job.get_status() == JobStatus.SCHEDULED)
    redis.delete("retried")
    eventually(lambda: job.get_status() == JobStatus.FINISHED)
    job.refresh()
    assert (job.retries_left, job.retry_intervals) == (1, [1, 2])
    assert entries(redis, "retried") == [b"once"]


def test_a_job_out_of_retries_has_failed(redis: Redis) -> None:
    redis.set("not-a-list", "not a list, so that record fails")
    job = Queue("once", connection=redis).enqueue(RECORD, "not-a-list", "never")
    assert "WRONGTYPE" in failure(job)
    job.refresh()
    assert job.retries_left == 0


def test_the_queues_timeout_ends_a_job_without_its_own(redis: Redis) -> None:
    job = Queue("quick", connection=redis).enqueue(PAUSE, 60)
    assert "JobTimeoutError: it ran longer than its timeout" in failure(job)


def test_a_json_job_runs_and_answers_in_json(redis: Redis) -> None:
    job = Queue("plain", connection=redis, serializer="json").enqueue(RECORD, "json", "json")
    eventually(lambda: job.get_status() == JobStatus.FINISHED)
    assert entries(redis, "json") == [b"json"]
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
    redis: Redis, function: str, serializer: str
) -> None:
    queue = Queue("plain", connection=redis, serializer=serializer)
    job = queue.enqueue(function, "redis-cli -u $OSNOVCI_REDIS_URL rpush ran it")
    assert failure(job) == (
        f"Job {job.id} was set aside: it names {function}, which is no task of this pool: declare it"
        " with @task in a module that spec.tasks names, or enqueue another function"
    )
    assert not redis.exists("ran")


def test_a_callback_outside_the_tasks_refuses_the_job(redis: Redis) -> None:
    queue = Queue("plain", connection=redis)
    job = queue.enqueue(RECORD, "unwritten", "never", on_success=Callback("os.system"))
    assert "it names os.system, which is no task of this pool" in failure(job)
    assert not redis.exists("unwritten")


def test_only_the_newest_ended_jobs_are_kept(redis: Redis) -> None:
    queue = Queue("kept", connection=redis)
    good = [queue.enqueue(RECORD, "many", str(number)) for number in range(8)]
    bad = [queue.enqueue("os.system", "never") for _ in range(5)]
    eventually(lambda: len(entries(redis, "many")) == 8 and queue.count == 0)
    eventually(lambda: queue.finished_job_registry.count == 3)
    eventually(lambda: queue.failed_job_registry.count == 2)
    left = {job.id for job in (*good, *bad) if redis.exists(job.key)}
    kept = (*queue.finished_job_registry.get_job_ids(), *queue.failed_job_registry.get_job_ids())
    assert left == set(kept)
    assert {job.id for job in (*good, *bad) if redis.exists(f"rq:results:{job.id}")} == left
