"""The engine's order of ending and beginning, with hands instead of processes and a Redis that waits."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from workers import queue_document

from osnovci.queues.engine.executor import Sink
from osnovci.queues.engine.jobs import Kind, Outcome, Taken
from osnovci.queues.engine.loop import Engine
from osnovci.queues.engine.turns import LEASE_MS, Turn
from osnovci.queues.scripts import Call

LEASE_SECONDS = LEASE_MS / 1000


class Hands:
    """An executor that notes what began, and ends it when told."""

    overrun_seconds = 0.0
    concurrency = 1
    able = 1

    def __init__(self) -> None:
        self.began: list[Taken] = []
        self.running: list[Taken] = []

    async def start(self, sink: Sink) -> None:
        self.sink = sink

    def room(self, extra: int) -> int:
        return self.able + extra - len(self.running)

    def submit(self, job: Taken) -> None:
        self.began.append(job)
        self.running.append(job)

    def end(self, seconds: float = 1.0) -> None:
        self.sink.ended(self.running.pop(0), Outcome(Kind.COMPLETED, None, 0.0, seconds))

    def take_back(self) -> list[Taken]:
        return []

    def stop(self, job: Taken, outcome: Outcome) -> None:
        assert job not in self.running
        self.sink.ended(job, outcome)

    def look_after(self) -> None: ...

    async def close(self) -> None: ...


class WaitingRedis:
    """Is told of each turn when the ear is open, and answers with as many jobs as it wants when the gate is."""

    def __init__(self) -> None:
        self.ear, self.gate = asyncio.Event(), asyncio.Event()
        self.ear.set()
        self.asked = 0

    async def run(self, call: Call[Turn], told: Callable[[], None]) -> Turn:
        self.asked += 1
        await self.ear.wait()
        told()
        await self.gate.wait()
        return reply_of(*(taken(f"{self.asked}-{number}") for number in range(wanted(call))))


def reply_of(*jobs: Taken) -> Turn:
    return Turn(
        due_seconds=None,
        late=[],
        blocked=frozenset(),
        jobs=list(jobs),
        room=len(jobs),
        broken={},
    )


def wanted(call: Call[Turn]) -> int:
    want: Any = call.args[3]
    return want


def taken(name: str) -> Taken:
    return Taken(
        id=name, execution=name, queue="email", data=b"", timeout=1.0, retries_left=0,
        retry_intervals=(), on_success="", on_failure="", taken_at=0.0,
    )  # fmt: skip


def engine_of(hands: Hands, redis: WaitingRedis) -> Engine:
    return Engine(
        "w",
        run_id="r",
        queues=[queue_document()],
        redis=redis,
        executor=hands,
        busy=lambda _: None,
        rest=lambda _asked, _drained: None,
    )


async def ends_a_hundred_short_ones(hands: Hands) -> None:
    """Let the engine know that jobs take 10 ms, so that it holds one more than run."""
    for number in range(1, 101):
        await soon(lambda number=number: len(hands.began) == number)
        hands.end(seconds=0.01)


async def begins_what_it_holds_when_the_end_is_told() -> None:
    hands, redis = Hands(), WaitingRedis()
    redis.gate.set()
    running = asyncio.create_task(engine_of(hands, redis).run())
    await ends_a_hundred_short_ones(hands)
    await soon(lambda: len(hands.began) == 101)
    redis.ear.clear()
    redis.gate.clear()
    before = redis.asked
    hands.end(seconds=0.01)
    await soon(lambda: redis.asked == before + 1)
    assert len(hands.began) == 101
    redis.ear.set()
    await soon(lambda: len(hands.began) == 102)
    running.cancel()


async def begins_nothing_that_was_stopped_as_it_waited() -> None:
    hands, redis = Hands(), WaitingRedis()
    redis.gate.set()
    engine = engine_of(hands, redis)
    running = asyncio.create_task(engine.run())
    await ends_a_hundred_short_ones(hands)
    await soon(lambda: len(engine.held) == 2)
    [waiting] = [job for job in engine.held.values() if job not in hands.running]
    engine.stop_execution(waiting.execution, "It was stopped on request.", Kind.REFUSED)
    hands.end(seconds=0.01)
    await soon(lambda: len(hands.began) == 102)
    assert waiting not in hands.began
    running.cancel()


async def begins_after_its_end_is_known() -> None:
    hands, redis = Hands(), WaitingRedis()
    engine = engine_of(hands, redis)
    redis.gate.set()
    running = asyncio.create_task(engine.run())
    await soon(lambda: len(hands.began) == 1)
    redis.gate.clear()
    before = redis.asked
    hands.end()
    await soon(lambda: redis.asked == before + 1)
    assert len(hands.began) == 1
    redis.gate.set()
    await soon(lambda: len(hands.began) == 2)
    running.cancel()


async def soon(condition: Callable[[], bool]) -> None:
    """Let the loop run until then: a hundred jobs have to end within the engine's lease."""
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0)


