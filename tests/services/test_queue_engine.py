"""The engine runs jobs in each isolation, and loses none when something dies."""

import os
import signal
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import queue_tasks
from redis import Redis
from redis_server import RedisServer
from rq import Callback, Queue, Repeat, Retry
from rq.command import send_stop_job_command
from rq.job import JobStatus
from rq.worker import Worker as RqWorker
from waiting import PATIENCE_SECONDS, eventually
from workers import RunningWorker, StartWorker, pool_document, queue_document

from osnovci.contract import Isolation, RetryDocument
from osnovci.queues import operations
from osnovci.queues.audit import audit
from osnovci.queues.client import Queues
from osnovci.queues.job import Job
from osnovci.queues.operations import Options

EACH = pytest.mark.parametrize("isolation", list(Isolation))
TASKS = ("queue_tasks",)
QUICK = RetryDocument(limit=3, initial_seconds=0.2, factor=2, max_seconds=60)


def status(queues: Queues, job_id: str) -> str:
    found = queues.run(operations.get(job_id))
    return found.status if found else "gone"


def ended(queues: Queues, job_id: str, within: float = PATIENCE_SECONDS) -> Job:
    def look() -> Job | None:
        found = queues.run(operations.get(job_id))
        return found if found and found.status in {"finished", "failed"} else None

    found = eventually(look, within)
    assert found
    return found


@EACH
def test_a_job_runs_and_gives_its_result(
    queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(tasks=TASKS, isolation=isolation))
    for task in (queue_tasks.add, queue_tasks.add_async):
        jobs = [queues.run(operations.enqueue(task, number, 1)) for number in range(5)]
        assert [ended(queues, job).result for job in jobs] == [1, 2, 3, 4, 5]
        assert audit(queues).findings == ()


@EACH
def test_a_failing_job_is_retried_with_its_queues_waits(
    queues: Queues, start_worker: StartWorker, redis: Redis, isolation: Isolation
) -> None:
    start_worker(pool_document(queue_document(retries=QUICK), tasks=TASKS, isolation=isolation))
    job = queues.run(operations.enqueue(queue_tasks.fail_until, "runs", 3))
    assert ended(queues, job).result == 4
    listed: Any = redis.lrange("runs", 0, -1)
    moments = [float(each) for each in listed]
    waits = [later - earlier for earlier, later in pairwise(moments)]
    for wait, wanted in zip(waits, (0.2, 0.4, 0.8), strict=True):
        assert wait >= wanted


