"""A worker that is asked to drain: it takes no job, says when it has none, and takes jobs again."""

import pytest
from hand import Hand, add
from redis import Redis
from rq import Queue
from rq.job import JobStatus
from waiting import eventually
from workers import NAMESPACE, POD, RunningWorker, StartWorker, entries, pool_document

from osnovci.contract import (
    DrainRequest,
    Isolation,
    WorkerState,
    drain_key,
    key_prefix,
    resume_message,
)
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind

RECORD = "homework.jobs.record"
PAUSE = "homework.jobs.pause"
DRAINED = (WorkerState.DRAINED, 1000, 0)


def ask(redis: Redis, asked_ms: int = 1000, seconds: float = 60) -> None:
    request = DrainRequest(asked_ms=asked_ms).model_dump_json()
    redis.set(drain_key(NAMESPACE, POD), request, px=round(seconds * 1000))


def answer(worker: RunningWorker) -> tuple[WorkerState, int | None, int] | None:
    beat = worker.heartbeat
    return (beat.state, beat.asked_ms, beat.busy) if beat else None


def test_an_idle_worker_confirms_stays_ready_and_takes_nothing(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document())
    eventually(lambda: answer(worker) == (WorkerState.RUNNING, None, 0))
    ask(redis)
    eventually(lambda: answer(worker) == DRAINED)
    queue = Queue("email", connection=redis)
    job = queue.enqueue(RECORD, "list", "later")
    ask(redis, 2000)
    eventually(lambda: answer(worker) == (WorkerState.DRAINED, 2000, 0))
    assert worker.ready
    assert (job.get_status(), entries(redis, "list")) == (JobStatus.QUEUED, [])
    redis.delete(drain_key(NAMESPACE, POD))
    redis.publish(f"{key_prefix(NAMESPACE)}wake", resume_message(POD))
    eventually(lambda: entries(redis, "list") == [b"later"])
    eventually(lambda: answer(worker) == (WorkerState.RUNNING, None, 0))


@pytest.mark.parametrize("isolation", list(Isolation))
def test_a_busy_worker_ends_its_job_before_it_confirms(
    redis: Redis, start_worker: StartWorker, isolation: Isolation
) -> None:
    worker = start_worker(pool_document(isolation=isolation))
    queue = Queue("email", connection=redis)
    running = queue.enqueue(PAUSE, 4)
    eventually(lambda: worker.busy == 1)
    ask(redis)
    waiting = queue.enqueue(RECORD, "list", "never")
    eventually(lambda: answer(worker) == (WorkerState.DRAINING, 1000, 1))
    assert running.get_status() == JobStatus.STARTED
    eventually(lambda: answer(worker) == DRAINED)
    assert (running.get_status(), waiting.get_status()) == (JobStatus.FINISHED, JobStatus.QUEUED)
    worker.stop()
    assert worker.ends(within=25) == 0
    assert waiting.get_status() == JobStatus.QUEUED


def test_a_worker_that_starts_while_it_is_asked_takes_no_job(
    redis: Redis, start_worker: StartWorker
) -> None:
    ask(redis)
    job = Queue("email", connection=redis).enqueue(RECORD, "list", "never")
    worker = start_worker(pool_document())
    eventually(lambda: answer(worker) == DRAINED)
    assert (job.get_status(), entries(redis, "list")) == (JobStatus.QUEUED, [])


def test_a_request_that_nobody_renews_ends_by_itself(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document())
    ask(redis, seconds=3)
    eventually(lambda: answer(worker) == DRAINED)
    Queue("email", connection=redis).enqueue(RECORD, "list", "after it")
    eventually(lambda: entries(redis, "list") == [b"after it"])


def test_short_jobs_that_wait_in_the_worker_go_back(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document(concurrency=2))
    queue = Queue("email", connection=redis)
    data = [Queue.prepare_data(PAUSE, (0.003,)) for _ in range(3000)]
    jobs = queue.enqueue_many(data)
    eventually(lambda: queue.finished_job_registry.get_job_count(cleanup=False) > 50)
    ask(redis)
    eventually(lambda: answer(worker) == DRAINED)
    assert redis.scard(f"{key_prefix(NAMESPACE)}held:{POD}") == 0
    assert queue.started_job_registry.get_job_count(cleanup=False) == 0
    assert 0 < len(queue) < len(jobs)


def test_no_turn_takes_a_job_from_the_moment_of_the_request(queues: Queues, redis: Redis) -> None:
    hand = Hand(queues, name=POD)
    first, second = add(queues), add(queues)
    (held,) = hand.take(1)
    ask(redis)
    turn = hand.turn(1)
    assert (turn.jobs, turn.blocked) == ([], {"email"})
    assert hand.end(held, Kind.COMPLETED).jobs == []
    redis.delete(drain_key(NAMESPACE, POD))
    assert (held.id, [job.id for job in hand.take(2)]) == (first, [second])