def test_a_job_begins_when_redis_knows_the_end_of_the_one_before() -> None:
    asyncio.run(begins_after_its_end_is_known())


def test_a_short_job_begins_when_the_end_of_the_one_before_is_on_its_way() -> None:
    asyncio.run(begins_what_it_holds_when_the_end_is_told())


def test_a_job_that_was_stopped_as_it_waited_does_not_begin() -> None:
    asyncio.run(begins_nothing_that_was_stopped_as_it_waited())


def renewed_ago(engine: Engine, seconds: float) -> None:
    moment = time.monotonic() - seconds
    engine.renewed(frozenset(), moment, moment)


def lapse(engine: Engine) -> None:
    """Let a lease end, and renew it, before the engine hears anything else."""
    renewed_ago(engine, LEASE_SECONDS + 1)
    renewed_ago(engine, 0)


async def begins_nothing_without_a_lease() -> None:
    hands, redis = Hands(), WaitingRedis()
    engine = engine_of(hands, redis)
    running = asyncio.create_task(engine.run())
    await soon(lambda: redis.asked == 1)
    renewed_ago(engine, LEASE_SECONDS + 1)
    redis.gate.set()
    # it takes part in no turn but the one that gives back what it took
    await soon(lambda: redis.asked == 2)
    await soon(lambda: not engine.held)
    assert hands.began == []
    renewed_ago(engine, 0)
    await soon(lambda: len(hands.began) == 1)
    running.cancel()


def test_a_reply_that_comes_after_the_lease_may_have_ended_begins_nothing() -> None:
    asyncio.run(begins_nothing_without_a_lease())


async def begins_nothing_of_another_term() -> None:
    hands, redis = Hands(), WaitingRedis()
    engine = engine_of(hands, redis)
    running = asyncio.create_task(engine.run())
    await soon(lambda: redis.asked == 1)
    lapse(engine)
    redis.gate.set()
    # what the first turn took goes back with the second, which takes anew
    await soon(lambda: len(hands.began) == 1)
    assert [job.id for job in hands.began] == ["2-0"]
    running.cancel()


def test_a_reply_that_comes_after_the_renewal_of_a_lease_that_had_ended_begins_nothing() -> None:
    asyncio.run(begins_nothing_of_another_term())


async def begins_nothing_of_a_standing_turn_of_another_term() -> None:
    hands, redis = Hands(), WaitingRedis()
    redis.gate.set()
    hands.able = 0  # so that the engine takes nothing by itself
    engine = engine_of(hands, redis)
    running = asyncio.create_task(engine.run())
    _, before = engine.standing()
    lapse(engine)
    hands.able = 1
    engine.stood(reply_of(taken("stood")), before)
    assert not hands.began
    hands.able = 0
    await soon(lambda: redis.asked == 1)
    hands.able = 1
    engine.stood(reply_of(taken("stood again")), engine.standing()[1])
    assert [job.id for job in hands.began] == ["stood again"]
    running.cancel()


def test_a_turn_that_stood_while_the_lease_may_have_ended_begins_nothing_and_the_next_one_does() -> (
    None
):
    asyncio.run(begins_nothing_of_a_standing_turn_of_another_term())


async def forgets_what_a_lease_that_ended_has_cost() -> None:
    hands, redis = Hands(), WaitingRedis()
    hands.running.append(taken("before"))  # so that what is taken waits
    engine = engine_of(hands, redis)
    running = asyncio.create_task(engine.run())
    redis.gate.set()
    asked_at = time.monotonic()
    await soon(lambda: bool(engine.held))
    engine.renewed(frozenset(), asked_at, asked_at + LEASE_SECONDS + 1)
    assert not engine.held
    running.cancel()


def test_a_job_taken_while_a_renewal_was_on_its_way_is_lost_where_that_came_too_late() -> None:
    asyncio.run(forgets_what_a_lease_that_ended_has_cost())
