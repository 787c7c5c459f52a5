"""Who holds a job, when it is taken from a worker, and what counts as its death."""

import os
import signal
from typing import Any

import pytest
import queue_tasks
from hand import Hand, add
from redis import Redis
from waiting import eventually
from workers import StartWorker, pool_document

from osnovci.queues import operations
from osnovci.queues.audit import audit
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind


@pytest.fixture
def hand(queues: Queues) -> Hand:
    return Hand(queues)


def test_whoever_lost_its_lease_cannot_end_the_job(queues: Queues, hand: Hand) -> None:
    job_id = add(queues)
    (job,) = hand.take()
    assert queues.run(operations.release("hand", "its pod is gone")) == 1
    other = Hand(queues, name="other")
    (again,) = other.take()
    assert (again.id, again.execution) == (job_id, "other1-1")
    assert hand.end(job, Kind.COMPLETED).late == [job.execution]
    found = queues.run(operations.get(job_id))
    assert found
    assert (found.status, found.losses, found.worker) == ("started", 1, "other")


def test_a_job_lost_three_times_is_set_aside_with_its_story(queues: Queues, hand: Hand) -> None:
    job_id = add(queues)
    for _ in range(3):
        hand.take()
        queues.run(operations.release("hand", "its pod is gone"))
    found = queues.run(operations.get(job_id))
    assert found
    assert (found.status, found.quarantined, found.losses) == ("failed", True, 3)
    assert found.error == "its pod is gone"
    assert queues.run(operations.retry(job_id))
    assert [job.id for job in hand.take()] == [job_id]


def test_a_job_that_waited_in_a_lost_worker_counts_no_death(queues: Queues, hand: Hand) -> None:
    job_id = add(queues)
    hand.take(slots=0)
    queues.run(operations.release("hand", "its pod is gone"))
    assert losses(queues, job_id) == 0
    # it may have begun there: from now on it is taken only where it begins at once
    assert hand.take(slots=0) == []
    assert [job.id for job in hand.take()] == [job_id]
    queues.run(operations.release("hand", "its pod is gone"))
    assert losses(queues, job_id) == 1
    assert audit(queues).findings == ()


def test_the_leases_of_others_last_on_where_redis_itself_was_away(
    queues: Queues, hand: Hand, redis: Redis
) -> None:
    other = Hand(queues, name="other")
    add(queues)
    hand.renew()
    (job,) = hand.take()
    leases = f"{queues.prefix}leases"
    other.renew()
    redis.zadd(leases, {"hand": 1})
    redis.set(f"{queues.prefix}server", "another run of Redis")
    other.renew()
    assert hand.end(job, Kind.COMPLETED).late == []


def test_a_lease_is_not_lost_while_nobody_could_renew(
    queues: Queues, hand: Hand, redis: Redis
) -> None:
    other = Hand(queues, name="other")
    add(queues)
    hand.renew()
    hand.take()
    leases = f"{queues.prefix}leases"
    redis.zadd(leases, {"hand": 1, "other": 1})
    other.renew()
    assert redis.scard(f"{queues.prefix}held:hand") == 1
    redis.zadd(leases, {"hand": 1})
    other.renew()
    assert redis.scard(f"{queues.prefix}held:hand") == 0


def test_a_worker_that_comes_back_did_not_die(queues: Queues, hand: Hand, redis: Redis) -> None:
    other = Hand(queues, name="other")
    job_id = add(queues)
    hand.renew()
    hand.take()
    other.renew()
    redis.zadd(f"{queues.prefix}leases", {"hand": 1})
    other.renew()
    assert losses(queues, job_id) == 1
    hand.renew()
    assert losses(queues, job_id) == 0


def losses(queues: Queues, job_id: str) -> int:
    found = queues.run(operations.get(job_id))
    assert found
    return found.losses


def test_a_worker_that_was_stopped_does_not_begin_what_ran_elsewhere(
    queues: Queues, hand: Hand, redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document(tasks=("queue_tasks",)))
    eventually(lambda: worker.waiting == 1)
    told: Any = redis.hget("rq:worker:worker-1", "pid")
    os.kill(int(told), signal.SIGSTOP)
    try:
        job_id = queues.run(operations.enqueue(queue_tasks.note, "noted", "stale"))

        def taken() -> list[Any]:
            hand.renew()
            return hand.take()

        (job,) = eventually(taken)
        assert job.id == job_id
        hand.end(job, Kind.COMPLETED)
    finally:
        os.kill(int(told), signal.SIGCONT)
    queues.run(operations.enqueue(queue_tasks.note, "noted", "fresh"))
    eventually(lambda: redis.llen("noted"))
    assert redis.lrange("noted", 0, -1) == [b"fresh"]
