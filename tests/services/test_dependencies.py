"""Jobs that wait for others: when they go on, and what becomes of those that wait in vain."""

from datetime import timedelta

import pytest
from hand import Hand, add
from redis import Redis
from rq import Queue
from rq.job import Dependency
from waiting import eventually
from workers import queue_document

from osnovci.queues import operations
from osnovci.queues.audit import STRANDED, Finding, audit
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind
from osnovci.queues.job import Job


@pytest.fixture
def hand(queues: Queues) -> Hand:
    return Hand(queues)


def look(queues: Queues, job_id: str) -> Job:
    found = queues.run(operations.get(job_id))
    assert found
    return found


def test_a_job_goes_on_when_its_dependency_has_ended_and_its_delay_is_over(
    queues: Queues, hand: Hand
) -> None:
    first = add(queues)
    second = add(queues, depends_on=[first], delay=timedelta(seconds=1))
    (job,) = hand.take(2)
    hand.end(job, Kind.COMPLETED)
    assert look(queues, second).status == "scheduled"
    assert [each.id for each in eventually(hand.take)] == [second]


def test_a_delay_that_is_over_keeps_no_job_whose_dependency_ends(
    queues: Queues, hand: Hand
) -> None:
    first = add(queues)
    second = add(queues, depends_on=[first], delay=timedelta(milliseconds=1))
    (job,) = hand.take(2)
    hand.end(job, Kind.COMPLETED)
    assert [each.id for each in eventually(hand.take)] == [second]


def test_a_job_that_is_not_kept_counts_as_completed_as_in_rq(
    queues: Queues, hand: Hand, redis: Redis
) -> None:
    ours = add(queues, depends_on=["nobody"])
    its = Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2, depends_on="nobody")
    assert [each.id for each in hand.take(2)] == [ours, its.id]


def test_a_job_goes_on_after_a_failure_only_where_it_allows_that(hand: Hand, redis: Redis) -> None:
    queue = Queue("email", connection=redis)
    first = queue.enqueue("queue_tasks.fail")
    kinds = (Dependency(first, allow_failure=True), Dependency(first))
    bold, shy = (queue.enqueue("queue_tasks.add", 1, 2, depends_on=each) for each in kinds)
    hand.end(hand.take()[0], Kind.FAILED, "no")
    assert [each.id for each in hand.take(2)] == [bold.id]
    assert shy.get_status() == "deferred"


def test_a_job_of_plain_rq_waits_for_all_it_depends_on(hand: Hand, redis: Redis) -> None:
    queue = Queue("email", connection=redis)
    several = [queue.enqueue("queue_tasks.add", 1, 2) for _ in range(2)]
    last = queue.enqueue("queue_tasks.add", 1, 2, depends_on=several)
    first, second = hand.take(2)
    hand.end(first, Kind.COMPLETED)
    assert hand.take() == []
    hand.end(second, Kind.COMPLETED)
    assert [each.id for each in hand.take()] == [last.id]


def test_a_job_waits_for_a_failed_one_that_may_be_retried(queues: Queues, hand: Hand) -> None:
    first = add(queues, retries=0)
    second = add(queues, depends_on=[first])
    hand.end(hand.take()[0], Kind.FAILED, "no")
    assert audit(queues).findings == ()
    queues.run(operations.retry(first))
    hand.end(hand.take()[0], Kind.COMPLETED)
    assert [each.id for each in hand.take(2)] == [second]


def canceled(queues: Queues, _: Hand, job_id: str) -> None:
    queues.run(operations.cancel(job_id))


def purged(queues: Queues, _: Hand, __: str) -> None:
    queues.run(operations.purge("email", "waiting"))


def failed_and_not_kept(_: Queues, hand: Hand, __: str) -> None:
    hand.documents = [queue_document(keep_failed=0)]
    hand.end(hand.take()[0], Kind.FAILED, "no")


@pytest.mark.parametrize(
    ("ended", "how"),
    [
        (canceled, "was canceled"),
        (purged, "is no longer kept"),
        (failed_and_not_kept, "is no longer kept"),
    ],
)
def test_a_job_that_waits_in_vain_is_named_and_set_aside(
    queues: Queues, hand: Hand, ended: object, how: str
) -> None:
    first = add(queues, retries=0)
    second = add(queues, depends_on=[first])
    assert callable(ended)
    ended(queues, hand, first)
    story = f"deferred, waits for job {first}, which {how}"
    finding = Finding(second, "email", story, "set aside as failed")
    assert audit(queues, mend=False).findings == (finding,)
    assert look(queues, second).status == "deferred"
    report = audit(queues)
    assert (report.findings, report.is_accounted) == ((finding,), True)
    assert audit(queues).findings == ()
    found = look(queues, second)
    assert (found.status, found.error) == ("failed", STRANDED)
    queues.run(operations.retry(second))
    assert [each.id for each in hand.take(2)] == [second]


def test_what_waits_for_a_job_that_was_set_aside_waits_for_its_retry(queues: Queues) -> None:
    first = add(queues)
    second = add(queues, depends_on=[first])
    third = add(queues, depends_on=[second])
    queues.run(operations.cancel(first))
    assert [each.job_id for each in audit(queues).findings] == [second]
    assert audit(queues).findings == ()
    assert look(queues, third).status == "deferred"


def test_a_deferred_job_that_nothing_keeps_goes_on(
    queues: Queues, hand: Hand, redis: Redis
) -> None:
    first = add(queues)
    second = add(queues, depends_on=[first])
    redis.delete(f"rq:job:{first}:dependents")
    hand.end(hand.take()[0], Kind.COMPLETED)
    report = audit(queues)
    assert [(each.job_id, each.done) for each in report.findings] == [(second, "waits again")]
    assert [each.id for each in hand.take(2)] == [second]