@pytest.mark.parametrize("isolation", [Isolation.PROCESS, Isolation.FORK])
def test_a_job_that_kills_its_process_harms_no_other(
    queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    good = [queues.run(operations.enqueue(queue_tasks.add, 1, 1)) for _ in range(20)]
    bad = queues.run(operations.enqueue(queue_tasks.crash))
    good += [queues.run(operations.enqueue(queue_tasks.add, 1, 1)) for _ in range(20)]
    start_worker(pool_document(tasks=TASKS, isolation=isolation, concurrency=2))
    assert all(ended(queues, job).losses == 0 for job in good)
    found = ended(queues, bad)
    assert (found.status, found.quarantined, found.losses) == ("failed", True, 3)
    assert found.error == "Its process was killed by SIGKILL while it ran this job."


def test_a_process_that_grows_too_large_is_replaced(
    queues: Queues, start_worker: StartWorker
) -> None:
    start_worker(pool_document(tasks=TASKS, memory_max_bytes=150 << 20))
    job = queues.run(operations.enqueue(queue_tasks.grow, 300))
    other = queues.run(operations.enqueue(queue_tasks.add, 1, 2))
    assert "more than the 150 MiB that one may use" in ended(queues, job, 30).error
    assert ended(queues, other).result == 3


@EACH
def test_a_job_that_runs_too_long_is_ended(
    queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(queue_document(timeout=1), tasks=TASKS, isolation=isolation))
    for task in (queue_tasks.pause, queue_tasks.pause_async):
        job = queues.run(operations.enqueue(task, 30))
        assert "timeout" in ended(queues, job).error
        again = queues.run(operations.enqueue(queue_tasks.add, 1, 2))
        assert ended(queues, again).result == 3


@pytest.mark.parametrize(
    ("isolation", "task"),
    [
        (Isolation.PROCESS, queue_tasks.pause),
        (Isolation.FORK, queue_tasks.pause),
        (Isolation.THREAD, queue_tasks.pause_async),
    ],
)
def test_a_running_job_is_cancelled(
    queues: Queues, start_worker: StartWorker, isolation: Isolation, task: Any
) -> None:
    worker = start_worker(pool_document(tasks=TASKS, isolation=isolation))
    job = queues.run(operations.enqueue(task, 60))
    eventually(lambda: status(queues, job) == "started")
    eventually(lambda: worker.busy == 1)
    assert queues.run(operations.cancel(job))
    again = queues.run(operations.enqueue(queue_tasks.add, 1, 2))
    assert ended(queues, again).result == 3
    assert status(queues, job) == "canceled"


def test_a_job_tells_how_far_it_is(queues: Queues, start_worker: StartWorker) -> None:
    start_worker(pool_document(tasks=TASKS))
    job = queues.run(operations.enqueue(queue_tasks.half_way, 5))

    def half_way() -> bool:
        found = queues.run(operations.get(job))
        return bool(found and found.progress == 0.5)

    eventually(half_way)


@EACH
def test_what_plain_rq_enqueues_runs_as_rq_promises(
    redis: Redis, start_worker: StartWorker, isolation: Isolation
) -> None:
    start_worker(pool_document(tasks=TASKS, isolation=isolation))
    queue = Queue("email", connection=redis)
    called = [Callback("queue_tasks.on_success"), Callback("queue_tasks.on_failure")]
    good = queue.enqueue("queue_tasks.add", 1, b=2, on_success=called[0])
    bad = queue.enqueue("queue_tasks.fail", retry=Retry(max=1), on_failure=called[1])
    after = queue.enqueue("queue_tasks.add", 3, 4, depends_on=good)
    eventually(lambda: after.get_status() == JobStatus.FINISHED)
    eventually(lambda: bad.get_status() == JobStatus.FAILED)
    assert (good.return_value(), after.return_value()) == (3, 7)
    assert "ValueError: as it should" in str(
        (bad.latest_result() or pytest.fail("none")).exc_string
    )
    listed: Any = redis.lrange("called", 0, -1)
    assert sorted(listed) == sorted(
        [f"success {good.id} 3".encode(), *[f"failure {bad.id} ValueError".encode()] * 2]
    )
    assert queue.finished_job_registry.get_job_ids(cleanup=False) == [good.id, after.id]
    assert queue.failed_job_registry.get_job_ids(cleanup=False) == [bad.id]
    assert queue.started_job_registry.get_job_ids(cleanup=False) == []


def test_rqs_tools_see_and_stop(redis: Redis, start_worker: StartWorker) -> None:
    start_worker(pool_document(tasks=TASKS))
    job = Queue("email", connection=redis).enqueue("queue_tasks.pause", 60)
    eventually(lambda: job.get_status() == JobStatus.STARTED)
    (worker,) = eventually(lambda: RqWorker.all(connection=redis))
    assert (worker.name, worker.queue_names()) == ("worker-1", ["email"])
    assert Queue("email", connection=redis).started_job_registry.get_job_ids() == [job.id]
    send_stop_job_command(redis, job.id)
    eventually(lambda: job.get_status() == JobStatus.FAILED)


def test_a_pickle_that_is_more_than_data_is_set_aside(
    redis: Redis, queues: Queues, start_worker: StartWorker
) -> None:
    job = Queue("email", connection=redis).enqueue("queue_tasks.add", Path("x"), os.getpid)
    start_worker(pool_document(tasks=TASKS))
    found = ended(queues, job.id)
    assert f"Job {job.id} was set aside: its arguments contain a " in found.error
    assert (found.status, found.losses) == ("failed", 0)


def test_a_burst_takes_fewer_round_trips_than_jobs(
    redis: Redis, queues: Queues, start_worker: StartWorker
) -> None:
    many = [operations.request(queue_tasks.add, number, 1) for number in range(1000)]
    queues.run(operations.enqueue_many(many))
    before: Any = redis.info("commandstats")
    start_worker(pool_document(tasks=TASKS, concurrency=2))
    eventually(lambda: queues.run(operations.stats("email"))["email"].completed == 1000)
    after: Any = redis.info("commandstats")
    calls = [each.get("cmdstat_evalsha", {}).get("calls", 0) for each in (before, after)]
    assert calls[1] - calls[0] < 1000


def test_jobs_of_a_killed_worker_run_again_within_five_seconds(
    redis: Redis,
    queues: Queues,
    redis_server: RedisServer,
    tmp_path: Path,
    start_worker: StartWorker,
) -> None:
    pool = pool_document(tasks=TASKS, concurrency=2)
    victim = RunningWorker.start(redis, redis_server.url, pool, tmp_path / "log", "victim")
    jobs = [queues.run(operations.enqueue(queue_tasks.count, "runs", str(n), 4)) for n in range(2)]
    eventually(lambda: all(status(queues, job) == "started" for job in jobs))
    os.kill(victim.process.pid, signal.SIGKILL)
    victim.process.wait()
    start_worker(pool)
    again = [ended(queues, job) for job in jobs]
    assert [(job.worker, job.losses) for job in again] == [("worker-1", 1)] * 2
    assert redis.hgetall("runs") == {b"0": b"1", b"1": b"1"}


def _worker(queues: Queues, job_id: str) -> str:
    found = queues.run(operations.get(job_id))
    return found.worker if found and found.status == "started" else ""


def test_a_worker_that_is_known_to_be_gone_is_not_waited_for(
    redis: Redis,
    queues: Queues,
    redis_server: RedisServer,
    tmp_path: Path,
    start_worker: StartWorker,
) -> None:
    pool = pool_document(tasks=TASKS)
    victim = RunningWorker.start(redis, redis_server.url, pool, tmp_path / "log", "victim")
    job = queues.run(operations.enqueue(queue_tasks.pause, 60))
    eventually(lambda: status(queues, job) == "started")
    start_worker(pool)
    os.kill(victim.process.pid, signal.SIGKILL)
    victim.process.wait()
    assert queues.run(operations.release("victim", "the pod victim is gone")) == 1
    eventually(lambda: _worker(queues, job) == "worker-1")
    found = queues.run(operations.get(job))
    assert found
    assert found.losses == 1


@EACH
def test_a_stop_gives_back_what_was_not_begun(
    queues: Queues, start_worker: StartWorker, isolation: Isolation
) -> None:
    many = [operations.request(queue_tasks.add, number, 1) for number in range(3000)]
    ids = queues.run(operations.enqueue_many(many))
    document = queue_document(keep_completed=3000)
    worker = start_worker(pool_document(document, tasks=TASKS, concurrency=2, isolation=isolation))
    eventually(lambda: queues.run(operations.stats("email"))["email"].completed > 20)
    worker.stop()
    assert worker.ends(within=25) == 0
    states = [status(queues, each) for each in ids]
    assert set(states) <= {"queued", "finished"}
    assert audit(queues).findings == ()


def test_a_priority_or_a_resumed_queue_wakes_an_idle_worker(
    queues: Queues, start_worker: StartWorker
) -> None:
    start_worker(pool_document(tasks=TASKS))
    queues.run(operations.pause("email"))
    waiting = queues.run(operations.enqueue(queue_tasks.add, 1, 2))
    first = Options(priority=1)
    urgent = queues.run(operations.enqueue(queue_tasks.add, 3, 4, options=first))
    assert status(queues, waiting) == status(queues, urgent) == "queued"
    queues.run(operations.resume("email"))
    assert (ended(queues, waiting).result, ended(queues, urgent).result) == (3, 7)


def test_a_repeat_of_plain_rq_runs_so_often(redis: Redis, start_worker: StartWorker) -> None:
    job = Queue("email", connection=redis).enqueue(
        "queue_tasks.note", "notes", "x", repeat=Repeat(times=2, interval=0)
    )
    start_worker(pool_document(tasks=TASKS))
    eventually(lambda: redis.llen("notes") == 3)
    eventually(lambda: job.get_status() == JobStatus.FINISHED)


def test_a_job_that_plain_rq_enqueues_for_later_waits(
    redis: Redis, start_worker: StartWorker
) -> None:
    start_worker(pool_document(tasks=TASKS))
    job = Queue("email", connection=redis).enqueue_in(timedelta(seconds=2), "queue_tasks.add", 1, 2)
    assert job.get_status() == JobStatus.SCHEDULED
    eventually(lambda: job.get_status() == JobStatus.FINISHED, within=6)
