"""The audit in its pieces: bounded, at another's pace, and only of the queues it was given."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import queue_tasks
from redis import Redis
from redis_server import RedisServer
from waiting import eventually
from workers import NAMESPACE, queue_document

from osnovci.queues import audit as module
from osnovci.queues import operations
from osnovci.queues.audit import Members, Report, steps
from osnovci.queues.client import Queues
from osnovci.queues.engine.turns import plan, turn
from osnovci.queues.operations import Options
from osnovci.queues.scripts import stamp

HOUR = timedelta(hours=1)


def add(queues: Queues, number: int, **options: Any) -> list[str]:
    chosen = [Options(**options) for _ in range(number)]
    many = [operations.request(queue_tasks.add, 1, 2, options=each) for each in chosen]
    return queues.run(operations.enqueue_many(many))


def take(queues: Queues, worker: str, want: int, lease_ms: int = 3000) -> list[str]:
    """Take jobs as a worker does, and leave it at that."""
    call = turn(
        worker,
        worker,
        want=want,
        slots=want,
        first=1,
        plan=plan([queue_document()]),
        ended=(),
    )
    queues.run(call)
    ends = float(queues.redis.time()[0]) * 1000 + lease_ms
    queues.redis.zadd(f"{queues.prefix}leases", {worker: ends})
    members: Any = queues.redis.smembers(f"{queues.prefix}held:{worker}")
    return [each.decode().partition(":")[0] for each in members]


def run(
    queues: Queues, *names: str, before: str = "", meanwhile: Callable[[], object] = lambda: None
) -> tuple[Report, int]:
    """Run an audit; give its report, and how many calls it made."""
    going, reply, calls = steps(names, before=before), None, 0
    while True:
        try:
            call = going.send(reply)
        except StopIteration as end:
            return end.value, calls
        reply, calls = queues.run(call), calls + 1
        meanwhile()


@pytest.mark.every_server
def test_thousands_of_jobs_are_looked_at_in_pieces(queues: Queues, redis: Redis) -> None:
    add(queues, 3000)
    add(queues, 700, priority=2)
    add(queues, 600, delay=HOUR)
    lost = add(queues, 1)
    redis.lrem("rq:queue:email", 0, lost[0])
    report, calls = run(queues, "email")
    assert report.jobs == {"email": 4300}
    assert [each.job_id for each in report.findings] == lost
    assert calls > 4300 / module.PIECE
    assert run(queues, "email")[0].jobs == {"email": 4301}


def test_jobs_that_are_taken_and_enqueued_meanwhile_are_no_findings(queues: Queues) -> None:
    add(queues, 2000)

    def work() -> None:
        take(queues, "alive", 37)
        add(queues, 11)

    report, _ = run(queues, "email", meanwhile=work)
    assert report.findings == ()


def test_what_waits_since_the_audit_began_is_left_for_the_next(
    queues: Queues, redis: Redis
) -> None:
    (lost,) = add(queues, 1)
    redis.delete("rq:queue:email")
    now = datetime.now(UTC)
    assert run(queues, "email", before=stamp(now - HOUR))[0].findings == ()
    assert [each.job_id for each in run(queues, "email", before=stamp(now + HOUR))[0].findings] == [
        lost
    ]


def test_queues_that_were_not_asked_for_are_left_alone(queues: Queues, redis: Redis) -> None:
    add(queues, 2, queue="others")
    redis.delete("rq:queue:others")
    report, _ = run(queues, "email")
    assert (report.jobs, report.findings) == ({}, ())
    assert redis.llen("rq:queue:others") == 0


@pytest.mark.every_server
def test_what_a_worker_holds_without_a_lease_waits_again(queues: Queues) -> None:
    add(queues, 4)
    lost = take(queues, "lost", 1)
    queues.redis.zrem(f"{queues.prefix}leases", "lost")
    late, alive = take(queues, "late", 1, lease_ms=-50_000), take(queues, "alive", 1)
    report, _ = run(queues, "email")
    assert [(each.worker, each.queue, each.jobs) for each in report.freed] == [("lost", "email", 1)]
    assert report.findings == ()
    assert queues.redis.hget(f"rq:job:{lost[0]}", "status") == b"queued"
    for each in (*late, *alive):
        assert queues.redis.hget(f"rq:job:{each}", "status") == b"started"


def test_a_lease_that_ended_long_ago_and_nobody_freed_is_none(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATE_SECONDS", 0.01)
    add(queues, 1)
    take(queues, "late", 1, lease_ms=-1500)
    eventually(lambda: run(queues, "email")[0].freed)
    assert queues.redis.llen("rq:queue:email") == 1


def test_a_lease_that_ended_before_redis_was_there_is_not_freed(
    own_redis_server: RedisServer,
) -> None:
    """A server of this minute: the worker has not had the time to come back to it."""
    young = Queues(own_redis_server.client, NAMESPACE)
    add(young, 1)
    take(young, "away", 1, lease_ms=-3_600_000)
    assert run(young, "email")[0].freed == ()


def test_a_record_whose_time_is_over_is_no_finding(queues: Queues, redis: Redis) -> None:
    redis.zadd("rq:finished:email", {"old": 1, "lost": 4e9})
    report, _ = run(queues, "email")
    assert [each.job_id for each in report.findings] == ["lost"]
    assert report.jobs == {"email": 1}
    assert redis.zcard("rq:finished:email") == 0


def test_a_queue_that_cannot_be_read_holds_up_no_other(queues: Queues, redis: Redis) -> None:
    add(queues, 1)
    redis.set("rq:failed:odd", "not a sorted set")
    report, _ = run(queues, "odd", "email")
    assert report.jobs == {"email": 1}
    assert list(report.broken) == ["odd"]
    assert report.broken["odd"].startswith("rq:failed:odd: WRONGTYPE")
    assert not report.is_accounted


def test_a_job_created_and_not_yet_enqueued_is_not_accounted_for(
    queues: Queues, redis: Redis
) -> None:
    redis.hset("rq:job:new", mapping={"status": "created", "origin": "email", "data": b"x"})
    assert run(queues, "email")[0].findings == ()


def test_an_unknown_status_is_named_and_left(queues: Queues, redis: Redis) -> None:
    (job,) = add(queues, 1)
    redis.hset(f"rq:job:{job}", "status", "strange")
    report, _ = run(queues, "email")
    (finding,) = report.findings
    assert (finding.queue, finding.is_mended) == ("email", False)
    assert not report.is_accounted


def test_an_audit_ends_at_so_many_findings(
    queues: Queues, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FINDINGS", 200)
    add(queues, 3000)
    redis.delete("rq:queue:email")
    report, _ = run(queues, "email")
    assert len(report.findings) >= 200
    assert not report.is_complete
    assert redis.llen("rq:queue:email") == len(report.findings)


def test_no_queue_takes_no_call(queues: Queues) -> None:
    assert run(queues)[1] == 0


def test_a_thousand_empty_queues_are_a_handful_of_calls(queues: Queues) -> None:
    _, calls = run(queues, *(f"queue-{number}" for number in range(1000)))
    assert calls < 50


def test_members_knows_exactly_what_it_took_in() -> None:
    members = Members()
    members.add(f"job-{number}" for number in range(10_000))
    assert len(members) == 10_000
    assert all(f"job-{number}" in members for number in range(10_000))
    assert not any(f"other-{number}" in members for number in range(10_000))
