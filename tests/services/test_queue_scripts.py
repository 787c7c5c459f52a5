"""The scripts, one at a time, without a worker: a job is always in exactly one place."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import queue_tasks
from hand import Hand, add
from redis import Redis
from rq import Queue, Retry
from rq.job import JobStatus
from waiting import eventually
from workers import queue_document

from osnovci.contract import RateDocument
from osnovci.queues import operations
from osnovci.queues.audit import audit
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind
from osnovci.queues.errors import PayloadError, UnknownTaskError

pytestmark = pytest.mark.every_server


@pytest.fixture
def hand(queues: Queues) -> Hand:
    return Hand(queues)


def test_jobs_are_taken_by_priority_then_age(queues: Queues, hand: Hand) -> None:
    ids = {priority: add(queues, priority=priority) for priority in (10, 5, 1, 7, 2)}
    last_of_one = add(queues, priority=1)
    assert [job.id for job in hand.take(6)] == [
        ids[1],
        last_of_one,
        ids[2],
        ids[5],
        ids[7],
        ids[10],
    ]


def test_each_queue_gets_its_turn(queues: Queues, hand: Hand) -> None:
    hand.documents = [queue_document("email"), queue_document("report")]
    for queue in ("report", "email", "email"):
        add(queues, queue=queue)
    assert [job.queue for job in hand.turn(1).jobs] == ["email"]
    assert [job.queue for job in hand.turn(1, first=2).jobs] == ["report"]


def test_many_are_accepted_in_one_round_trip(queues: Queues, redis: Redis) -> None:
    requests = [operations.request(queue_tasks.add, number, 1) for number in range(500)]
    ids = queues.run(operations.enqueue_many(requests))
    assert len(set(ids)) == 500
    assert redis.llen("rq:queue:email") == 500


def test_a_job_that_ended_is_kept_and_counted(queues: Queues, hand: Hand) -> None:
    hand.documents = [queue_document(keep_completed=2)]
    ids = [add(queues) for _ in range(4)]
    for job in hand.take(4):
        hand.end(job, Kind.COMPLETED)
    stats = queues.run(operations.stats("email"))["email"]
    assert (stats.waiting, stats.active, stats.completed) == (0, 0, 4)
    assert [queues.run(operations.get(each)) is None for each in ids] == [True, True, False, False]


def test_an_end_is_told_once(queues: Queues, hand: Hand) -> None:
    add(queues)
    (job,) = hand.take()
    assert hand.end(job, Kind.COMPLETED).late == []
    assert hand.end(job, Kind.COMPLETED).late == [job.execution]
    assert queues.run(operations.stats("email"))["email"].completed == 1


def test_a_retry_waits_to_the_millisecond(queues: Queues, hand: Hand) -> None:
    job_id = add(queues, retries=2, retry_waits=(2, 4))
    (job,) = hand.take()
    due = hand.end(job, Kind.FAILED, "no").due_seconds
    assert due
    assert 1.9 < due <= 2.001
    assert hand.take() == []
    (again,) = eventually(hand.take)
    assert (again.id, again.retries_left) == (job_id, 1)


def test_a_delayed_job_is_due_in_time(queues: Queues, hand: Hand) -> None:
    job_id = add(queues, delay=timedelta(seconds=1))
    assert hand.take() == []
    assert [job.id for job in eventually(hand.take)] == [job_id]


def test_a_paused_queue_gives_nothing(queues: Queues, hand: Hand) -> None:
    add(queues)
    assert queues.run(operations.pause("email"))
    reply = hand.turn(1)
    assert (reply.jobs, reply.blocked) == ([], {"email"})
    assert queues.run(operations.stats("email"))["email"].paused
    assert queues.run(operations.resume("email"))
    assert len(hand.take()) == 1


def test_a_queue_runs_so_many_at_a_time(queues: Queues, hand: Hand) -> None:
    hand.documents = [queue_document(max_active=2)]
    for _ in range(3):
        add(queues)
    taken = hand.take(3)
    assert len(taken) == 2
    assert hand.turn(1).blocked == {"email"}
    hand.end(taken[0], Kind.COMPLETED)
    assert len(hand.take(3)) == 1


def test_a_queue_starts_so_many_in_a_window(queues: Queues, hand: Hand) -> None:
    hand.documents = [queue_document(rate=RateDocument(limit=2, window_seconds=0.4))]
    for _ in range(3):
        add(queues)
    reply = hand.turn(3)
    assert len(reply.jobs) == 2
    assert reply.due_seconds
    assert 0.3 < reply.due_seconds <= 0.401
    assert len(eventually(hand.take)) == 1


def test_a_waiting_job_is_cancelled(queues: Queues, hand: Hand) -> None:
    for options in ({}, {"priority": 1}, {"delay": timedelta(hours=1)}):
        job_id = add(queues, **options)
        assert queues.run(operations.cancel(job_id))
        assert not queues.run(operations.cancel(job_id))
    assert hand.take() == []
    assert audit(queues).findings == ()


def test_a_running_job_that_is_cancelled_is_not_ended(queues: Queues, hand: Hand) -> None:
    job_id = add(queues)
    (job,) = hand.take()
    assert queues.run(operations.cancel(job_id))
    assert hand.end(job, Kind.COMPLETED).late == [job.execution]
    found = queues.run(operations.get(job_id))
    assert found
    assert found.status == "canceled"


def test_one_key_is_one_job(queues: Queues, redis: Redis) -> None:
    first = add(queues, once="invoice-7")
    assert add(queues, once="invoice-7") == first
    call = operations.enqueue(queue_tasks.add, 1, 2)
    assert queues.run(call) == queues.run(call)
    assert redis.llen("rq:queue:email") == 2


@pytest.mark.parametrize(
    ("place", "options"),
    [("waiting", {}), ("waiting", {"priority": 1}), ("scheduled", {"delay": timedelta(hours=1)})],
)
def test_a_job_that_is_purged_before_it_began_frees_its_key(
    queues: Queues, place: str, options: dict[str, Any]
) -> None:
    first = add(queues, once="invoice-7", **options)
    assert queues.run(operations.purge("email", place)) == 1
    second = add(queues, once="invoice-7")
    assert second != first
    assert queues.run(operations.get(second))


def test_a_retry_of_all_drops_what_is_no_failed_job(queues: Queues, hand: Hand) -> None:
    add(queues, retries=0)
    hand.end(hand.take()[0], Kind.FAILED, "no")
    queues.redis.zadd("rq:failed:email", {"nobody": 1, add(queues): 2})
    assert queues.run(operations.retry_all("email", 2)) == 0
    assert queues.run(operations.retry_all("email", 2)) == 1
    assert queues.run(operations.count("email", "failed")) == 0
    assert len(hand.take(5)) == 2


def test_a_job_that_began_keeps_its_key_though_it_is_purged(queues: Queues, hand: Hand) -> None:
    first = add(queues, once="invoice-7", retries=1, retry_waits=(3600,))
    hand.end(hand.take()[0], Kind.FAILED, "no")
    assert queues.run(operations.purge("email", "scheduled")) == 1
    assert queues.run(operations.get(first)) is None
    assert add(queues, once="invoice-7") == first
    assert hand.take() == []


def test_a_job_that_was_stopped_keeps_its_key_though_it_is_purged(
    queues: Queues, hand: Hand
) -> None:
    first = add(queues, once="invoice-7")
    assert hand.take()
    assert queues.run(operations.cancel(first))
    assert queues.run(operations.retry(first))
    assert queues.run(operations.purge("email", "waiting")) == 1
    assert add(queues, once="invoice-7") == first


def test_a_job_that_is_not_kept_keeps_its_key(queues: Queues, hand: Hand) -> None:
    hand.documents = [queue_document(keep_completed=0)]
    first = add(queues, once="invoice-7")
    hand.end(hand.take()[0], Kind.COMPLETED)
    assert queues.run(operations.get(first)) is None
    assert add(queues, once="invoice-7") == first
    assert hand.take() == []


def test_a_job_waits_for_those_it_depends_on(queues: Queues, hand: Hand) -> None:
    first = add(queues)
    second = add(queues, depends_on=[first])
    (job,) = hand.take(2)
    hand.end(job, Kind.COMPLETED)
    assert [job.id for job in hand.take(2)] == [second]
    third = add(queues, depends_on=[first])
    assert [job.id for job in hand.take(2)] == [third]


def test_jobs_of_plain_rq_wait_for_each_other(hand: Hand, redis: Redis) -> None:
    queue = Queue("email", connection=redis)
    first = queue.enqueue("queue_tasks.add", 1, 2)
    second = queue.enqueue("queue_tasks.add", 1, 2, depends_on=first)
    (job,) = hand.take(2)
    assert job.id == first.id
    hand.end(job, Kind.COMPLETED)
    assert [job.id for job in hand.take(2)] == [second.id]


def test_a_retry_of_plain_rq_keeps_its_waits(hand: Hand, redis: Redis) -> None:
    retry = Retry(max=2, interval=[0, 60])
    job = Queue("email", connection=redis).enqueue("queue_tasks.fail", retry=retry)
    hand.end(hand.take()[0], Kind.FAILED, "one")
    assert job.get_status() == JobStatus.QUEUED
    hand.end(hand.take()[0], Kind.FAILED, "two")
    assert job.get_status() == JobStatus.SCHEDULED
    assert (job.latest_result() or pytest.fail("no result")).exc_string == "two"


def test_what_may_not_run_is_refused_where_it_is_enqueued() -> None:
    with pytest.raises(UnknownTaskError, match="decorate it with @task"):
        operations.enqueue(json.dumps)
    with pytest.raises(PayloadError, match="not JSON"):
        operations.enqueue(queue_tasks.add, object())
    with pytest.raises(PayloadError, match="larger than 128 KiB"):
        operations.enqueue(queue_tasks.note, "key", "x" * 200_000)


def break_places(redis: Redis, ids: list[str]) -> None:
    redis.lrem("rq:queue:email", 0, ids[0])
    redis.zadd("rq:finished:email", {ids[1]: 1})
    redis.hset(f"rq:job:{ids[2]}", "status", "started")
    redis.delete(f"rq:job:{ids[3]}")


def test_the_audit_mends_and_then_finds_nothing(queues: Queues, redis: Redis) -> None:
    ids = [add(queues, priority=priority) for priority in (5, 5, 3, 5, 5)]
    assert audit(queues).findings == ()
    break_places(redis, ids)
    found = {each.job_id: (each.found, each.done) for each in audit(queues).findings}
    assert found == {
        ids[0]: ("queued, in no place", "waits again"),
        ids[1]: ("queued, finished and waiting", "kept only where its status says"),
        ids[2]: ("started, waiting", "waits again"),
        ids[3]: ("waiting, but its record is gone", "dropped"),
    }
    assert audit(queues).findings == ()


def test_a_look_changes_nothing(queues: Queues, redis: Redis) -> None:
    break_places(redis, [add(queues) for _ in range(4)])
    first = audit(queues, mend=False)
    assert len(first.findings) == 4
    assert audit(queues, mend=False) == first


StartQueues = Callable[[], Queues]
