"""What an engine makes of a renewal whose reply comes after its lease: jobs that run, and are not listed."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
import queue_tasks
from hand import Hand
from redis.asyncio import Redis as AsyncRedis
from waiting import eventually_async
from workers import NAMESPACE, queue_document

from osnovci.queues import operations
from osnovci.queues.audit import audit
from osnovci.queues.client import Line, Queues
from osnovci.queues.engine.inline import InlineExecutor
from osnovci.queues.engine.loop import Engine
from osnovci.queues.engine.turns import LEASE_MS


@pytest.fixture
def hand(queues: Queues) -> Hand:
    """The worker whose engine is in this process, for what its keeper does."""
    return Hand(queues)


@pytest.fixture
async def engine(client: AsyncRedis, hand: Hand) -> AsyncGenerator[Engine]:
    async with aclosing(Line(client, NAMESPACE)) as line:
        made = Engine(
            hand.name,
            run_id="engine-",
            queues=[queue_document()],
            redis=line,
            executor=InlineExecutor(["queue_tasks"], 1),
            busy=lambda _: None,
            rest=lambda _asked, _drained: None,
        )
        working = asyncio.create_task(made.run())
        yield made
        made.drain()
        made.give_up()
        await working


async def runs(engine: Engine, queues: Queues) -> str:
    """Have the engine begin a job that runs for long, and give its execution."""
    queues.run(operations.enqueue(queue_tasks.pause_async, 60))
    engine.wake.set()

    async def begun() -> list[str]:
        return [job.execution for job in engine.held.values() if job.begun_at]

    (execution,) = await eventually_async(begun)
    return execution


async def test_what_was_taken_after_the_renewal_goes_back_at_once(
    queues: Queues, hand: Hand, engine: Engine
) -> None:
    asked_at = time.monotonic()
    listed = hand.renew()
    execution = await runs(engine, queues)
    engine.renewed(listed, asked_at, asked_at + LEASE_MS / 1000)

    async def begun_again() -> bool:
        return any(job.execution != execution and job.begun_at for job in engine.held.values())

    # by what the engine itself tells: no other renewal comes
    await eventually_async(begun_again)
    (job,) = engine.held.values()
    found = queues.run(operations.get(job.id))
    assert found
    assert (found.status, found.losses) == ("started", 0)
    assert hand.renew() == {job.member}
    assert audit(queues).findings == ()


async def test_what_was_lost_before_the_renewal_stays_with_who_has_it(
    queues: Queues, hand: Hand, engine: Engine
) -> None:
    other = Hand(queues, name="other")
    hand.renew()
    asked_at = time.monotonic()
    execution = await runs(engine, queues)
    queues.run(operations.release(hand.name, "its lease ended"))
    (theirs,) = other.take()
    engine.renewed(hand.renew(), asked_at, asked_at + LEASE_MS / 1000)
    assert execution not in engine.held
    # the turn that gives it back takes what comes after it
    await runs(engine, queues)
    assert other.renew() == {theirs.member}
    found = queues.run(operations.get(theirs.id))
    assert found
    assert (found.status, found.worker, found.losses) == ("started", "other", 1)
    assert audit(queues).findings == ()
