"""Turns that stand in Redis behind a wait: what they take, and when they take nothing."""

import asyncio
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
import queue_tasks
from hand import Hand, add
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from waiting import eventually, eventually_async
from workers import NAMESPACE, StartWorker, pool_document, queue_document

from osnovci.contract import WorkerState
from osnovci.queues import operations
from osnovci.queues.audit import audit
from osnovci.queues.client import Line, Queues
from osnovci.queues.engine.turns import Turn, Turns, plan, turn
from osnovci.queues.operations import Options
from osnovci.queues.scripts import stamp

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stand(queues: Queues, able: int) -> Turn:
    """Run a turn of the worker `hand` as one that stood."""
    document = plan([queue_document()])
    return queues.run(
        turn("hand", "stood", want=able, slots=able, first=1, plan=document, ended=(), stands=True)
    )


@pytest.mark.every_server
def test_a_standing_turn_takes_what_its_worker_has_room_for_by_then(queues: Queues) -> None:
    hand = Hand(queues)
    hand.renew()
    for _ in range(4):
        add(queues)
    (held,) = hand.take()
    reply = stand(queues, 3)
    assert (reply.room, len(reply.jobs)) == (2, 2)
    assert held.id not in {job.id for job in reply.jobs}
    assert (stand(queues, 3).room, audit(queues).findings) == (0, ())


def test_a_standing_turn_takes_nothing_for_a_worker_that_may_be_gone(
    queues: Queues, redis: Redis
) -> None:
    hand = Hand(queues)
    job_id = add(queues)
    hand.turn()
    assert stand(queues, 1).jobs == []
    redis.zadd(f"{queues.prefix}leases", {"hand": 1})
    assert stand(queues, 1).jobs == []
    assert [job.id for job in hand.take()] == [job_id]


@pytest.mark.every_server
def test_a_standing_turn_notes_the_moment_at_which_it_took_the_job(queues: Queues) -> None:
    hand = Hand(queues)
    hand.renew()
    hand.turn()
    job_id = add(queues)
    before = datetime.now(UTC)
    stand(queues, 1)
    found = queues.run(operations.get(job_id))
    assert found
    assert found.started_at
    assert (
        before - timedelta(seconds=1) < found.started_at < datetime.now(UTC) + timedelta(seconds=1)
    )


@pytest.mark.every_server
@settings(deadline=None)
@given(
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2400, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # as hypothesis asks
)
def test_a_script_writes_a_moment_as_the_clients_do(
    redis_server: RedisServer, moment: datetime
) -> None:
    common = files("osnovci.queues").joinpath("common.lua").read_text()
    second, microsecond = divmod((moment - EPOCH) // MICROSECOND, 1_000_000)
    written: Any = redis_server.client.eval(
        common + "return stamp(ARGV[2], ARGV[3])", 0, "p", second, microsecond
    )
    assert written.decode() == stamp(moment)


async def unblocked(server: RedisServer) -> Turn:
    async with AsyncRedis.from_url(server.url) as redis:
        line = Line(redis, NAMESPACE)
        wait = ("BLMOVE", "rq:queue:email", "rq:queue:email", "LEFT", "LEFT", 5)
        turns = Turns("hand", "stood", [queue_document()])
        call = turns.next(want=1, slots=1, holds=0, ended=(), stands=True)
        running = asyncio.create_task(line.stand(wait, call, 10))

        async def is_blocked() -> bool:
            clients = await redis.client_list()
            waiting = [each["id"] for each in clients if each["cmd"] == "blmove"]
            return bool(waiting) and bool(await redis.client_unblock(int(waiting[0]), error=True))

        await eventually_async(is_blocked)
        try:
            return await running
        finally:
            await line.aclose()


async def test_a_wait_that_is_ended_from_outside_takes_all_the_same(
    queues: Queues, redis_server: RedisServer
) -> None:
    hand = Hand(queues)
    hand.renew()
    hand.turn()
    assert (await unblocked(redis_server)).jobs == []


def test_a_worker_of_many_queues_holds_no_more_than_it_runs(
    queues: Queues, redis: Redis, start_worker: StartWorker
) -> None:
    names = ("email", "report", "sms", "push")
    documents = [queue_document(name) for name in names]
    start_worker(pool_document(*documents, tasks=("queue_tasks",), concurrency=2))
    held = f"{queues.prefix}held:"

    def most() -> int:
        found: Any = [redis.scard(key) for key in redis.scan_iter(f"{held}*")]
        return max(found, default=0)

    for _ in range(5):
        many = [
            operations.request(queue_tasks.pause, 0.2, options=Options(queue=name))
            for name in names
        ]
        jobs = queues.run(operations.enqueue_many(many))
        eventually(lambda: most() > 0)
        assert most() <= 2  # the concurrency

        def ended(jobs: list[str] = jobs) -> bool:
            found = [queues.run(operations.get(job)) for job in jobs]
            return all(job and job.status == "finished" for job in found)

        eventually(ended)


def test_a_worker_that_drains_gives_back_what_a_standing_turn_takes(
    queues: Queues, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document(tasks=("queue_tasks",), concurrency=2))
    running = queues.run(operations.enqueue(queue_tasks.pause, 2))
    eventually(lambda: worker.busy == 1)
    eventually(lambda: worker.waiting == 1)
    worker.stop()
    eventually(lambda: worker.heartbeat and worker.heartbeat.state == WorkerState.DRAINING)
    job_id = add(queues)
    assert worker.ends(within=25) == 0
    ended, given_back = (queues.run(operations.get(each)) for each in (running, job_id))
    assert ended
    assert given_back
    assert (ended.status, given_back.status, given_back.losses) == ("finished", "queued", 0)
    assert audit(queues).findings == ()
